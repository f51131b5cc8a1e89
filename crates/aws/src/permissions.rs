//! The permissions that the caller needs, and which of them are missing.

use crate::error::{Error, Result};
use crate::pages::all;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType as Decision,
};
use deployment::{Account, FunctionType, HostGroup, Names, RoleUse};
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The policy that `cluster import` and `cluster update` need. `docs/permissions.md` has it too.
pub const IMPORT: &str = include_str!("permissions/import.json");

/// What `cluster import` needs in addition to [`IMPORT`] to check the key of encrypted volumes. Without it, import warns.
pub const ENCRYPTION: &str = include_str!("permissions/encryption.json");

/// What `cluster list` needs in addition to [`IMPORT`]: listing all stacks names none.
pub const LIST: &str = include_str!("permissions/list.json");

/// What `cluster change-credentials` needs in addition to [`IMPORT`].
pub const CHANGE_CREDENTIALS: &str = include_str!("permissions/change-credentials.json");

/// What `cluster destroy` needs in addition to [`IMPORT`]. It is not checked up front: import must not fail because of an action that only
/// destroy needs, and a destroy that lacks one deletes the rest, names the action, and resumes when it is run again.
pub const DESTROY: &str = include_str!("permissions/destroy.json");

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: Vec<String>,
    resource: Vec<String>,
    condition: Option<Value>,
}

/// Only a cluster with `--permissions-boundary` needs it, to revert drift: it is not checked up front.
const BOUNDARY: &str = "iam:PutRolePermissionsBoundary";

/// An action that the caller lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedAction {
    pub action: String,
    /// Whether no policy allows the action. Otherwise the result is a hint: a statement or the permissions boundary denies the action,
    /// and may have conditions.
    pub is_certain: bool,
    /// Whether this was checked with the made-up id of a resource that import creates. A policy that names the ids of existing
    /// resources denies it wrongly: it counts only if nothing of the cluster exists.
    pub is_for_new_resource: bool,
}

/// The resources with which a statement of [`IMPORT`] is checked.
#[derive(Debug, Clone, Default)]
struct Probes {
    arns: Vec<String>,
    is_for_new_resource: bool,
}

/// The actions that IAM's policy simulator denies for the caller. An action is checked only if its resources are known or do not exist
/// yet: the caller's policy may allow it on the imported instances and no others.
///
/// Empty if the simulator gives no result: the account's root is allowed everything, and a caller without permission to simulate
/// policies learns of a missing permission when AWS rejects a request.
pub async fn denied(iam: &Client, caller: &str, account: &Account, names: &Names) -> Vec<DeniedAction> {
    let Some(principal) = principal(caller) else {
        return Vec::new();
    };
    match simulate(iam, &principal, account, names).await {
        Ok(denied) => denied,
        Err(error) => {
            tracing::info!(target: "wekactl::permissions", %error, "permissions could not be checked up front");
            Vec::new()
        }
    }
}

async fn simulate(
    iam: &Client,
    principal: &str,
    account: &Account,
    names: &Names,
) -> Result<Vec<DeniedAction>> {
    const OPERATION: &str = "iam SimulatePrincipalPolicy";
    let document: Document =
        serde_json::from_str(IMPORT).map_err(|error| Error::bug(OPERATION, error.to_string()))?;
    // A condition needs context that only the request has.
    let statements = document
        .statement
        .into_iter()
        .filter(|statement| statement.condition.is_none());
    let checks = statements.filter_map(|statement| {
        let probes = probes(&statement.resource, account, names)?;
        let actions = statement.action.into_iter().filter(|action| action != BOUNDARY);
        let (global, regional): (Vec<_>, Vec<_>) = actions.partition(|action| is_global(action));
        let each = [
            (global, global_region(&account.partition)),
            (regional, Some(account.region.as_str())),
        ];
        Some(each.map(|(actions, region)| (actions, region, probes.clone())))
    });
    let checks = checks.flatten().filter(|(actions, ..)| !actions.is_empty());
    let checks = checks.map(|(actions, region, probes)| async move {
        let context = region.map(|region| {
            vec![
                ContextEntry::builder()
                    .context_key_name("aws:RequestedRegion")
                    .context_key_type(ContextKeyTypeEnum::String)
                    .context_key_values(region)
                    .build(),
            ]
        });
        let request = iam
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(Some(actions))
            .set_resource_arns(Some(probes.arns))
            .set_context_entries(context);
        let results = all(request.into_paginator().items().send(), OPERATION).await?;
        // An action may apply to only one of the resources of its statement.
        let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
        for result in &results {
            let action = result.eval_action_name().to_owned();
            let best = outcomes.entry(action).or_insert(Outcome::Denied);
            *best = outcome(result).min(*best);
        }
        let denied = outcomes
            .into_iter()
            .filter(|(_, outcome)| *outcome != Outcome::Allowed);
        let denied = denied.map(|(action, outcome)| DeniedAction {
            action,
            is_certain: outcome == Outcome::Denied,
            is_for_new_resource: probes.is_for_new_resource,
        });
        Ok::<_, Error>(denied.collect::<Vec<_>>())
    });
    Ok(try_join_all(checks).await?.into_iter().flatten().collect())
}

/// Whether all requests for an action go to one region of the partition.
fn is_global(action: &str) -> bool {
    ["iam:", "route53:"]
        .iter()
        .any(|service| action.starts_with(service))
}

/// The value of `aws:RequestedRegion` for the global services of a partition, if it is known
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requestedregion>).
fn global_region(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" => Some("us-east-1"),
        "aws-us-gov" => Some("us-gov-west-1"),
        _ => None,
    }
}

/// What a simulation shows. The simulator must never refuse a caller that is allowed, and it does not know everything that IAM knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The caller is allowed, or nothing is known: a condition needs keys that only the request has, or a policy of the organization
    /// denies the action, which the simulator evaluates without the request's context
    /// (<https://github.com/aws/aws-cli/issues/10525>).
    Allowed,
    /// A statement or the permissions boundary denies the action. It may have conditions.
    Doubtful,
    /// No statement allows the action, whatever the request.
    Denied,
}

/// The outcome for the resource of a result that is the best for the caller.
fn outcome(result: &EvaluationResult) -> Outcome {
    let organization = result.organizations_decision_detail();
    if organization.is_some_and(|detail| !detail.allowed_by_organizations()) {
        return Outcome::Allowed;
    }
    let boundary = result.permissions_boundary_decision_detail();
    let is_bounded = boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary());
    let of = |decision: &Decision, missing: &[String]| match decision {
        Decision::Allowed => Outcome::Allowed,
        _ if !missing.is_empty() => Outcome::Allowed,
        Decision::ImplicitDeny if !is_bounded => Outcome::Denied,
        _ => Outcome::Doubtful,
    };
    let resources = result.resource_specific_results().iter();
    resources
        .map(|result| of(result.eval_resource_decision(), result.missing_context_values()))
        .chain([of(result.eval_decision(), result.missing_context_values())])
        .min()
        .unwrap_or(Outcome::Allowed)
}

/// ARNs that match the patterns of a statement; `None` if one of them matches resources that exist already and are not known.
fn probes(patterns: &[String], account: &Account, names: &Names) -> Option<Probes> {
    let mut probes = Probes::default();
    for pattern in patterns {
        let (service, resource) = match pattern.split(':').collect::<Vec<_>>()[..] {
            [_, _, service, _, _, ref resource @ ..] => (service, resource.join(":")),
            _ => ("", pattern.clone()),
        };
        let group = HostGroup::Backends;
        let functions = || FunctionType::ALL.into_iter();
        let created = |id: &str| resource.replace('*', id);
        let (is_new, resources) = match (service, resource.as_str()) {
            ("", "*") => {
                probes.arns.push(pattern.clone());
                continue;
            }
            ("dynamodb", "table/wekactl-*") => (false, vec![format!("table/{}", names.base())]),
            ("events", "rule/wekactl-*") => (false, vec![format!("rule/{}", names.rule(group))]),
            ("states", "stateMachine:wekactl-*") => (
                false,
                vec![format!("stateMachine:{}", names.state_machine(group))],
            ),
            ("lambda", "function:wekactl-*") => {
                let functions =
                    functions().map(|function| format!("function:{}", names.function(group, function)));
                (false, functions.collect())
            }
            ("logs", "log-group:/aws/lambda/wekactl-*") => {
                let groups = functions().map(|function| names.function_log_group(group, function));
                (false, groups.map(|name| format!("log-group:{name}")).collect())
            }
            ("logs", "log-group:/aws/vendedlogs/states/wekactl-*") => (
                false,
                vec![format!("log-group:{}", names.state_machine_log_group(group))],
            ),
            ("iam", "role/wekactl/*") => {
                let name = names.role(group, RoleUse::Rule, uuid::Uuid::nil());
                let arn = format!(
                    "arn:{}:iam::{}:role{}{name}",
                    account.partition,
                    account.id,
                    names.role_path()
                );
                probes.is_for_new_resource = true;
                probes.arns.push(arn);
                continue;
            }
            ("apigateway", path) => {
                let path = path.replace('*', "0123456789");
                probes.is_for_new_resource = true;
                probes.arns.push(format!(
                    "arn:{}:apigateway:{}::{path}",
                    account.partition, account.region
                ));
                continue;
            }
            ("autoscaling", _) => {
                let id = uuid::Uuid::nil();
                let name = names.of(group);
                (
                    true,
                    vec![format!("autoScalingGroup:{id}:autoScalingGroupName/{name}")],
                )
            }
            ("elasticloadbalancing", "targetgroup/wekactl-*") => (
                true,
                vec![format!("targetgroup/{}/0123456789abcdef", names.target_group())],
            ),
            ("elasticloadbalancing", "loadbalancer/app/wekactl-*" | "listener/app/wekactl-*") => {
                let name = format!("{}/0123456789abcdef", names.load_balancer());
                (true, vec![resource.replace("wekactl-*", &name)])
            }
            ("kms", "alias/wekactl-*") => (true, vec![names.key_alias()]),
            ("kms", "key/*") => (true, vec![created(&uuid::Uuid::nil().to_string())]),
            ("ec2", "launch-template/*") => (true, vec![created("lt-0123456789abcdef0")]),
            _ => return None,
        };
        probes.is_for_new_resource |= is_new;
        probes
            .arns
            .extend(resources.iter().map(|resource| account.arn(service, resource)));
    }
    Some(probes)
}

/// The principal whose policies apply; for an assumed role, the role. `None` for the account's root, which no policy restricts, and
/// for principals that IAM cannot simulate (a federated user).
fn principal(caller: &str) -> Option<String> {
    let (head, name) = caller.split_once('/')?;
    let mut parts: Vec<_> = head.split(':').collect();
    match parts.pop()? {
        "user" => Some(caller.replacen(":sts:", ":iam:", 1)),
        "assumed-role" => {
            let (role, _session) = name.split_once('/')?;
            let (partition, account) = (parts.get(1)?, parts.get(4)?);
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
