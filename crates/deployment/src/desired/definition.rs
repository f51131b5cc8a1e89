//! The definition of the state machine in the Amazon States Language.

use crate::names::FunctionType;
use serde_json::{Value as Json, json};

/// Fetch, scale, terminate, and transient if there were errors. The output of each function is the message to the next. The
/// execution's id, which the functions cannot know otherwise, makes a message valid in this execution only.
pub(super) fn definition(function_arn: impl Fn(FunctionType) -> String) -> Json {
    let task = |function, next: Option<&str>| {
        let mut state = json!({
            "Type": "Task",
            "Resource": function_arn(function),
            "Parameters": {
                "execution.$": "$$.Execution.Id",
                "started.$": "$$.Execution.StartTime",
                "message.$": "$",
            },
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
        if let Some(next) = next {
            // The input of the failed state, with the error: transient fails the execution with it.
            state["Catch"] = json!([{
                "ErrorEquals": ["States.ALL"],
                "ResultPath": "$.failure",
                "Next": "Transient",
            }]);
            state["Next"] = Json::from(next);
        } else {
            state["End"] = Json::from(true);
        }
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
