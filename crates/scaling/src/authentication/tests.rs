use super::*;
use crate::messages::{Role, ScaleRefusal, VERSION};
use proptest::prelude::*;
use serde_json::json;

const RUN: Run<'_> = Run {
    cluster: "wk",
    host_group: "Backends",
    execution: "arn:aws:states:eu-west-1:123456789012:execution:wekactl-wk-Backends:1",
};

fn key(byte: u8) -> MessageKey {
    MessageKey::from(&SealKey::from_base64(&STANDARD.encode([byte; KEY_BYTES])).unwrap())
}

fn now() -> Timestamp {
    "2026-01-31T08:00:00.123456789Z".parse().unwrap()
}

/// A message of *scale* that terminates an instance.
fn response() -> Value {
    json!({
        "hosts": [],
        "to_terminate": [{ "Id": "i-1", "PrivateIp": "10.0.0.1" }],
        "members": ["10.0.0.2"],
        "TransientErrors": null,
        "version": VERSION,
    })
}

fn signed() -> Value {
    sign::<ScaleAnswer>(response(), RUN, now(), &key(1)).unwrap()
}

fn verified(message: &Value) -> Result<ScaleAnswer, Refusal> {
    verify(message, RUN, now(), &key(1))
}

/// The value as another program serializes it: other order of keys, other numbers, white space and escapes.
fn reserialized(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("{number}.0e0"),
        Value::String(text) => {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            format!("\"{escaped}\"")
        }
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(reserialized).collect();
            format!("[ {} ]", values.join(" ,\n"))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{} : {}", reserialized(&json!(name)), reserialized(value)))
                .collect();
            fields.reverse();
            format!("{{\t{} }}", fields.join(","))
        }
        other => other.to_string(),
    }
}

#[test]
fn genuine_message_passes_after_it_was_reordered_and_reserialized() {
    assert_eq!(verified(&signed()).unwrap(), read(response()).unwrap());
    let other = reserialized(&signed());
    assert!(
        !other.contains("to_terminate") && other.contains("2.0e0"),
        "{other}"
    );
    let other: Value = serde_json::from_str(&other).unwrap();
    assert_eq!(verified(&other).unwrap(), read(response()).unwrap());
}

#[test]
fn refusal_of_scale_is_authenticated() {
    let refusal = ScaleAnswer::Refused(ScaleRefusal {
        outcome: "WekaLoginRefused".to_owned(),
        reason: "the password is wrong".to_owned(),
        version: VERSION,
    });
    let message = sign::<ScaleAnswer>(serde_json::to_value(&refusal).unwrap(), RUN, now(), &key(1)).unwrap();
    assert_eq!(verified(&message).unwrap(), refusal);
}

#[test]
fn forged_message_is_refused() {
    let mut message = response();
    assert_eq!(verified(&message), Err(Refusal::NoMac("scale -> terminate")));
    message["mac"] = json!("");
    assert_eq!(verified(&message), Err(Refusal::WrongMac("scale -> terminate")));
    message["mac"] = json!(7);
    assert_eq!(verified(&message), Err(Refusal::NoMac("scale -> terminate")));
    let other_key = sign::<ScaleAnswer>(response(), RUN, now(), &key(2)).unwrap();
    assert_eq!(verified(&other_key), Err(Refusal::WrongMac("scale -> terminate")));
    // A genuine MAC of other content, and one that is cut off.
    let mut other_content = signed();
    other_content["to_terminate"][0]["Id"] = json!("i-2");
    assert_eq!(
        verified(&other_content),
        Err(Refusal::WrongMac("scale -> terminate"))
    );
    let mut added = signed();
    added["later"] = json!("field");
    assert_eq!(verified(&added), Err(Refusal::WrongMac("scale -> terminate")));
    let mut short = signed();
    short["mac"] = json!(STANDARD.encode(&STANDARD.decode(short["mac"].as_str().unwrap()).unwrap()[..16]));
    assert_eq!(verified(&short), Err(Refusal::WrongMac("scale -> terminate")));
    for message in [json!(null), json!([]), json!("x")] {
        assert!(
            matches!(verified(&message), Err(Refusal::Invalid(_))),
            "{message}"
        );
    }
}

#[test]
fn message_of_another_function_is_refused() {
    // With the fields of both messages.
    let mut message = response();
    for (name, value) in [
        ("desired_capacity", json!(6)),
        ("instances", json!([])),
        ("backend_ips", json!([])),
        ("role", json!("backend")),
    ] {
        message[name] = value;
    }
    let of_fetch = sign::<HostGroupInfo>(message.clone(), RUN, now(), &key(1)).unwrap();
    let error = verified(&of_fetch).unwrap_err();
    assert!(matches!(error, Refusal::OtherSender { .. }), "{error}");
    let info: HostGroupInfo = verify(&of_fetch, RUN, now(), &key(1)).unwrap();
    assert_eq!(info.role, Role::Backend);
    let of_scale = sign::<ScaleAnswer>(message, RUN, now(), &key(1)).unwrap();
    let error = verify::<HostGroupInfo>(&of_scale, RUN, now(), &key(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the fetch -> scale message was written by scale, which does not write this message; nothing was changed"
    );
}

#[test]
fn message_of_another_execution_cluster_or_host_group_is_refused() {
    let verify = |run| verify::<ScaleAnswer>(&signed(), run, now(), &key(1)).unwrap_err();
    assert_eq!(
        verify(Run {
            execution: "another",
            ..RUN
        }),
        Refusal::OtherExecution("scale -> terminate")
    );
    assert_eq!(
        verify(Run {
            cluster: "other",
            ..RUN
        })
        .to_string(),
        "the scale -> terminate message belongs to cluster 'wk'; nothing was changed"
    );
    assert_eq!(
        verify(Run {
            host_group: "Clients",
            ..RUN
        })
        .to_string(),
        "the scale -> terminate message belongs to host group 'Backends'; nothing was changed"
    );
}

#[test]
fn old_message_and_message_of_the_future_are_refused() {
    let after = |seconds| {
        let now = now() + SignedDuration::from_secs(seconds);
        verify::<ScaleAnswer>(&signed(), RUN, now, &key(1)).map(drop)
    };
    let message = "scale -> terminate";
    assert_eq!(after(0), Ok(()));
    assert_eq!(after(300), Ok(()));
    assert_eq!(
        after(301),
        Err(Refusal::TooOld {
            message,
            seconds: 301
        })
    );
    assert_eq!(after(-60), Ok(()));
    assert_eq!(after(-61), Err(Refusal::InFuture { message, seconds: 61 }));
}

#[test]
fn number_that_is_not_an_integer_is_refused() {
    for number in [json!(0.5), json!(1e300), json!(-1.25)] {
        let mut message = response();
        message["later"] = json!([{ "number": number }]);
        assert_eq!(
            sign::<ScaleAnswer>(message, RUN, now(), &key(1)),
            Err(Refusal::Fraction("scale -> terminate"))
        );
    }
}

#[test]
fn message_of_another_version_is_refused_by_its_version() {
    let error = verified(&json!({ "version": 1 })).unwrap_err().to_string();
    assert_eq!(
        error,
        "the scale -> terminate message has version 1, but this build reads version 2: run wekactl cluster update"
    );
}

#[test]
fn key_of_messages_is_not_the_key_of_credentials() {
    let secret = SealKey::from_base64(&STANDARD.encode([1; KEY_BYTES])).unwrap();
    let keys = [
        secret.derive("wekactl messages 2"),
        secret.derive("wekactl credentials 2"),
        Zeroizing::new([1; KEY_BYTES]),
    ];
    assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    assert_eq!(key(1).0, keys[0]);
}

#[test]
fn mac_is_hmac_sha_256() {
    // Test case 2 of RFC 4231, with its key padded to the length of ours; HMAC pads it in the same way.
    let mut key = [0; KEY_BYTES];
    key[..4].copy_from_slice(b"Jefe");
    let mac = hmac(&key, b"what do ya want for nothing?")
        .finalize()
        .into_bytes();
    assert_eq!(
        STANDARD.encode(mac),
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
    );
}

/// Any JSON that a message can have.
fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 49)..1 << 49).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".*", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

proptest! {
    #[test]
    fn any_message_passes_after_it_was_reserialized(value in json_values()) {
        let mut message = response();
        message["later"] = value;
        let message = sign::<ScaleAnswer>(message, RUN, now(), &key(1)).unwrap();
        let other: Value = serde_json::from_str(&reserialized(&message)).unwrap();
        prop_assert_eq!(verified(&other).unwrap(), read(response()).unwrap());
    }

    #[test]
    fn one_changed_character_is_detected(position: prop::sample::Index, replacement in "[0-9a-z]") {
        let text = signed().to_string();
        let position = position.index(text.len());
        let mut other = text.clone();
        other.replace_range(position..=position, &replacement);
        if let Ok(changed) = serde_json::from_str::<Value>(&other) {
            prop_assert!(changed == signed() || verified(&changed).is_err(), "{}", other);
        }
    }
}
