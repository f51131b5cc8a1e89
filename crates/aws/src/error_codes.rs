//! AWS's error codes and what each group of them means for a caller.

use crate::error::Error;
use aws_runtime::retries::classifiers::THROTTLING_ERRORS;

/// Whether AWS throttled the request. The SDK itself retries a throttled request only for some seconds.
pub(crate) fn is_throttled(error: &Error) -> bool {
    error.is(THROTTLING_ERRORS)
}

/// Whether a wait must continue: the resource is not ready, or the request that asked for its state was throttled.
///
/// A network failure ends a wait: nothing is known about the resource, and the SDK has already retried.
pub(crate) fn is_not_ready(error: &Error) -> bool {
    matches!(error, Error::NotReady { .. }) || is_throttled(error)
}

/// Whether a call failed because a new role, or a change of its policy, has not propagated yet.
pub(crate) fn is_role_propagation_error(error: &Error) -> bool {
    let message = error.message().to_ascii_lowercase();
    let role = message.contains("assume") || message.contains("neither the global service principal");
    // A role's policy propagates as slowly as the role: until then Lambda lacks the permission to use the key or the network,
    // and Step Functions the permission to write to its log group. The latter also happens when an old role's policy changes.
    let policy = message.contains("does not have permissions")
        || message.contains("lambda was unable to configure access")
        || message.contains("not authorized to access the log destination");
    (error.is(&[
        "InvalidParameterValueException",
        "AccessDeniedException",
        "AccessDenied",
    ]) && (role || policy))
        || error.is(&["KMSAccessDeniedException"])
}

/// Whether an Auto Scaling group rejected a request because of another change to the group or to one of its instances.
///
/// A newly attached instance takes some seconds to be in service. That case has no code of its own; the message is
/// `The instance i-1 is not in InService or EnteringStandby or Standby.`
pub(crate) fn is_group_busy(error: &Error) -> bool {
    error.is(&["ResourceContention", "ScalingActivityInProgress"])
        || (error.is(&["ValidationError"]) && error.message().contains("is not in InService"))
}

/// Whether a resource cannot be deleted yet, because its dependents are still being deleted or it is being changed.
pub(crate) fn is_retryable_delete(error: &Error) -> bool {
    is_throttled(error)
        || error.is(&[
            // EC2 Auto Scaling: the group still has instances.
            "ResourceInUse",
            "ScalingActivityInProgress",
            "ResourceContention",
            // DynamoDB: the table is being created or updated.
            "ResourceInUseException",
            // Lambda, API Gateway: another update is in progress.
            "ResourceConflictException",
            "ConflictException",
            // IAM, EventBridge, CloudWatch Logs: another update is in progress. Route 53 reports `PriorRequestNotComplete`,
            // which counts as throttling.
            "ConcurrentModification",
            "ConcurrentModificationException",
            "OperationAbortedException",
            // IAM: a policy that was just removed from the role is still visible in it.
            "DeleteConflict",
        ])
        // EventBridge: a target that was just removed from the rule is still visible in it.
        || (error.is(&["ValidationException"]) && error.message().contains("has targets"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Context;
    use crate::test_support::{config, json_answer, replay, xml_answer};
    use serde_json::json;

    #[tokio::test]
    async fn only_role_propagation_errors_are_retried() {
        for (code, message, retried) in [
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
            let body = json!({ "__type": code, "message": message });
            let client = aws_sdk_sfn::Client::new(&config(replay([json_answer(400, &body)])));
            let response = client
                .update_state_machine()
                .state_machine_arn("arn:sm")
                .send()
                .await;
            let error = response.context("states UpdateStateMachine").unwrap_err();
            assert_eq!(is_role_propagation_error(&error), retried, "{error}");
        }
    }

    #[tokio::test]
    async fn delete_is_retried_only_for_transient_errors() {
        for (code, message, retried) in [
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
            let body = json!({ "__type": code, "message": message });
            let client = aws_sdk_eventbridge::Client::new(&config(replay([json_answer(400, &body)])));
            let response = client.delete_rule().name("r").send().await;
            let error = response.context("events DeleteRule").unwrap_err();
            assert_eq!(is_retryable_delete(&error), retried, "{error}");
        }
    }

    #[tokio::test]
    async fn group_is_busy_only_for_transient_errors() {
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
            let body = format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            );
            let client = aws_sdk_autoscaling::Client::new(&config(replay([xml_answer(400, &body)])));
            let response = client.set_instance_protection().send().await;
            let error = response.context("autoscaling SetInstanceProtection").unwrap_err();
            assert_eq!(is_group_busy(&error), busy, "{error}");
        }
    }
}
