//! A cluster that wekactl 1.x (Go) imported is listed, migrated in place by `update`, and scaled.

use crate::common::Lab;
use crate::destroy;
use crate::go_reference::{all_fields, fields};
use crate::scaled_cluster::ScaledCluster;
use lab::machine::Outcome;
use lab::{GO_IMPORT, GoImportOptions, Stack, StackOptions};
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The password of `admin` in the reference.
const PASSWORD: &str = "secret";

/// A lab with a stack that wekactl 1.x imported.
fn imported(options: &GoImportOptions) -> (Lab, Stack) {
    let (lab, stack) = Lab::with(&StackOptions::default());
    lab::go_import(&lab.moto, &stack, options).unwrap();
    (lab, stack)
}

/// Differences between the lab's Go import and the dump, with reasons.
const DIFFERS_FROM_DUMP: &[(&str, &str)] = &[
    (
        r"^lambda/.*/(Code(Sha256|Size)$|LoggingConfig/)|/point_in_time_recovery$",
        "omitted from the dump",
    ),
    (
        r"^(apikeys|usageplans)/.*/value$|/LaunchTemplateData/UserData$",
        "redacted in the dump",
    ),
    (
        r"/TagSpecifications\[launch-template\]/",
        "the moto of the dump put the template's own tags there",
    ),
    (
        r"/IamArn/S$|/IamInstanceProfile/Arn$",
        "the lab's stack lets CloudFormation complete the profile's name",
    ),
    (
        r"/KMSMasterKeyArn$",
        "AWS returns the ARN, however the key was given",
    ),
];

#[test]
fn go_import_of_the_lab_matches_the_reference() {
    let (lab, _) = imported(&GoImportOptions::default());
    let dump: Value = serde_json::from_str(GO_IMPORT).unwrap();
    assert_same(
        &fields(&dump),
        &fields(&lab::dump(&lab.moto).unwrap()),
        DIFFERS_FROM_DUMP,
    );
}

#[test]
fn go_cluster_is_listed() {
    let (lab, _) = imported(&GoImportOptions::default());
    let printed = |arguments: &[&str]| lab.wekactl(arguments).ok().stdout;
    insta::with_settings!({ filters => vec![(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "(time)")] }, {
        insta::assert_snapshot!("cluster_list", printed(&["cluster", "list"]));
        insta::assert_snapshot!("hostgroup_list", printed(&["hostgroup", "list", "-n", "wk"]));
    });
    let script = printed(&["cluster", "join-params", "-n", "wk"]);
    assert!(script.contains("HOST='wekactl-wk-1."), "{script}");
}

#[test]
fn dry_run_shows_the_migration_and_sends_no_mutating_call() {
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
    insta::assert_snapshot!("migration_plan", rows.collect::<Vec<_>>().join("\n"));
    assert_eq!(lab.update(&["--dry-run", "--detailed-exitcode"]).status, 2);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    assert_eq!(lab::dump(&lab.moto).unwrap(), before);
}

/// Differences between a migrated cluster and an import of the same stack, with reasons.
const DIFFERS_FROM_IMPORT: &[(&str, &str)] = &[
    (r"^kms/.*/meta/Description$", "set when the key was created"),
    (
        r"\[cluster-settings\]/Clients/",
        "wekactl 1.x stores the settings of clients but creates no resources for them",
    ),
    (
        r"^launchtemplates/.*/(versions\[\d\]/|(Latest|Default)VersionNumber$)",
        "a new version in addition to the existing one",
    ),
    (
        r"^autoscaling/.*/Instances\[\d\]/LaunchTemplate/Version$",
        "the members in the lab have the default version",
    ),
    (
        r"^instances/.*/Tags\[wekactl\.io/version\]/",
        "an instance keeps the version of the template it was launched from",
    ),
    (
        r"^lambda/.*/VpcConfig/VpcId$",
        "as Lambda reports a function that was removed from its VPC",
    ),
    (
        r"^lambda/.*/(SEAL_KEY|LAUNCH_TEMPLATE_ID)$|^(apikeys|usageplans)/.*/value$",
        "random",
    ),
    (
        r"^lambda/.*/IDENTITY_REQUIRED_AFTER$",
        "instances of the old launch template join without identity until then",
    ),
];

#[test]
fn update_migrates_a_go_cluster_without_changing_its_instances() {
    assert_update_migrates(&GoImportOptions {
        older_settings: true,
        ..GoImportOptions::default()
    });
}

#[test]
fn update_migrates_an_old_go_cluster_with_drift() {
    assert_update_migrates(&GoImportOptions {
        volumes: 1,
        targets: 5,
        widened_roles: true,
        ..GoImportOptions::default()
    });
}

fn assert_update_migrates(options: &GoImportOptions) {
    let (reference, _) = Lab::with(&StackOptions::default());
    let arguments = [
        "--no-clients",
        "-t",
        "env=prod",
        "-t",
        "team=storage",
        "--http-tokens",
        "optional",
    ];
    reference
        .import_with("wk", &arguments, &[("WEKA_PASSWORD", PASSWORD)])
        .ok();
    let expected = comparable_fields(&lab::dump(&reference.moto).unwrap());

    let (lab, stack) = imported(options);
    let calls = lab.calls().len();
    let ran = lab.update(&["-y"]).ok();
    ran.shows("host group Clients is configured but has no resources");
    let dump = lab::dump(&lab.moto).unwrap();
    assert_same(&expected, &comparable_fields(&dump), DIFFERS_FROM_IMPORT);
    assert_template_matches_import(&dump, dump["apikeys"][0]["value"].as_str().unwrap());
    assert_order(&lab.changes_since(calls));
    for call in &lab.calls()[calls..] {
        let mut named = stack.backends.iter().chain(&stack.clients);
        let touched = call.mutating && named.any(|id| call.instances.contains(id));
        assert!(!touched, "{call:?}");
    }

    let calls = lab.calls().len();
    let again = lab.update(&["-y"]).ok();
    again.shows("Plan: 0 to create, 0 to update");
    assert_eq!(lab.changes_since(calls), [""; 0]);
    assert_eq!(lab::dump(&lab.moto).unwrap(), dump);
}

/// Every field; of the instances, which have many random fields, only those that a migration could change.
fn comparable_fields(dump: &Value) -> BTreeMap<String, String> {
    let instance =
        Regex::new(r"/Tags\[|/termination_protection$|/State/|/SecurityGroups\[\d\]/GroupId$").unwrap();
    let mut fields = all_fields(dump);
    fields.retain(|path, _| !path.starts_with("instances/") || instance.is_match(path));
    fields
}

/// The newest version is the default, calls the existing API with its key, and matches that of an import.
#[track_caller]
fn assert_template_matches_import(dump: &Value, key: &str) {
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

/// A replacement is created before the old resource is deleted; code is updated after what it depends on.
#[track_caller]
fn assert_order(changes: &[String]) {
    let at = |change: &str| changes.iter().position(|item| item == change).unwrap();
    let last = |change: &str| changes.iter().rposition(|item| item == change).unwrap();
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
    // The functions that the state machine calls: all but join.
    let before = changes[..at("states UpdateStateMachine")].iter();
    let code = before.filter(|change| *change == "lambda UpdateFunctionCode");
    assert!(code.count() >= 4, "{changes:?}");
    assert!(
        changes
            .iter()
            .all(|item| !item.contains("CreateRole") && !item.contains("CreateFunction")),
        "{changes:?}"
    );
}

#[test]
fn import_migrates_a_go_cluster_and_adds_its_clients() {
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
async fn launch_template_calls_a_recreated_api() {
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
    assert_template_matches_import(&dump, key["value"].as_str().unwrap());
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
async fn migrated_cluster_scales_out_and_in() {
    let mut cluster = ScaledCluster::start_migrated(36, &GoImportOptions::default(), PASSWORD).await;
    let before = cluster.members().await;
    cluster.scaling_loop.set_desired(7).await.unwrap();
    let tick = cluster.tick().await;
    let [(id, boot)] = tick.booted.try_into().unwrap();
    assert_eq!(boot.outcome, Outcome::Joined, "{id}: {}", boot.log);
    cluster.until_settled(7).await;
    cluster.scaling_loop.set_desired(6).await.unwrap();
    let ticks = cluster.until_settled(6).await;
    let terminated: usize = ticks.iter().map(|tick| tick.terminated.len()).sum();
    assert_eq!(terminated, 1);
    let after = cluster.members().await;
    let stayed = before.iter().filter(|id| after.contains(id)).count();
    assert!(stayed >= 5, "{before:?} -> {after:?}");
}

#[test]
fn go_cluster_is_destroyed_completely_before_and_after_migration() {
    for migrated in [false, true] {
        let (lab, stack) = Lab::with(&StackOptions::default());
        let before = lab::dump(&lab.moto).unwrap();
        let options = GoImportOptions {
            targets: 3,
            ..GoImportOptions::default()
        };
        lab::go_import(&lab.moto, &stack, &options).unwrap();
        if migrated {
            lab.update(&["-y"]).ok();
        }
        let ran = lab.destroy(&[]).ok();
        ran.shows("No resources of cluster wk remain.");
        let after = lab::dump(&lab.moto).unwrap();
        // wekactl 1.x does not import clients, so they are not terminated.
        let left = after["instances"].as_array().unwrap().iter();
        let left: BTreeSet<_> = left
            .map(|item| item["instance"]["InstanceId"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(left, stack.clients.into_iter().collect());
        destroy::assert_same(
            &destroy::without_instances(after),
            &destroy::without_instances(before),
        );
    }
}

#[test]
fn kept_instances_of_a_go_cluster_keep_running_without_tags() {
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

/// Asserts that both are equal except for fields that match a pattern, and that each pattern matches.
#[track_caller]
fn assert_same(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>, exceptions: &[(&str, &str)]) {
    let patterns: Vec<_> = exceptions
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
    let unused: Vec<_> = exceptions.iter().zip(used).filter(|(_, used)| !used).collect();
    assert!(unused.is_empty(), "these do not differ: {unused:?}");
}
