//! A cluster that the Go wekactl 1.x imported: listed, updated in place to ours, and scaled.

use crate::common::Lab;
use crate::destroy;
use crate::reference::{all_fields, fields};
use crate::scaled::Scaled;
use lab::machine::Outcome;
use lab::{GO_IMPORT, GoImportOptions, Stack, StackOptions};
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The password that the reference has, of the user `admin`.
const PASSWORD: &str = "secret";

/// A lab whose stack the Go tool has imported.
fn imported(options: &GoImportOptions) -> (Lab, Stack) {
    let (lab, stack) = Lab::with(&StackOptions::default());
    lab::go_import(&lab.moto, &stack, options).unwrap();
    (lab, stack)
}

/// Where the lab's Go import is not as the dump says, and why.
const UNLIKE_THE_DUMP: &[(&str, &str)] = &[
    (
        r"^lambda/.*/(Code(Sha256|Size)$|LoggingConfig/)|/point_in_time_recovery$",
        "left out of the dump",
    ),
    (
        r"^(apikeys|usageplans)/.*/value$|/LaunchTemplateData/UserData$",
        "blacked out in the dump",
    ),
    (
        r"/TagSpecifications\[launch-template\]/",
        "the dump's moto put the template's own tags there",
    ),
    (
        r"/IamArn/S$|/IamInstanceProfile/Arn$",
        "the lab's stack lets CloudFormation complete the profile's name",
    ),
    (
        r"/KMSMasterKeyArn$",
        "AWS says the ARN, however the key was given",
    ),
];

#[test]
fn the_labs_go_import_is_that_of_the_reference() {
    let (lab, _) = imported(&GoImportOptions::default());
    let dump: Value = serde_json::from_str(GO_IMPORT).unwrap();
    assert_same(
        &fields(&dump),
        &fields(&lab::dump(&lab.moto).unwrap()),
        UNLIKE_THE_DUMP,
    );
}

#[test]
fn it_is_listed() {
    let (lab, _) = imported(&GoImportOptions::default());
    let printed = |arguments: &[&str]| lab.wekactl(arguments).ok().stdout;
    insta::with_settings!({ filters => vec![(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "(time)")] }, {
        insta::assert_snapshot!("takeover_cluster_list", printed(&["cluster", "list"]));
        insta::assert_snapshot!("takeover_hostgroup_list", printed(&["hostgroup", "list", "-n", "wk"]));
    });
    let script = printed(&["cluster", "join-params", "-n", "wk"]);
    assert!(script.contains("HOST='wekactl-wk-1."), "{script}");
}

#[test]
fn a_dry_run_shows_what_an_update_would_do_and_sends_nothing_that_changes_anything() {
    let (lab, _) = imported(&GoImportOptions {
        targets: 2,
        widened_roles: true,
        ..GoImportOptions::default()
    });
    let (calls, before) = (lab.calls().len(), lab::dump(&lab.moto).unwrap());
    let dry = lab.update(&["--dry-run", "-o", "json"]).ok();
    let document: Value = serde_json::from_str(&dry.stdout).unwrap();
    let rows = document["plan"].as_array().unwrap().iter().map(|row| {
        let changes = row["changes"].as_array().into_iter().flatten();
        let mut fields: Vec<_> = changes.map(|change| change["field"].as_str().unwrap()).collect();
        fields.retain(|field| !field.starts_with("tags."));
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        format!(
            "{} {} {}: {}",
            text("action"),
            text("kind"),
            text("name"),
            fields.join(", ")
        )
    });
    insta::assert_snapshot!("takeover_plan", rows.collect::<Vec<_>>().join("\n"));
    assert_eq!(lab.update(&["--dry-run", "--detailed-exitcode"]).status, 2);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    assert_eq!(lab::dump(&lab.moto).unwrap(), before);
}

/// Where a cluster that was taken over is not as one that our import made of the same stack, and why.
const UNLIKE_OUR_IMPORT: &[(&str, &str)] = &[
    (r"^kms/.*/meta/Description$", "said when the key was made"),
    (
        r"\[cluster-settings\]/Clients/",
        "the Go tool keeps the settings of clients of which it made nothing",
    ),
    (
        r"^launchtemplates/.*/(versions\[\d\]/|(Latest|Default)VersionNumber$)",
        "a new version beside the one that stood",
    ),
    (
        r"^autoscaling/.*/Instances\[\d\]/LaunchTemplate/Version$",
        "the lab's members have the version that is the default",
    ),
    (
        r"^instances/.*/Tags\[wekactl\.io/version\]/",
        "an instance keeps the version of the template it was launched from",
    ),
    (
        r"^lambda/.*/VpcConfig/VpcId$",
        "as Lambda says of a function that was told to be in no VPC",
    ),
    (r"^lambda/.*/SEAL_KEY$|^(apikeys|usageplans)/.*/value$", "random"),
];

#[test]
fn it_becomes_what_our_import_makes_and_its_instances_are_not_touched() {
    becomes_ours(&GoImportOptions {
        older_settings: true,
        ..GoImportOptions::default()
    });
}

#[test]
fn so_does_an_old_one_with_one_volume_with_several_targets_and_widened_roles() {
    becomes_ours(&GoImportOptions {
        volumes: 1,
        targets: 5,
        widened_roles: true,
        ..GoImportOptions::default()
    });
}

fn becomes_ours(options: &GoImportOptions) {
    let (ours, _) = Lab::with(&StackOptions::default());
    let arguments = ["--no-clients", "-t", "env=prod", "-t", "team=storage"];
    ours.import_with("wk", &arguments, &[("WEKA_PASSWORD", PASSWORD)])
        .ok();
    let ours = facts(&lab::dump(&ours.moto).unwrap());

    let (lab, stack) = imported(options);
    let calls = lab.calls().len();
    let ran = lab.update(&["-y"]).ok();
    assert!(
        ran.stderr
            .contains("host group Clients is configured but has no resources"),
        "{}",
        ran.stderr
    );
    let dump = lab::dump(&lab.moto).unwrap();
    assert_same(&ours, &facts(&dump), UNLIKE_OUR_IMPORT);
    template_is_ours(&dump, dump["apikeys"][0]["value"].as_str().unwrap());
    in_order(&lab.changes_since(calls));
    for call in &lab.calls()[calls..] {
        let mut named = stack.backends.iter().chain(&stack.clients);
        let touched = call.mutating && named.any(|id| call.instances.contains(id));
        assert!(!touched, "{call:?}");
    }

    let calls = lab.calls().len();
    let again = lab.update(&["-y"]).ok();
    assert!(
        again.stderr.contains("Plan: 0 to create, 0 to update"),
        "{}",
        again.stderr
    );
    assert_eq!(lab.changes_since(calls), [""; 0]);
    assert_eq!(lab::dump(&lab.moto).unwrap(), dump);
}

/// All that stands. Of the instances, which have much that is random, what a takeover could change.
fn facts(dump: &Value) -> BTreeMap<String, String> {
    let instance =
        Regex::new(r"/Tags\[|/termination_protection$|/State/|/SecurityGroups\[\d\]/GroupId$").unwrap();
    let mut facts = all_fields(dump);
    facts.retain(|path, _| !path.starts_with("instances/") || instance.is_match(path));
    facts
}

/// The newest version is the default one and asks the API that stands, with its key; it is like that of our import.
#[track_caller]
fn template_is_ours(dump: &Value, key: &str) {
    let template = &dump["launchtemplates"][0];
    assert_eq!(
        template["template"]["DefaultVersionNumber"],
        template["template"]["LatestVersionNumber"]
    );
    let newest = template["versions"].as_array().unwrap().last().unwrap();
    assert_eq!(newest["DefaultVersion"], true);
    let data = &newest["LaunchTemplateData"];
    let script = data["UserData"].as_str().unwrap();
    let api = dump["apigateway"][0]["api"]["id"].as_str().unwrap();
    let url = format!("https://{api}.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends");
    assert!(script.contains(&url) && script.contains(key), "{script}");
    assert_eq!(data["BlockDeviceMappings"].as_array().unwrap().len(), 2);
    assert_eq!(data["TagSpecifications"].as_array().unwrap().len(), 3);
    assert_eq!(dump["autoscaling"][0]["LaunchTemplate"]["Version"], "$Latest");
}

/// Nothing is taken away before what takes its place is there; code comes after what it needs.
#[track_caller]
fn in_order(changes: &[String]) {
    let at = |change: &str| changes.iter().position(|one| one == change).unwrap();
    let last = |change: &str| changes.iter().rposition(|one| one == change).unwrap();
    assert!(
        at("events PutTargets") < last("events RemoveTargets"),
        "{changes:?}"
    );
    for (first, then) in [
        ("lambda AddPermission", "lambda RemovePermission"),
        ("lambda UpdateFunctionConfiguration", "lambda UpdateFunctionCode"),
        ("states UpdateStateMachine", "events PutTargets"),
        ("ec2 ModifyLaunchTemplate", "autoscaling UpdateAutoScalingGroup"),
    ] {
        assert!(at(first) < at(then), "{first} before {then}: {changes:?}");
    }
    // All that the state machine calls; join is none of its business.
    let before = changes[..at("states UpdateStateMachine")].iter();
    let code = before.filter(|change| *change == "lambda UpdateFunctionCode");
    assert!(code.count() >= 4, "{changes:?}");
    assert!(
        changes
            .iter()
            .all(|one| !one.contains("CreateRole") && !one.contains("CreateFunction")),
        "{changes:?}"
    );
}

#[test]
fn an_import_of_the_same_stack_takes_it_over_too_and_adds_the_clients() {
    let (lab, stack) = imported(&GoImportOptions::default());
    let arguments = ["-t", "env=prod", "-t", "team=storage", "-y"];
    lab.import_with("wk", &arguments, &[("WEKA_PASSWORD", PASSWORD)])
        .ok();
    let groups = &lab::dump(&lab.moto).unwrap()["autoscaling"];
    let members = |group: &Value| {
        let members = group["Instances"].as_array().unwrap().iter();
        members
            .map(|member| member["InstanceId"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(members(&groups[0]), stack.backends.into_iter().collect());
    assert_eq!(members(&groups[1]), stack.clients.into_iter().collect());
    let calls = lab.calls().len();
    lab.update(&["-y"]).ok();
    assert_eq!(lab.changes_since(calls), [""; 0]);
}

#[tokio::test]
async fn the_template_asks_the_api_that_stands_then_also_where_that_is_a_new_one() {
    let (lab, _) = imported(&GoImportOptions::default());
    let gateway = lab.clients().apigateway;
    let before = lab::dump(&lab.moto).unwrap();
    let gone = before["apigateway"][0]["api"]["id"].as_str().unwrap();
    gateway.delete_rest_api().rest_api_id(gone).send().await.unwrap();
    lab.update(&["-y"]).ok();

    let dump = lab::dump(&lab.moto).unwrap();
    let api = dump["apigateway"][0]["api"]["id"].as_str().unwrap();
    let plans = dump["usageplans"].as_array().unwrap().iter();
    let keys = plans.filter(|plan| plan["plan"]["apiStages"][0]["apiId"] == api);
    let [key] = keys
        .map(|plan| &plan["keys"][0])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    template_is_ours(&dump, key["value"].as_str().unwrap());
    let permissions = dump["lambda"].as_array().unwrap().iter();
    let permissions: Vec<_> = permissions
        .flat_map(|function| function["policy"]["Statement"].as_array().into_iter().flatten())
        .map(|statement| {
            statement["Condition"]["ArnLike"]["AWS:SourceArn"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert!(
        matches!(permissions[..], [arn] if arn.contains(&format!(":{api}/"))),
        "{permissions:?}"
    );
    let calls = lab.calls().len();
    lab.update(&["-y"]).ok();
    assert_eq!(lab.changes_since(calls), [""; 0]);
}

#[tokio::test]
async fn what_its_group_launches_then_boots_and_becomes_a_member() {
    let mut cluster = Scaled::taken_over(36, &GoImportOptions::default(), PASSWORD).await;
    let before = cluster.members().await;
    cluster.scaling_loop.set_desired(7).await.unwrap();
    let minute = cluster.tick().await;
    let [(id, boot)] = minute.booted.try_into().unwrap();
    assert_eq!(boot.outcome, Outcome::Joined, "{id}: {}", boot.log);
    cluster.until_settled(7).await;
    cluster.scaling_loop.set_desired(6).await.unwrap();
    let minutes = cluster.until_settled(6).await;
    let terminated: usize = minutes.iter().map(|minute| minute.terminated.len()).sum();
    assert_eq!(terminated, 1);
    let after = cluster.members().await;
    let stayed = before.iter().filter(|id| after.contains(id)).count();
    assert!(stayed >= 5, "{before:?} -> {after:?}");
}

#[test]
fn it_is_destroyed_without_a_trace_whether_taken_over_or_not() {
    for taken_over in [false, true] {
        let (lab, stack) = Lab::with(&StackOptions::default());
        let before = lab::dump(&lab.moto).unwrap();
        let options = GoImportOptions {
            targets: 3,
            ..GoImportOptions::default()
        };
        lab::go_import(&lab.moto, &stack, &options).unwrap();
        if taken_over {
            lab.update(&["-y"]).ok();
        }
        let ran = lab.destroy(&[]).ok();
        assert!(
            ran.stderr.contains("No resources of cluster wk remain."),
            "{}",
            ran.stderr
        );
        let after = lab::dump(&lab.moto).unwrap();
        // The clients, of which the Go tool made nothing, are not the cluster's to terminate.
        let left = after["instances"].as_array().unwrap().iter();
        let left: BTreeSet<_> = left
            .map(|one| one["instance"]["InstanceId"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(left, stack.clients.into_iter().collect());
        destroy::assert_same(
            &destroy::without_instances(after),
            &destroy::without_instances(before),
        );
    }
}

#[test]
fn its_instances_run_on_where_they_are_to_be_kept() {
    let (lab, stack) = imported(&GoImportOptions::default());
    lab.destroy(&["--keep-instances"]).ok();
    let dump = lab::dump(&lab.moto).unwrap();
    let instances = dump["instances"].as_array().unwrap();
    assert_eq!(instances.len(), stack.backends.len() + stack.clients.len());
    for instance in instances {
        assert_eq!(instance["instance"]["State"]["Name"], "running", "{instance}");
        assert!(
            !instance["instance"]["Tags"].to_string().contains("wekactl.io/"),
            "{instance}"
        );
    }
}

/// These are equal but for where a pattern fits, and each pattern fits somewhere.
#[track_caller]
fn assert_same(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>, but_for: &[(&str, &str)]) {
    let patterns: Vec<_> = but_for
        .iter()
        .map(|(pattern, _)| Regex::new(pattern).unwrap())
        .collect();
    let mut used = vec![false; patterns.len()];
    let mut unexpected = String::new();
    let paths: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    for path in paths {
        if was.get(path) == is.get(path) {
            continue;
        }
        match patterns.iter().position(|pattern| pattern.is_match(path)) {
            Some(index) => used[index] = true,
            None => unexpected += &format!("{path}: {:?} -> {:?}\n", was.get(path), is.get(path)),
        }
    }
    assert!(unexpected.is_empty(), "unexpected:\n{unexpected}");
    let idle: Vec<_> = but_for.iter().zip(used).filter(|(_, used)| !used).collect();
    assert!(idle.is_empty(), "these do not differ: {idle:?}");
}
