//! Host group: roles, log groups and functions.

use super::{Drift, GROUP, Ids, JOIN, SCALE, drift};
use aws::cloud::Clients;
use aws_sdk_lambda::types::{TracingConfig, TracingMode};

pub(super) fn drifts<'a>(aws: &'a Clients, ids: &'a Ids) -> Vec<Drift<'a>> {
    let (iam, lambda) = (&aws.iam, &aws.lambda);
    let role = ids.roles["join"].as_str();
    let configuration = || lambda.update_function_configuration().function_name(JOIN);
    let wide = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let anyone = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}"#;
    let logs = format!("/aws/lambda/{JOIN}");
    vec![
        drift(
            "IAM role",
            &["permissions_boundary"],
            &["iam PutRolePermissionsBoundary"],
            iam.delete_role_permissions_boundary().role_name(role).send(),
        ),
        drift(
            "IAM role",
            &["permissions.Statement"],
            &["iam PutRolePolicy"],
            iam.put_role_policy()
                .role_name(role)
                .policy_name("wekactl-wk-join-Backends")
                .policy_document(wide)
                .send(),
        ),
        drift(
            "IAM role",
            &["other_policies"],
            &["iam DeleteRolePolicy"],
            iam.put_role_policy()
                .role_name(role)
                .policy_name("mine")
                .policy_document(wide)
                .send(),
        ),
        drift(
            "IAM role",
            &["attached_policies"],
            &["iam DetachRolePolicy"],
            async move {
                let created = iam.create_policy().policy_name("mine").policy_document(wide);
                let created = created.send().await.map_err(|error| format!("{error:?}"))?;
                let arn = created
                    .policy()
                    .and_then(|policy| policy.arn())
                    .unwrap_or_default();
                let attach = iam.attach_role_policy().role_name(role).policy_arn(arn);
                attach.send().await.map_err(|error| format!("{error:?}"))
            },
        ),
        drift(
            "IAM role",
            &["trust.Statement"],
            &["iam UpdateAssumeRolePolicy"],
            iam.update_assume_role_policy()
                .role_name(role)
                .policy_document(anyone)
                .send(),
        ),
        drift(
            "IAM role",
            &["tags.team"],
            &["iam TagRole"],
            iam.untag_role().role_name(role).tag_keys("team").send(),
        ),
        drift(
            "log group",
            &["retention_days"],
            &["logs PutRetentionPolicy"],
            aws.logs
                .put_retention_policy()
                .log_group_name(&logs)
                .retention_in_days(1)
                .send(),
        ),
        drift(
            "log group",
            &[],
            &["logs CreateLogGroup", "logs PutRetentionPolicy"],
            aws.logs.delete_log_group().log_group_name(&logs).send(),
        ),
        drift(
            "Lambda function",
            &["description", "handler", "memory_mib", "timeout_seconds"],
            &["lambda UpdateFunctionConfiguration"],
            configuration()
                .memory_size(128)
                .timeout(3)
                .handler("main")
                .description("mine")
                .send(),
        ),
        drift(
            "Lambda function",
            &["tracing"],
            &["lambda UpdateFunctionConfiguration"],
            configuration()
                .tracing_config(TracingConfig::builder().mode(TracingMode::Active).build())
                .send(),
        ),
        drift(
            "Lambda function",
            &["runtime"],
            &["lambda UpdateFunctionConfiguration"],
            configuration().runtime("provided.al2".into()).send(),
        ),
        drift(
            "Lambda function",
            &[
                "environment.CLUSTER_NAME",
                "environment.LAMBDA",
                "environment.MINE",
                "launch_template",
            ],
            &["lambda UpdateFunctionConfiguration"],
            configuration()
                .environment(
                    aws_sdk_lambda::types::Environment::builder()
                        .variables("LAMBDA", "fetch")
                        .variables("MINE", "1")
                        .variables("REGION", "eu-west-1")
                        .variables("ASG_NAME", GROUP)
                        .variables("TABLE_NAME", "wekactl-wk")
                        .variables("ROLE", "backend")
                        .variables("USE_DYNAMODB_ENDPOINT", "false")
                        .variables("ACCOUNT_ID", "123456789012")
                        .variables("PRIVATE_API", "false")
                        .variables("LAUNCH_TEMPLATE_ID", "lt-0123456789abcdef0")
                        .build(),
                )
                .send(),
        ),
        drift(
            "Lambda function",
            &["role"],
            &["lambda UpdateFunctionConfiguration"],
            configuration()
                .role(format!(
                    "arn:aws:iam::123456789012:role/wekactl/wk/{}",
                    ids.roles["fetch"]
                ))
                .send(),
        ),
        drift(
            "Lambda function",
            &["kms_key"],
            &["lambda UpdateFunctionConfiguration"],
            configuration()
                .kms_key_arn("arn:aws:kms:eu-west-1:123456789012:key/another")
                .send(),
        ),
        drift(
            "Lambda function",
            &["vpc"],
            &["lambda UpdateFunctionConfiguration"],
            lambda
                .update_function_configuration()
                .function_name(SCALE)
                .vpc_config(
                    aws_sdk_lambda::types::VpcConfig::builder()
                        .set_subnet_ids(Some(Vec::new()))
                        .set_security_group_ids(Some(Vec::new()))
                        .build(),
                )
                .send(),
        ),
        drift(
            "Lambda function",
            &["code_sha256"],
            &["lambda UpdateFunctionCode"],
            lambda
                .update_function_code()
                .function_name(JOIN)
                .zip_file(aws_sdk_lambda::primitives::Blob::new(
                    b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
                ))
                .send(),
        ),
        drift(
            "Lambda function",
            &["tags.env"],
            &["lambda TagResource"],
            lambda
                .untag_resource()
                .resource(format!("arn:aws:lambda:eu-west-1:123456789012:function:{JOIN}"))
                .tag_keys("env")
                .send(),
        ),
        drift(
            "invoke permission",
            &[],
            &["lambda AddPermission"],
            lambda
                .remove_permission()
                .function_name(JOIN)
                .statement_id("join-api")
                .send(),
        ),
        drift(
            "invoke permission",
            &["others"],
            &["lambda RemovePermission"],
            lambda
                .add_permission()
                .function_name(JOIN)
                .statement_id("open")
                .action("lambda:InvokeFunction")
                .principal("apigateway.amazonaws.com")
                .send(),
        ),
    ]
}
