//! Which role is whose: by its tag or, of the Go tool's roles, by what uses it.

use super::{Answer, observed, xml};
use deployment::{FunctionType, HostGroup, ResourceId, RoleUse};

const GROUP: HostGroup = HostGroup::Backends;
const JOIN: RoleUse = RoleUse::Function(FunctionType::Join);

/// The account: one role, with this tag beside those of the cluster; what uses it, and by the name of which role.
fn account(tag: &str, user: RoleUse, used: &str) -> Vec<Answer> {
    let facts = "<Path>/wekactl/wk/</Path><RoleName>r</RoleName><RoleId>ID1</RoleId><Arn>arn:r</Arn>\
                 <CreateDate>2024-01-01T00:00:00Z</CreateDate>";
    let tags = "<member><Key>wekactl.io/cluster_name</Key><Value>wk</Value></member>\
                <member><Key>wekactl.io/hostgroup_name</Key><Value>Backends</Value></member>";
    let form = |asked, result: &str| (asked, 200, xml(asked, result));
    let mut answers = vec![
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
    answers.push(match user {
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
    answers
}

async fn name_of(user: RoleUse, answers: &[Answer]) -> Option<String> {
    let seen = observed(ResourceId::Role(GROUP, user), answers).await;
    seen.map(|standing| standing.name)
}

#[tokio::test]
async fn a_role_that_says_no_use_is_that_of_what_uses_it() {
    for user in [JOIN, RoleUse::StateMachine, RoleUse::Rule] {
        let used = account("", user, "arn:r");
        assert_eq!(name_of(user, &used).await.as_deref(), Some("r"), "{user}");
        let another = account("", user, "arn:another");
        assert_eq!(name_of(user, &another).await, None, "{user}");
    }
}

#[tokio::test]
async fn what_the_tag_says_is_believed_and_nothing_else_is_asked() {
    let tag = |user| format!("<member><Key>wekactl.io/use</Key><Value>{user}</Value></member>");
    for user in [JOIN, RoleUse::StateMachine, RoleUse::Rule] {
        // No answer to what would be asked of the user.
        let mut answers = account(&tag(user.name()), user, "arn:r");
        answers.pop();
        assert_eq!(name_of(user, &answers).await.as_deref(), Some("r"), "{user}");
        let mut answers = account(&tag("fetch"), user, "arn:r");
        answers.pop();
        assert_eq!(name_of(user, &answers).await, None, "{user}");
    }
}
