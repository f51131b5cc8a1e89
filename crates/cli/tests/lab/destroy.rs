//! `cluster destroy`.

use crate::common::Lab;
use lab::StackOptions;
use serde_json::Value;

const TAGS: [&str; 4] = ["-t", "env=prod", "-t", "team=storage"];

impl Lab {
    /// `cluster destroy` of cluster `wk` with `--yes` and more arguments.
    pub(crate) fn destroy(&self, more: &[&str]) -> crate::common::RunOutput {
        self.destroy_as("wk", more)
    }

    /// `cluster destroy` of another cluster.
    pub(crate) fn destroy_as(&self, name: &str, more: &[&str]) -> crate::common::RunOutput {
        self.wekactl(&[&["cluster", "destroy", "-n", name, "-y"], more].concat())
    }
}

/// Removes from a dump what destroy keeps by design.
pub(crate) fn comparable(mut dump: Value) -> Value {
    // The key is scheduled for deletion.
    let keys = dump["kms"].as_array_mut().unwrap();
    keys.retain(|key| key["meta"]["KeyState"] != "PendingDeletion");
    // The load balancer belongs to the stack; destroy keeps its health check and its backends.
    for balancer in dump["elb"].as_array_mut().unwrap() {
        balancer["HealthCheck"] = Value::Null;
        balancer["Instances"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(Value::to_string);
    }
    dump
}

/// `comparable` without instances.
pub(crate) fn without_instances(dump: Value) -> Value {
    let mut dump = comparable(dump);
    dump["instances"] = Value::Null;
    for balancer in dump["elb"].as_array_mut().unwrap() {
        balancer["Instances"] = Value::Null;
    }
    dump
}

/// Asserts that two dumps are equal, and shows the differing fields.
#[track_caller]
pub(crate) fn assert_same(is: &Value, was: &Value) {
    let mut differs = Vec::new();
    differing("", was, is, &mut differs);
    assert!(differs.is_empty(), "{}", differs.join("\n"));
}

fn differing(path: &str, was: &Value, is: &Value, differs: &mut Vec<String>) {
    match (was, is) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                differing(&format!("{path}[{n}]"), a, b, differs);
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                differing(&format!("{path}/{key}"), &was[key], &is[key], differs);
            }
        }
        _ if was != is => differs.push(format!("{path}: {was} -> {is}")),
        _ => {}
    }
}

#[test]
fn destroy_restores_the_account_and_a_second_destroy_is_a_no_op() {
    let (lab, _) = Lab::with(&StackOptions::default());
    let before = lab::dump(&lab.moto).unwrap();
    lab.import(&TAGS).ok();
    let ran = lab.destroy(&[]).ok();
    ran.shows("No resources of cluster wk remain.");
    ran.shows("Deferred to AWS: KMS key");
    let after = lab::dump(&lab.moto).unwrap();
    assert_eq!(after["instances"], Value::Array(vec![]));
    assert_same(&without_instances(after), &without_instances(before));
    let calls = lab.calls().len();
    let again = lab.destroy(&[]).ok();
    again.shows("No resources of cluster wk exist in eu-west-1");
    assert_eq!(lab.changes_since(calls), [""; 0]);
}

#[test]
fn kept_instances_are_as_before_import() {
    let (lab, _) = Lab::with(&StackOptions::default());
    let before = lab::dump(&lab.moto).unwrap();
    lab.import(&TAGS).ok();
    lab.destroy(&["--keep-instances"]).ok();
    let mut after = comparable(lab::dump(&lab.moto).unwrap());
    // Import added the user's tags; destroy keeps them.
    for instance in after["instances"].as_array_mut().unwrap() {
        let tags = instance["instance"]["Tags"].as_array_mut().unwrap();
        let all = tags.len();
        tags.retain(|tag| tag["Key"] != "env" && tag["Key"] != "team");
        assert_eq!(tags.len() + 2, all);
    }
    assert_same(&after, &comparable(before));
    lab.destroy(&["-k"]).ok();
}

#[test]
fn destroy_requires_yes_without_a_terminal_and_a_dry_run_changes_nothing() {
    let (lab, _) = Lab::without_clients();
    let arguments = ["cluster", "destroy", "-n", "wk"];
    let with = |more: &[&str]| lab.wekactl(&[&arguments, more].concat());
    assert_eq!(with(&["--dry-run", "--detailed-exitcode"]).status, 0);
    lab.import(&[]).ok();
    let calls = lab.calls().len();
    let refused = with(&[]);
    refused
        .fails(64)
        .shows("there is no terminal to ask for confirmation on; use --yes");
    let dry = with(&["--dry-run", "-o", "json"]).ok();
    let document: Value = serde_json::from_str(&dry.stdout).unwrap();
    let rows = document["plan"].as_array().unwrap();
    let last = rows.last().unwrap();
    assert_eq!(
        (last["action"].as_str(), last["name"].as_str()),
        (Some("delete"), Some("wekactl-wk"))
    );
    assert!(
        rows.iter()
            .any(|row| row["action"] == "terminate" && row["name"] == "wekactl-wk-Backends: 6 instances")
    );
    assert_eq!(with(&["--dry-run", "--detailed-exitcode"]).status, 2);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    let done = with(&["-y", "-o", "json"]).ok();
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(document["summary"]["removed"], rows.len() - 2);
    assert_eq!(document["left"], Value::Array(vec![]));
    // The key. Here, Lambda creates no network interfaces: see `aws_behaviours.rs`.
    assert_eq!(document["left_to_aws"].as_array().unwrap().len(), 1);
}

/// The number of calls of an operation.
fn times(lab: &Lab, operation: &str) -> usize {
    lab.calls()
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}

#[tokio::test]
async fn all_instances_of_a_large_cluster_are_terminated_or_detached() {
    let (lab, stack) = Lab::with(&StackOptions {
        backends: 130,
        clients: 0,
        ..StackOptions::default()
    });
    lab.import(&[]).ok();
    let copy = lab.fork().await;
    lab.destroy(&[]).ok();
    // 50 per call, as AWS recommends.
    assert_eq!(
        (times(&lab, "TerminateInstances"), times(&lab, "DetachInstances")),
        (3, 0)
    );
    copy.destroy(&["-k"]).ok();
    for (lab, state) in [(&lab, "terminated"), (&copy, "running")] {
        let instances = lab::Control::new(&lab.moto).instances().await.unwrap();
        let backends: Vec<_> = instances
            .iter()
            .filter(|item| stack.backends.contains(&item.id))
            .collect();
        assert_eq!(backends.len(), 130);
        for backend in backends {
            assert_eq!(
                (backend.state.as_str(), backend.termination_protection),
                (state, false),
                "{}",
                backend.id
            );
            assert!(backend.group.is_none(), "{}", backend.id);
            let tagged = backend.tags.keys().any(|key| key.starts_with("wekactl.io/"));
            assert!(state == "terminated" || !tagged, "{:?}", backend.tags);
        }
    }
}
