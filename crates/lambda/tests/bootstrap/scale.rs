//! *scale* as Lambda runs it. Each test has its own simulated Weka cluster.

use super::{Account, PASSWORD, SEAL_KEY, USER, assert_no_secrets, started};
use lab::lambda_runtime::{Function, FunctionError};
use lab::weka_cluster::{
    Credentials, Fault, FaultKind, Model, NewBackend, Options, RpcError, Settings, WekaCluster,
};
use scaling::messages::{HostGroupInfo, Instance, Role, ScaleResponse, VERSION, read};
use scaling::seal::{Binding, SealKey, seal};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A cluster and the function that scales it.
struct Scene {
    /// Each test has its own network, because all backends listen on Weka's port.
    network: u8,
    weka: WekaCluster,
    function: Function,
    backends: u8,
    _account: Account,
}

impl Scene {
    async fn new(network: u8, backends: u8) -> Self {
        let settings = Settings {
            credentials: Credentials {
                username: USER.to_owned(),
                password: PASSWORD.to_owned(),
            },
            ..Settings::default()
        };
        let weka = WekaCluster::start(Options {
            settings,
            ..Options::default()
        })
        .await
        .unwrap();
        let account = Account::with_cluster().await;
        let function = started(&account, &[("LAMBDA", "scale")]).await;
        let scene = Self {
            network,
            weka,
            function,
            backends,
            _account: account,
        };
        for number in 1..=backends {
            let instance = scene.instance(number);
            let backend = NewBackend::new(scene.address(number), &instance.id);
            scene
                .weka
                .update(|model| model.add_backend(&backend))
                .await
                .unwrap();
        }
        // Drives count as broken only after a grace period: let it pass.
        scene.pass(60).await;
        scene.weka.update(Model::take_requests).await.unwrap();
        scene
    }

    fn address(&self, number: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, 20, self.network, number))
    }

    fn instance(&self, number: u8) -> Instance {
        Instance {
            id: format!("i-{number:017}"),
            private_ip: self.address(number).to_string(),
        }
    }

    async fn pass(&self, minutes: u64) {
        self.weka
            .advance(Duration::from_secs(60 * minutes))
            .await
            .unwrap();
    }

    fn fetch_message(&self, desired_capacity: u32) -> Value {
        let credentials = weka_types::Credentials {
            username: USER.to_owned(),
            password: PASSWORD.into(),
        };
        let binding = Binding {
            cluster: "wk",
            host_group: "Backends",
        };
        let key = SealKey::from_base64(SEAL_KEY).unwrap();
        let info = HostGroupInfo {
            username: String::new(),
            password: String::new(),
            sealed: Some(seal(&credentials, &key, binding, [7; 12]).unwrap()),
            desired_capacity,
            instances: (1..=self.backends).map(|number| self.instance(number)).collect(),
            backend_ips: (1..=self.backends)
                .map(|number| self.address(number).to_string())
                .collect(),
            role: Role::Backend,
            weka: None,
            version: VERSION,
        };
        serde_json::to_value(info).unwrap()
    }

    async fn run(&self, desired: u32) -> Result<ScaleResponse, FunctionError> {
        self.function
            .invoke(&self.fetch_message(desired))
            .await
            .map(|response| read(response).unwrap())
    }

    /// The methods called since the last call of this function, in order.
    async fn called(&self) -> Vec<String> {
        let requests = self.weka.update(Model::take_requests).await.unwrap();
        requests.into_iter().map(|request| request.method).collect()
    }

    async fn fault(&self, fault: &Fault) {
        for number in 1..=self.backends {
            self.weka
                .update(|model| model.add_fault(self.address(number), fault.clone()))
                .await
                .unwrap();
        }
    }
}

/// The methods that change the cluster.
fn changing(methods: &[String]) -> Vec<&str> {
    let is_change = |method: &&str| method.starts_with("cluster_") || *method == "events_trigger_custom";
    methods.iter().map(String::as_str).filter(is_change).collect()
}

#[tokio::test]
async fn run_without_changes_sends_ten_requests() {
    let scene = Scene::new(1, 6).await;
    let response = scene.run(6).await.unwrap();
    assert_eq!(response.to_terminate, []);
    assert_eq!(response.transient_errors, None);
    let members: Vec<_> = (1..=6).map(|number| scene.address(number).to_string()).collect();
    assert_eq!(response.members, Some(members));
    assert_eq!(response.hosts.len(), 18);
    let mut called = scene.called().await;
    called.sort_unstable();
    let lists = [
        "disks_list",
        "filesystems_list",
        "hosts_list",
        "interface_group_list",
        "manual_override_list",
        "nodes_list",
        "s3_get_cluster_info",
        "samba_get_cluster_info",
        "status",
        "user_login",
    ];
    assert_eq!(called, lists);

    let log = assert_no_secrets(scene.function).await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let decisions: Vec<_> = lines
        .iter()
        .filter(|line| line["fields"]["message"] == "decision")
        .collect();
    assert_eq!(decisions.len(), 6);
    assert_eq!(decisions[0]["fields"]["verdict"], "keep");
    assert_eq!(
        decisions[0]["fields"]["reason"],
        "healthy and within the desired capacity"
    );
    let metrics = lines.iter().find(|line| line.get("_aws").is_some()).unwrap();
    let definition = &metrics["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(definition["Namespace"], "wekactl");
    assert_eq!(definition["Dimensions"], json!([["Cluster", "HostGroup"]]));
    for metric in definition["Metrics"].as_array().unwrap() {
        assert!(metrics[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
    }
    assert_eq!(
        (&metrics["Cluster"], &metrics["HostGroup"]),
        (&json!("wk"), &json!("Backends"))
    );
    assert_eq!((&metrics["Healthy"], &metrics["Desired"]), (&json!(6), &json!(6)));
}

#[tokio::test]
async fn surplus_backends_are_drained_and_then_can_be_terminated() {
    let scene = Scene::new(2, 8).await;
    let response = scene.run(6).await.unwrap();
    assert_eq!(
        (response.to_terminate.len(), response.transient_errors),
        (0, None)
    );
    let called = scene.called().await;
    let machine = [
        "cluster_deactivate_drives",
        "cluster_deactivate_hosts",
        "events_trigger_custom",
    ];
    assert_eq!(changing(&called), [machine, machine].concat());
    assert_eq!(
        called.last().unwrap(),
        "hosts_list",
        "the hosts must be read again"
    );
    // There is nothing to do until the data is migrated.
    scene.run(6).await.unwrap();
    assert_eq!(changing(&scene.called().await), [""; 0]);
    scene.pass(30).await;
    let response = scene.run(6).await.unwrap();
    assert_eq!(response.to_terminate, [scene.instance(1), scene.instance(2)]);
    // Weka lists a container for a while after it was removed.
    let members: Vec<_> = (1..=8).map(|number| scene.address(number).to_string()).collect();
    assert_eq!(response.members, Some(members));
    scene.pass(2).await;
    assert_eq!(
        scene
            .weka
            .read(|model| (model.containers().count(), model.drives().count())),
        (18, 6)
    );
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn unreadable_list_stops_the_run_before_any_change() {
    let scene = Scene::new(3, 8).await;
    for method in [
        "status",
        "hosts_list",
        "disks_list",
        "nodes_list",
        "manual_override_list",
    ] {
        scene.fault(&Fault::new(FaultKind::Garbage).on(method)).await;
        let error = scene.run(6).await.unwrap_err();
        assert!(error.error_message.contains(method), "{error}");
        assert_eq!(changing(&scene.called().await), [""; 0], "{method}");
        for number in 1..=8 {
            scene
                .weka
                .update(|model| model.clear_faults(scene.address(number)))
                .await
                .unwrap();
        }
    }
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn refused_run_fails_with_a_named_error() {
    let scene = Scene::new(4, 6).await;
    scene
        .weka
        .update(|model| model.set_override("skip_scale_down"))
        .await
        .unwrap();
    assert_eq!(scene.run(6).await.unwrap_err().error_type, "ScalingSkipped");
    assert_eq!(changing(&scene.called().await), [""; 0]);
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn target_below_the_minimum_is_a_transient_error() {
    let scene = Scene::new(4, 6).await;
    let response = scene.run(2).await.unwrap();
    assert_eq!(
        response.transient_errors.unwrap(),
        ["desired capacity 2 is below the minimum of 5 backends"]
    );
    assert_eq!(changing(&scene.called().await), [""; 0]);
}

#[tokio::test]
async fn machine_that_the_filesystems_need_does_not_start_to_drain() {
    let scene = Scene::new(5, 7).await;
    scene
        .weka
        .update(|model| model.used_capacity = model.capacity())
        .await
        .unwrap();
    let response = scene.run(6).await.unwrap();
    assert_eq!(response.transient_errors, None);
    assert_eq!(changing(&scene.called().await), [""; 0]);
}

#[tokio::test]
async fn call_rejected_by_weka_is_a_transient_error() {
    let scene = Scene::new(5, 7).await;
    let refusal = RpcError {
        code: RpcError::REJECTED,
        message: "less than the total budget for filesystems (rc50)".to_owned(),
    };
    scene
        .fault(&Fault::new(FaultKind::Error(refusal)).on("cluster_deactivate_drives"))
        .await;
    let response = scene.run(6).await.unwrap();
    let errors = response.transient_errors.unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("127.20.5.1: cluster_deactivate_drives: "),
        "{errors:?}"
    );
    // The machine's other calls must not be sent.
    assert_eq!(changing(&scene.called().await), ["cluster_deactivate_drives"]);
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn change_with_lost_response_is_not_sent_again() {
    let scene = Scene::new(6, 7).await;
    scene
        .fault(&Fault::new(FaultKind::Disconnect).on("cluster_deactivate_drives"))
        .await;
    let response = scene.run(6).await.unwrap();
    let errors = response.transient_errors.unwrap();
    assert!(errors[0].contains("may have been executed"), "{errors:?}");
    assert_eq!(
        changing(&scene.called().await),
        [
            "cluster_deactivate_drives",
            "cluster_deactivate_hosts",
            "events_trigger_custom"
        ]
    );
    // The next run sees that the change took effect.
    let response = scene.run(6).await.unwrap();
    assert_eq!(response.transient_errors, None);
    assert_eq!(changing(&scene.called().await), [""; 0]);
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn final_read_of_the_hosts_is_retried() {
    let scene = Scene::new(9, 7).await;
    scene.run(6).await.unwrap();
    scene.pass(30).await;
    scene
        .fault(&Fault::new(FaultKind::Garbage).on("hosts_list").after(1).times(1))
        .await;
    let response = scene.run(6).await.unwrap();
    assert_eq!(response.to_terminate, [scene.instance(1)]);
    let log = assert_no_secrets(scene.function).await;
    assert!(
        log.contains("the hosts could not be read again, retrying"),
        "{log}"
    );
}

#[tokio::test]
async fn backends_are_contacted_with_the_protocol_of_the_settings() {
    let scene = Scene::new(8, 6).await;
    let ca = scene.weka.certificate_pem().to_owned();
    let other = rcgen::generate_simple_self_signed(["weka".to_owned()])
        .unwrap()
        .cert
        .pem();
    for (weka, error) in [
        (json!({ "protocol": "https", "ca": ca }), None),
        (json!({ "protocol": "http" }), None),
        (
            json!({ "protocol": "https", "ca": other }),
            Some("WekaCertificateRefused"),
        ),
        (
            json!({ "protocol": "https", "ca": "no certificate" }),
            Some("InvalidCa"),
        ),
    ] {
        let mut message = scene.fetch_message(6);
        message["weka"] = weka.clone();
        let actual = scene
            .function
            .invoke(&message)
            .await
            .err()
            .map(|error| error.error_type);
        assert_eq!(actual.as_deref(), error, "{weka}");
    }
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn wrong_credentials_have_their_own_error() {
    let scene = Scene::new(7, 6).await;
    let mut message = scene.fetch_message(6);
    let credentials = weka_types::Credentials {
        username: USER.to_owned(),
        password: "another".into(),
    };
    let binding = Binding {
        cluster: "wk",
        host_group: "Backends",
    };
    let key = SealKey::from_base64(SEAL_KEY).unwrap();
    message["sealed"] = json!(seal(&credentials, &key, binding, [8; 12]).unwrap());
    let error = scene.function.invoke(&message).await.unwrap_err();
    assert_eq!(error.error_type, "WekaLoginRefused");
    assert_no_secrets(scene.function).await;
}
