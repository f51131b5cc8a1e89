//! What the caller must be allowed to do, and what of it he is not.

use crate::error::Result;
use crate::pages::all;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;

/// How many actions one simulation takes.
const AT_ONCE: usize = 100;

/// Every action that `cluster import` may need, as IAM names them; `docs/permissions.md` has them as a policy.
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
];

/// Every action that `cluster destroy` needs beside [`ACTIONS`]. Not asked for beforehand: an import must not be refused for what
/// only a destroy needs, and a destroy that lacks one removes the rest, names it, and goes on when it is run again.
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

/// The action that `cluster change-credentials` needs beside what of [`ACTIONS`] reads the settings.
pub const ACTIONS_OF_CHANGE_CREDENTIALS: &[&str] = &["dynamodb:UpdateItem"];

/// The actions that the caller may not do, as far as IAM tells: it is asked to judge the caller's policies.
///
/// Empty where IAM cannot tell: the account's root is allowed everything, and whoever may not ask for a judgement learns
/// of a missing permission by the request that is refused.
pub async fn denied(iam: &Client, caller: &str) -> Vec<String> {
    let Some(principal) = principal(caller) else {
        return Vec::new();
    };
    match judged(iam, &principal).await {
        Ok(denied) => denied,
        Err(error) => {
            tracing::info!(target: "wekactl::permissions", %error, "permissions could not be checked beforehand");
            Vec::new()
        }
    }
}

async fn judged(iam: &Client, principal: &str) -> Result<Vec<String>> {
    let batches = ACTIONS.chunks(AT_ONCE).map(|actions| async {
        let names = Some(actions.iter().map(|&action| action.to_owned()).collect());
        let ask = iam
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(names);
        let pages = ask.into_paginator().items().send();
        all(pages, "iam SimulatePrincipalPolicy").await
    });
    let results = futures::future::try_join_all(batches)
        .await?
        .into_iter()
        .flatten();
    // Nothing is said of a resource: an action that is allowed for some only is judged as one that is not. What is denied
    // outright is what no policy of the caller's allows.
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

/// Whose policies count: of an assumed role, the role's. `None` for the root, whom no policy binds, and for what IAM does not
/// judge (a federated user).
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
