use super::{Response, observed, xml};
use deployment::{FunctionType, HostGroup, ResourceId, RoleUse};

const GROUP: HostGroup = HostGroup::Backends;

fn json(operation: &'static str, body: &str) -> Response {
    (operation, 200, body.to_owned())
}

/// An error of a service with a JSON protocol.
pub(super) fn json_error(operation: &'static str, code: &str) -> Response {
    (
        operation,
        400,
        format!(r#"{{"__type":"{code}","message":"none"}}"#),
    )
}

/// An error of a service with the Query protocol.
pub(super) fn form_error(operation: &'static str, code: &str) -> Response {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>none</Message></Error>");
    (operation, 400, format!("<ErrorResponse>{error}</ErrorResponse>"))
}

pub(super) fn ec2_error(operation: &'static str, code: &str) -> Response {
    let error = format!("<Error><Code>{code}</Code><Message>none</Message></Error>");
    (
        operation,
        400,
        format!("<Response><Errors>{error}</Errors></Response>"),
    )
}

fn form(operation: &'static str, result: &str) -> Response {
    (operation, 200, xml(operation, result))
}

fn cases() -> Vec<(ResourceId, Vec<Response>)> {
    let not_found = "ResourceNotFoundException";
    let no_template = "InvalidLaunchTemplateName.NotFoundException";
    vec![
        (
            ResourceId::KmsKey,
            vec![
                json_error("DescribeKey", "NotFoundException"),
                json("GetResources", r#"{"ResourceTagMappingList":[]}"#),
            ],
        ),
        (
            ResourceId::Table,
            vec![
                json_error("DescribeTable", not_found),
                json_error("ListTagsOfResource", not_found),
                json_error("DescribeContinuousBackups", "TableNotFoundException"),
            ],
        ),
        (ResourceId::Credentials, vec![json_error("GetItem", not_found)]),
        (ResourceId::Credentials, vec![json("GetItem", "{}")]),
        (ResourceId::SettingsItem, vec![json_error("GetItem", not_found)]),
        (ResourceId::SettingsItem, vec![json("GetItem", "{}")]),
        (
            ResourceId::Role(GROUP, RoleUse::Rule),
            vec![form("ListRoles", "<IsTruncated>false</IsTruncated><Roles/>")],
        ),
        (
            // A group whose name only starts with ours.
            ResourceId::LogGroup(GROUP, Some(FunctionType::Join)),
            vec![
                json(
                    "DescribeLogGroups",
                    r#"{"logGroups":[{"logGroupName":"/aws/lambda/wekactl-wk-join-Backends-2"}]}"#,
                ),
                json_error("ListTagsForResource", not_found),
            ],
        ),
        (
            ResourceId::Function(GROUP, FunctionType::Join),
            vec![json_error(
                "GET /2015-03-31/functions/wekactl-wk-join-Backends",
                not_found,
            )],
        ),
        (
            ResourceId::InvokePermission(GROUP),
            vec![json_error(
                "GET /2015-03-31/functions/wekactl-wk-join-Backends/policy",
                not_found,
            )],
        ),
        (
            // Only an API of another cluster.
            ResourceId::RestApi(GROUP),
            vec![
                json(
                    "GET /restapis",
                    r#"{"item":[{"id":"a2","name":"wekactl-other-Backends"}]}"#,
                ),
                json("GET /usageplans", r#"{"item":[]}"#),
                json("GET /apikeys", "{}"),
            ],
        ),
        (
            ResourceId::LaunchTemplate(GROUP),
            vec![
                ec2_error("DescribeLaunchTemplates", no_template),
                ec2_error("DescribeLaunchTemplateVersions", no_template),
            ],
        ),
        (
            ResourceId::StateMachine(GROUP),
            vec![
                json_error("DescribeStateMachine", "StateMachineDoesNotExist"),
                json_error("ListTagsForResource", "ResourceNotFound"),
            ],
        ),
        (
            ResourceId::Rule(GROUP),
            vec![
                json_error("DescribeRule", not_found),
                json_error("ListTargetsByRule", not_found),
                json_error("ListTagsForResource", not_found),
            ],
        ),
        (
            ResourceId::LoadBalancer,
            vec![form_error("DescribeLoadBalancers", "LoadBalancerNotFound")],
        ),
        (
            ResourceId::Listener,
            vec![form_error("DescribeLoadBalancers", "LoadBalancerNotFound")],
        ),
        (
            ResourceId::TargetGroup,
            vec![form_error("DescribeTargetGroups", "TargetGroupNotFound")],
        ),
        (
            // The next record.
            ResourceId::AliasRecord,
            vec![(
                "GET /2013-04-01/hostedzone/Z1/rrset",
                200,
                "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet>\
                 <Name>wekb.example.com.</Name><Type>A</Type></ResourceRecordSet></ResourceRecordSets>\
                 <IsTruncated>false</IsTruncated><MaxItems>1</MaxItems></ListResourceRecordSetsResponse>"
                    .to_owned(),
            )],
        ),
        (
            ResourceId::AutoScalingGroup(GROUP),
            vec![form("DescribeAutoScalingGroups", "<AutoScalingGroups/>")],
        ),
        (ResourceId::PreparedInstances(GROUP), vec![]),
        (ResourceId::AttachedInstances(GROUP), vec![]),
    ]
}

#[tokio::test]
async fn missing_resource_is_observed_as_missing() {
    for (id, responses) in cases() {
        assert_eq!(observed(id, &responses).await, None, "{id:?}");
    }
}
