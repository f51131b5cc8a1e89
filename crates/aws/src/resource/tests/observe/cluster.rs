use super::*;
use serde_json::json;

fn load_balancer() -> Response {
    form(
        "DescribeLoadBalancers",
        "<LoadBalancers><member><LoadBalancerArn>arn:lb</LoadBalancerArn><DNSName>Wk.elb</DNSName>\
         <CanonicalHostedZoneId>Z9</CanonicalHostedZoneId><Scheme>internal</Scheme><AvailabilityZones>\
         <member><SubnetId>subnet-2</SubnetId></member><member><SubnetId>subnet-1</SubnetId></member>\
         </AvailabilityZones><SecurityGroups><member>sg-2</member><member>sg-1</member></SecurityGroups>\
         </member></LoadBalancers>",
    )
}

/// The resources of the whole cluster.
pub(super) fn of_cluster() -> Vec<Case> {
    vec![
        Case {
            id: ResourceId::KmsKey,
            name: "alias/wekactl-wk",
            responses: vec![
                response(
                    "DescribeKey",
                    r#"{"KeyMetadata":{"KeyId":"k1","Arn":"arn:k1","KeyState":"Enabled"}}"#,
                ),
                response(
                    "ListResourceTags",
                    r#"{"Tags":[{"TagKey":"wekactl.io/cluster_name","TagValue":"wk"}]}"#,
                ),
                response(
                    "GetResources",
                    r#"{"ResourceTagMappingList":[{"ResourceARN":"arn:k1"}]}"#,
                ),
                response("GetKeyRotationStatus", r#"{"KeyRotationEnabled":true}"#),
            ],
            fields: json!({ "alias": "alias/wekactl-wk", "state": "Enabled", "rotation": true }),
            tagged: true,
            outputs: &[(Output::Arn, "arn:k1"), (Output::Id, "k1")],
        },
        Case {
            id: ResourceId::Table,
            name: "wekactl-wk",
            responses: vec![
                response(
                    "DescribeTable",
                    r#"{"Table":{"KeySchema":[{"AttributeName":"Key","KeyType":"HASH"}],
                        "BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},
                        "SSEDescription":{"KMSMasterKeyArn":"arn:k1"}}}"#,
                ),
                response("ListTagsOfResource", format!(r#"{{"Tags":[{TAG}]}}"#)),
                response(
                    "DescribeContinuousBackups",
                    r#"{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",
                        "PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"ENABLED"}}}"#,
                ),
            ],
            fields: json!({
                "hash_key": "Key", "billing_mode": "PAY_PER_REQUEST", "kms_key": "arn:k1", "point_in_time_recovery": true,
            }),
            tagged: true,
            outputs: &[(
                Output::Arn,
                "arn:aws:dynamodb:eu-west-1:123456789012:table/wekactl-wk",
            )],
        },
        Case {
            id: ResourceId::Credentials,
            name: "cluster-creds",
            responses: vec![response(
                "GetItem",
                r#"{"Item":{"Key":{"S":"cluster-creds"},"Username":{"S":"YWRtaW4="},"Password":{"S":"aHVudGVyMg=="}}}"#,
            )],
            fields: json!({ "username": "admin", "password": "(hidden)" }),
            tagged: false,
            outputs: &[],
        },
        Case {
            id: ResourceId::SettingsItem,
            name: "cluster-settings",
            responses: vec![response(
                "GetItem",
                r#"{"Item":{"Key":{"S":"cluster-settings"},"VpcId":{"NULL":true}}}"#,
            )],
            fields: json!({ "Key": { "S": "cluster-settings" }, "VpcId": { "NULL": true } }),
            tagged: false,
            outputs: &[],
        },
        Case {
            id: ResourceId::LoadBalancer,
            name: "wekactl-wk",
            responses: vec![load_balancer(), described_tags()],
            fields: json!({
                "scheme": "internal", "subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1", "sg-2"],
            }),
            tagged: true,
            outputs: &[
                (Output::Arn, "arn:lb"),
                (Output::DnsName, "wk.elb"),
                (Output::HostedZoneId, "Z9"),
            ],
        },
        Case {
            id: ResourceId::TargetGroup,
            name: "wekactl-wk-api",
            responses: vec![
                form(
                    "DescribeTargetGroups",
                    "<TargetGroups><member><TargetGroupArn>arn:tg</TargetGroupArn><Protocol>HTTP</Protocol>\
                     <Port>14000</Port><VpcId>vpc-1</VpcId><HealthCheckProtocol>HTTP</HealthCheckProtocol>\
                     <HealthCheckPath>/x</HealthCheckPath></member></TargetGroups>",
                ),
                described_tags(),
            ],
            fields: json!({
                "protocol": "HTTP", "port": 14000, "vpc": "vpc-1", "health_check_protocol": "HTTP",
                "health_check_path": "/x",
            }),
            tagged: true,
            outputs: &[(Output::Arn, "arn:tg")],
        },
        Case {
            id: ResourceId::Listener,
            name: "wekactl-wk:14000",
            responses: vec![
                load_balancer(),
                form(
                    "DescribeListeners",
                    "<Listeners><member><ListenerArn>arn:80</ListenerArn><Port>80</Port></member><member>\
                     <ListenerArn>arn:l</ListenerArn><LoadBalancerArn>arn:lb</LoadBalancerArn><Port>14000</Port>\
                     <Protocol>HTTP</Protocol><DefaultActions><member><Type>forward</Type>\
                     <TargetGroupArn>arn:tg</TargetGroupArn></member></DefaultActions></member></Listeners>",
                ),
                described_tags(),
            ],
            fields: json!({ "load_balancer": "arn:lb", "protocol": "HTTP", "port": 14000, "forward_to": "arn:tg" }),
            tagged: true,
            outputs: &[(Output::Arn, "arn:l")],
        },
        Case {
            id: ResourceId::AliasRecord,
            name: "weka.example.com",
            responses: vec![response(
                "GET /2013-04-01/hostedzone/Z1/rrset",
                "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet>\
                 <Name>weka.example.com.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z9</HostedZoneId>\
                 <DNSName>Wk.elb.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>\
                 </ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>1</MaxItems>\
                 </ListResourceRecordSetsResponse>",
            )],
            fields: json!({
                "zone_id": "Z1", "name": "weka.example.com", "target": "wk.elb", "target_zone_id": "Z9",
            }),
            tagged: false,
            outputs: &[],
        },
        Case {
            id: ResourceId::ClassicHealthCheck,
            name: "wk-elb",
            responses: vec![form(
                "DescribeLoadBalancers",
                "<LoadBalancerDescriptions><member><HealthCheck><Target>TCP:80</Target><Interval>10</Interval>\
                 <Timeout>4</Timeout><UnhealthyThreshold>2</UnhealthyThreshold><HealthyThreshold>3</HealthyThreshold>\
                 </HealthCheck></member></LoadBalancerDescriptions>",
            )],
            fields: json!({
                "target": "TCP:80", "interval_seconds": 10, "timeout_seconds": 4, "healthy_threshold": 3,
                "unhealthy_threshold": 2,
            }),
            tagged: false,
            outputs: &[],
        },
    ]
}
