//! *terminate* and *transient* as Lambda runs them, with a simulated group and its instances.

use super::{Account, SEAL_KEY, assert_no_secrets, environment, options};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use lab::http::{Request, Response, response, serve};
use lab::lambda_runtime::{Function, FunctionError};
use lab::{RUN, event, signed_event};
use scaling::authentication::{MessageKey, Run, sign};
use scaling::messages::{HostGroupInfo, ScaleAnswer, TerminateResponse, read};
use scaling::seal::SealKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// An instance of the group.
struct Instance {
    healthy: bool,
    state: &'static str,
    minutes_old: i64,
}

/// The simulated group.
#[derive(Default)]
struct Group {
    /// By id. The address of `i-07` is `10.0.0.7`.
    instances: BTreeMap<String, Instance>,
    /// An instance that does not exist for TerminateInstances.
    unknown: Option<&'static str>,
    /// The requests that changed the group: the operation and the instances.
    changes: Vec<(String, Vec<String>)>,
}

struct Scene {
    group: Arc<Mutex<Group>>,
    function: Function,
    _server: JoinSet<()>,
    _account: Account,
}

impl Scene {
    /// `number` healthy instances, launched long ago.
    async fn of(number: u8, change: impl FnOnce(&mut Group)) -> Self {
        let instance = |number| {
            let instance = Instance {
                healthy: true,
                state: "running",
                minutes_old: 1_000,
            };
            (id(number), instance)
        };
        let mut group = Group {
            instances: (1..=number).map(instance).collect(),
            ..Group::default()
        };
        change(&mut group);
        let group = Arc::new(Mutex::new(group));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        let shared = Arc::clone(&group);
        server.spawn(serve(listener, move |request| {
            let response = shared.lock().unwrap().respond(&request);
            async move { response }
        }));
        let account = Account::with_cluster().await;
        let environment = environment(&account, &[("LAMBDA", "terminate"), ("AWS_ENDPOINT_URL", &url)]);
        let function = Function::start(options(environment)).await.unwrap();
        Self {
            group,
            function,
            _server: server,
            _account: account,
        }
    }

    async fn run(&self, message: &Value) -> Result<TerminateResponse, FunctionError> {
        let event = signed_event::<ScaleAnswer>(message.clone(), SEAL_KEY).unwrap();
        let response = self.function.invoke(&event).await?;
        Ok(read(response).unwrap())
    }

    fn changes(&self) -> Vec<(String, Vec<String>)> {
        std::mem::take(&mut self.group.lock().unwrap().changes)
    }
}

fn id(number: u8) -> String {
    format!("i-{number:02}")
}

fn address(number: u8) -> String {
    format!("10.0.0.{number}")
}

/// A message of *scale* with these members of the cluster, which requests the termination of the others.
fn scale_message(members: &[u8], requested: &[u8]) -> Value {
    let requested = requested
        .iter()
        .map(|&number| json!({ "Id": id(number), "PrivateIp": address(number) }));
    json!({
        "hosts": [],
        "to_terminate": requested.collect::<Vec<_>>(),
        "members": members.iter().copied().map(address).collect::<Vec<_>>(),
        "TransientErrors": null,
        "version": 2,
    })
}

impl Group {
    fn respond(&mut self, request: &Request) -> Response {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        let form: BTreeMap<&str, &str> = body
            .split('&')
            .filter_map(|field| field.split_once('='))
            .collect();
        let operation = form["Action"];
        let id_fields = form
            .iter()
            .filter(|(name, _)| name.starts_with("InstanceId"))
            .map(|(_, id)| (*id).to_owned());
        let ids: Vec<String> = id_fields.collect();
        let (inner, status) = match operation {
            "DescribeAutoScalingGroups" => (self.describe_group(), 200),
            "DescribeInstances" => (self.describe_instances(), 200),
            "DescribeScalingActivities" => (self.describe_scaling_activities(), 200),
            "TerminateInstances"
                if self
                    .unknown
                    .is_some_and(|unknown| ids.iter().any(|id| id == unknown)) =>
            {
                let unknown = self.unknown.unwrap();
                let message = format!("The instance ID '{unknown}' does not exist");
                let code = "InvalidInstanceID.NotFound";
                let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
                (format!("<Errors>{error}</Errors>"), 400)
            }
            "TerminateInstances" => {
                let item = |id: &String| format!("<item><instanceId>{id}</instanceId></item>");
                let items: String = ids.iter().map(item).collect();
                self.changes.push((operation.to_owned(), ids));
                (format!("<instancesSet>{items}</instancesSet>"), 200)
            }
            _ => {
                self.changes.push((operation.to_owned(), ids));
                (format!("<{operation}Result/>"), 200)
            }
        };
        let tag = match status {
            200 => format!("{operation}Response"),
            _ => "Response".to_owned(),
        };
        response(status, "text/xml", format!("<{tag}>{inner}</{tag}>").into_bytes())
    }

    fn describe_group(&self) -> String {
        let members: String = self
            .instances
            .iter()
            .map(|(id, instance)| {
                let health = if instance.healthy { "Healthy" } else { "Unhealthy" };
                format!(
                    "<member><InstanceId>{id}</InstanceId><HealthStatus>{health}</HealthStatus><LifecycleState>\
                     InService</LifecycleState><ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>"
                )
            })
            .collect();
        format!(
            "<DescribeAutoScalingGroupsResult><AutoScalingGroups><member><Instances>{members}</Instances></member>\
             </AutoScalingGroups></DescribeAutoScalingGroupsResult>"
        )
    }

    /// The launches of instances that EC2 does not list.
    fn describe_scaling_activities(&self) -> String {
        let gone = self
            .instances
            .iter()
            .filter(|(_, instance)| instance.state == "gone");
        let activities: String = gone
            .map(|(id, instance)| {
                let started = Timestamp::now() - SignedDuration::from_mins(instance.minutes_old);
                format!(
                    "<member><Description>Launching a new EC2 instance: {id}</Description><StartTime>{started:.0}\
                     </StartTime><EndTime>{started:.0}</EndTime></member>"
                )
            })
            .collect();
        format!(
            "<DescribeScalingActivitiesResult><Activities>{activities}</Activities></DescribeScalingActivitiesResult>"
        )
    }

    fn describe_instances(&self) -> String {
        let items: String = self
            .instances
            .iter()
            .filter(|(_, instance)| instance.state != "gone")
            .map(|(id, instance)| {
                let address = address(id[2..].parse().unwrap());
                let launched = Timestamp::now() - SignedDuration::from_mins(instance.minutes_old);
                let state = instance.state;
                format!(
                    "<item><instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState>\
                     <privateIpAddress>{address}</privateIpAddress><launchTime>{launched:.0}</launchTime></item>"
                )
            })
            .collect();
        format!("<reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>")
    }
}

fn ids_of(response: &TerminateResponse) -> Vec<&str> {
    response
        .set_to_terminate_instances
        .iter()
        .map(|terminated| terminated.instance_id.as_str())
        .collect()
}

#[tokio::test]
async fn every_rule_terminates_and_logs_one_line_per_decision() {
    let scene = Scene::of(8, |group| {
        let mut change = |number, healthy, state, minutes_old| {
            let instance = Instance {
                healthy,
                state,
                minutes_old,
            };
            group.instances.insert(id(number), instance);
        };
        change(1, false, "gone", 3);
        change(2, false, "gone", 10);
        change(3, false, "stopped", 10);
        change(4, true, "running", 31);
        change(5, true, "running", 29);
        change(6, false, "running", 1_000);
    })
    .await;
    let message = scale_message(&[1, 6, 7, 8], &[7]);
    let response = scene.run(&message).await.unwrap();
    assert_eq!(ids_of(&response), ["i-07", "i-03", "i-04"]);
    assert!(response.set_to_terminate_instances[0].creation_date.is_some());
    assert_eq!(response.transient_errors, None);
    let mut changes = scene.changes();
    changes.sort();
    let ids = |ids: &[&str]| -> Vec<String> { ids.iter().map(|&id| id.to_owned()).collect() };
    let all = ids(&["i-07", "i-03", "i-04"]);
    assert_eq!(
        changes,
        [
            ("DetachInstances".to_owned(), ids(&["i-02", "i-03"])),
            // Stop protection and termination protection.
            ("ModifyInstanceAttribute".to_owned(), ids(&["i-03"])),
            ("ModifyInstanceAttribute".to_owned(), ids(&["i-03"])),
            ("ModifyInstanceAttribute".to_owned(), ids(&["i-04"])),
            ("ModifyInstanceAttribute".to_owned(), ids(&["i-04"])),
            ("ModifyInstanceAttribute".to_owned(), ids(&["i-07"])),
            ("ModifyInstanceAttribute".to_owned(), ids(&["i-07"])),
            ("SetInstanceHealth".to_owned(), ids(&["i-06"])),
            ("SetInstanceProtection".to_owned(), all.clone()),
            ("TerminateInstances".to_owned(), all),
        ]
    );
    let log = assert_no_secrets(scene.function).await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let decisions: Vec<_> = lines
        .iter()
        .map(|line| &line["fields"])
        .filter(|fields| fields["message"] == "decision")
        .map(|fields| {
            (
                fields["instance"].as_str().unwrap(),
                fields["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        decisions,
        [
            ("i-01", "leave alone"),
            ("i-02", "detach"),
            ("i-03", "terminate"),
            ("i-04", "terminate"),
            ("i-06", "mark healthy"),
            ("i-07", "terminate"),
        ]
    );
    assert!(log.contains("launched more than 30 minutes ago"), "{log}");
}

#[tokio::test]
async fn instance_with_a_container_in_the_cluster_is_never_terminated() {
    let scene = Scene::of(3, |_| {}).await;
    let mut message = scale_message(&[1, 2, 3], &[2]);
    message["hosts"] = json!([{
        "instance_id": null, "private_ip": address(2), "status": "DEACTIVATING", "added_time": null,
        "host_id": "HostId<4>",
    }]);
    message["TransientErrors"] = json!(["deactivating drives of 10.0.0.3: no"]);
    let response = scene.run(&message).await.unwrap();
    assert_eq!(ids_of(&response), Vec::<&str>::new());
    assert_eq!(
        response.transient_errors.unwrap(),
        [
            "deactivating drives of 10.0.0.3: no",
            "i-02 is not terminated, although scale requested it: HostId<4> on it is DEACTIVATING"
        ]
    );
    assert_eq!(scene.changes(), []);
}

#[tokio::test]
async fn instance_that_aws_rejects_is_an_error_and_does_not_block_others() {
    let scene = Scene::of(6, |group| group.unknown = Some("i-02")).await;
    let response = scene.run(&scale_message(&[4, 5, 6], &[1, 2, 3])).await.unwrap();
    assert_eq!(ids_of(&response), ["i-01", "i-03"]);
    let errors = response.transient_errors.unwrap();
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].starts_with(
            "terminating i-02: ec2 TerminateInstances: InvalidInstanceID.NotFound: The instance ID 'i-02' does not exist"
        ),
        "{errors:?}"
    );
}

#[tokio::test]
async fn message_without_required_facts_changes_nothing() {
    let scene = Scene::of(3, |group| {
        group.instances.get_mut("i-01").unwrap().state = "gone";
    })
    .await;
    let without = |field: &str| {
        let mut message = scale_message(&[1, 2, 3], &[2]);
        message.as_object_mut().unwrap().remove(field);
        message
    };
    let mut newer = scale_message(&[1, 2, 3], &[2]);
    newer["version"] = json!(3);
    for (message, name, part) in [
        (json!({}), "InvalidMessage", "version unknown"),
        (
            newer,
            "InvalidMessage",
            "has version 3, but this build reads version 2",
        ),
        (without("hosts"), "InvalidMessage", "missing field `hosts`"),
        (
            without("members"),
            "NoMembers",
            "has no list of the cluster's members",
        ),
        (scale_message(&[], &[2]), "NoMembers", "lists no member"),
    ] {
        let error = scene.run(&message).await.unwrap_err();
        assert_eq!(error.error_type, name, "{error}");
        assert!(error.error_message.contains(part), "{error}");
    }
    assert_eq!(scene.changes(), []);
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn forged_terminate_event_terminates_nothing() {
    let scene = Scene::of(6, |_| {}).await;
    // Terminates five of the six instances if it is genuine: they left the cluster.
    let message = scale_message(&[6], &[1, 2, 3, 4, 5]);
    let key = MessageKey::from(&SealKey::from_base64(SEAL_KEY).unwrap());
    let now = Timestamp::now();
    let signed = |run, time| event(&sign::<ScaleAnswer>(message.clone(), run, time, &key).unwrap());
    let other_key = BASE64_STANDARD.encode([1; 32]);
    let other_role = sign::<HostGroupInfo>(message.clone(), RUN, now, &key).unwrap();
    let mut changed = signed(RUN, now);
    changed["message"]["to_terminate"][0]["Id"] = json!("i-06");
    let mut other_execution = signed(RUN, now);
    other_execution["execution"] = json!("another");
    let group = Run {
        host_group: "Clients",
        ..RUN
    };
    for (event, name, reason) in [
        // As wekactl 1.x and the last version passed it.
        (
            message.clone(),
            "InvalidMessage",
            "only the state machine may call",
        ),
        (event(&message), "MessageRefused", "has no MAC"),
        (
            signed_event::<ScaleAnswer>(message.clone(), &other_key).unwrap(),
            "MessageRefused",
            "the MAC of the scale -> terminate message is wrong",
        ),
        (
            changed,
            "MessageRefused",
            "the MAC of the scale -> terminate message is wrong",
        ),
        (event(&other_role), "MessageRefused", "was written by fetch"),
        (other_execution, "MessageRefused", "belongs to another execution"),
        (
            signed(group, now),
            "MessageRefused",
            "belongs to host group 'Clients'",
        ),
        (
            signed(RUN, now - SignedDuration::from_mins(6)),
            "MessageRefused",
            "s old, the limit is 300 s",
        ),
        (
            signed(RUN, now + SignedDuration::from_mins(6)),
            "MessageRefused",
            "s in the future",
        ),
    ] {
        let error = scene.function.invoke(&event).await.unwrap_err();
        assert_eq!(error.error_type, name, "{reason}: {error}");
        assert!(error.error_message.contains(reason), "{reason}: {error}");
    }
    assert_eq!(scene.changes(), []);
    let response: TerminateResponse = read(scene.function.invoke(&signed(RUN, now)).await.unwrap()).unwrap();
    assert_eq!(ids_of(&response), ["i-01", "i-02", "i-03", "i-04", "i-05"]);
    assert_no_secrets(scene.function).await;
}

#[tokio::test]
async fn refusal_of_scale_is_reported_and_terminates_nothing() {
    let scene = Scene::of(3, |group| {
        // Without the refusal, they are detached and terminated.
        group.instances.get_mut("i-01").unwrap().healthy = false;
        group.instances.get_mut("i-01").unwrap().state = "gone";
        group.instances.get_mut("i-02").unwrap().healthy = false;
        group.instances.get_mut("i-02").unwrap().state = "stopped";
    })
    .await;
    let mut message = scale_message(&[3], &[2]);
    message["outcome"] = json!("WekaLoginRefused");
    message["reason"] = json!("the password is wrong");
    let response = scene.run(&message).await.unwrap();
    assert_eq!(ids_of(&response), [""; 0]);
    assert_eq!(response.outcome.as_deref(), Some("WekaLoginRefused"));
    assert_eq!(response.transient_errors.unwrap(), ["the password is wrong"]);
    assert_eq!(scene.changes(), []);
}

#[tokio::test]
async fn transient_fails_with_one_line_per_error() {
    let account = Account::with_cluster().await;
    let environment = environment(&account, &[("LAMBDA", "transient")]);
    let function = Function::start(options(environment)).await.unwrap();
    let message = |errors: Value| {
        event(&json!({ "set_to_terminate_instances": [], "TransientErrors": errors, "version": 2 }))
    };
    let error = function
        .invoke(&message(json!(["error of scale", "error of terminate: why"])))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        FunctionError {
            error_type: "TransientErrors".to_owned(),
            error_message: "error of scale\nerror of terminate: why".to_owned(),
        }
    );
    assert_eq!(function.invoke(&message(json!(null))).await.unwrap(), json!(null));
    let error = function.invoke(&json!({ "version": 1 })).await.unwrap_err();
    assert_eq!(error.error_type, "InvalidMessage");
    assert_eq!(account.requests(), 0, "transient must send no AWS request");
    assert_no_secrets(function).await;
}
