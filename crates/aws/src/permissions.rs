//! The permissions that the caller needs, and which of them are missing.

use crate::error::Result;
use crate::pages::all;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;

/// The maximum number of actions of one simulation.
const MAX_ACTIONS: usize = 100;

/// Every IAM action that `cluster import` may need. `docs/permissions.md` has them as a policy.
pub const ACTIONS: &[&str] = &[
    "apigateway:DELETE",
    "apigateway:GET",
    "apigateway:PATCH",
    "apigateway:POST",
    "apigateway:PUT",
    "apigateway:UpdateRestApiPolicy",
    "autoscaling:AttachInstances",
    "autoscaling:AttachLoadBalancerTargetGroups",
    "autoscaling:AttachLoadBalancers",
    "autoscaling:CreateAutoScalingGroup",
    "autoscaling:CreateOrUpdateTags",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:SetInstanceProtection",
    "autoscaling:SuspendProcesses",
    "autoscaling:UpdateAutoScalingGroup",
    "cloudformation:DescribeStacks",
    "cloudformation:ListStackResources",
    "dynamodb:CreateTable",
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:ListTagsOfResource",
    "dynamodb:PutItem",
    "dynamodb:TagResource",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:UpdateTable",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:CreateTags",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyLaunchTemplate",
    "ec2:RunInstances",
    "elasticloadbalancing:AddTags",
    "elasticloadbalancing:ConfigureHealthCheck",
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:SetSecurityGroups",
    "elasticloadbalancing:SetSubnets",
    "events:DescribeRule",
    "events:ListTagsForResource",
    "events:ListTargetsByRule",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:TagResource",
    "iam:CreateRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:ListRoles",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UpdateAssumeRolePolicy",
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:CreateKey",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GetKeyRotationStatus",
    "kms:ListResourceTags",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "lambda:AddPermission",
    "lambda:CreateFunction",
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:GetPolicy",
    "lambda:ListTags",
    "lambda:RemovePermission",
    "lambda:TagResource",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "logs:CreateLogDelivery",
    "logs:CreateLogGroup",
    "logs:DescribeLogGroups",
    "logs:ListTagsForResource",
    "logs:PutRetentionPolicy",
    "logs:TagResource",
    "route53:ChangeResourceRecordSets",
    "route53:GetHostedZone",
    "route53:ListResourceRecordSets",
    "states:CreateStateMachine",
    "states:DescribeStateMachine",
    "states:ListTagsForResource",
    "states:TagResource",
    "states:UpdateStateMachine",
    "sts:GetCallerIdentity",
    "tag:GetResources",
];

/// Every IAM action that `cluster destroy` needs in addition to [`ACTIONS`]. They are not checked up front: import must not fail
/// because of an action that only destroy needs, and a destroy that lacks one deletes the rest, names the action, and resumes when
/// it is run again.
pub const ACTIONS_OF_DESTROY: &[&str] = &[
    "autoscaling:DeleteAutoScalingGroup",
    "autoscaling:DetachInstances",
    "dynamodb:DeleteTable",
    "ec2:DeleteLaunchTemplate",
    "ec2:DeleteTags",
    "ec2:TerminateInstances",
    "elasticloadbalancing:DeleteListener",
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
    "events:DeleteRule",
    "iam:DeleteRole",
    "kms:DeleteAlias",
    "lambda:DeleteFunction",
    "logs:DeleteLogGroup",
    "states:DeleteStateMachine",
    "states:ListExecutions",
    "states:StopExecution",
];

/// The IAM action that `cluster change-credentials` needs in addition to those of [`ACTIONS`] that read the settings.
pub const ACTIONS_OF_CHANGE_CREDENTIALS: &[&str] = &["dynamodb:UpdateItem"];

/// The actions that IAM's policy simulator denies for the caller.
///
/// Empty if the simulator gives no result: the account's root is allowed everything, and a caller without permission to simulate
/// policies learns of a missing permission when AWS rejects a request.
pub async fn denied(iam: &Client, caller: &str) -> Vec<String> {
    let Some(principal) = principal(caller) else {
        return Vec::new();
    };
    match simulate(iam, &principal).await {
        Ok(denied) => denied,
        Err(error) => {
            tracing::info!(target: "wekactl::permissions", %error, "permissions could not be checked up front");
            Vec::new()
        }
    }
}

async fn simulate(iam: &Client, principal: &str) -> Result<Vec<String>> {
    let batches = ACTIONS.chunks(MAX_ACTIONS).map(|actions| async {
        let names = Some(actions.iter().map(|&action| action.to_owned()).collect());
        let request = iam
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(names);
        let pages = request.into_paginator().items().send();
        all(pages, "iam SimulatePrincipalPolicy").await
    });
    let results = futures::future::try_join_all(batches)
        .await?
        .into_iter()
        .flatten();
    // The simulation names no resource, so it implicitly denies an action that is allowed for some resources only. Such an action
    // has matched statements and is not reported.
    let denied = results.filter(|result| {
        let decision = result.eval_decision();
        *decision == PolicyEvaluationDecisionType::ExplicitDeny
            || (*decision == PolicyEvaluationDecisionType::ImplicitDeny
                && result.matched_statements().is_empty())
    });
    Ok(denied
        .map(|result| result.eval_action_name().to_owned())
        .collect())
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
