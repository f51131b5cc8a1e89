//! The JSON messages between the functions of the state machine.
//!
//! *fetch* and *scale* sign their messages: see [`authentication`](crate::authentication). *transient* has no key and trusts
//! nothing in its message.
//!
//! Fields may be added within a version. A message of another version is refused before anything else in it is read: an
//! execution that runs while the functions are updated may call two versions of wekactl.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weka_types::WekaApi;
use weka_types::ids::{HostId, InstanceId};

/// The version of the messages that this build writes, and the only one that it reads.
pub const VERSION: u64 = 2;

/// The largest integer that a message may have in the form `6.0`: 2^49. With the additional digit it is below 2^53, and is parsed
/// exactly. No number in a message is near it.
const MAX_INTEGER: f64 = 562_949_953_421_312.0;

/// From *fetch* to *scale*: the host group as AWS reports it, and how to log in to Weka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostGroupInfo {
    /// The encrypted credentials ([`seal::seal`](crate::seal::seal)); `None` if *scale* reads them from the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    pub desired_capacity: u32,
    /// The group's instances that have an address.
    pub instances: Vec<Instance>,
    /// The private addresses of all running backends of the cluster, including those outside the group. *scale* connects to
    /// one of them.
    pub backend_ips: Vec<String>,
    pub role: Role,
    /// How to connect to the backends; `None` means HTTPS with any certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weka: Option<WekaApi>,
    /// [`VERSION`].
    pub version: u64,
}

/// From *scale* to *terminate*: the cluster after the run, and the instances that it no longer needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleResponse {
    /// The containers of the run's role, from the list that was read last.
    pub hosts: Vec<Container>,
    /// The group's instances whose containers were all removed from the cluster.
    pub to_terminate: Vec<Instance>,
    /// The addresses of all hosts in Weka's list at the end of the run, including clients. *terminate* refuses a message
    /// without them, because it could not tell which instances failed to join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// Errors that did not stop the run. Null if there were none: the state machine tests for null.
    #[serde(rename = "TransientErrors")]
    pub transient_errors: Option<Vec<String>>,
    /// [`VERSION`].
    pub version: u64,
}

/// From *scale* to *terminate*: the run was refused. It has no members, so nothing can be terminated because of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleRefusal {
    /// The stable name of the refusal, such as `ScalingSkipped`.
    pub outcome: String,
    /// One line for people.
    pub reason: String,
    /// [`VERSION`].
    pub version: u64,
}

/// What *scale* answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ScaleAnswer {
    Done(ScaleResponse),
    Refused(ScaleRefusal),
}

impl<'de> Deserialize<'de> for ScaleAnswer {
    /// A message with an outcome is a refusal, whatever else it has.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = Value::deserialize(deserializer)?;
        let answer = if message.get("outcome").is_some() {
            serde_json::from_value(message).map(Self::Refused)
        } else {
            serde_json::from_value(message).map(Self::Done)
        };
        answer.map_err(serde::de::Error::custom)
    }
}

/// A container in the list that *scale* read last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The instance that Weka reports for it.
    pub instance_id: Option<InstanceId>,
    /// The address of its machine.
    pub private_ip: String,
    /// The container's state. A container that is not `INACTIVE` is a member of the cluster.
    pub status: String,
    /// When it was added to the cluster.
    pub added_time: Option<Timestamp>,
    pub host_id: HostId,
}

/// From *terminate* to *transient*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminateResponse {
    /// The instances that EC2 is terminating.
    pub set_to_terminate_instances: Vec<TerminatedInstance>,
    /// The name of *scale*'s refusal: nothing was terminated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The errors of *scale* and of *terminate*; null if there were none.
    #[serde(rename = "TransientErrors")]
    pub transient_errors: Option<Vec<String>>,
    /// [`VERSION`].
    pub version: u64,
}

/// An instance that EC2 is terminating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminatedInstance {
    pub instance_id: InstanceId,
    /// The launch time.
    pub creation_date: Option<Timestamp>,
}

/// The errors in the form that a message has: null if there are none.
pub fn transient_errors(errors: Vec<String>) -> Option<Vec<String>> {
    (!errors.is_empty()).then_some(errors)
}

/// An instance of the group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance {
    /// Such as `i-0123456789abcdef0`.
    pub id: String,
    pub private_ip: String,
}

/// The role of a host group's instances in the Weka cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// They store data.
    Backend,
    /// They only use data.
    Client,
}

/// What the state machine passes to a function (`Parameters` in its definition).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input<'a> {
    /// The id of the execution. Whoever may invoke the function can write anything here.
    pub execution: &'a str,
    /// The output of the previous function.
    pub message: &'a Value,
}

impl<'a> Input<'a> {
    /// # Errors
    /// [`InvalidMessage::NoExecution`]
    pub fn read(event: &'a Value) -> Result<Self, InvalidMessage> {
        let execution = event.get("execution").and_then(Value::as_str);
        match (execution, event.get("message")) {
            (Some(execution), Some(message)) if !execution.is_empty() => Ok(Self { execution, message }),
            _ => Err(InvalidMessage::NoExecution),
        }
    }
}

/// A message that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// The state machine of this version did not call the function.
    #[error(
        "the event has no execution and message: only the state machine may call this function; if it did, run wekactl cluster update"
    )]
    NoExecution,
    /// Another version of wekactl wrote it.
    #[error(
        "the {message} message has version {found}, but this build reads version {VERSION}: run wekactl cluster update"
    )]
    Version { message: &'static str, found: String },
    /// A field is missing or has another type.
    #[error("the {message} message cannot be read: {reason}")]
    Fields {
        message: &'static str,
        /// The missing field, or the type that was expected. Never the value, which may be a secret.
        reason: String,
    },
}

/// A message between two functions.
pub trait Message: Serialize + DeserializeOwned {
    /// Sender and receiver.
    const NAME: &'static str;
}

impl Message for HostGroupInfo {
    const NAME: &'static str = "fetch -> scale";
}

impl Message for ScaleResponse {
    const NAME: &'static str = "scale -> terminate";
}

impl Message for ScaleAnswer {
    const NAME: &'static str = "scale -> terminate";
}

impl Message for TerminateResponse {
    const NAME: &'static str = "terminate -> transient";
}

/// Parses a message after checking its version.
///
/// # Errors
/// [`InvalidMessage`].
pub fn read<T: Message>(message: Value) -> Result<T, InvalidMessage> {
    let name = T::NAME;
    check_version::<T>(&message)?;
    serde_json::from_value(message).map_err(|error| {
        let text = error.to_string();
        let reason = match text.rsplit_once(", expected ") {
            Some((_, expected)) => format!("a field is not {expected}"),
            None if text.starts_with("missing field ") => text,
            None => "a field has another type".to_owned(),
        };
        InvalidMessage::Fields {
            message: name,
            reason,
        }
    })
}

/// # Errors
/// [`InvalidMessage::Version`]
pub(crate) fn check_version<T: Message>(message: &Value) -> Result<(), InvalidMessage> {
    let mut version = message.get("version").cloned().unwrap_or_default();
    let version = make_integers(&mut version).and(version.as_u64());
    if version == Some(VERSION) {
        return Ok(());
    }
    Err(InvalidMessage::Version {
        message: T::NAME,
        found: version.map_or_else(|| "unknown".to_owned(), |version| version.to_string()),
    })
}

/// A serializer may write the integer 6 as `6.0` or `6e0`.
pub(crate) fn make_integers(value: &mut Value) -> Option<()> {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64()?;
            if float.fract() != 0.0 || float.abs() > MAX_INTEGER {
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked: an integer of at most 49 bits"
            )]
            let integer = float as i64;
            *value = Value::from(integer);
            Some(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(make_integers),
        Value::Object(fields) => fields.values_mut().try_for_each(make_integers),
        _ => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use weka_types::WekaProtocol;

    fn example() -> Value {
        json!({
            "sealed": "AAAA",
            "desired_capacity": 6,
            "instances": [{ "Id": "i-1", "PrivateIp": "10.0.0.1" }],
            "backend_ips": ["10.0.0.1"],
            "role": "backend",
            "version": 2,
        })
    }

    #[test]
    fn fetch_message_round_trips() {
        let info: HostGroupInfo = read(example()).unwrap();
        assert_eq!(info.desired_capacity, 6);
        assert_eq!(info.role, Role::Backend);
        assert_eq!(serde_json::to_value(info).unwrap(), example());
    }

    #[test]
    fn scale_and_terminate_messages_match_the_specification() {
        let scale = json!({
            "hosts": [{
                "instance_id": "i-1", "private_ip": "10.0.0.1", "status": "INACTIVE",
                "added_time": "2026-01-31T08:00:00Z", "host_id": "HostId<4>",
            }],
            "to_terminate": [{ "Id": "i-1", "PrivateIp": "10.0.0.1" }],
            "members": ["10.0.0.2"],
            "TransientErrors": null,
            "version": 2,
        });
        let read_back: ScaleResponse = read(scale.clone()).unwrap();
        assert_eq!(serde_json::to_value(read_back).unwrap(), scale);
        let terminate = json!({
            "set_to_terminate_instances": [{ "instance_id": "i-1", "creation_date": "2026-01-31T08:00:00Z" }],
            "TransientErrors": ["deactivating drives of 10.0.0.2: no"],
            "version": 2,
        });
        let read_back: TerminateResponse = read(terminate.clone()).unwrap();
        assert_eq!(serde_json::to_value(read_back).unwrap(), terminate);
    }

    #[test]
    fn missing_members_differ_from_empty_members() {
        let message = |members: Value| {
            let mut message =
                json!({ "hosts": [], "to_terminate": [], "TransientErrors": null, "version": 2 });
            if members != json!("missing") {
                message["members"] = members;
            }
            read::<ScaleResponse>(message).unwrap().members
        };
        assert_eq!(message(json!("missing")), None);
        assert_eq!(message(json!(null)), None);
        assert_eq!(message(json!([])), Some(vec![]));
    }

    #[test]
    fn refusal_of_scale_has_no_members() {
        let refusal = json!({ "outcome": "ScalingSkipped", "reason": "an override is set", "version": 2 });
        let mut message = refusal.clone();
        message["members"] = json!(["10.0.0.1"]);
        message["to_terminate"] = json!([{ "Id": "i-1", "PrivateIp": "10.0.0.1" }]);
        for message in [refusal.clone(), message] {
            let answer: ScaleAnswer = read(message).unwrap();
            assert!(matches!(answer, ScaleAnswer::Refused(_)), "{answer:?}");
            assert_eq!(serde_json::to_value(answer).unwrap(), refusal);
        }
        let error = read::<ScaleAnswer>(json!({ "version": 2 })).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the scale -> terminate message cannot be read: missing field `hosts`"
        );
    }

    #[test]
    fn event_of_another_caller_has_no_execution() {
        let event = json!({ "execution": "e", "started": "s", "message": { "version": 2 } });
        let input = Input::read(&event).unwrap();
        assert_eq!((input.execution, input.message), ("e", &json!({ "version": 2 })));
        for event in [
            json!({}),
            json!(null),
            json!({ "version": 1 }),
            json!({ "execution": "", "message": {} }),
            json!({ "execution": 1, "message": {} }),
            json!({ "execution": "e" }),
        ] {
            assert_eq!(Input::read(&event), Err(InvalidMessage::NoExecution), "{event}");
        }
    }

    #[test]
    fn weka_api_may_be_missing_but_not_invalid() {
        let weka = |value: Value| {
            let mut message = example();
            message["weka"] = value;
            read::<HostGroupInfo>(message)
        };
        assert_eq!(read::<HostGroupInfo>(example()).unwrap().weka, None);
        assert_eq!(weka(json!(null)).unwrap().weka, None);
        assert_eq!(weka(json!({})).unwrap().weka, Some(WekaApi::default()));
        let pinned = json!({ "protocol": "https", "ca": "-----BEGIN" });
        let read_back = weka(pinned.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read_back).unwrap()["weka"], pinned);
        let http = weka(json!({ "protocol": "http", "ca": null }))
            .unwrap()
            .weka
            .unwrap();
        assert_eq!((http.protocol, http.ca), (WekaProtocol::Http, None));
        let error = weka(json!({ "protocol": "ftp" })).unwrap_err().to_string();
        assert_eq!(
            error,
            "the fetch -> scale message cannot be read: a field is not `https` or `http`"
        );
    }

    #[test]
    fn unknown_field_is_ignored() {
        let mut message = example();
        message["added"] = json!({ "in": "a later build" });
        assert!(read::<HostGroupInfo>(message).is_ok());
    }

    #[test]
    fn other_version_is_refused_before_other_fields_are_read() {
        let error = read::<HostGroupInfo>(json!({ "version": 1 }))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("version 2") && error.contains("version 1"),
            "{error}"
        );
        for version in [json!(null), json!("1"), json!(1.5), json!([])] {
            let error = read::<HostGroupInfo>(json!({ "version": version }))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("version unknown") && error.contains("version 2"),
                "{error}"
            );
        }
        let error = read::<HostGroupInfo>(json!([])).unwrap_err();
        assert!(matches!(error, InvalidMessage::Version { .. }), "{error}");
    }

    #[test]
    fn invalid_field_is_reported_without_its_value() {
        let mut message = example();
        message["desired_capacity"] = json!("hunter2, expected nothing");
        let error = read::<HostGroupInfo>(message).unwrap_err().to_string();
        assert_eq!(
            error,
            "the fetch -> scale message cannot be read: a field is not u32"
        );
        let mut message = example();
        message.as_object_mut().unwrap().remove("role");
        let error = read::<HostGroupInfo>(message).unwrap_err().to_string();
        assert_eq!(
            error,
            "the fetch -> scale message cannot be read: missing field `role`"
        );
        let mut message = example();
        message["role"] = json!("hunter2");
        let error = read::<HostGroupInfo>(message).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    proptest! {
        #[test]
        fn any_message_round_trips(
            sealed in proptest::option::of(".*"),
            desired_capacity: u32,
            instances in proptest::collection::vec((".*", ".*"), 0..5),
            backend_ips in proptest::collection::vec(".*", 0..5),
            client: bool,
            ca in proptest::option::of(".*"),
        ) {
            let info = HostGroupInfo {
                sealed,
                desired_capacity,
                instances: instances.into_iter().map(|(id, private_ip)| Instance { id, private_ip }).collect(),
                backend_ips,
                role: if client { Role::Client } else { Role::Backend },
                weka: ca.map(|ca| WekaApi { protocol: WekaProtocol::Https, ca: Some(ca) }),
                version: VERSION,
            };
            let text = serde_json::to_string(&info).unwrap();
            prop_assert_eq!(read::<HostGroupInfo>(serde_json::from_str(&text).unwrap()).unwrap(), info);
        }
    }
}
