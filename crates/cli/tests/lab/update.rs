//! `cluster update`.

use crate::common::{Lab, PASSWORD};
use lab::StackOptions;
use serde_json::Value;

const TAGS: [&str; 4] = ["-t", "env=prod", "-t", "team=storage"];

impl Lab {
    /// `cluster update` of cluster `wk` with more arguments.
    pub(crate) fn update(&self, more: &[&str]) -> crate::common::RunOutput {
        let package = self.package();
        let arguments = [
            "cluster",
            "update",
            "-n",
            "wk",
            "--lambda-package",
            package.to_str().unwrap(),
        ];
        // An update needs no password.
        self.wekactl_with(&[&arguments[..], more].concat(), &[])
    }
}

#[test]
fn update_without_drift_sends_no_mutating_call() {
    let (lab, _) = Lab::with(&StackOptions::default());
    lab.import(&TAGS).ok();
    let before = lab::dump(&lab.moto).unwrap();
    let calls = lab.calls().len();
    let ran = lab.update(&[]).ok();
    ran.shows("Plan: 0 to create, 0 to update, 57 unchanged");
    assert_eq!(ran.stdout, "");
    assert_eq!(lab.update(&["--dry-run", "--detailed-exitcode"]).status, 0);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    assert_eq!(lab::dump(&lab.moto).unwrap(), before);
}

#[test]
fn update_fails_if_the_cluster_is_not_imported() {
    let (lab, _) = Lab::with(&StackOptions::default());
    let ran = lab.update(&["-y"]);
    ran.fails(1).shows("cluster 'wk' is not imported in eu-west-1");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn new_package_is_shown_by_dry_run_and_deployed_by_update() {
    let (lab, _) = Lab::without_clients();
    lab.import(&[]).ok();
    let package = lab.other_package();
    let package = package.to_str().unwrap();
    let update = |more: &[&str]| {
        let arguments = ["cluster", "update", "-n", "wk", "--lambda-package", package];
        lab.wekactl_with(&[&arguments[..], more].concat(), &[])
    };
    let calls = lab.calls().len();
    let dry = update(&["--dry-run", "--detailed-exitcode", "-o", "json"]);
    assert_eq!(dry.status, 2, "{}", dry.stderr);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    let document: Value = serde_json::from_str(&dry.stdout).unwrap();
    let plan = document["plan"].as_array().unwrap();
    let updates = plan.iter().filter(|row| row["action"] != "unchanged");
    let fields: Vec<_> = updates
        .map(|row| {
            (
                row["kind"].as_str().unwrap(),
                row["changes"][0]["field"].as_str().unwrap(),
            )
        })
        .collect();
    // The schedule is paused for the functions that the state machine calls: all but join.
    let (code, rule) = (("Lambda function", "code_sha256"), ("EventBridge rule", "state"));
    assert_eq!(fields, [code, rule, code, code, code, code, rule]);
    let done = update(&["-y", "-o", "json"]).ok();
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(document["summary"]["changed"], 7);
    let mut changes = lab.changes_since(calls);
    changes.sort();
    let (rule, code) = (["events PutRule"; 2], ["lambda UpdateFunctionCode"; 5]);
    assert_eq!(changes, [&rule[..], &code].concat());
    assert_eq!(update(&["--dry-run", "--detailed-exitcode"]).status, 0);
    assert!(!done.stdout.contains(PASSWORD));
}

#[test]
fn debug_create_updates_a_single_part() {
    let (lab, _) = Lab::without_clients();
    lab.import(&TAGS).ok();
    let package = lab.other_package();
    let step = |step: &str, more: &[&str]| {
        let arguments = [
            "debug",
            step,
            "-n",
            "wk",
            "--lambda-package",
            package.to_str().unwrap(),
        ];
        lab.wekactl_with(&[&arguments[..], more].concat(), &[])
    };
    let calls = lab.calls().len();
    // Only the code of the functions differs, which is not part of these steps.
    step("create-state-machine", &[]).ok();
    step("create-lambda-endpoint", &[]).ok();
    step("create-cloud-watch-event-rule", &[]).ok();
    let group = step("create-auto-scaling-group", &[]).ok();
    group.shows("Plan: 0 to create, 0 to update, 2 unchanged");
    let dry = step("create-lambda", &["--dry-run", "--detailed-exitcode"]);
    assert_eq!(dry.status, 2, "{}", dry.stderr);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    step("create-lambda", &["-y"]).ok();
    assert_eq!(lab.changes_since(calls), ["lambda UpdateFunctionCode"; 5]);
    let unknown = step("create-lambda", &["-g", "Frontends"]);
    assert_eq!(unknown.status, 64, "{}", unknown.stderr);
}
