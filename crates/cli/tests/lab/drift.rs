//! Drift: `cluster update` shows exactly the changed fields, reverts them, and changes nothing else.

mod cluster;
mod functions;
mod group;
mod join_api;

use crate::common::Lab;
use crate::go_reference;
use aws::cloud::Clients;
use aws_sdk_apigateway::types::{Op, PatchOperation};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const GROUP: &str = "wekactl-wk-Backends";
const JOIN: &str = "wekactl-wk-join-Backends";
const SCALE: &str = "wekactl-wk-scale-Backends";

/// A change, and the expected plan and calls of an update.
struct Drift<'a> {
    /// The kind of the resource, and the fields in the plan.
    shown: (&'static str, &'static [&'static str]),
    /// The mutating calls of the update.
    sent: &'static [&'static str],
    change: BoxFuture<'a, Result<(), String>>,
}

fn drift<'a, T, E: std::fmt::Debug>(
    kind: &'static str,
    fields: &'static [&'static str],
    sent: &'static [&'static str],
    change: impl Future<Output = Result<T, E>> + Send + 'a,
) -> Drift<'a> {
    Drift {
        shown: (kind, fields),
        sent,
        change: change
            .map(|changed| changed.map(drop).map_err(|error| format!("{error:?}")))
            .boxed(),
    }
}

/// Ids that AWS generated, from a dump of the account.
struct Ids {
    key: String,
    table: String,
    api: String,
    resource: String,
    zone: String,
    plan: String,
    api_key: String,
    roles: BTreeMap<&'static str, String>,
    target_group: String,
    load_balancer: String,
    load_balancer_name: String,
    load_balancer_zone: String,
    vpc: String,
    subnet: String,
    listener: String,
    machine: String,
    rule: String,
    template: String,
    instance: String,
}

impl Ids {
    fn of(dump: &Value, api_resource: String, zone: String) -> Self {
        let text = |pointer: &str| {
            dump.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("{pointer} of {dump}"))
                .to_owned()
        };
        let role = |user: &str| {
            let roles = dump["iam"].as_array().unwrap().iter();
            let mut names = roles.map(|role| role["name"].as_str().unwrap());
            names
                .find(|name| name.contains(&format!("-{user}-")))
                .unwrap()
                .to_owned()
        };
        Self {
            key: text("/kms/0/meta/KeyId"),
            table: text("/dynamodb/0/table/TableArn"),
            api: text("/apigateway/0/api/id"),
            resource: api_resource,
            zone,
            plan: text("/usageplans/0/plan/id"),
            api_key: text("/apikeys/0/id"),
            roles: ["join", "fetch", "sm", "cw"]
                .map(|user| (user, role(user)))
                .into(),
            target_group: text("/targetgroups/0/tg/TargetGroupArn"),
            load_balancer: text("/elbv2/0/lb/LoadBalancerArn"),
            load_balancer_name: text("/elbv2/0/lb/DNSName"),
            load_balancer_zone: text("/elbv2/0/lb/CanonicalHostedZoneId"),
            vpc: text("/elbv2/0/lb/VpcId"),
            subnet: text("/elbv2/0/lb/AvailabilityZones/0/SubnetId"),
            listener: text("/elbv2/0/listeners/0/l/ListenerArn"),
            machine: text("/sfn/0/machine/stateMachineArn"),
            rule: text("/events/0/rule/Arn"),
            template: text("/launchtemplates/0/template/LaunchTemplateId"),
            instance: text("/autoscaling/0/Instances/0/InstanceId"),
        }
    }
}

fn patch(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

/// Each drift is shown alone and reverted by exactly the expected calls; in the end the account is as before.
async fn reverts(drifts: for<'a> fn(&'a Clients, &'a Ids) -> Vec<Drift<'a>>) {
    let (lab, _) = Lab::without_clients();
    let aws = lab.clients();
    let zone = aws.route53.create_hosted_zone().name("example.com");
    let zone = zone.caller_reference("1").send().await.unwrap();
    let zone = zone
        .hosted_zone()
        .unwrap()
        .id()
        .trim_start_matches("/hostedzone/");
    let tags = ["-t", "env=prod", "-t", "team=storage"];
    let boundary = ["--permissions-boundary", "arn:aws:iam::123456789012:policy/limit"];
    let alias = ["-l", "weka.example.com", "-z", zone];
    lab.import(&[&tags[..], &boundary, &alias].concat()).ok();
    let before = lab::dump(&lab.moto).unwrap();
    let api = before["apigateway"][0]["api"]["id"].as_str().unwrap();
    let resources = aws
        .apigateway
        .get_resources()
        .rest_api_id(api)
        .send()
        .await
        .unwrap();
    let resource = resources
        .items()
        .iter()
        .find(|resource| resource.path() != Some("/"));
    let ids = Ids::of(
        &before,
        resource.unwrap().id().unwrap().to_owned(),
        zone.to_owned(),
    );
    let mut errors = Vec::new();
    for drift in drifts(&aws, &ids) {
        let shown = format!("{} {:?}", drift.shown.0, drift.shown.1);
        if let Err(error) = drift.change.await {
            errors.push(format!("{shown} cannot be changed: {error}"));
            continue;
        }
        let calls = lab.calls().len();
        let ran = lab.update(&["-o", "json"]);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let rows = document["plan"].as_array().into_iter().flatten();
        let differing: Vec<_> = rows
            .filter(|row| row["action"] != "unchanged")
            .map(|row| (row["kind"].as_str().unwrap(), fields(row)))
            .collect();
        let sent = lab.changes_since(calls);
        if ran.status != 0 || differing != [(drift.shown.0, drift.shown.1.to_vec())] || sent != drift.sent {
            errors.push(format!(
                "{shown}: shown {differing:?}, sent {sent:?} {}",
                if ran.status == 0 { "" } else { &ran.stderr }
            ));
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let calls = lab.calls().len();
    lab.update(&["--dry-run", "--detailed-exitcode"]).ok();
    assert_eq!(lab.changes_since(calls), [""; 0]);
    let was = go_reference::fields(&settled(before));
    let is = go_reference::fields(&settled(lab::dump(&lab.moto).unwrap()));
    let paths: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let other = paths.into_iter().filter(|path| was.get(*path) != is.get(*path));
    let other: Vec<_> = other
        .map(|path| format!("{path}: {:?} -> {:?}", was.get(path), is.get(path)))
        .collect();
    assert!(other.is_empty(), "{}", other.join("\n"));
}

/// The differing fields of a row of the plan; none for a resource to create.
fn fields(row: &Value) -> Vec<&str> {
    let changes = row["changes"].as_array().into_iter().flatten();
    let mut fields: Vec<_> = changes.map(|change| change["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    fields
}

/// Without what counts how often something was changed.
fn settled(mut dump: Value) -> Value {
    const COUNTERS: [&str; 13] = [
        "LastModified",
        "RevisionId",
        "revisionId",
        "updateDate",
        "lastUpdatedDate",
        "deploymentId",
        "creationTime",
        "createdDate",
        "CreatedDate",
        "LatestVersionNumber",
        "DefaultVersionNumber",
        "ListenerArn",
        // moto numbers listeners.
        "LoadBalancerArns",
    ];
    fn drop(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                // A function removed from its VPC has an empty VPC id.
                fields.retain(|name, value| !COUNTERS.contains(&name.as_str()) && value != "");
                fields.values_mut().for_each(drop);
            }
            Value::Array(list) => list.iter_mut().for_each(drop),
            _ => {}
        }
    }
    for template in dump["launchtemplates"].as_array_mut().into_iter().flatten() {
        // Keep only the latest version, which the group uses.
        let latest = template["versions"]
            .as_array()
            .and_then(|versions| versions.last().cloned());
        let mut latest = latest.unwrap_or_default();
        for field in ["CreateTime", "VersionNumber", "DefaultVersion"] {
            latest[field] = Value::Null;
        }
        template["versions"] = latest;
    }
    // moto reports the group's template version for each instance.
    for group in dump["autoscaling"].as_array_mut().into_iter().flatten() {
        for instance in group["Instances"].as_array_mut().into_iter().flatten() {
            instance["LaunchTemplate"] = Value::Null;
        }
    }
    drop(&mut dump);
    dump
}

#[tokio::test]
async fn drift_of_cluster_resources_is_reverted() {
    reverts(cluster::drifts).await;
}

#[tokio::test]
async fn drift_of_functions_is_reverted() {
    reverts(functions::drifts).await;
}

#[tokio::test]
async fn drift_of_the_join_api_is_reverted() {
    reverts(join_api::drifts).await;
}

#[tokio::test]
async fn drift_of_the_group_is_reverted() {
    reverts(group::drifts).await;
}
