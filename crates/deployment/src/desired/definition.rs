//! The state machine of a host group, in the language of Step Functions.

use crate::names::FunctionType;
use serde_json::{Value as Json, json};

/// The state machine: fetch, scale, terminate, and transient if there were transient errors. The output of each is the
/// input of the next.
pub(super) fn definition(function_arn: impl Fn(FunctionType) -> String) -> Json {
    let task = |function, next: Option<&str>| {
        let mut state = json!({
            "Type": "Task",
            "Resource": function_arn(function),
            // Lambda's own faults, which say nothing of the cluster. A run lasts less than its minute with them.
            "Retry": [{
                "ErrorEquals": [
                    "Lambda.ClientExecutionTimeoutException",
                    "Lambda.ServiceException",
                    "Lambda.AWSLambdaException",
                    "Lambda.SdkClientException",
                    "Lambda.TooManyRequestsException",
                ],
                "IntervalSeconds": 1,
                "MaxAttempts": 4,
                "BackoffRate": 2.0,
            }],
        });
        state[if next.is_some() { "Next" } else { "End" }] = next.map_or(json!(true), Json::from);
        state
    };
    json!({
        "Comment": "Wekactl state machine",
        "StartAt": "HostGroupInfo",
        "States": {
            "HostGroupInfo": task(FunctionType::Fetch, Some("Scale")),
            "Scale": task(FunctionType::Scale, Some("Terminate")),
            "Terminate": task(FunctionType::Terminate, Some("ErrorCheck")),
            "ErrorCheck": {
                "Type": "Choice",
                "Choices": [{
                    "And": [
                        { "Variable": "$.TransientErrors", "IsPresent": true },
                        { "Variable": "$.TransientErrors", "IsNull": false },
                    ],
                    "Next": "Transient",
                }],
                "Default": "Success",
            },
            "Transient": task(FunctionType::Transient, None),
            "Success": { "Type": "Succeed" },
        },
    })
}
