//! An independent simulator of IAM judges the documented policies and those of the roles: they allow every call of a whole lifecycle, and
//! nothing beyond. An independent validator judges the state machines.

use crate::common::Lab;
use crate::scaled_cluster::ScaledCluster;
use aws::config::{APP, app_of};
use aws::permissions::{CHANGE_CREDENTIALS, DESTROY, IMPORT, LIST};
use deployment::{FunctionType, HostGroup, Names, RoleUse, tags};
use lab::{Call, IamRequest, Judgement, PolicyRequest};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ACCOUNT: &str = "123456789012";
const CALLER: &str = "arn:aws:iam::123456789012:user/admin";
/// A key of another cluster.
const OTHER_KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000";

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:eu-west-1:{ACCOUNT}:{resource}")
}

fn role_arn(path: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{path}")
}

fn request(action: &str, resource: impl Into<String>, context: &Value) -> IamRequest {
    IamRequest {
        action: action.to_owned(),
        resource: resource.into(),
        context: serde_json::from_value(context.clone()).unwrap(),
    }
}

/// The context of a resource that has the tag of a cluster.
fn tagged(cluster: &str) -> Value {
    json!({ "aws:ResourceTag/wekactl.io/cluster_name": cluster })
}

fn passed_to(service: &str) -> Value {
    json!({ "iam:PassedToService": format!("{service}.amazonaws.com") })
}

/// The roles of the backends: the ARN and the policy of each.
async fn roles(lab: &Lab, names: &Names) -> BTreeMap<RoleUse, (String, Value)> {
    let iam = lab.clients().iam;
    let listed = iam
        .list_roles()
        .path_prefix(names.role_path())
        .send()
        .await
        .unwrap();
    let mut roles = BTreeMap::new();
    for role in listed.roles() {
        let response = iam.list_role_tags().role_name(role.role_name()).send().await;
        let role_tags = response.unwrap().tags;
        let has = |key: &str, value: &str| {
            role_tags
                .iter()
                .any(|tag| (tag.key(), tag.value()) == (key, value))
        };
        if !has(tags::HOSTGROUP_NAME, HostGroup::Backends.name()) {
            continue;
        }
        let role_use = RoleUse::ALL
            .into_iter()
            .find(|role_use| has(tags::USE, role_use.name()));
        let role_use = role_use.unwrap();
        let policies = iam.list_role_policies().role_name(role.role_name()).send().await;
        let [policy] = policies.unwrap().policy_names.try_into().unwrap();
        let policy = iam
            .get_role_policy()
            .role_name(role.role_name())
            .policy_name(policy);
        let policy = policy.send().await.unwrap().policy_document;
        let policy = percent_encoding::percent_decode_str(&policy)
            .decode_utf8()
            .unwrap();
        let arn = role.arn().to_owned();
        roles.insert(role_use, (arn, serde_json::from_str(&policy).unwrap()));
    }
    assert_eq!(roles.len(), RoleUse::ALL.len(), "{:?}", roles.keys());
    roles
}

async fn state_machines(lab: &Lab) -> BTreeMap<String, Value> {
    let sfn = lab.clients().sfn;
    let listed = sfn.list_state_machines().send().await.unwrap();
    let mut definitions = BTreeMap::new();
    for machine in listed.state_machines() {
        let request = sfn
            .describe_state_machine()
            .state_machine_arn(machine.state_machine_arn());
        let definition = request.send().await.unwrap().definition;
        definitions.insert(
            machine.name().to_owned(),
            serde_json::from_str(&definition).unwrap(),
        );
    }
    assert_eq!(definitions.len(), 2, "{definitions:?}");
    definitions
}

impl Cases {
    /// Every call of a program must be allowed by policies of its principal.
    fn allow_calls<'a>(&mut self, principal: &str, policies: &[&str], calls: impl Iterator<Item = &'a Call>) {
        for call in calls.filter(|call| call.status < 400) {
            assert!(!call.iam.is_empty(), "{call:?}");
            for request in &call.iam {
                assert!(!request.action.is_empty(), "{call:?}");
                self.add(principal, policies, request.clone(), true);
            }
        }
    }

    fn add(&mut self, principal: &str, policies: &[&str], request: IamRequest, allowed: bool) {
        let new = PolicyRequest {
            principal: principal.to_owned(),
            policies: policies.iter().map(|&name| name.to_owned()).collect(),
            request,
            allowed,
        };
        if !self.0.contains(&new) {
            self.0.push(new);
        }
    }
}

#[derive(Default)]
struct Cases(Vec<PolicyRequest>);

/// Requests, each with the roles that may send it: all others must not.
fn requests_of_roles(names: &Names, key: &str) -> Vec<(IamRequest, Vec<RoleUse>)> {
    use FunctionType::{Fetch, Join, Scale, Terminate};
    let group = |name: &str| {
        arn(
            "autoscaling",
            &format!("autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/{name}"),
        )
    };
    let via = json!({ "kms:ViaService": "dynamodb.eu-west-1.amazonaws.com" });
    let none = json!({});
    let own_group = group(&names.of(HostGroup::Backends));
    let other_groups = [names.of(HostGroup::Clients), "wekactl-wk2-Backends".to_owned()];
    let table = |name: &str| arn("dynamodb", &format!("table/{name}"));
    let instance = arn("ec2", "instance/i-0123456789abcdef0");
    let function = |name: &str| arn("lambda", &format!("function:{name}"));
    let machine = |name: &str| arn("states", &format!("stateMachine:{name}"));
    let readers = || [Join, Fetch, Scale].map(RoleUse::Function).to_vec();
    let terminate = || vec![RoleUse::Function(Terminate)];
    let nobody = Vec::new;

    let mut requests = vec![
        (request("dynamodb:GetItem", table("wekactl-wk2"), &none), nobody()),
        (request("dynamodb:PutItem", table("wekactl-wk"), &none), nobody()),
        (
            request("dynamodb:DeleteTable", table("wekactl-wk"), &none),
            nobody(),
        ),
        (request("kms:Decrypt", key, &via), readers()),
        (request("kms:Decrypt", key, &none), nobody()),
        (request("kms:Decrypt", OTHER_KEY, &via), nobody()),
        (request("kms:ScheduleKeyDeletion", key, &none), nobody()),
        (
            request("autoscaling:UpdateAutoScalingGroup", own_group.as_str(), &none),
            nobody(),
        ),
        (request("ec2:RunInstances", instance.as_str(), &none), nobody()),
        (
            request(
                "lambda:UpdateFunctionCode",
                function("wekactl-wk-scale-Backends"),
                &none,
            ),
            nobody(),
        ),
        (
            request(
                "lambda:InvokeFunction",
                function("wekactl-wk2-scale-Backends"),
                &none,
            ),
            nobody(),
        ),
        (
            request("states:StartExecution", machine("wekactl-wk2-Backends"), &none),
            nobody(),
        ),
        (
            request(
                "states:StartExecution",
                machine(&names.state_machine(HostGroup::Backends)),
                &none,
            ),
            vec![RoleUse::Rule],
        ),
        (
            request("iam:PassRole", role_arn("Admin"), &passed_to("lambda")),
            nobody(),
        ),
        (
            request("iam:PutRolePolicy", role_arn("wekactl/wk/r"), &none),
            nobody(),
        ),
    ];
    let item = |key: &str| json!({ "dynamodb:LeadingKeys": [key] });
    for (action, key, allowed) in [
        ("dynamodb:GetItem", "cluster-settings", readers()),
        ("dynamodb:GetItem", "cluster-creds", readers()),
        (
            "dynamodb:GetItem",
            "join-claim/i-1",
            vec![RoleUse::Function(Fetch), RoleUse::Function(Scale)],
        ),
        (
            "dynamodb:UpdateItem",
            "join-claim/i-1",
            vec![RoleUse::Function(Join)],
        ),
        ("dynamodb:UpdateItem", "cluster-settings", nobody()),
        ("dynamodb:UpdateItem", "cluster-creds", nobody()),
    ] {
        requests.push((request(action, table("wekactl-wk"), &item(key)), allowed));
    }
    for action in [
        "autoscaling:SetInstanceProtection",
        "autoscaling:SetInstanceHealth",
        "autoscaling:DetachInstances",
    ] {
        requests.push((request(action, own_group.as_str(), &none), terminate()));
        for other in &other_groups {
            requests.push((request(action, group(other), &none), nobody()));
        }
    }
    for action in ["ec2:TerminateInstances", "ec2:ModifyInstanceAttribute"] {
        requests.push((request(action, instance.as_str(), &tagged("wk")), terminate()));
        requests.push((request(action, instance.as_str(), &tagged("wk2")), nobody()));
        requests.push((request(action, instance.as_str(), &none), nobody()));
    }
    for role_use in FunctionType::ALL {
        let name = names.function(HostGroup::Backends, role_use);
        let called = FunctionType::OF_STATE_MACHINE.contains(&role_use);
        let callers = if called {
            vec![RoleUse::StateMachine]
        } else {
            nobody()
        };
        requests.push((request("lambda:InvokeFunction", function(&name), &none), callers));
        let stream = arn("logs", &format!("log-group:/aws/lambda/{name}:log-stream:s"));
        let writers = vec![RoleUse::Function(role_use)];
        requests.push((request("logs:PutLogEvents", stream, &none), writers));
    }
    requests
}

/// What the documented policies together must not allow.
fn denied_to_the_caller() -> Vec<IamRequest> {
    let none = json!({});
    let instance = arn("ec2", "instance/i-0123456789abcdef0");
    vec![
        request("dynamodb:GetItem", arn("dynamodb", "table/other"), &none),
        request("dynamodb:DeleteTable", arn("dynamodb", "table/other"), &none),
        request(
            "lambda:UpdateFunctionCode",
            arn("lambda", "function:other"),
            &none,
        ),
        request(
            "lambda:InvokeFunction",
            arn("lambda", "function:wekactl-wk-fetch-Backends"),
            &none,
        ),
        request("iam:CreateRole", role_arn("Admin"), &none),
        request("iam:PutRolePolicy", role_arn("Admin"), &none),
        request("iam:DeleteRole", role_arn("Admin"), &none),
        request("iam:AttachRolePolicy", role_arn("wekactl/wk/r"), &none),
        request("iam:PassRole", role_arn("Admin"), &passed_to("lambda")),
        request("iam:PassRole", role_arn("Admin"), &passed_to("states")),
        request("iam:PassRole", role_arn("wekactl/wk/r"), &passed_to("glue")),
        request("kms:ScheduleKeyDeletion", OTHER_KEY, &none),
        request("kms:CancelKeyDeletion", OTHER_KEY, &none),
        request("kms:PutKeyPolicy", OTHER_KEY, &tagged("wk")),
        request("kms:DeleteAlias", arn("kms", "alias/other"), &none),
        request("ec2:TerminateInstances", instance.as_str(), &none),
        request("ec2:StopInstances", instance.as_str(), &tagged("wk")),
        request(
            "autoscaling:DeleteAutoScalingGroup",
            arn(
                "autoscaling",
                "autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/other",
            ),
            &none,
        ),
        request(
            "elasticloadbalancing:DeleteTargetGroup",
            arn("elasticloadbalancing", "targetgroup/other/1"),
            &none,
        ),
        request("events:PutRule", arn("events", "rule/other"), &none),
        request(
            "logs:DeleteLogGroup",
            arn("logs", "log-group:/aws/lambda/other"),
            &none,
        ),
        request(
            "states:DeleteStateMachine",
            arn("states", "stateMachine:other"),
            &none,
        ),
        request(
            "route53:DeleteHostedZone",
            "arn:aws:route53:::hostedzone/Z1",
            &none,
        ),
    ]
}

/// What only the policies of change-credentials and destroy allow.
fn denied_to_an_importer() -> Vec<IamRequest> {
    let none = json!({});
    vec![
        request("dynamodb:DeleteTable", arn("dynamodb", "table/wekactl-wk"), &none),
        request("dynamodb:UpdateItem", arn("dynamodb", "table/wekactl-wk"), &none),
        request(
            "ec2:TerminateInstances",
            arn("ec2", "instance/i-0123456789abcdef0"),
            &tagged("wk"),
        ),
        request("iam:DeleteRole", role_arn("wekactl/wk/r"), &none),
        request("kms:ScheduleKeyDeletion", OTHER_KEY, &tagged("wk")),
        request(
            "lambda:DeleteFunction",
            arn("lambda", "function:wekactl-wk-join-Backends"),
            &none,
        ),
    ]
}

#[tokio::test]
async fn policies_allow_the_calls_of_a_lifecycle_and_no_others() {
    let mut cluster = ScaledCluster::start(55).await;
    for size in [7, 6] {
        cluster.scaling_loop.set_desired(size).await.unwrap();
        cluster.until_settled(size as usize).await;
    }
    let lab = &cluster.lab;
    let names = Names::new("wk".parse().unwrap());
    let package = lab.other_package();
    let update = ["cluster", "update", "-n", "wk", "-y", "--lambda-package"];
    lab.wekactl(&[&update[..], &[package.to_str().unwrap()]].concat())
        .ok();
    let roles = roles(lab, &names).await;
    let state_machines = state_machines(lab).await;
    let imported = lab.calls().len();
    for command in [
        ["hostgroup", "list"],
        ["cluster", "join-params"],
        ["debug", "list-asg-instances"],
    ] {
        lab.wekactl(&[&command[..], &["-n", "wk"]].concat()).ok();
    }
    lab.wekactl(&["cluster", "list"]).ok();
    let listed = lab.calls().len();
    let change = [
        "cluster",
        "change-credentials",
        "-n",
        "wk",
        "-u",
        "admin",
        "-y",
        "--no-verify",
    ];
    lab.wekactl(&change).ok();
    let changed = lab.calls().len();
    lab.destroy(&[]).ok();

    let calls = lab.calls();
    let of_cli = |range: &[Call]| {
        let calls = range.iter().filter(|call| call.app == APP).cloned();
        calls.collect::<Vec<_>>()
    };
    let mut cases = Cases::default();
    let policies = ["import", "change-credentials", "destroy"];
    cases.allow_calls(CALLER, &policies[..1], of_cli(&calls[..imported]).iter());
    cases.allow_calls(
        CALLER,
        &["import", "list"],
        of_cli(&calls[imported..listed]).iter(),
    );
    cases.allow_calls(CALLER, &policies[..2], of_cli(&calls[listed..changed]).iter());
    cases.allow_calls(CALLER, &["import", "destroy"], of_cli(&calls[changed..]).iter());
    for request in denied_to_the_caller() {
        cases.add(CALLER, &policies, request, false);
    }
    for request in denied_to_an_importer() {
        cases.add(CALLER, &policies[..1], request, false);
    }

    let documents = [
        ("import", IMPORT),
        ("list", LIST),
        ("change-credentials", CHANGE_CREDENTIALS),
        ("destroy", DESTROY),
    ];
    let mut documents: BTreeMap<String, Value> = documents
        .into_iter()
        .map(|(name, text)| (name.to_owned(), serde_json::from_str(text).unwrap()))
        .collect();
    let scoped = policies.map(str::to_owned).to_vec();
    let describe = calls
        .iter()
        .find(|call| call.operation == "DescribeKey" && call.status == 200);
    let key = describe.unwrap().iam[0].resource.clone();
    for (role_use, (role, policy)) in roles {
        let name = role_use.to_string();
        documents.insert(name.clone(), policy);
        if let RoleUse::Function(function) = role_use {
            let app = app_of(function);
            let of_function: Vec<_> = calls.iter().filter(|call| call.app == app).collect();
            let sends_none = matches!(function, FunctionType::Scale | FunctionType::Transient);
            assert_eq!(of_function.is_empty(), sends_none, "{function}");
            cases.allow_calls(&role, &[&name], of_function.into_iter());
        }
        for (request, allowed) in requests_of_roles(&names, &key) {
            cases.add(&role, &[&name], request, allowed.contains(&role_use));
        }
    }
    let judgement = Judgement {
        account: ACCOUNT.to_owned(),
        policies: documents,
        requests: cases.0,
        scoped,
        state_machines,
    };
    assert!(judgement.requests.len() > 400, "{}", judgement.requests.len());
    let wrong = judgement.wrong().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn judge_finds_what_is_wrong() {
    let policy = |actions: Value, resource: &str| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": [resource] }] });
    let table = arn("dynamodb", "table/t");
    let policies = [
        ("one table", policy(json!(["dynamodb:GetItem"]), &table)),
        (
            "everything",
            policy(json!(["dynamodb:GetItem", "ec2:DescribeVpcs"]), "*"),
        ),
    ];
    let case = |policy: &str, resource: &str, allowed| PolicyRequest {
        principal: CALLER.to_owned(),
        policies: vec![policy.to_owned()],
        request: request("dynamodb:GetItem", resource, &json!({})),
        allowed,
    };
    let task = json!({ "Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", "End": true });
    let judgement = Judgement {
        account: ACCOUNT.to_owned(),
        policies: policies.map(|(name, policy)| (name.to_owned(), policy)).into(),
        requests: vec![
            case("one table", &table, true),
            case("one table", &table, false),
            case("one table", &arn("dynamodb", "table/u"), true),
            case("everything", &arn("dynamodb", "table/u"), false),
            case("everything", &arn("sqs", "queue"), true),
        ],
        scoped: vec!["everything".to_owned()],
        state_machines: BTreeMap::from([
            (
                "good".to_owned(),
                json!({ "StartAt": "A", "States": { "A": task } }),
            ),
            (
                "bad".to_owned(),
                json!({ "StartAt": "B", "States": { "A": task } }),
            ),
        ]),
    };
    let wrong = judgement.wrong().unwrap();
    let parts = [
        "one table: dynamodb:GetItem on arn:aws:dynamodb:eu-west-1:123456789012:table/t with {} is allowed",
        "one table: dynamodb:GetItem on arn:aws:dynamodb:eu-west-1:123456789012:table/u with {} is denied",
        "everything: dynamodb:GetItem on arn:aws:dynamodb:eu-west-1:123456789012:table/u with {} is allowed",
        "cannot be simulated",
        "everything: dynamodb:GetItem is allowed on all resources, and could name them",
        "state machine bad: ",
    ];
    assert_eq!(wrong.len(), parts.len(), "{wrong:#?}");
    for (line, part) in wrong.iter().zip(parts) {
        assert!(line.contains(part), "{line}");
    }
}
