//! Cluster: key, table, load balancer.

use super::{Drift, Ids, drift};
use aws::cloud::Clients;
use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancingv2::types::{Action, FixedResponseActionConfig};
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};

pub(super) fn drifts<'a>(aws: &'a Clients, ids: &'a Ids) -> Vec<Drift<'a>> {
    let kms = &aws.kms;
    let table = || aws.dynamodb.update_continuous_backups().table_name("wekactl-wk");
    let off = aws_sdk_dynamodb::types::PointInTimeRecoverySpecification::builder()
        .point_in_time_recovery_enabled(false)
        .build()
        .unwrap();
    let tag = |key: &str, value: &str| {
        let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder();
        tag.key(key).value(value).build()
    };
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let record = |action: ChangeAction, target: &str, zone: &str| {
        let target = AliasTarget::builder().dns_name(target).hosted_zone_id(zone);
        let target = target.evaluate_target_health(false).build().unwrap();
        let set = ResourceRecordSet::builder()
            .name("weka.example.com")
            .r#type(RrType::A);
        let set = set.alias_target(target).build().unwrap();
        let change = Change::builder()
            .action(action)
            .resource_record_set(set)
            .build()
            .unwrap();
        let request = aws
            .route53
            .change_resource_record_sets()
            .hosted_zone_id(&ids.zone);
        request.change_batch(ChangeBatch::builder().changes(change).build().unwrap())
    };
    vec![
        drift(
            "KMS key",
            &["rotation"],
            &["kms EnableKeyRotation"],
            kms.disable_key_rotation().key_id(&ids.key).send(),
        ),
        drift(
            "KMS key",
            &["state"],
            &["kms EnableKey"],
            kms.disable_key().key_id(&ids.key).send(),
        ),
        drift(
            "KMS key",
            &["state"],
            &["kms CancelKeyDeletion", "kms EnableKey"],
            kms.schedule_key_deletion()
                .key_id(&ids.key)
                .pending_window_in_days(7)
                .send(),
        ),
        drift(
            "KMS key",
            &["tags.team"],
            &["kms TagResource"],
            kms.untag_resource().key_id(&ids.key).tag_keys("team").send(),
        ),
        drift(
            "DynamoDB table",
            &["point_in_time_recovery"],
            &["dynamodb UpdateContinuousBackups"],
            table().point_in_time_recovery_specification(off).send(),
        ),
        drift(
            "DynamoDB table",
            &["tags.env", "tags.wekactl.io/managed"],
            &["dynamodb TagResource"],
            aws.dynamodb
                .untag_resource()
                .resource_arn(&ids.table)
                .tag_keys("env")
                .tag_keys("wekactl.io/managed")
                .send(),
        ),
        drift(
            "settings item",
            &["BuildVersion.S"],
            &["dynamodb PutItem"],
            aws.dynamodb
                .update_item()
                .table_name("wekactl-wk")
                .key(
                    "Key",
                    aws_sdk_dynamodb::types::AttributeValue::S("cluster-settings".into()),
                )
                .update_expression("SET BuildVersion = :v")
                .expression_attribute_values(":v", aws_sdk_dynamodb::types::AttributeValue::S("0.9".into()))
                .send(),
        ),
        drift(
            "load balancer",
            &["subnets"],
            &["elasticloadbalancing SetSubnets"],
            async move {
                let request = aws.ec2.create_subnet().vpc_id(&ids.vpc);
                let request = request
                    .cidr_block("127.10.200.0/24")
                    .availability_zone("eu-west-1c");
                let created = request.send().await.map_err(|error| format!("{error:?}"))?;
                let subnet = created.subnet().and_then(|subnet| subnet.subnet_id()).unwrap();
                let request = aws.elbv2.set_subnets().load_balancer_arn(&ids.load_balancer);
                let request = request.subnets(&ids.subnet).subnets(subnet).send();
                request.await.map_err(|error| format!("{error:?}"))
            },
        ),
        drift(
            "load balancer",
            &["security_groups"],
            &["elasticloadbalancing SetSecurityGroups"],
            async move {
                let group = aws
                    .ec2
                    .describe_security_groups()
                    .filters(filter("vpc-id", &ids.vpc))
                    .filters(filter("group-name", "default"))
                    .send()
                    .await
                    .map_err(|error| format!("{error:?}"))?;
                let request = aws
                    .elbv2
                    .set_security_groups()
                    .load_balancer_arn(&ids.load_balancer);
                let request = request.security_groups(group.security_groups()[0].group_id().unwrap());
                request.send().await.map_err(|error| format!("{error:?}"))
            },
        ),
        drift(
            "load balancer",
            &["tags.team"],
            &["elasticloadbalancing AddTags"],
            aws.elbv2
                .add_tags()
                .resource_arns(&ids.load_balancer)
                .tags(tag("team", "networks"))
                .send(),
        ),
        drift(
            "target group",
            &["health_check_path"],
            &["elasticloadbalancing ModifyTargetGroup"],
            aws.elbv2
                .modify_target_group()
                .target_group_arn(&ids.target_group)
                .health_check_path("/")
                .send(),
        ),
        drift(
            "listener",
            &["forward_to"],
            &["elasticloadbalancing ModifyListener"],
            aws.elbv2
                .modify_listener()
                .listener_arn(&ids.listener)
                .default_actions(
                    Action::builder()
                        .r#type("fixed-response".into())
                        .fixed_response_config(
                            FixedResponseActionConfig::builder().status_code("503").build(),
                        )
                        .build(),
                )
                .send(),
        ),
        drift(
            "listener",
            &[],
            &["elasticloadbalancing CreateListener"],
            aws.elbv2.delete_listener().listener_arn(&ids.listener).send(),
        ),
        drift(
            "alias record",
            &["target", "target_zone_id"],
            &["route53 ChangeResourceRecordSets"],
            record(ChangeAction::Upsert, "other.example.com", "Z2").send(),
        ),
        drift(
            "alias record",
            &[],
            &["route53 ChangeResourceRecordSets"],
            record(
                ChangeAction::Delete,
                &ids.load_balancer_name,
                &ids.load_balancer_zone,
            )
            .send(),
        ),
        drift(
            "classic load balancer health check",
            &["interval_seconds", "target"],
            &["elasticloadbalancing ConfigureHealthCheck"],
            aws.elb
                .configure_health_check()
                .load_balancer_name("wk-elb")
                .health_check(
                    aws_sdk_elasticloadbalancing::types::HealthCheck::builder()
                        .target("TCP:14000")
                        .interval(10)
                        .timeout(5)
                        .healthy_threshold(3)
                        .unhealthy_threshold(5)
                        .build()
                        .unwrap(),
                )
                .send(),
        ),
    ]
}
