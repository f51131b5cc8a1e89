//! The events that the state machine sends to its functions.

use crate::Error;
use jiff::Timestamp;
use scaling::authentication::{MessageKey, Run, Signed, sign};
use scaling::seal::SealKey;
use serde_json::{Value, json};

/// The execution of [`event`].
pub const EXECUTION: &str = "arn:aws:states:eu-west-1:123456789012:execution:wekactl-wk-Backends:0d4c1f9e-5a51-4f0b-8d6c-7a1c9b5d2e01";
/// The run of [`signed_event`].
pub const RUN: Run<'static> = Run {
    cluster: "wk",
    host_group: "Backends",
    execution: EXECUTION,
};

/// An event with this message.
pub fn event(message: &Value) -> Value {
    json!({ "execution": EXECUTION, "started": "2026-01-31T08:00:00.000Z", "message": message })
}

/// An event with a message that the function before signed a moment ago, with this `SEAL_KEY`.
///
/// # Errors
/// The key is invalid, or the message cannot be signed.
pub fn signed_event<T: Signed>(message: Value, seal_key: &str) -> Result<Value, Error> {
    let key = SealKey::from_base64(seal_key).map_err(|error| Error::Event(error.to_string()))?;
    #[expect(clippy::disallowed_methods, reason = "the functions use the real clock")]
    let now = std::time::SystemTime::now();
    // Fails only before 1970 or after 9999.
    let now = Timestamp::try_from(now).unwrap_or_default();
    sign::<T>(message, RUN, now, &MessageKey::from(&key))
        .map(|message| event(&message))
        .map_err(|error| Error::Event(error.to_string()))
}
