//! The policies of a role: the inline policy of wekactl, and others.

use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::pages::all;
use aws_sdk_iam::Client;
use deployment::resource::Role;
use futures::future::try_join_all;

#[derive(Debug)]
pub(super) struct Policies {
    /// The document of our inline policy as IAM returns it; empty if it does not exist.
    pub(super) ours: String,
    /// Names of other inline policies.
    pub(super) others: Vec<String>,
    /// ARNs of attached managed policies.
    pub(super) attached: Vec<String>,
}

impl Policies {
    /// Reads the policies of a role. `ours` is the name of our policy.
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
            ours: policy
                .map(|response| response.policy_document)
                .unwrap_or_default(),
            others,
            attached: attached?
                .into_iter()
                .filter_map(|policy| policy.policy_arn)
                .collect(),
        })
    }
}

/// Removes all other policies. Our policy has been set already.
pub(super) async fn remove_others(iam: &Client, role: &str, current: &Role) -> Result<()> {
    let inline = current.other_policies.iter().map(|name| async move {
        let request = iam.delete_role_policy().role_name(role).policy_name(name);
        ignore_not_found(request.send().await.context("iam DeleteRolePolicy")).map(drop)
    });
    let attached = current.attached_policies.iter().map(|arn| async move {
        let request = iam.detach_role_policy().role_name(role).policy_arn(arn);
        ignore_not_found(request.send().await.context("iam DetachRolePolicy")).map(drop)
    });
    tokio::try_join!(try_join_all(inline), try_join_all(attached)).map(drop)
}
