//! What a JSON-RPC answer says.
//!
//! The lists of a large cluster are tens of megabytes: they are read straight into the type that is kept. Only what
//! cannot be read so is read once more, slowly, to say which field is to blame. No value stands in what is said.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};
use serde_json::error::Category;

/// JSON-RPC's code for a method that the server does not have.
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;

/// The most characters of a text of Weka's that stand in an error.
const MOST: usize = 300;

/// Reason an answer gives no result.
#[derive(Debug, PartialEq, Eq)]
pub enum NoResult {
    /// Weka says no, with JSON-RPC's code and Weka's message.
    Refused {
        /// The code.
        code: i64,
        /// The message.
        message: String,
    },
    /// It cannot be read.
    Malformed {
        /// Which field, such as `result.HostId<4>.added_time`.
        field: String,
        /// What is wrong with it, without its value.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    // `null` is a result too: what it means is for T to say.
    #[serde(default = "Option::default", deserialize_with = "some")]
    result: Option<T>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    message: Option<String>,
}

fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads the result of an answer.
///
/// # Errors
/// [`NoResult`].
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NoResult> {
    match serde_json::from_slice::<Envelope<T>>(bytes) {
        Ok(Envelope {
            error: Some(error), ..
        }) => Err(refused(error)),
        Ok(Envelope {
            result: Some(result), ..
        }) => Ok(result),
        Ok(_) => Err(malformed("result", "is missing")),
        // The result may be what cannot be read because there is none: `null` beside an error.
        Err(_) => Err(refusal(bytes).unwrap_or_else(|| blame::<T>(bytes))),
    }
}

/// The refusal in an answer, whatever else stands there.
pub(crate) fn refusal(bytes: &[u8]) -> Option<NoResult> {
    let envelope: Envelope<IgnoredAny> = serde_json::from_slice(bytes).ok()?;
    envelope.error.map(refused)
}

fn refused(error: Refusal) -> NoResult {
    NoResult::Refused {
        code: error.code.unwrap_or_default(),
        message: error.message.unwrap_or_default(),
    }
}

fn malformed(field: &str, problem: &str) -> NoResult {
    NoResult::Malformed {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}

/// Which field of an answer that could not be read is to blame.
fn blame<T: DeserializeOwned>(bytes: &[u8]) -> NoResult {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let error = match serde_path_to_error::deserialize::<_, Envelope<T>>(&mut deserializer) {
        Err(error) => error,
        // The answer itself can be read: what follows it cannot.
        Ok(_) => return malformed("the answer", "is followed by something"),
    };
    let place = || format!("line {} column {}", error.inner().line(), error.inner().column());
    match error.inner().classify() {
        Category::Data => NoResult::Malformed {
            field: shown(&error.path().to_string()),
            problem: shown(&problem(&error.inner().to_string())),
        },
        Category::Eof | Category::Io => malformed("the answer", "breaks off"),
        Category::Syntax => malformed("the answer", &format!("is not JSON at {}", place())),
    }
}

/// What serde says without the value that stands there: it may be a secret.
fn problem(text: &str) -> String {
    // The place is of no use beside the field.
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    if text.starts_with("missing field ") || text.starts_with("duplicate field ") {
        return format!("has a {text}");
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("is not {expected}"),
        None => "cannot be read".to_owned(),
    }
}

/// A text of Weka's as an error shows it: one line, and not without end.
pub(crate) fn shown(text: &str) -> String {
    let line: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.len() < text.len() {
        line + "..."
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weka_types::lists::{Drives, Hosts, Nodes, Overrides, Status};

    fn said<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> (String, String) {
        match read::<T>(text.as_bytes()).unwrap_err() {
            NoResult::Malformed { field, problem } => (field, problem),
            NoResult::Refused { code, message } => (code.to_string(), message),
        }
    }

    #[test]
    fn a_result_may_be_null_where_nothing_is_wanted_and_may_not_be_missing() {
        assert!(read::<IgnoredAny>(br#"{"result":null}"#).is_ok());
        assert!(read::<IgnoredAny>(br#"{"result":null,"error":null}"#).is_ok());
        assert_eq!(said::<IgnoredAny>("{}"), ("result".into(), "is missing".into()));
        assert_eq!(
            said::<Hosts>(r#"{"result":null}"#),
            ("result".into(), "is not a map keyed by id".into())
        );
    }

    #[test]
    fn a_refusal_is_one_whatever_the_result() {
        for answer in [
            r#"{"error":{"code":-32601,"message":"no"}}"#,
            r#"{"result":null,"error":{"code":-32601,"message":"no","data":{"x":[]}}}"#,
            r#"{"result":{},"error":{"code":-32601,"message":"no"}}"#,
        ] {
            assert_eq!(said::<Hosts>(answer), ("-32601".into(), "no".into()), "{answer}");
        }
        assert_eq!(
            said::<Hosts>(r#"{"error":{"code":null}}"#),
            ("0".into(), "".into())
        );
    }

    #[test]
    fn the_field_to_blame_is_named_and_its_value_is_not() {
        let of = |field: &str, problem: &str| (field.to_owned(), problem.to_owned());
        assert_eq!(
            said::<Hosts>(r#"{"result":{"HostId<4>":{"added_time":"hunter2"}}}"#),
            of(
                "result.HostId<4>.added_time",
                "is not a time such as 2026-01-31T08:00:00Z"
            )
        );
        assert_eq!(
            said::<Drives>(r#"{"result":{"DiskId<4>":{"host_id":"HostId<x, expected y>","uuid":"u"}}}"#),
            of("result.DiskId<4>.host_id", "is not HostId<number>")
        );
        assert_eq!(
            said::<Drives>(r#"{"result":{"DiskId<4>":{"status":"ACTIVE"}}}"#),
            of("result.DiskId<4>", "has a missing field `uuid`")
        );
        assert_eq!(
            said::<Nodes>(r#"{"result":[]}"#),
            of("result", "is not a map keyed by id")
        );
        assert_eq!(
            said::<Status>(r#"{"result":{"io_status":7,"upgrade":null}}"#),
            of("result.io_status", "is not a string")
        );
        assert_eq!(
            said::<Overrides>(r#"{"result":{"1""#),
            of("the answer", "breaks off")
        );
        assert_eq!(
            said::<Overrides>("<html>"),
            of("the answer", "is not JSON at line 1 column 1")
        );
        assert_eq!(
            said::<Overrides>(r#"{"result":{}} x"#),
            of("the answer", "is followed by something")
        );
    }

    #[test]
    fn a_text_of_weka_s_is_one_line_and_not_without_end() {
        assert_eq!(shown("a\nb"), "a b");
        assert_eq!(shown(&"x".repeat(1000)).len(), MOST + 3);
    }

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

    fn read_all(bytes: &[u8]) {
        let _ = read::<Status>(bytes);
        let _ = read::<Hosts>(bytes);
        let _ = read::<Drives>(bytes);
        let _ = read::<Nodes>(bytes);
        let _ = read::<Overrides>(bytes);
        let _ = read::<crate::login::Tokens>(bytes);
        let _ = read::<IgnoredAny>(bytes);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            read_all(&bytes);
        }

        #[test]
        fn no_json_makes_it_panic(answer in json(), cut in 0_usize..200) {
            let text = serde_json::json!({ "result": answer.clone() }).to_string();
            read_all(text.as_bytes());
            read_all(answer.to_string().as_bytes());
            read_all(&text.as_bytes()[..cut.min(text.len())]);
        }
    }
}
