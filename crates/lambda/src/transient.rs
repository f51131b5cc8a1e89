//! *transient*: fails the execution with the errors that did not stop the run, so that the AWS console shows them.

use crate::failure::Failure;
use scaling::messages::{TerminateResponse, read};
use serde_json::Value;

/// Fails with all transient errors of the message. Without errors, for which the state machine does not call this function, the
/// response is null.
///
/// # Errors
/// The transient errors, one per line; or the message is invalid.
pub fn transient(event: &Value) -> Result<Value, Failure> {
    let message: TerminateResponse = read(event.clone()).map_err(|source| Failure::Message { source })?;
    match message.transient_errors.filter(|errors| !errors.is_empty()) {
        Some(errors) => Err(Failure::TransientErrors { errors }),
        None => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn failure_lists_one_error_per_line() {
        let message = |errors: Value| {
            transient(&json!({ "set_to_terminate_instances": [], "TransientErrors": errors, "version": 1 }))
        };
        let failure = message(json!(["one", "two: why"])).unwrap_err();
        assert_eq!(
            (failure.name(), failure.message().as_str()),
            ("TransientErrors", "one\ntwo: why")
        );
        assert_eq!(message(json!(null)).unwrap(), Value::Null);
        assert_eq!(message(json!([])).unwrap(), Value::Null);
        assert_eq!(
            transient(&json!({ "version": 2 })).unwrap_err().name(),
            "InvalidMessage"
        );
    }
}
