//! Host group: launch template, state machine, rule, Auto Scaling group and an instance.

use super::{Drift, GROUP, Ids, drift};
use aws::cloud::Clients;
use aws_sdk_ec2::types::{RequestLaunchTemplateData, Tag};

pub(super) fn drifts<'a>(aws: &'a Clients, ids: &'a Ids) -> Vec<Drift<'a>> {
    let (autoscaling, events) = (&aws.autoscaling, &aws.events);
    let group = || {
        autoscaling
            .update_auto_scaling_group()
            .auto_scaling_group_name(GROUP)
    };
    let tags = |key: &str| {
        aws_sdk_autoscaling::types::Tag::builder()
            .resource_id(GROUP)
            .resource_type("auto-scaling-group")
            .key(key)
            .build()
    };
    let target = |id: &str, arn: &str| {
        let role = format!("arn:aws:iam::123456789012:role/wekactl/wk/{}", ids.roles["sm"]);
        let target = aws_sdk_eventbridge::types::Target::builder().id(id).arn(arn);
        events
            .put_targets()
            .rule(GROUP)
            .targets(target.role_arn(role).build().unwrap())
    };
    let other = "arn:aws:states:eu-west-1:123456789012:stateMachine:mine";
    vec![
        drift(
            "launch template",
            &[
                "http_hop_limit",
                "http_tokens",
                "image_id",
                "instance_profile",
                "instance_tags.env",
                "instance_tags.team",
                "instance_tags.wekactl.io/api_version",
                "instance_tags.wekactl.io/cluster_name",
                "instance_tags.wekactl.io/hostgroup_name",
                "instance_tags.wekactl.io/hostgroup_type",
                "instance_tags.wekactl.io/managed",
                "instance_tags.wekactl.io/version",
                "instance_type",
                "is_default",
                "public_address",
                "security_groups",
                "subnet",
                "tagged",
                "termination_protection",
                "user_data",
                "volumes",
            ],
            &["ec2 CreateLaunchTemplateVersion", "ec2 ModifyLaunchTemplate"],
            aws.ec2
                .create_launch_template_version()
                .launch_template_name(GROUP)
                .launch_template_data(
                    RequestLaunchTemplateData::builder()
                        .image_id("ami-mine")
                        .instance_type("t3.micro".into())
                        .build(),
                )
                .send(),
        ),
        drift(
            "launch template",
            &["is_default"],
            &["ec2 ModifyLaunchTemplate"],
            aws.ec2
                .modify_launch_template()
                .launch_template_name(GROUP)
                .default_version("1")
                .send(),
        ),
        drift(
            "launch template",
            &["tags.team"],
            &["ec2 CreateTags"],
            aws.ec2
                .delete_tags()
                .resources(&ids.template)
                .tags(Tag::builder().key("team").build())
                .send(),
        ),
        drift(
            "state machine",
            &[
                "definition.Comment",
                "definition.StartAt",
                "definition.States.Done",
                "definition.States.ErrorCheck",
                "definition.States.HostGroupInfo",
                "definition.States.Scale",
                "definition.States.Success",
                "definition.States.Terminate",
                "definition.States.Transient",
            ],
            &["states UpdateStateMachine"],
            aws.sfn
                .update_state_machine()
                .state_machine_arn(&ids.machine)
                .definition(r#"{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}"#)
                .send(),
        ),
        drift(
            "state machine",
            &["log_group", "log_level"],
            &["states UpdateStateMachine"],
            aws.sfn
                .update_state_machine()
                .state_machine_arn(&ids.machine)
                .logging_configuration(
                    aws_sdk_sfn::types::LoggingConfiguration::builder()
                        .level("OFF".into())
                        .build(),
                )
                .send(),
        ),
        drift(
            "state machine",
            &["role"],
            &["states UpdateStateMachine"],
            aws.sfn
                .update_state_machine()
                .state_machine_arn(&ids.machine)
                .role_arn(format!(
                    "arn:aws:iam::123456789012:role/wekactl/wk/{}",
                    ids.roles["cw"]
                ))
                .send(),
        ),
        drift(
            "state machine",
            &["tags.team"],
            &["states TagResource"],
            aws.sfn
                .untag_resource()
                .resource_arn(&ids.machine)
                .tag_keys("team")
                .send(),
        ),
        drift(
            "EventBridge rule",
            &["state"],
            &["events PutRule"],
            events.disable_rule().name(GROUP).send(),
        ),
        drift(
            "EventBridge rule",
            &["schedule"],
            &["events PutRule"],
            events
                .put_rule()
                .name(GROUP)
                .schedule_expression("rate(1 hour)")
                .state("ENABLED".into())
                .send(),
        ),
        drift(
            "EventBridge rule",
            &["other_targets"],
            &["events RemoveTargets"],
            target("mine", other).send(),
        ),
        drift(
            "EventBridge rule",
            &["role", "target_arn"],
            &["events PutTargets"],
            target("state-machine", other).send(),
        ),
        drift(
            "EventBridge rule",
            &["tags.env"],
            &["events TagResource"],
            events
                .untag_resource()
                .resource_arn(&ids.rule)
                .tag_keys("env")
                .send(),
        ),
        drift(
            "Auto Scaling group",
            &["max_size", "min_size", "protected_from_scale_in"],
            &["autoscaling UpdateAutoScalingGroup"],
            group()
                .max_size(7)
                .min_size(1)
                .new_instances_protected_from_scale_in(false)
                .send(),
        ),
        drift(
            "Auto Scaling group",
            &["launch_template_version"],
            &["autoscaling UpdateAutoScalingGroup"],
            group()
                .launch_template(
                    aws_sdk_autoscaling::types::LaunchTemplateSpecification::builder()
                        .launch_template_name(GROUP)
                        .version("1")
                        .build(),
                )
                .send(),
        ),
        drift(
            "Auto Scaling group",
            &["suspended"],
            &["autoscaling SuspendProcesses"],
            autoscaling
                .resume_processes()
                .auto_scaling_group_name(GROUP)
                .scaling_processes("ReplaceUnhealthy")
                .send(),
        ),
        drift(
            "Auto Scaling group",
            &["target_groups"],
            &["autoscaling AttachLoadBalancerTargetGroups"],
            autoscaling
                .detach_load_balancer_target_groups()
                .auto_scaling_group_name(GROUP)
                .target_group_arns(&ids.target_group)
                .send(),
        ),
        drift(
            "Auto Scaling group",
            &["classic_load_balancers"],
            &["autoscaling AttachLoadBalancers"],
            autoscaling
                .detach_load_balancers()
                .auto_scaling_group_name(GROUP)
                .load_balancer_names("wk-elb")
                .send(),
        ),
        drift(
            "Auto Scaling group",
            &["tags.Name", "tags.env"],
            &["autoscaling CreateOrUpdateTags"],
            autoscaling
                .delete_tags()
                .tags(tags("Name"))
                .tags(tags("env"))
                .send(),
        ),
        drift(
            "imported instances",
            &["tagged"],
            &["ec2 CreateTags"],
            aws.ec2
                .delete_tags()
                .resources(&ids.instance)
                .tags(Tag::builder().key("wekactl.io/hostgroup_type").build())
                .send(),
        ),
    ]
}
