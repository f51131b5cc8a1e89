//! *transient*: fails the execution with the errors of the functions before it, so that the AWS console shows them.
//!
//! Anyone who may invoke the function can write its message. So it only reports, and limits what it repeats.

use crate::failure::{Failure, shorten};
use scaling::messages::{Input, TerminateResponse, read};
use serde_json::Value;

/// The name of errors that did not stop the run.
const TRANSIENT_ERRORS: &str = "TransientErrors";
/// The maximum number of errors that are reported, and of characters of each.
const MAX_ERRORS: usize = 200;
const MAX_ERROR_LENGTH: usize = 2_000;
const MAX_NAME_LENGTH: usize = 100;

/// Fails with the error that stopped the run (`failure`, which the state machine adds to the input of the failed state), or else
/// with all transient errors of the message. Without errors, for which the state machine does not call this function, the response
/// is null.
///
/// # Errors
/// The errors, one per line; or the message is invalid.
pub fn transient(event: &Value) -> Result<Value, Failure> {
    let invalid = |source| Failure::Message { source };
    let message = Input::read(event).map_err(invalid)?.message;
    if let Some(failure) = message.get("failure") {
        let text = |field: &str| failure.get(field).and_then(Value::as_str).unwrap_or_default();
        return Err(reported(text("Error"), vec![message_of(text("Cause"))]));
    }
    let message: TerminateResponse = read(message.clone()).map_err(invalid)?;
    match message.transient_errors.filter(|errors| !errors.is_empty()) {
        Some(errors) => {
            let outcome = message.outcome.as_deref();
            Err(reported(outcome.unwrap_or(TRANSIENT_ERRORS), errors))
        }
        None => Ok(Value::Null),
    }
}

fn reported(name: &str, mut errors: Vec<String>) -> Failure {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    let is_valid = !name.is_empty() && name.len() <= MAX_NAME_LENGTH && name.chars().all(is_name);
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        shorten(error, MAX_ERROR_LENGTH);
    }
    Failure::Reported {
        name: if is_valid { name } else { TRANSIENT_ERRORS }.to_owned(),
        errors,
    }
}

/// The cause of an error that a function returned is JSON.
fn message_of(cause: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(cause).ok();
    let message = parsed.as_ref().and_then(|cause| cause["errorMessage"].as_str());
    message.unwrap_or(cause).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn invoked(message: Value) -> Result<Value, (String, String)> {
        transient(&json!({ "execution": "e", "started": "s", "message": message }))
            .map_err(|failure| (failure.name().to_owned(), failure.message()))
    }

    fn failure(name: &str, message: &str) -> Result<Value, (String, String)> {
        Err((name.to_owned(), message.to_owned()))
    }

    #[test]
    fn failure_lists_one_error_per_line() {
        let message = |errors: Value| {
            invoked(json!({ "set_to_terminate_instances": [], "TransientErrors": errors, "version": 2 }))
        };
        assert_eq!(
            message(json!(["one", "two: why"])),
            failure("TransientErrors", "one\ntwo: why")
        );
        assert_eq!(message(json!(null)).unwrap(), Value::Null);
        assert_eq!(message(json!([])).unwrap(), Value::Null);
        for event in [json!({ "version": 1 }), json!({})] {
            assert_eq!(transient(&event).unwrap_err().name(), "InvalidMessage");
            assert_eq!(invoked(event).unwrap_err().0, "InvalidMessage");
        }
    }

    #[test]
    fn refusal_of_scale_has_its_own_name() {
        let refused = json!({
            "set_to_terminate_instances": [], "outcome": "ScalingSkipped", "TransientErrors": ["why"], "version": 2,
        });
        assert_eq!(invoked(refused), failure("ScalingSkipped", "why"));
    }

    #[test]
    fn crash_of_a_function_keeps_its_name_and_message() {
        let cause = json!({ "errorType": "UnsealFailed", "errorMessage": "why" }).to_string();
        // The message is the input of the state that failed.
        let crashed = |error: &str, cause: &str| {
            invoked(json!({ "version": 2, "failure": { "Error": error, "Cause": cause } }))
        };
        assert_eq!(crashed("UnsealFailed", &cause), failure("UnsealFailed", "why"));
        let timeout = "Task timed out after 15.00 seconds";
        assert_eq!(
            crashed("Sandbox.Timedout", timeout),
            failure("Sandbox.Timedout", timeout)
        );
        assert_eq!(invoked(json!({ "failure": 7 })), failure("TransientErrors", ""));
    }

    #[test]
    fn forged_message_is_only_repeated_in_part() {
        let (name, message) = invoked(json!({
            "failure": { "Error": "not\na name", "Cause": "x".repeat(100_000) },
        }))
        .unwrap_err();
        assert_eq!(name, "TransientErrors");
        assert_eq!(message.chars().count(), MAX_ERROR_LENGTH + 1);
        let (_, message) = invoked(json!({
            "set_to_terminate_instances": [], "TransientErrors": vec!["x"; 1_000], "version": 2,
        }))
        .unwrap_err();
        assert_eq!(message.lines().count(), MAX_ERRORS);
    }
}
