//! What is neither there nor absent, or cannot be told whose it is: an error, and nothing is made or taken for somebody else's.

use super::{Answer, looked, xml};
use deployment::{FunctionType, HostGroup, ResourceId};

const GROUP: HostGroup = HostGroup::Backends;

fn answer(asked: &'static str, body: &str) -> Answer {
    (asked, 200, body.to_owned())
}

#[tokio::test]
async fn what_a_destroy_has_not_done_with_is_waited_for_by_the_user() {
    let group = "<AutoScalingGroups><member><Status>Delete in progress</Status></member></AutoScalingGroups>";
    let cases = [
        (
            ResourceId::Table,
            vec![
                answer("DescribeTable", r#"{"Table":{"TableStatus":"DELETING"}}"#),
                answer("ListTagsOfResource", r#"{"Tags":[]}"#),
                answer("DescribeContinuousBackups", "{}"),
            ],
            "AWS is still deleting table wekactl-wk: run this again in a minute",
        ),
        (
            ResourceId::StateMachine(GROUP),
            vec![
                answer(
                    "DescribeStateMachine",
                    r#"{"stateMachineArn":"arn:sm","name":"n","definition":"{}","roleArn":"arn:r","type":"STANDARD",
                        "creationDate":1700000000,"status":"DELETING"}"#,
                ),
                answer("ListTagsForResource", r#"{"tags":[]}"#),
            ],
            "AWS is still deleting state machine wekactl-wk-Backends",
        ),
        (
            ResourceId::AutoScalingGroup(GROUP),
            vec![answer(
                "DescribeAutoScalingGroups",
                &xml("DescribeAutoScalingGroups", group),
            )],
            "AWS is still deleting Auto Scaling group wekactl-wk-Backends",
        ),
    ];
    for (id, answers, said) in cases {
        let error = looked(id, &answers).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_function_whose_tags_are_kept_from_the_caller_is_nobodys() {
    let function = answer(
        "GET /2015-03-31/functions/wekactl-wk-join-Backends",
        r#"{"Configuration":{"FunctionArn":"arn:f"},
            "TagsError":{"ErrorCode":"AccessDenied","Message":"not authorized to perform: lambda:ListTags"}}"#,
    );
    let id = ResourceId::Function(GROUP, FunctionType::Join);
    let error = looked(id, &[function]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("not authorized to perform: lambda:ListTags"),
        "{error}"
    );
}

#[tokio::test]
async fn a_classic_load_balancer_that_is_gone_is_told_what_to_do_about() {
    let error = "<ErrorResponse><Error><Code>LoadBalancerNotFound</Code><Message>none</Message></Error></ErrorResponse>";
    let answers = [("DescribeLoadBalancers", 400, error.to_owned())];
    let error = looked(ResourceId::ClassicHealthCheck, &answers)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("import the cluster again"), "{error}");
}
