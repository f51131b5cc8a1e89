//! A role can be deleted only when it has no policies.

use crate::error::{Context, Result};
use crate::error_codes::{ignore_not_found, is_delete_conflict};
use crate::pages::all;
use aws_sdk_iam::Client;
use futures::future::try_join_all;

/// Deletes a role with our policy, and with all other policies if it has some.
pub(super) async fn delete(iam: &Client, role: &str, policy: &str) -> Result<()> {
    delete_policy(iam, role, policy).await?;
    match delete_role(iam, role).await {
        Err(error) if is_delete_conflict(&error) => {
            remove_policies(iam, role).await?;
            delete_role(iam, role).await
        }
        done => done,
    }
}

async fn delete_role(iam: &Client, role: &str) -> Result<()> {
    let response = iam.delete_role().role_name(role).send().await;
    ignore_not_found(response.context("iam DeleteRole")).map(drop)
}

async fn delete_policy(iam: &Client, role: &str, policy: &str) -> Result<()> {
    let request = iam.delete_role_policy().role_name(role).policy_name(policy);
    ignore_not_found(request.send().await.context("iam DeleteRolePolicy")).map(drop)
}

/// Removes all policies, inline and attached.
async fn remove_policies(iam: &Client, role: &str) -> Result<()> {
    let inline = iam.list_role_policies().role_name(role).into_paginator();
    let attached = iam.list_attached_role_policies().role_name(role).into_paginator();
    let (inline, attached) = tokio::join!(
        all(inline.items().send(), "iam ListRolePolicies"),
        all(attached.items().send(), "iam ListAttachedRolePolicies"),
    );
    let inline = ignore_not_found(inline)?.unwrap_or_default();
    let attached = ignore_not_found(attached)?.unwrap_or_default();
    try_join_all(inline.iter().map(|policy| delete_policy(iam, role, policy))).await?;
    let detach = attached
        .iter()
        .filter_map(|policy| policy.policy_arn())
        .map(|arn| async move {
            let request = iam.detach_role_policy().role_name(role).policy_arn(arn);
            ignore_not_found(request.send().await.context("iam DetachRolePolicy")).map(drop)
        });
    try_join_all(detach).await.map(drop)
}
