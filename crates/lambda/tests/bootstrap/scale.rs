//! *scale* as Lambda runs it. Each test has its own simulated Weka cluster.

use super::{Account, PASSWORD, SEAL_KEY, USER, assert_no_secrets, sealed, started};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use lab::lambda_runtime::{Function, FunctionError};
use lab::weka_cluster::{
    Credentials, Fault, FaultKind, Model, NewBackend, Options, RpcError, Settings, WekaCluster,
};
use lab::{EXECUTION, RUN, event, signed_event};
use scaling::authentication::{MessageKey, Run, sign, verify};
use scaling::messages::{HostGroupInfo, Instance, Role, ScaleAnswer, ScaleRefusal, ScaleResponse, VERSION};
use scaling::seal::SealKey;
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

    fn info(&self, desired_capacity: u32) -> HostGroupInfo {
        HostGroupInfo {
            sealed: None,
            desired_capacity,
            instances: (1..=self.backends).map(|number| self.instance(number)).collect(),
            backend_ips: (1..=self.backends)
                .map(|number| self.address(number).to_string())
                .collect(),
            role: Role::Backend,
            weka: None,
            version: VERSION,
        }
    }

    /// Passes a signed message of *fetch* with this password.
    async fn invoke(&self, info: &HostGroupInfo, password: &str) -> Result<ScaleAnswer, FunctionError> {
        let event = signed_event::<HostGroupInfo>(sealed(info, password), SEAL_KEY).unwrap();
        let response = self.function.invoke(&event).await?;
        Ok(verify(&response, RUN, Timestamp::now(), &key()).unwrap())
    }

    /// A run that is not refused.
    async fn run(&self, desired: u32) -> ScaleResponse {
        match self.invoke(&self.info(desired), PASSWORD).await.unwrap() {
            ScaleAnswer::Done(response) => response,
            ScaleAnswer::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    async fn refused(&self, info: &HostGroupInfo, password: &str) -> ScaleRefusal {
        match self.invoke(info, password).await.unwrap() {
            ScaleAnswer::Refused(refusal) => refusal,
            ScaleAnswer::Done(response) => panic!("{response:?}"),
        }
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

fn key() -> MessageKey {
    MessageKey::from(&SealKey::from_base64(SEAL_KEY).unwrap())
}

/// The methods that change the cluster.
fn changing(methods: &[String]) -> Vec<&str> {
    let is_change = |method: &&str| method.starts_with("cluster_") || *method == "events_trigger_custom";
    methods.iter().map(String::as_str).filter(is_change).collect()
}

#[tokio::test]
async fn run_without_changes_sends_ten_requests() {
    let scene = Scene::new(1, 6).await;
    let response = scene.run(6).await;
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
    let response = scene.run(6).await;
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
    scene.run(6).await;
    assert_eq!(changing(&scene.called().await), [""; 0]);
    scene.pass(30).await;
    let response = scene.run(6).await;
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
        let refusal = scene.refused(&scene.info(6), PASSWORD).await;
        assert!(refusal.reason.contains(method), "{refusal:?}");
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
async fn refused_run_has_a_named_outcome() {
    let scene = Scene::new(4, 6).await;
    scene
        .weka
        .update(|model| model.set_override("skip_scale_down"))
        .await
        .unwrap();
    let refusal = scene.refused(&scene.info(6), PASSWORD).await;
    assert_eq!(refusal.outcome, "ScalingSkipped");
    assert_eq!(refusal.reason, "the manual override skip_scale_down is set");
    assert_eq!(changing(&scene.called().await), [""; 0]);
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn target_below_the_minimum_is_a_transient_error() {
    let scene = Scene::new(4, 6).await;
    let response = scene.run(2).await;
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
    let response = scene.run(6).await;
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
    let response = scene.run(6).await;
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
    let response = scene.run(6).await;
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
    let response = scene.run(6).await;
    assert_eq!(response.transient_errors, None);
    assert_eq!(changing(&scene.called().await), [""; 0]);
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn final_read_of_the_hosts_is_retried() {
    let scene = Scene::new(9, 7).await;
    scene.run(6).await;
    scene.pass(30).await;
    scene
        .fault(&Fault::new(FaultKind::Garbage).on("hosts_list").after(1).times(1))
        .await;
    let response = scene.run(6).await;
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
    for (weka, outcome) in [
        (json!({ "protocol": "https", "ca": ca }), None),
        (json!({ "protocol": "http" }), None),
        (
            json!({ "protocol": "https", "ca": other }),
            Some("WekaCertificateRefused"),
        ),
    ] {
        let info = HostGroupInfo {
            weka: serde_json::from_value(weka.clone()).unwrap(),
            ..scene.info(6)
        };
        let actual = match scene.invoke(&info, PASSWORD).await.unwrap() {
            ScaleAnswer::Done(_) => None,
            ScaleAnswer::Refused(refusal) => Some(refusal.outcome),
        };
        assert_eq!(actual.as_deref(), outcome, "{weka}");
    }
    let invalid = HostGroupInfo {
        weka: serde_json::from_value(json!({ "protocol": "https", "ca": "no certificate" })).unwrap(),
        ..scene.info(6)
    };
    let error = scene.invoke(&invalid, PASSWORD).await.unwrap_err();
    assert_eq!(error.error_type, "InvalidCa");
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn wrong_credentials_have_their_own_outcome() {
    let scene = Scene::new(7, 6).await;
    let refusal = scene.refused(&scene.info(6), "another").await;
    assert_eq!(refusal.outcome, "WekaLoginRefused");
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn forged_scale_event_is_refused_before_weka_is_called() {
    let scene = Scene::new(10, 8).await;
    let message = sealed(&scene.info(6), PASSWORD);
    let now = Timestamp::now();
    let signed = |run, time| event(&sign::<HostGroupInfo>(message.clone(), run, time, &key()).unwrap());
    let other_key = BASE64_STANDARD.encode([1; 32]);
    let other_role = sign::<ScaleAnswer>(message.clone(), RUN, now, &key()).unwrap();
    let mut changed = signed(RUN, now);
    changed["message"]["desired_capacity"] = json!(5);
    let mut other_execution = signed(RUN, now);
    other_execution["execution"] = json!("another");
    let group = Run {
        host_group: "Clients",
        ..RUN
    };
    for (event, reason) in [
        (event(&message), "has no MAC"),
        (
            signed_event::<HostGroupInfo>(message.clone(), &other_key).unwrap(),
            "the MAC of the fetch -> scale message is wrong",
        ),
        (changed, "the MAC of the fetch -> scale message is wrong"),
        (event(&other_role), "was written by scale"),
        (other_execution, "belongs to another execution"),
        (signed(group, now), "belongs to host group 'Clients'"),
        (
            signed(RUN, now - SignedDuration::from_mins(6)),
            "s old, the limit is 300 s",
        ),
        (signed(RUN, now + SignedDuration::from_mins(6)), "s in the future"),
    ] {
        let error = scene.function.invoke(&event).await.unwrap_err();
        assert_eq!(error.error_type, "MessageRefused", "{reason}: {error}");
        assert!(error.error_message.contains(reason), "{reason}: {error}");
    }
    assert_eq!(scene.called().await, [""; 0]);
    assert_eq!(signed(RUN, now)["execution"], EXECUTION);
    scene.function.invoke(&signed(RUN, now)).await.unwrap();
    assert_no_secrets(scene.function).await;
}
