//! AWS's error codes and what each group of them means for a caller.

use crate::error::{Error, Result};
use aws_runtime::retries::classifiers::THROTTLING_ERRORS;

/// The response, or `None` if the object does not exist.
pub(crate) fn ignore_not_found<T>(response: Result<T>) -> Result<Option<T>> {
    ignore(response, is_not_found)
}

/// The response, or `None` if the error is `expected`.
pub(crate) fn ignore<T>(response: Result<T>, expected: impl Fn(&Error) -> bool) -> Result<Option<T>> {
    match response {
        Ok(response) => Ok(Some(response)),
        Err(error) if expected(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the object of the request does not exist. Each service has its own codes.
///
/// EC2 Auto Scaling and CloudFormation have none: see `is_group_not_found` and `is_stack_not_found`.
pub fn is_not_found(error: &Error) -> bool {
    error.is(&[
        // API Gateway, KMS.
        "NotFoundException",
        // CloudWatch Logs, DynamoDB, EventBridge, Lambda.
        "ResourceNotFoundException",
        "TableNotFoundException",
        // EC2.
        "InvalidInstanceID.NotFound",
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateName.NotFoundException",
        // Elastic Load Balancing: AWS documents the error types, but its responses have the shorter codes.
        "AccessPointNotFoundException",
        "LoadBalancerNotFound",
        "LoadBalancerNotFoundException",
        "TargetGroupNotFound",
        "TargetGroupNotFoundException",
        "ListenerNotFound",
        "ListenerNotFoundException",
        // IAM.
        "NoSuchEntity",
        // Route 53.
        "NoSuchHostedZone",
        // Step Functions.
        "StateMachineDoesNotExist",
        "ExecutionDoesNotExist",
        "ResourceNotFound",
    ])
}

/// Whether an Auto Scaling group does not exist. The service reports this only in the message.
pub(crate) fn is_group_not_found(error: &Error) -> bool {
    is_validation_error(error) && error.message().contains("not found")
}

/// Whether a CloudFormation stack does not exist. The service reports any invalid argument with the same code, so this is
/// conclusive only if the stack's name is known to be valid.
pub(crate) fn is_stack_not_found(error: &Error) -> bool {
    is_validation_error(error)
}

/// Whether EC2 Auto Scaling or CloudFormation rejected an argument, or the state of an instance.
pub(crate) fn is_validation_error(error: &Error) -> bool {
    error.is(&["ValidationError"])
}

/// Whether an AMI does not exist, was deregistered, or is not shared with the account. EC2's codes:
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html>.
pub(crate) fn is_image_not_found(error: &Error) -> bool {
    error.is(&["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"])
}

/// Whether a KMS key is scheduled for deletion or deleted.
pub(crate) fn is_key_deleted(error: &Error) -> bool {
    is_not_found(error) || error.is(&["KMSInvalidStateException"])
}

/// Whether a stage is no longer part of an API Gateway usage plan. `BadRequestException` has other causes too, so check the result.
pub(crate) fn is_stage_removed(error: &Error) -> bool {
    is_not_found(error) || error.is(&["BadRequestException"])
}

/// Whether an IAM role still has policies.
pub(crate) fn is_delete_conflict(error: &Error) -> bool {
    error.is(&["DeleteConflict"])
}

/// Whether point-in-time recovery cannot be set yet, because the DynamoDB table was created some seconds ago.
pub(crate) fn is_backup_unavailable(error: &Error) -> bool {
    error.is(&["ContinuousBackupsUnavailableException"])
}

/// Whether EC2 or EC2 Auto Scaling rejected a request because of some of its instances. It may accept the others.
pub(crate) fn is_about_some_instances(error: &Error) -> bool {
    error
        .code()
        .is_some_and(|code| code.starts_with("InvalidInstanceID"))
        || error.is(&[
            // EC2: the instance is protected, in another state, or has tags that the role's policy does not allow.
            "OperationNotPermitted",
            "IncorrectInstanceState",
            "IncorrectState",
            "UnsupportedOperation",
            "UnauthorizedOperation",
        ])
        // EC2 Auto Scaling: the instance is not in the group, or not in service.
        || is_validation_error(error)
}

/// Whether DynamoDB rejected a conditional write because its condition is false.
pub fn is_condition_failed(error: &Error) -> bool {
    error.is(&["ConditionalCheckFailedException"])
}

pub fn is_expired_credentials(error: &Error) -> bool {
    error.is(&["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
}

pub fn is_invalid_credentials(error: &Error) -> bool {
    error.is(&[
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "AuthFailure",
        "SignatureDoesNotMatch",
    ])
}

pub fn is_access_denied(error: &Error) -> bool {
    error.is(&[
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AccessDeniedError",
    ])
}

/// Whether AWS limited the rate of requests, so that a later attempt can succeed. Excludes `LimitExceededException`, with which
/// many services report an exhausted quota.
pub fn is_rate_limited(error: &Error) -> bool {
    is_throttled(error) && !error.is(&["LimitExceededException"])
}

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
        || (is_validation_error(error) && error.message().contains("is not in InService"))
}

/// Whether AWS refused a change and can accept it later: it did not carry out anything.
///
/// Sources: the errors that the API references call temporary, and `retryFunctionOp` in hashicorp/terraform-provider-aws,
/// `internal/service/lambda/function.go`. Lambda uses `ResourceConflictException` also for a function or a statement that already
/// exists, so its message counts.
pub(crate) fn is_retryable_change(error: &Error) -> bool {
    let message = error.message();
    is_rate_limited(error)
        || error.is(&[
            // EC2 Auto Scaling.
            "ResourceContention",
            "ScalingActivityInProgress",
            // IAM, EventBridge, CloudWatch Logs.
            "ConcurrentModification",
            "ConcurrentModificationException",
            "OperationAbortedException",
            // API Gateway.
            "TooManyRequests",
        ])
        || (error.is(&["ResourceConflictException"])
            && (message.contains("in progress") || message.contains("cannot be performed at this time")))
        // Lambda calls EC2 for a function in a VPC.
        || (error.is(&["InvalidParameterValueException"]) && message.contains("throttled by EC2"))
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
        ])
        // IAM: a policy that was just removed from the role is still visible in it.
        || is_delete_conflict(error)
        // EventBridge: a target that was just removed from the rule is still visible in it.
        || (error.is(&["ValidationException"]) && error.message().contains("has targets"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Context;
    use crate::test_support::{config, json_response, replay, xml_response};
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
            let client = aws_sdk_sfn::Client::new(&config(replay([json_response(400, &body)])));
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
            let client = aws_sdk_eventbridge::Client::new(&config(replay([json_response(400, &body)])));
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
            let client = aws_sdk_autoscaling::Client::new(&config(replay([xml_response(400, &body)])));
            let response = client.set_instance_protection().send().await;
            let error = response.context("autoscaling SetInstanceProtection").unwrap_err();
            assert_eq!(is_group_busy(&error), busy, "{error}");
        }
    }

    #[test]
    fn change_is_retried_only_if_aws_did_not_carry_it_out() {
        for (code, message, retried) in [
            ("RequestLimitExceeded", "Request limit exceeded.", true),
            ("ConcurrentModification", "", true),
            (
                "ResourceConflictException",
                "An update is in progress for resource: arn",
                true,
            ),
            (
                "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in the following state: Pending",
                true,
            ),
            ("ResourceConflictException", "Function already exist: f", false),
            (
                "ResourceConflictException",
                "The statement id (s) provided already exists. Please provide a new statement id, or remove the existing statement.",
                false,
            ),
            (
                "InvalidParameterValueException",
                "Lambda was throttled by EC2 while configuring the function",
                true,
            ),
            (
                "InvalidParameterValueException",
                "Unzipped size must be smaller",
                false,
            ),
            ("LimitExceededException", "quota", false),
            ("InternalFailure", "in progress", false),
        ] {
            let error = service_error(Some(code), message);
            assert_eq!(is_retryable_change(&error), retried, "{error}");
        }
    }

    fn service_error(code: Option<&str>, message: &str) -> Error {
        Error::Service {
            operation: "service Operation",
            code: code.map(str::to_owned),
            message: message.to_owned(),
            request_id: None,
        }
    }

    #[test]
    fn not_found_needs_the_code_and_not_the_message() {
        for code in ["NotFoundException", "NoSuchEntity", "StateMachineDoesNotExist"] {
            assert_eq!(
                ignore_not_found::<()>(Err(service_error(Some(code), ""))),
                Ok(None)
            );
        }
        assert_eq!(ignore_not_found(Ok(1)), Ok(Some(1)));
        for error in [
            service_error(Some("AccessDeniedException"), "ResourceNotFoundException"),
            service_error(None, "not found"),
            Error::no_response("service Operation", "host not found"),
            Error::missing_field("service Operation", "table"),
        ] {
            assert_eq!(ignore_not_found::<()>(Err(error.clone())), Err(error));
        }
    }

    #[test]
    fn group_is_not_found_only_by_its_own_message() {
        let code = Some("ValidationError");
        assert!(is_group_not_found(&service_error(
            code,
            "AutoScalingGroup name not found - null"
        )));
        assert!(!is_group_not_found(&service_error(code, "Group is in use")));
        assert!(!is_group_not_found(&service_error(None, "not found")));
    }

    #[test]
    fn throttling_is_the_list_of_the_sdk() {
        for code in [
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "TooManyRequestsException",
            "LimitExceededException",
            "SlowDown",
        ] {
            let error = service_error(Some(code), "");
            assert!(
                is_throttled(&error) && is_not_ready(&error) && is_retryable_delete(&error),
                "{code}"
            );
        }
        assert!(!is_throttled(&service_error(Some("AccessDenied"), "Throttling")));
        assert!(is_rate_limited(&service_error(Some("Throttling"), "")));
        assert!(!is_rate_limited(&service_error(
            Some("LimitExceededException"),
            ""
        )));
        assert!(!is_throttled(&Error::no_response(
            "service Operation",
            "Throttling"
        )));
    }

    #[test]
    fn no_predicate_accepts_a_network_failure() {
        let error = Error::no_response(
            "service Operation",
            "assume not found is not in InService has targets",
        );
        for (name, predicate) in [
            ("is_not_found", is_not_found as fn(&Error) -> bool),
            ("is_group_not_found", is_group_not_found),
            ("is_stack_not_found", is_stack_not_found),
            ("is_key_deleted", is_key_deleted),
            ("is_stage_removed", is_stage_removed),
            ("is_delete_conflict", is_delete_conflict),
            ("is_backup_unavailable", is_backup_unavailable),
            ("is_about_some_instances", is_about_some_instances),
            ("is_condition_failed", is_condition_failed),
            ("is_expired_credentials", is_expired_credentials),
            ("is_invalid_credentials", is_invalid_credentials),
            ("is_access_denied", is_access_denied),
            ("is_rate_limited", is_rate_limited),
            ("is_throttled", is_throttled),
            ("is_not_ready", is_not_ready),
            ("is_role_propagation_error", is_role_propagation_error),
            ("is_group_busy", is_group_busy),
            ("is_retryable_change", is_retryable_change),
            ("is_retryable_delete", is_retryable_delete),
        ] {
            assert!(!predicate(&error), "{name}");
        }
    }
}
