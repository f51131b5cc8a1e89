//! For how long what AWS has not got ready yet is waited for: by asking again, more seldom as time passes.

use crate::error::Error;
use backon::ExponentialBuilder;
use std::time::Duration;

/// A new role can be taken on only after up to two minutes; the call that needs it is tried again for that long.
pub(crate) fn role_propagation() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(5))
        .with_factor(1.5)
        .with_jitter()
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(120)))
}

/// Whether a call failed as it does while a new role cannot be taken on yet.
pub(crate) fn is_role_propagation_error(error: &Error) -> bool {
    let message = error.message().to_ascii_lowercase();
    let assumed = message.contains("assume") || message.contains("neither the global service principal");
    // The policy of a role spreads as slowly as the role: Lambda then lacks the right to the key or the network.
    // And Step Functions the right to its log group, also of an old role whose policy has just been changed.
    let policy = message.contains("does not have permissions")
        || message.contains("lambda was unable to configure access")
        || message.contains("not authorized to access the log destination");
    (error.is(&[
        "InvalidParameterValueException",
        "AccessDeniedException",
        "AccessDenied",
    ]) && (assumed || policy))
        || error.is(&["KMSAccessDeniedException"])
}

/// Whether a request to an Auto Scaling group was refused because of what is being done to the group or to an instance of it. One that
/// has been attached just now takes some seconds to be in service; there is no code for that, the message says `The instance i-1 is not
/// in InService or EnteringStandby or Standby.`
pub(crate) fn is_group_busy(error: &Error) -> bool {
    error.is(&["ResourceContention", "ScalingActivityInProgress"])
        || (error.is(&["ValidationError"]) && error.message().contains("is not in InService"))
}

/// Minutes, for a table or a function to become active, or an instance to come into service.
pub(crate) fn minutes() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(300)))
}

/// For how long a removal waits for what AWS is still doing, and for its limits: DeleteRestApi is taken once in 30 seconds.
pub(crate) fn removal() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(300)))
}

/// Seconds, for AWS's lists to show what has been done.
pub(crate) fn seconds() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(30)))
}

/// Whether a request was one too many: AWS takes it later.
pub(crate) fn is_throttled(error: &Error) -> bool {
    error.is(&[
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequestsException",
        "TooManyRequests",
        "LimitExceededException",
        "SlowDown",
    ])
}

/// Whether something cannot be removed yet: what uses it, or is being done to it, is on its way out.
pub(crate) fn is_retryable_delete(error: &Error) -> bool {
    is_throttled(error)
        || error.is(&[
            // EC2 Auto Scaling: its instances have not gone yet.
            "ResourceInUse",
            "ScalingActivityInProgress",
            "ResourceContention",
            // DynamoDB: the table is being made or changed.
            "ResourceInUseException",
            // Lambda, API Gateway: another change is under way.
            "ResourceConflictException",
            "ConflictException",
            // IAM, EventBridge, CloudWatch Logs, Route 53: so is one of the same.
            "ConcurrentModification",
            "ConcurrentModificationException",
            "OperationAbortedException",
            "PriorRequestNotComplete",
            // IAM: the policy that was taken out of a role is still seen in it.
            "DeleteConflict",
        ])
        // EventBridge: so is the target that was taken off a rule.
        || (error.is(&["ValidationException"]) && error.message().contains("has targets"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Context;
    use crate::test_support::{config, json_answer, replay, xml_answer};
    use serde_json::json;

    #[tokio::test]
    async fn only_what_a_new_role_explains_is_tried_again() {
        for (code, message, again) in [
            (
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.",
                true,
            ),
            (
                "AccessDeniedException",
                "The state machine IAM Role is not authorized to access the Log Destination",
                true,
            ),
            (
                "AccessDeniedException",
                "User: arn:aws:iam::123456789012:user/me is not authorized to perform: states:UpdateStateMachine",
                false,
            ),
            (
                "InvalidDefinition",
                "The state machine IAM Role is not authorized to access the Log Destination",
                false,
            ),
        ] {
            let answer = json!({ "__type": code, "message": message });
            let client = aws_sdk_sfn::Client::new(&config(replay([json_answer(400, &answer)])));
            let answer = client
                .update_state_machine()
                .state_machine_arn("arn:sm")
                .send()
                .await;
            let error = answer.context("states UpdateStateMachine").unwrap_err();
            assert_eq!(is_role_propagation_error(&error), again, "{error}");
        }
    }

    #[tokio::test]
    async fn a_removal_waits_for_what_passes() {
        for (code, message, passes) in [
            (
                "ValidationException",
                "Rule can't be deleted since it has targets.",
                true,
            ),
            ("ValidationException", "1 validation error detected", false),
            (
                "DeleteConflict",
                "Cannot delete entity, must delete policies first.",
                true,
            ),
            ("AccessDeniedException", "not authorized", false),
        ] {
            let answer = json!({ "__type": code, "message": message });
            let client = aws_sdk_eventbridge::Client::new(&config(replay([json_answer(400, &answer)])));
            let answer = client.delete_rule().name("r").send().await;
            let error = answer.context("events DeleteRule").unwrap_err();
            assert_eq!(is_retryable_delete(&error), passes, "{error}");
        }
    }

    #[tokio::test]
    async fn a_group_is_busy_with_what_passes() {
        for (code, message, busy) in [
            (
                "ValidationError",
                "The instance i-1 is not in InService or EnteringStandby or Standby.",
                true,
            ),
            (
                "ResourceContention",
                "There is a pending update to the group",
                true,
            ),
            ("ScalingActivityInProgress", "There are scaling activities", true),
            ("ValidationError", "AutoScalingGroup name not found", false),
        ] {
            let answer = format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            );
            let client = aws_sdk_autoscaling::Client::new(&config(replay([xml_answer(400, &answer)])));
            let answer = client.set_instance_protection().send().await;
            let error = answer.context("autoscaling SetInstanceProtection").unwrap_err();
            assert_eq!(is_group_busy(&error), busy, "{error}");
        }
    }
}
