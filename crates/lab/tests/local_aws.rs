//! The local AWS itself, on which all other tests rely.

use lab::{Moto, MotoOptions, StackOptions, create_stack, dump};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

#[test]
fn two_dumps_of_a_stack_are_equal() {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let stack = create_stack(&moto, &StackOptions::default()).unwrap();
    assert_eq!(
        (stack.backends.len(), stack.clients.len(), stack.subnets.len()),
        (6, 2, 2)
    );
    assert_eq!(stack.load_balancer.as_deref(), Some("wk-elb"));

    let first = dump(&moto).unwrap();
    assert_eq!(first, dump(&moto).unwrap());

    let instances = first["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 8);
    for entry in instances {
        let instance = &entry["instance"];
        assert_eq!(
            instance["SecurityGroups"][0]["GroupId"],
            json!(stack.security_group)
        );
        assert_eq!(instance["SubnetId"], json!(stack.subnets[0]));
        assert_eq!(instance["BlockDeviceMappings"].as_array().unwrap().len(), 2);
        let address = instance["PrivateIpAddress"].as_str().unwrap();
        assert!(
            address.starts_with("127.10."),
            "{address} is not a loopback address"
        );
        let id = instance["InstanceId"].as_str().unwrap();
        let role = if stack.backends.iter().any(|backend| backend == id) {
            "Backend"
        } else {
            "Client"
        };
        let profile = instance["IamInstanceProfile"]["Arn"].as_str().unwrap();
        assert!(profile.contains(&format!("InstanceProfile{role}")), "{profile}");
    }
    assert_eq!(first["elb"][0]["Instances"].as_array().unwrap().len(), 6);
    assert_eq!(first["elb"][0]["VPCId"], json!(stack.vpc));
}

#[test]
fn stack_has_the_requested_options() {
    let moto = Moto::start(MotoOptions {
        record: true,
        ..MotoOptions::default()
    })
    .unwrap();
    let stack = create_stack(
        &moto,
        &StackOptions {
            name: "large".to_owned(),
            backends: 120,
            clients: 0,
            terminated_backends: 3,
            second_subnet: false,
            classic_load_balancer: false,
            odd_backend_type: Some("i3en.6xlarge".to_owned()),
            other_resources: 90,
            ..StackOptions::default()
        },
    )
    .unwrap();
    assert_eq!((stack.backends.len(), stack.terminated_backends.len()), (120, 3));
    assert_eq!(
        (stack.clients.len(), stack.subnets.len(), stack.load_balancer),
        (0, 1, None)
    );
    // 120 + 3 + 90 resources and the network: three pages of 100.
    let calls = moto.calls().unwrap();
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.operation == "ListStackResources")
            .count(),
        3
    );

    let account = dump(&moto).unwrap();
    let odd = |entry: &&Value| entry["instance"]["InstanceType"] == "i3en.6xlarge";
    let instances = account["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 120, "terminated ones are not dumped");
    assert_eq!(instances.iter().filter(odd).count(), 1);
    assert_eq!(account["elb"], json!([]));
}

#[test]
fn calls_are_recorded_and_take_the_configured_latency() {
    let latency = Duration::from_millis(80);
    let moto = Moto::start(MotoOptions {
        latency,
        record: true,
        ..MotoOptions::default()
    })
    .unwrap();
    let _: Value = moto.run(&script("two_calls.py"), None::<&str>).unwrap();
    let calls = moto.calls().unwrap();
    let recorded: Vec<_> = calls
        .iter()
        .map(|call| (call.service.as_str(), call.operation.as_str(), call.mutating))
        .collect();
    assert_eq!(
        recorded,
        [("kms", "CreateKey", true), ("lambda", "GetFunction", false)]
    );
    assert_eq!(
        calls.iter().map(|call| call.status).collect::<Vec<_>>(),
        [200, 404]
    );
    assert!(
        calls.iter().all(|call| call.end_ms - call.start_ms >= 80.0),
        "{calls:?}"
    );
    assert!(
        calls[1]
            .error
            .as_deref()
            .is_some_and(|error| error.contains("ResourceNotFound"))
    );
}

/// Each of the script's requests breaks one rule of botocore's model of its operation.
#[test]
fn requests_that_aws_refuses_are_refused_and_recorded() {
    #[derive(serde::Deserialize)]
    struct Sent {
        failures: Vec<String>,
        sent: usize,
    }
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let script: Sent = moto.run(&script("request_check.py"), None::<&str>).unwrap();
    assert!(script.failures.is_empty(), "{:#?}", script.failures);
    let recorded = moto.take_invalid_requests().unwrap();
    assert_eq!(recorded.len(), script.sent, "{recorded:#?}");
    for protocol in ["iam ", "ec2 ", "kms ", "lambda ", "route53 "] {
        assert!(
            recorded.iter().any(|line| line.starts_with(protocol)),
            "{recorded:#?}"
        );
    }
}

#[test]
#[should_panic(expected = "AWS refuses these requests")]
fn test_fails_if_it_ignores_a_refused_request() {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let _: Value = moto.run(&script("request_check.py"), None::<&str>).unwrap();
}

/// The script returns every AWS behaviour that the patched moto lacks. Some of its requests are invalid on purpose.
#[test]
fn moto_patches_match_aws() {
    let moto = Moto::start(MotoOptions {
        check_requests: false,
        ..MotoOptions::default()
    })
    .unwrap();
    let options = StackOptions {
        terminated_backends: 1,
        http_tokens: "required".to_owned(),
        ..StackOptions::default()
    };
    create_stack(&moto, &options).unwrap();
    let failures: Vec<String> = moto.run(&script("moto_patches.py"), None::<&str>).unwrap();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn faster_xml_serializer_matches_xmltodict() {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let differences: Vec<String> = moto.run(&script("moto_xml.py"), None::<&str>).unwrap();
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Two seconds: on a slow machine, the next call must still arrive within the delay.
#[test]
fn new_roles_and_functions_are_not_ready_immediately() {
    let moto = Moto::start(MotoOptions {
        iam_delay: Duration::from_secs(2),
        function_pending: Duration::from_secs(2),
        ..MotoOptions::default()
    })
    .unwrap();
    let responses: Value = moto.run(&script("delays.py"), None::<&str>).unwrap();
    assert_eq!(responses["first"], "InvalidParameterValueException");
    assert_eq!(responses["machine"], "AccessDeniedException");
    assert_eq!(responses["created"], "Pending");
    assert_eq!(responses["while_pending"], "ResourceConflictException");
    assert_eq!(responses["finally"], "Active");
}

#[test]
fn dropping_moto_ends_its_process() {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let address = moto.endpoint().trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    drop(moto);
    assert!(TcpStream::connect(&address).is_err());
}
