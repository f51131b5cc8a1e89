//! A resource whose existence or owner is unclear is an error.

use super::{Response, try_observe, xml};
use deployment::{FunctionType, HostGroup, ResourceId};

const GROUP: HostGroup = HostGroup::Backends;

fn response(operation: &'static str, body: &str) -> Response {
    (operation, 200, body.to_owned())
}

#[tokio::test]
async fn resource_that_is_still_being_deleted_is_an_error() {
    let group = "<AutoScalingGroups><member><Status>Delete in progress</Status></member></AutoScalingGroups>";
    let cases = [
        (
            ResourceId::Table,
            vec![
                response("DescribeTable", r#"{"Table":{"TableStatus":"DELETING"}}"#),
                response("ListTagsOfResource", r#"{"Tags":[]}"#),
                response("DescribeContinuousBackups", "{}"),
            ],
            "AWS is still deleting table wekactl-wk: rerun the command in a minute",
        ),
        (
            ResourceId::StateMachine(GROUP),
            vec![
                response(
                    "DescribeStateMachine",
                    r#"{"stateMachineArn":"arn:sm","name":"n","definition":"{}","roleArn":"arn:r","type":"STANDARD",
                        "creationDate":1700000000,"status":"DELETING"}"#,
                ),
                response("ListTagsForResource", r#"{"tags":[]}"#),
            ],
            "AWS is still deleting state machine wekactl-wk-Backends",
        ),
        (
            ResourceId::AutoScalingGroup(GROUP),
            vec![response(
                "DescribeAutoScalingGroups",
                &xml("DescribeAutoScalingGroups", group),
            )],
            "AWS is still deleting Auto Scaling group wekactl-wk-Backends",
        ),
    ];
    for (id, responses, said) in cases {
        let error = try_observe(id, &responses).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn function_with_unreadable_tags_is_an_error() {
    let function = response(
        "GET /2015-03-31/functions/wekactl-wk-join-Backends",
        r#"{"Configuration":{"FunctionArn":"arn:f"},
            "TagsError":{"ErrorCode":"AccessDenied","Message":"not authorized to perform: lambda:ListTags"}}"#,
    );
    let id = ResourceId::Function(GROUP, FunctionType::Join);
    let error = try_observe(id, &[function]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("not authorized to perform: lambda:ListTags"),
        "{error}"
    );
}

#[tokio::test]
async fn missing_classic_load_balancer_is_an_error_with_a_hint() {
    let error = "<ErrorResponse><Error><Code>LoadBalancerNotFound</Code><Message>none</Message></Error></ErrorResponse>";
    let responses = [("DescribeLoadBalancers", 400, error.to_owned())];
    let error = try_observe(ResourceId::ClassicHealthCheck, &responses)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("import the cluster again"), "{error}");
}
