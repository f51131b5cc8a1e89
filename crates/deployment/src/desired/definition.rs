//! The definition of the state machine in the Amazon States Language.

use crate::names::FunctionType;
use serde_json::{Value as Json, json};

/// Fetch, scale, terminate, and transient if there were transient errors. The output of each function is the input of the
/// next.
pub(super) fn definition(function_arn: impl Fn(FunctionType) -> String) -> Json {
    let task = |function, next: Option<&str>| {
        let mut state = json!({
            "Type": "Task",
            "Resource": function_arn(function),
            // Errors of Lambda itself, independent of the cluster. With these retries a run still takes less than a minute.
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
