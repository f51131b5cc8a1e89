//! What a role may do: the policy that wekactl puts into it, and what else is in it.

use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::pages::all;
use aws_sdk_iam::Client;
use futures::future::try_join_all;
use serde_json::Value as Json;

/// The policies of a role.
#[derive(Debug)]
pub(super) struct Policies {
    /// The document of our inline policy, as IAM gives it; empty if there is none.
    pub(super) ours: String,
    /// The names of the other inline policies.
    pub(super) others: Vec<String>,
    /// The ARNs of the managed policies attached.
    pub(super) attached: Vec<String>,
}

impl Policies {
    /// Looks at a role whose policy of ours has this name.
    pub(super) async fn find(iam: &Client, role: &str, ours: &str) -> Result<Self> {
        let names = iam.list_role_policies().role_name(role).into_paginator();
        let attached = iam.list_attached_role_policies().role_name(role).into_paginator();
        let (policy, names, attached) = tokio::join!(
            iam.get_role_policy().role_name(role).policy_name(ours).send(),
            all(names.items().send(), "iam ListRolePolicies"),
            all(attached.items().send(), "iam ListAttachedRolePolicies"),
        );
        let policy = ignore_not_found(policy.context("iam GetRolePolicy"))?;
        let mut others = names?;
        others.retain(|name| name != ours);
        Ok(Self {
            ours: policy.map(|answer| answer.policy_document).unwrap_or_default(),
            others,
            attached: attached?
                .into_iter()
                .filter_map(|policy| policy.policy_arn)
                .collect(),
        })
    }
}

/// Takes out what the role is not to have beside our policy, which is in it by now.
pub(super) async fn remove_others(iam: &Client, role: &str, standing: &Json) -> Result<()> {
    let inline = listed(standing, "other_policies").map(|name| async move {
        let ask = iam.delete_role_policy().role_name(role).policy_name(name);
        ignore_not_found(ask.send().await.context("iam DeleteRolePolicy")).map(drop)
    });
    let attached = listed(standing, "attached_policies").map(|arn| async move {
        let ask = iam.detach_role_policy().role_name(role).policy_arn(arn);
        ignore_not_found(ask.send().await.context("iam DetachRolePolicy")).map(drop)
    });
    tokio::try_join!(try_join_all(inline), try_join_all(attached)).map(drop)
}

fn listed<'s>(standing: &'s Json, field: &str) -> impl Iterator<Item = &'s str> {
    standing[field]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}
