//! `cluster import`.

use crate::common::{Lab, PASSWORD, import_arguments};
use aws_sdk_apigateway::types::{Op, PatchOperation};
use lab::{MotoOptions, StackOptions};
use serde_json::Value;
use std::time::Duration;

const TAGS: [&str; 4] = ["-t", "env=prod", "-t", "team=storage"];

#[test]
fn second_import_sends_no_mutating_call() {
    let (lab, _) = Lab::with(&StackOptions::default());
    let first = lab.import(&TAGS).ok();
    assert!(
        first.stdout.starts_with("#!/bin/bash\n") && first.stdout.contains("mount -t wekafs"),
        "{}",
        first.stdout
    );
    let before = lab::dump(&lab.moto).unwrap();
    let calls = lab.calls().len();
    let second = lab.import(&TAGS).ok();
    second.shows("Plan: 0 to create, 0 to update, 60 unchanged");
    assert_eq!(lab.changes_since(calls), [""; 0]);
    assert_eq!(lab::dump(&lab.moto).unwrap(), before);
    assert_eq!(second.stdout, first.stdout);
}

#[tokio::test]
async fn private_api_accepts_only_its_vpc_and_its_drift_is_reverted() {
    let (lab, stack) = Lab::without_clients();
    let ec2 = lab.clients().ec2;
    let request = ec2.authorize_security_group_ingress();
    request
        .group_id(&stack.security_group)
        .ip_protocol("tcp")
        .from_port(443)
        .to_port(443)
        .cidr_ip("0.0.0.0/0")
        .send()
        .await
        .unwrap();
    let request = ec2.create_vpc_endpoint().vpc_id(&stack.vpc);
    request
        .service_name("com.amazonaws.eu-west-1.execute-api")
        .vpc_endpoint_type("Interface".into())
        .private_dns_enabled(true)
        .subnet_ids(&stack.subnets[0])
        .security_group_ids(&stack.security_group)
        .send()
        .await
        .unwrap();
    lab.import(&[])
        .fails(1)
        .shows("has a private DNS name for execute-api");
    lab.import(&["--private-subnet"]).ok();
    let dump = lab::dump(&lab.moto).unwrap();
    let api = &dump["apigateway"][0]["api"];
    assert_eq!(api["endpointConfiguration"]["types"][0], "PRIVATE");
    let policy = api["policy"].to_string();
    for part in ["aws:SourceVpc", &stack.vpc, "Deny", api["id"].as_str().unwrap()] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    lab.update(&["--dry-run", "--detailed-exitcode"]).ok();
    let open = policy.replace(&stack.vpc, "vpc-another");
    let patch = PatchOperation::builder()
        .op(Op::Replace)
        .path("/policy")
        .value(open);
    let request = lab.clients().apigateway.update_rest_api();
    request
        .rest_api_id(api["id"].as_str().unwrap())
        .patch_operations(patch.build())
        .send()
        .await
        .unwrap();
    let calls = lab.calls().len();
    lab.update(&["-y"]).ok();
    assert_eq!(
        lab.changes_since(calls),
        ["apigateway UpdateRestApi", "apigateway CreateDeployment"]
    );
    assert_eq!(lab::dump(&lab.moto).unwrap()["apigateway"][0]["api"], *api);
}

#[test]
fn protocol_and_certificates_are_stored_in_the_settings() {
    let (lab, _) = Lab::without_clients();
    let pem = rcgen::generate_simple_self_signed(["weka".to_owned()])
        .unwrap()
        .cert
        .pem();
    let ca = lab.file("ca.pem", &pem);
    lab.import(&["--weka-ca", &ca]).ok();
    let dump = || lab::dump(&lab.moto).unwrap().to_string();
    assert!(
        dump().contains("WekaCA") && dump().contains("BEGIN CERTIFICATE"),
        "{}",
        dump()
    );
    let calls = lab.calls().len();
    lab.import(&["--weka-ca", &ca]).ok();
    assert_eq!(lab.changes_since(calls), [""; 0]);
    let http = lab.import(&["--weka-http"]).ok();
    http.shows("--weka-http: the functions send the Weka password");
    assert_eq!(lab.changes_since(calls), ["dynamodb PutItem"]);
    assert!(
        dump().contains("WekaProtocol") && !dump().contains("WekaCA"),
        "{}",
        dump()
    );
}

#[test]
fn dry_run_shows_the_plan_and_sends_no_mutating_call() {
    let (lab, _) = Lab::with(&StackOptions::default());
    let calls = lab.calls().len();
    let dry = lab.import(&["--dry-run"]).ok();
    dry.shows("+ create    KMS key                alias/wekactl-wk");
    assert_eq!(lab.import(&["--dry-run", "--detailed-exitcode"]).status, 2);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    lab.import(&[]).ok();
    assert_eq!(lab.import(&["--dry-run", "--detailed-exitcode"]).status, 0);
}

#[test]
fn json_output_is_one_document_with_plan_and_results() {
    let (lab, _) = Lab::with(&StackOptions::default());
    let ran = lab.import(&["-o", "json", "--no-clients"]).ok();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["cluster"], "wk");
    assert_eq!(document["summary"]["failed"], 0);
    assert_eq!(
        document["results"].as_array().unwrap().len(),
        document["plan"].as_array().unwrap().len()
    );
    assert!(
        document["mount_script"]
            .as_str()
            .unwrap()
            .starts_with("#!/bin/bash")
    );
    let rows = document["plan"].as_array().unwrap();
    assert!(
        rows.iter().all(|row| row["hostgroup"] != "Clients"),
        "--no-clients skips the clients"
    );
}

#[test]
fn instances_are_tagged_protected_and_attached_in_batches_of_twenty() {
    let (lab, stack) = Lab::with(&StackOptions {
        backends: 45,
        terminated_backends: 3,
        other_resources: 70,
        clients: 0,
        ..StackOptions::default()
    });
    lab.import(&[]).ok();
    let attached = lab
        .calls()
        .iter()
        .filter(|call| call.operation == "AttachInstances")
        .count();
    assert_eq!(attached, 3);
    let dump = lab::dump(&lab.moto).unwrap();
    let group = &dump["autoscaling"][0];
    assert_eq!(group["DesiredCapacity"], 45);
    assert_eq!(group["MaxSize"], 315);
    assert_eq!(group["Instances"].as_array().unwrap().len(), 45);
    for instance in dump["instances"].as_array().unwrap() {
        let id = instance["instance"]["InstanceId"].as_str().unwrap();
        assert!(
            stack.backends.iter().any(|backend| backend == id),
            "{id} is running and is not a backend"
        );
        assert_eq!(instance["termination_protection"], true, "{id}");
        let tags = instance["instance"]["Tags"].as_array().unwrap();
        let tag = |key: &str| {
            tags.iter()
                .find(|tag| tag["Key"] == key)
                .map(|tag| tag["Value"].as_str().unwrap())
        };
        assert_eq!(tag("wekactl.io/cluster_name"), Some("wk"), "{id}");
        assert_eq!(tag("wekactl.io/hostgroup_type"), Some("backend"), "{id}");
    }
}

#[test]
fn instances_given_by_id_are_imported_without_a_stack() {
    let (lab, stack) = Lab::with(&StackOptions::default());
    let ids = stack.backends.join(",");
    lab.import_as("other", &["-i", &ids]).ok();
    let listed = lab.wekactl(&["cluster", "list", "-o", "json"]).ok();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed[0]["name"], "other");
    assert_eq!(listed[0]["source"], "instances");
    assert_eq!(listed[0]["state"], "imported");
    assert_eq!(listed[0]["backends"]["in_group"], 6);
    assert_eq!(listed[1]["name"], "wk");
    assert_eq!(listed[1]["state"], "CREATE_COMPLETE");
}

#[test]
fn import_waits_for_role_propagation() {
    let slow = MotoOptions {
        iam_delay: Duration::from_secs(2),
        function_pending: Duration::from_secs(1),
        ..MotoOptions::default()
    };
    let stack = StackOptions {
        clients: 0,
        ..StackOptions::default()
    };
    let (lab, _) = Lab::with_options(slow, &stack);
    lab.import(&[]).ok();
    let refused = lab
        .calls()
        .iter()
        .filter(|call| call.operation == "CreateFunction" && call.status != 201)
        .count();
    assert!(refused > 0, "the delay had no effect");
}

#[test]
fn attached_instances_are_protected_once_they_are_in_service() {
    let slow = MotoOptions {
        attach_pending: Duration::from_millis(500),
        ..MotoOptions::default()
    };
    let (lab, _) = Lab::with_options(slow, &StackOptions::default());
    lab.import(&[]).ok();
    let calls = lab.calls();
    let mut protecting = calls
        .iter()
        .filter(|call| call.operation == "SetInstanceProtection");
    assert!(
        protecting.any(|call| call.status != 200),
        "the delay had no effect"
    );
    let dump = lab::dump(&lab.moto).unwrap();
    let groups = dump["autoscaling"].as_array().unwrap();
    let members: Vec<_> = groups
        .iter()
        .flat_map(|group| group["Instances"].as_array().unwrap())
        .collect();
    assert_eq!(members.len(), 8);
    for member in members {
        assert_eq!(member["ProtectedFromScaleIn"], true, "{member}");
    }
}

#[test]
fn classic_load_balancer_of_the_stack_is_attached_and_checks_health() {
    let (lab, stack) = Lab::without_clients();
    lab.import(&[]).ok();
    let dump = lab::dump(&lab.moto).unwrap();
    assert_eq!(
        dump["autoscaling"][0]["LoadBalancerNames"][0],
        stack.load_balancer.unwrap()
    );
    let text = dump["elb"].to_string();
    for fact in [
        r#""Target":"HTTP:14000/ui""#,
        r#""Interval":30"#,
        r#""Timeout":5"#,
        r#""HealthyThreshold":3"#,
        r#""UnhealthyThreshold":5"#,
    ] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
}

#[test]
fn lists_and_join_params_show_an_imported_cluster() {
    let (lab, _) = Lab::with(&StackOptions::default());
    lab.import(&[]).ok();
    insta::with_settings!({ filters => vec![(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "(time)")] }, {
        insta::assert_snapshot!("cluster_list", lab.wekactl(&["clusters", "list"]).ok().stdout);
        insta::assert_snapshot!("hostgroup_list", lab.wekactl(&["hostgroup", "list", "-n", "wk"]).ok().stdout);
    });
    let script = lab.wekactl(&["cluster", "join-params", "-n", "wk"]).ok().stdout;
    assert!(script.contains("HOST='wekactl-wk-1."), "{script}");
    let script = lab
        .wekactl(&["cluster", "join-params", "-n", "wk", "-l", "weka.example.com"])
        .ok()
        .stdout;
    assert!(script.contains("HOST='weka.example.com'"), "{script}");
    let missing = lab.wekactl(&["cluster", "join-params", "-n", "nope"]);
    missing
        .fails(1)
        .shows("cluster 'nope' is not imported in eu-west-1");
}

#[test]
fn no_secret_is_stored_in_plain_text_or_logged() {
    let (lab, _) = Lab::without_clients();
    // `Lab::wekactl` asserts that no output has the password.
    lab.import(&["-v"]).ok();
    let seal_key = {
        let dump = lab::dump(&lab.moto).unwrap();
        let functions = dump["lambda"].as_array().unwrap();
        let fetch = functions
            .iter()
            .find(|f| f["config"]["Environment"]["Variables"]["LAMBDA"] == "fetch")
            .unwrap();
        assert!(
            !dump.to_string().contains(PASSWORD),
            "the password is stored only in the table, encoded"
        );
        fetch["config"]["Environment"]["Variables"]["SEAL_KEY"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let again = lab.import(&["-vv"]).ok();
    assert!(!format!("{}{}", again.stdout, again.stderr).contains(&seal_key));
}

/// Starts an import on a slow network, sends it `signal` after some changes, and returns its exit status.
fn interruption(lab: &Lab, signal: &str) -> Option<i32> {
    let (package, before) = (lab.package(), lab.calls().len());
    let mut import = std::process::Command::new(assert_cmd::cargo::cargo_bin("wekactl"))
        .args(import_arguments("wk", package.to_str().unwrap()))
        .env_clear()
        .envs(lab.moto.env())
        .env("WEKA_PASSWORD", PASSWORD)
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while lab.changes_since(before).len() < 30 && import.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let pid = import.id().to_string();
    std::process::Command::new("kill")
        .args([signal, &pid])
        .status()
        .unwrap();
    import.wait().unwrap().code()
}

#[test]
fn interrupted_import_resumes() {
    for (signal, status) in [("-INT", Some(130)), ("-KILL", None)] {
        let slow = MotoOptions {
            latency: Duration::from_millis(30),
            ..MotoOptions::default()
        };
        let stack = StackOptions {
            clients: 0,
            ..StackOptions::default()
        };
        let (lab, _) = Lab::with_options(slow, &stack);
        assert_eq!(interruption(&lab, signal), status);
        let rest = lab.import(&[]).ok();
        assert!(
            !rest.stderr.contains("Plan: 0 to create"),
            "the import was not interrupted:\n{}",
            rest.stderr
        );
        let calls = lab.calls().len();
        lab.import(&[]).ok();
        assert_eq!(lab.changes_since(calls), [""; 0]);
    }
}
