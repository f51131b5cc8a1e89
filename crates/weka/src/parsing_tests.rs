//! No response makes the parser panic.

use crate::login::Tokens;
use crate::response::parse;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use weka_types::lists::{Drives, Hosts, Nodes, Overrides, Status};

const NAMES: &[&str] = &[
    "result",
    "error",
    "code",
    "message",
    "HostId<1>",
    "DiskId<1>",
    "NodeId<20>",
    "status",
    "state",
    "mode",
    "host_ip",
    "aws",
    "instance_id",
    "added_time",
    "last_fencing_time",
    "host_id",
    "uuid",
    "io_status",
    "upgrade",
    "upgrade_info",
    "upgrade_phase",
    "upgrade_paused",
    "enabled",
    "key",
    "should_be_active",
];

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![
            Just("HostId<1>".to_owned()),
            Just("HostId<INVALID>".to_owned()),
            Just("2026-01-31T08:00:00.5Z".to_owned()),
            "-?[0-9]{1,12}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?Z?",
            any::<String>(),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(NAMES), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

fn parse_all(bytes: &[u8]) {
    let _ = parse::<Status>(bytes);
    let _ = parse::<Hosts>(bytes);
    let _ = parse::<Drives>(bytes);
    let _ = parse::<Nodes>(bytes);
    let _ = parse::<Overrides>(bytes);
    let _ = parse::<Tokens>(bytes);
    let _ = parse::<IgnoredAny>(bytes);
}

proptest! {
    #[test]
    fn parsing_bytes_never_panics(bytes: Vec<u8>) {
        parse_all(&bytes);
    }

    #[test]
    fn parsing_json_never_panics(response in json(), cut in 0_usize..200) {
        let text = serde_json::json!({ "result": response.clone() }).to_string();
        parse_all(text.as_bytes());
        parse_all(response.to_string().as_bytes());
        parse_all(&text.as_bytes()[..cut.min(text.len())]);
    }
}
