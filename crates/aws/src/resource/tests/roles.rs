//! A role is identified by its tag; a role of wekactl 1.x (Go), by what uses it.

use super::{Response, observed, xml};
use deployment::{FunctionType, HostGroup, ResourceId, RoleUse};

const GROUP: HostGroup = HostGroup::Backends;
const JOIN: RoleUse = RoleUse::Function(FunctionType::Join);

/// An account with one role, which has this tag in addition to those of the cluster, and with what uses the role `used`.
fn account(tag: &str, role_use: RoleUse, used: &str) -> Vec<Response> {
    let facts = "<Path>/wekactl/wk/</Path><RoleName>r</RoleName><RoleId>ID1</RoleId><Arn>arn:r</Arn>\
                 <CreateDate>2024-01-01T00:00:00Z</CreateDate>";
    let tags = "<member><Key>wekactl.io/cluster_name</Key><Value>wk</Value></member>\
                <member><Key>wekactl.io/hostgroup_name</Key><Value>Backends</Value></member>";
    let form = |operation, result: &str| (operation, 200, xml(operation, result));
    let mut responses = vec![
        form(
            "ListRoles",
            &format!("<IsTruncated>false</IsTruncated><Roles><member>{facts}</member></Roles>"),
        ),
        form(
            "GetRole",
            &format!("<Role>{facts}<Tags>{tags}{tag}</Tags></Role>"),
        ),
        (
            "GetRolePolicy",
            404,
            "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>".to_owned(),
        ),
        form("ListRolePolicies", "<PolicyNames/>"),
        form("ListAttachedRolePolicies", "<AttachedPolicies/>"),
    ];
    responses.push(match role_use {
        RoleUse::Function(_) => (
            "GET /2015-03-31/functions/wekactl-wk-join-Backends",
            200,
            format!(r#"{{"Configuration":{{"Role":"{used}"}}}}"#),
        ),
        RoleUse::StateMachine => (
            "DescribeStateMachine",
            200,
            format!(
                r#"{{"stateMachineArn":"arn:sm","name":"n","definition":"{{}}","roleArn":"{used}","type":"STANDARD","creationDate":1.0}}"#
            ),
        ),
        RoleUse::Rule => (
            "ListTargetsByRule",
            200,
            format!(
                r#"{{"Targets":[{{"Id":"a","Arn":"arn:x"}},{{"Id":"b","Arn":"arn:sm","RoleArn":"arn:gone"}},
                {{"Id":"c","Arn":"arn:sm","RoleArn":"{used}"}}]}}"#
            ),
        ),
    });
    responses
}

async fn name_of(role_use: RoleUse, responses: &[Response]) -> Option<String> {
    let actual = observed(ResourceId::Role(GROUP, role_use), responses).await;
    actual.map(|actual| actual.name)
}

#[tokio::test]
async fn role_without_use_tag_is_identified_by_what_uses_it() {
    for role_use in [JOIN, RoleUse::StateMachine, RoleUse::Rule] {
        let used = account("", role_use, "arn:r");
        assert_eq!(name_of(role_use, &used).await.as_deref(), Some("r"), "{role_use}");
        let another = account("", role_use, "arn:another");
        assert_eq!(name_of(role_use, &another).await, None, "{role_use}");
    }
}

#[tokio::test]
async fn role_with_use_tag_needs_no_further_requests() {
    let tag = |role_use| format!("<member><Key>wekactl.io/use</Key><Value>{role_use}</Value></member>");
    for role_use in [JOIN, RoleUse::StateMachine, RoleUse::Rule] {
        // There is no response to a request for what uses the role.
        let mut responses = account(&tag(role_use.name()), role_use, "arn:r");
        responses.pop();
        assert_eq!(
            name_of(role_use, &responses).await.as_deref(),
            Some("r"),
            "{role_use}"
        );
        let mut responses = account(&tag("fetch"), role_use, "arn:r");
        responses.pop();
        assert_eq!(name_of(role_use, &responses).await, None, "{role_use}");
    }
}
