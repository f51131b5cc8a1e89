use super::*;
use deployment::{FunctionType, HostGroup, RoleUse};
use serde_json::json;

const GROUP: HostGroup = HostGroup::Backends;

/// The resources of a host group.
pub(super) fn of_group() -> Vec<Case> {
    let mut cases = functions();
    cases.extend([
        role(),
        rest_api(),
        launch_template(),
        state_machine(),
        Case {
            id: ResourceId::Rule(GROUP),
            name: "wekactl-wk-Backends",
            responses: vec![
                response("DescribeRule", r#"{"ScheduleExpression":"rate(1 minute)","State":"ENABLED"}"#),
                response(
                    "ListTargetsByRule",
                    r#"{"Targets":[{"Id":"old","Arn":"arn:old"},{"Id":"state-machine","Arn":"arn:sm","RoleArn":"arn:r"}]}"#,
                ),
                response("ListTagsForResource", format!(r#"{{"Tags":[{TAG}]}}"#)),
            ],
            fields: json!({
                "schedule": "rate(1 minute)", "state": "ENABLED", "target_id": "state-machine", "target_arn": "arn:sm",
                "role": "arn:r", "other_targets": ["old"],
            }),
            tagged: true,
            outputs: &[(Output::Arn, "arn:aws:events:eu-west-1:123456789012:rule/wekactl-wk-Backends")],
        },
        Case {
            id: ResourceId::AutoScalingGroup(GROUP),
            name: "wekactl-wk-Backends",
            responses: vec![form("DescribeAutoScalingGroups", &format!(
                "<AutoScalingGroups><member><AutoScalingGroupARN>arn:g</AutoScalingGroupARN><MinSize>0</MinSize>\
                 <MaxSize>42</MaxSize><NewInstancesProtectedFromScaleIn>true</NewInstancesProtectedFromScaleIn>\
                 <SuspendedProcesses><member><ProcessName>ReplaceUnhealthy</ProcessName></member></SuspendedProcesses>\
                 <VPCZoneIdentifier>subnet-1</VPCZoneIdentifier><LaunchTemplate><LaunchTemplateName>t\
                 </LaunchTemplateName><Version>$Latest</Version></LaunchTemplate><TargetGroupARNs><member>arn:tg\
                 </member></TargetGroupARNs><LoadBalancerNames><member>wk-elb</member></LoadBalancerNames>\
                 <Tags>{TAG_XML}</Tags></member></AutoScalingGroups>"
            ))],
            fields: json!({
                "min_size": 0, "max_size": 42, "protected_from_scale_in": true, "suspended": ["ReplaceUnhealthy"],
                "subnet": "subnet-1", "launch_template": "t", "launch_template_version": "$Latest",
                "target_groups": ["arn:tg"], "classic_load_balancers": ["wk-elb"],
            }),
            tagged: true,
            outputs: &[(Output::Arn, "arn:g")],
        },
    ]);
    cases
}

fn functions() -> Vec<Case> {
    vec![
        Case {
            id: ResourceId::LogGroup(GROUP, Some(FunctionType::Join)),
            name: "/aws/lambda/wekactl-wk-join-Backends",
            responses: vec![
                response(
                    "DescribeLogGroups",
                    r#"{"logGroups":[{"logGroupName":"/aws/lambda/wekactl-wk-join-Backends","retentionInDays":7},
                        {"logGroupName":"/aws/lambda/wekactl-wk-join-Backends-2"}]}"#,
                ),
                response("ListTagsForResource", format!(r#"{{"tags":{TAG_MAP}}}"#)),
            ],
            fields: json!({ "retention_days": 7 }),
            tagged: true,
            outputs: &[(
                Output::Arn,
                "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/wekactl-wk-join-Backends",
            )],
        },
        Case {
            id: ResourceId::Function(GROUP, FunctionType::Scale),
            name: "wekactl-wk-scale-Backends",
            responses: vec![response(
                "GET /2015-03-31/functions/wekactl-wk-scale-Backends",
                format!(
                    r#"{{"Tags":{TAG_MAP},"Configuration":{{"FunctionArn":"arn:f","Description":"d",
                    "Runtime":"provided.al2023","Handler":"bootstrap","Architectures":["arm64"],"MemorySize":256,
                    "Timeout":15,"CodeSha256":"abc=","Role":"arn:r","KMSKeyArn":"arn:k1",
                    "Environment":{{"Variables":{{"LAMBDA":"scale","SEAL_KEY":"c2VjcmV0"}}}},
                    "VpcConfig":{{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-2","sg-1"]}},
                    "TracingConfig":{{"Mode":"Active"}}}}}}"#
                ),
            )],
            fields: json!({
                "description": "d", "runtime": "provided.al2023", "handler": "bootstrap", "architecture": "arm64",
                "memory_mib": 256, "timeout_seconds": 15, "code_sha256": "abc=", "role": "arn:r", "kms_key": "arn:k1",
                "environment": { "LAMBDA": "scale" }, "launch_template": null, "seal_key": "(hidden)",
                "vpc": { "subnets": ["subnet-1"], "security_groups": ["sg-1", "sg-2"] },
                "tracing": "Active",
            }),
            tagged: true,
            outputs: &[(Output::Arn, "arn:f")],
        },
        Case {
            id: ResourceId::InvokePermission(GROUP),
            name: "wekactl-wk-join-Backends",
            responses: vec![response(
                "GET /2015-03-31/functions/wekactl-wk-join-Backends/policy",
                json!({ "Policy": json!({ "Statement": [
                    { "Sid": "other", "Principal": { "Service": "s3.amazonaws.com" } },
                    { "Sid": "old", "Principal": { "Service": "apigateway.amazonaws.com" } },
                    {
                        "Sid": "join-api",
                        "Principal": { "Service": "apigateway.amazonaws.com" },
                        "Condition": { "ArnLike": { "AWS:SourceArn": "arn:api" } },
                    },
                ] }).to_string() })
                .to_string(),
            )],
            fields: json!({ "statement_id": "join-api", "source_arn": "arn:api", "others": ["old"] }),
            tagged: false,
            outputs: &[],
        },
    ]
}

fn role() -> Case {
    let facts = "<Path>/wekactl/wk/</Path><RoleName>r1</RoleName><RoleId>ID1</RoleId><Arn>arn:r1</Arn>\
                 <CreateDate>2024-01-01T00:00:00Z</CreateDate>";
    let tag = |key: &str, value: &str| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let tags = [
        TAG_XML.to_owned(),
        tag("wekactl.io/hostgroup_name", "Backends"),
        tag("wekactl.io/use", "cw"),
    ];
    let document = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
    Case {
        id: ResourceId::Role(GROUP, RoleUse::Rule),
        name: "r1",
        responses: vec![
            form(
                "ListRoles",
                &format!("<IsTruncated>false</IsTruncated><Roles><member>{facts}</member></Roles>"),
            ),
            form(
                "GetRole",
                &format!(
                    "<Role>{facts}<AssumeRolePolicyDocument>{document}</AssumeRolePolicyDocument>\
                 <Tags>{}</Tags></Role>",
                    tags.concat()
                ),
            ),
            form(
                "GetRolePolicy",
                &format!(
                    "<RoleName>r1</RoleName><PolicyName>p</PolicyName><PolicyDocument>{document}</PolicyDocument>"
                ),
            ),
            form(
                "ListRolePolicies",
                "<PolicyNames><member>wekactl-wk-cw-Backends</member><member>wide</member></PolicyNames>",
            ),
            form(
                "ListAttachedRolePolicies",
                "<AttachedPolicies><member><PolicyArn>arn:wider</PolicyArn></member></AttachedPolicies>",
            ),
        ],
        fields: json!({
            "trust": { "Version": "2012-10-17", "Statement": [] },
            "permissions": { "Version": "2012-10-17", "Statement": [] },
            "other_policies": ["wide"],
            "attached_policies": ["arn:wider"],
        }),
        tagged: true,
        outputs: &[(Output::Arn, "arn:r1")],
    }
}

fn rest_api() -> Case {
    Case {
        id: ResourceId::RestApi(GROUP),
        name: "wekactl-wk-Backends",
        responses: vec![
            // One of the same name that is another cluster's comes first.
            response(
                "GET /restapis",
                format!(
                    r#"{{"item":[{{"id":"a0","name":"wekactl-wk-Backends"}},{{"id":"a1","name":"wekactl-wk-Backends",
                    "tags":{TAG_MAP},"endpointConfiguration":{{"types":["REGIONAL"]}}}}]}}"#
                ),
            ),
            response(
                "GET /usageplans",
                format!(
                    r#"{{"item":[{{"id":"p1","name":"wekactl-wk-Backends","tags":{TAG_MAP},
                    "apiStages":[{{"apiId":"a1","stage":"default"}}],"throttle":{{"rateLimit":50,"burstLimit":100}}}}]}}"#
                ),
            ),
            response(
                "GET /apikeys",
                format!(
                    r#"{{"item":[{{"id":"k1","name":"wekactl-wk-Backends","value":"s3cret","enabled":true,
                    "tags":{TAG_MAP}}}]}}"#
                ),
            ),
            response(
                "GET /restapis/a1/resources",
                r#"{"item":[{"id":"r0","path":"/"},{"id":"r1","path":"/wekactl-wk-Backends","resourceMethods":{"GET":
                    {"apiKeyRequired":true,"methodIntegration":{"type":"AWS_PROXY","uri":"arn:uri"}}}}]}"#,
            ),
            response(
                "GET /restapis/a1/stages/default",
                r#"{"stageName":"default","deploymentId":"d2"}"#,
            ),
            response(
                "GET /restapis/a1/deployments",
                r#"{"item":[{"id":"d1","description":"another"},{"id":"d2","description":
                    "wekactl: 52aaadceb8fd708e189de0234fac517185fef772605aa241bf83c1246c7ff0a8"}]}"#,
            ),
            response("GET /usageplans/p1/keys/k1", r#"{"id":"k1"}"#),
        ],
        fields: json!({
            "endpoint_type": "REGIONAL", "policy": null, "path": "wekactl-wk-Backends", "api_key_required": true,
            "integration": "AWS_PROXY", "integration_uri": "arn:uri", "stage": "default",
            "deployed": true, "throttle": { "rate": 50, "burst": 100 }, "key_enabled": true,
        }),
        tagged: true,
        outputs: &[
            (Output::Id, "a1"),
            (
                Output::Url,
                "https://a1.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends",
            ),
            (
                Output::ExecuteArn,
                "arn:aws:execute-api:eu-west-1:123456789012:a1/*/GET/wekactl-wk-Backends",
            ),
            (Output::ApiKey, "s3cret"),
        ],
    }
}

fn launch_template() -> Case {
    let tag = "<item><key>wekactl.io/cluster_name</key><value>wk</value></item>";
    let data = "<imageId>ami-1</imageId><instanceType>i3en.2xlarge</instanceType><iamInstanceProfile><arn>arn:p</arn>\
        </iamInstanceProfile><networkInterfaceSet><item><associatePublicIpAddress>true</associatePublicIpAddress>\
        <groupSet><groupId>sg-1</groupId></groupSet><subnetId>subnet-1</subnetId></item></networkInterfaceSet>\
        <blockDeviceMappingSet><item><deviceName>/dev/sda1</deviceName><ebs><deleteOnTermination>true\
        </deleteOnTermination><encrypted>true</encrypted><iops>6000</iops><kmsKeyId>arn:k</kmsKeyId>\
        <throughput>500</throughput><volumeSize>16</volumeSize><volumeType>gp3</volumeType></ebs></item>\
        </blockDeviceMappingSet><metadataOptions><httpPutResponseHopLimit>1</httpPutResponseHopLimit>\
        <httpTokens>required</httpTokens></metadataOptions><placement><groupId>pg-1</groupId><groupName>close</groupName></placement>\
        <capacityReservationSpecification><capacityReservationPreference>none</capacityReservationPreference>\
        </capacityReservationSpecification><monitoring><enabled>true</enabled></monitoring><disableApiStop>true</disableApiStop>\
        <disableApiTermination>true</disableApiTermination><userData>IyEvYmluL3No</userData>";
    let specification =
        |kind| format!("<item><resourceType>{kind}</resourceType><tagSet>{tag}</tagSet></item>");
    let specifications = specification("volume") + &specification("instance");
    Case {
        id: ResourceId::LaunchTemplate(GROUP),
        name: "wekactl-wk-Backends",
        responses: vec![
            response(
                "DescribeLaunchTemplates",
                format!(
                    "<DescribeLaunchTemplatesResponse><launchTemplates><item><launchTemplateId>lt-1</launchTemplateId>\
                     <defaultVersionNumber>1</defaultVersionNumber><latestVersionNumber>2</latestVersionNumber><tagSet>{tag}</tagSet></item></launchTemplates></DescribeLaunchTemplatesResponse>"
                ),
            ),
            response(
                "DescribeLaunchTemplateVersions",
                format!(
                    "<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet><item><launchTemplateData>{data}\
                     <tagSpecificationSet>{specifications}</tagSpecificationSet></launchTemplateData></item>\
                     </launchTemplateVersionSet></DescribeLaunchTemplateVersionsResponse>"
                ),
            ),
        ],
        fields: json!({
            "image_id": "ami-1", "instance_type": "i3en.2xlarge", "key_name": null, "instance_profile": "arn:p",
            "security_groups": ["sg-1"], "subnet": "subnet-1", "public_address": true,
            "volumes": [
                { "device": "/dev/sda1", "volume_type": "gp3", "size_gib": 16, "delete_on_termination": true,
                  "encrypted": true, "kms_key": "arn:k", "iops": 6000, "throughput_mib": 500 },
            ],
            "http_tokens": "required", "http_hop_limit": 1, "placement_group": { "Id": "pg-1" },
            "capacity_reservation": { "Preference": "none" }, "detailed_monitoring": true,
            "termination_protection": true, "stop_protection": true,
            "instance_tags": { "wekactl.io/cluster_name": "wk" }, "tagged": ["instance", "volume"],
            "user_data": "(hidden)", "is_default": false,
        }),
        tagged: true,
        outputs: &[(Output::Id, "lt-1")],
    }
}

fn state_machine() -> Case {
    Case {
        id: ResourceId::StateMachine(GROUP),
        name: "wekactl-wk-Backends",
        responses: vec![
            response(
                "DescribeStateMachine",
                r#"{"stateMachineArn":"arn:sm","name":"wekactl-wk-Backends","definition":"{\"StartAt\":\"A\"}",
                    "roleArn":"arn:r","type":"STANDARD","creationDate":1700000000,
                    "loggingConfiguration":{"level":"ERROR",
                        "destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:lg:*"}}]}}"#,
            ),
            response(
                "ListTagsForResource",
                r#"{"tags":[{"key":"wekactl.io/cluster_name","value":"wk"}]}"#,
            ),
        ],
        fields: json!({
            "definition": { "StartAt": "A" }, "role": "arn:r", "log_level": "ERROR", "log_group": "arn:lg:*",
        }),
        tagged: true,
        outputs: &[(
            Output::Arn,
            "arn:aws:states:eu-west-1:123456789012:stateMachine:wekactl-wk-Backends",
        )],
    }
}
