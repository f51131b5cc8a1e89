//! Authentication of the messages between the functions.
//!
//! Anyone who may invoke the functions can send them an event, and anyone who may start or view executions knows how a message
//! looks. So *fetch* and *scale* sign what they return, and *scale* and *terminate* accept only a message that the function before
//! them wrote a moment ago, in the same execution, for the same host group.
//!
//! Step Functions parses each message and serializes it again. So the MAC is computed over a canonical form: compact JSON with
//! sorted keys and without fractions, which a serializer may write in several ways.

use crate::messages::{
    HostGroupInfo, InvalidMessage, Message, ScaleAnswer, check_version, make_integers, read,
};
use crate::seal::{KEY_BYTES, SealKey, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// How long a message is valid: a run takes less than a minute, and Step Functions repeats a call of a function for some time.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// By how much the clocks of two functions may differ.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The fields that authenticate a message.
const SENDER: &str = "sender";
const CLUSTER: &str = "cluster";
const HOST_GROUP: &str = "host_group";
const EXECUTION: &str = "execution";
const TIME: &str = "time";
const MAC: &str = "mac";

/// The key of the MACs.
pub struct MessageKey(Zeroizing<[u8; KEY_BYTES]>);

impl From<&SealKey> for MessageKey {
    fn from(key: &SealKey) -> Self {
        Self(key.derive("wekactl messages 2"))
    }
}

impl std::fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageKey(hidden)")
    }
}

/// The function that writes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Fetch,
    Scale,
}

impl Sender {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Scale => "scale",
        }
    }
}

/// A message that its receiver authenticates.
pub trait Signed: Message {
    const SENDER: Sender;
}

impl Signed for HostGroupInfo {
    const SENDER: Sender = Sender::Fetch;
}

impl Signed for ScaleAnswer {
    const SENDER: Sender = Sender::Scale;
}

/// Where a message is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    pub cluster: &'a str,
    /// The name of the host group, such as `Backends`.
    pub host_group: &'a str,
    /// The id of the execution.
    pub execution: &'a str,
}

/// Why a message is refused. The text of a refusal has no value of a message that is not authentic.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Invalid(InvalidMessage),
    #[error("the {0} message is not an object")]
    NotAnObject(&'static str),
    #[error(
        "the {0} message has a number that is not an integer: its MAC would depend on how the number is written"
    )]
    Fraction(&'static str),
    /// A function of this version signs each message.
    #[error("the {0} message has no MAC: none of this host group's functions wrote it; nothing was changed")]
    NoMac(&'static str),
    #[error(
        "the MAC of the {0} message is wrong: the message was modified, or its sender has another key; if this repeats, run wekactl cluster update"
    )]
    WrongMac(&'static str),
    #[error(
        "the {message} message was written by {found}, which does not write this message; nothing was changed"
    )]
    OtherSender { message: &'static str, found: String },
    #[error("the {message} message belongs to cluster '{found}'; nothing was changed")]
    OtherCluster { message: &'static str, found: String },
    #[error("the {message} message belongs to host group '{found}'; nothing was changed")]
    OtherHostGroup { message: &'static str, found: String },
    #[error("the {0} message belongs to another execution; nothing was changed")]
    OtherExecution(&'static str),
    #[error("the {message} message is {seconds} s old, the limit is {} s; the next run writes a new one", MAX_AGE.as_secs())]
    TooOld { message: &'static str, seconds: i64 },
    /// The clocks of two functions differ, or one of them is wrong.
    #[error("the {message} message was written {seconds} s in the future; the next run writes a new one")]
    InFuture { message: &'static str, seconds: i64 },
    #[error("the {0} message has no valid time; nothing was changed")]
    NoTime(&'static str),
}

/// Adds the fields that authenticate the message.
///
/// # Errors
/// [`Refusal::NotAnObject`] or [`Refusal::Fraction`].
pub fn sign<T: Signed>(
    message: Value,
    run: Run<'_>,
    now: Timestamp,
    key: &MessageKey,
) -> Result<Value, Refusal> {
    let Value::Object(mut fields) = message else {
        return Err(Refusal::NotAnObject(T::NAME));
    };
    for (name, value) in [
        (SENDER, T::SENDER.as_str()),
        (CLUSTER, run.cluster),
        (HOST_GROUP, run.host_group),
        (EXECUTION, run.execution),
        (TIME, &now.to_string()),
    ] {
        fields.insert(name.to_owned(), Value::from(value));
    }
    let (mut fields, text) = canonical(fields).ok_or(Refusal::Fraction(T::NAME))?;
    let mac = hmac(&key.0, text.as_bytes()).finalize().into_bytes();
    fields.insert(MAC.to_owned(), Value::from(STANDARD.encode(mac)));
    Ok(Value::Object(fields))
}

/// Reads a message if it is authentic and valid here and now.
///
/// # Errors
/// [`Refusal`]
pub fn verify<T: Signed>(
    message: &Value,
    run: Run<'_>,
    now: Timestamp,
    key: &MessageKey,
) -> Result<T, Refusal> {
    let name = T::NAME;
    check_version::<T>(message).map_err(Refusal::Invalid)?;
    let mut fields = message.as_object().ok_or(Refusal::NotAnObject(name))?.clone();
    let Some(Value::String(mac)) = fields.remove(MAC) else {
        return Err(Refusal::NoMac(name));
    };
    let mac = STANDARD.decode(mac).map_err(|_| Refusal::WrongMac(name))?;
    let (fields, text) = canonical(fields).ok_or(Refusal::Fraction(name))?;
    // In constant time: the time of a comparison must not tell how much of a guessed MAC is right.
    hmac(&key.0, text.as_bytes())
        .verify_slice(&mac)
        .map_err(|_| Refusal::WrongMac(name))?;

    // From here on, a function of this host group wrote the message. It may still be an old one, or one for another purpose.
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let found = |field: &str| (name, text(field).to_owned());
    if text(SENDER) != T::SENDER.as_str() {
        let (message, found) = found(SENDER);
        return Err(Refusal::OtherSender { message, found });
    }
    if text(CLUSTER) != run.cluster {
        let (message, found) = found(CLUSTER);
        return Err(Refusal::OtherCluster { message, found });
    }
    if text(HOST_GROUP) != run.host_group {
        let (message, found) = found(HOST_GROUP);
        return Err(Refusal::OtherHostGroup { message, found });
    }
    if text(EXECUTION) != run.execution {
        return Err(Refusal::OtherExecution(name));
    }
    let written: Timestamp = text(TIME).parse().map_err(|_| Refusal::NoTime(name))?;
    let age = now.duration_since(written);
    if age > MAX_AGE {
        return Err(Refusal::TooOld {
            message: name,
            seconds: age.as_secs(),
        });
    }
    if age < -MAX_CLOCK_SKEW {
        return Err(Refusal::InFuture {
            message: name,
            seconds: -age.as_secs(),
        });
    }
    read(Value::Object(fields)).map_err(Refusal::Invalid)
}

/// The fields with canonical numbers and sorted keys, and their text; `None` if a number is not an integer.
fn canonical(fields: Map<String, Value>) -> Option<(Map<String, Value>, String)> {
    let mut message = Value::Object(fields);
    make_integers(&mut message)?;
    message.sort_all_objects();
    let text = message.to_string();
    match message {
        Value::Object(fields) => Some((fields, text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
