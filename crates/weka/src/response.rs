//! Parses JSON-RPC responses.
//!
//! The lists of a large cluster are tens of megabytes, so they are parsed directly into the final type. Only an invalid
//! response is parsed a second time, more slowly, to find the invalid field. An error never contains a value.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};
use serde_json::error::Category;

/// JSON-RPC's code for a method that the server does not have.
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;

/// The maximum number of characters of Weka's text in an error.
const MAX_TEXT_LENGTH: usize = 300;

/// A response without a valid result.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// A JSON-RPC error.
    Refused { code: i64, message: String },
    /// The response is not valid.
    Malformed {
        /// The field, such as `result.HostId<4>.added_time`.
        field: String,
        /// The problem, without the field's value.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    // `null` is a result as well: T determines what it means.
    #[serde(default = "Option::default", deserialize_with = "some")]
    result: Option<T>,
    #[serde(default)]
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    message: Option<String>,
}

fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Parses the result of a response.
///
/// # Errors
/// [`ResponseError`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ResponseError> {
    match serde_json::from_slice::<Envelope<T>>(bytes) {
        Ok(Envelope {
            error: Some(error), ..
        }) => Err(refused(error)),
        Ok(Envelope {
            result: Some(result), ..
        }) => Ok(result),
        Ok(_) => Err(malformed("result", "is missing")),
        // The result may be invalid because there is none: `null` next to an error.
        Err(_) => Err(rpc_error(bytes).unwrap_or_else(|| find_problem::<T>(bytes))),
    }
}

/// The JSON-RPC error in a response, regardless of the rest.
pub(crate) fn rpc_error(bytes: &[u8]) -> Option<ResponseError> {
    let envelope: Envelope<IgnoredAny> = serde_json::from_slice(bytes).ok()?;
    envelope.error.map(refused)
}

fn refused(error: RpcError) -> ResponseError {
    ResponseError::Refused {
        code: error.code.unwrap_or_default(),
        message: error.message.unwrap_or_default(),
    }
}

fn malformed(field: &str, problem: &str) -> ResponseError {
    ResponseError::Malformed {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}

/// Finds the invalid field of a response.
fn find_problem<T: DeserializeOwned>(bytes: &[u8]) -> ResponseError {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let error = match serde_path_to_error::deserialize::<_, Envelope<T>>(&mut deserializer) {
        Err(error) => error,
        // The response is valid, but text follows it.
        Ok(_) => return malformed("the response", "has text after its end"),
    };
    let position = || format!("line {} column {}", error.inner().line(), error.inner().column());
    match error.inner().classify() {
        Category::Data => ResponseError::Malformed {
            field: printable(&error.path().to_string()),
            problem: printable(&problem(&error.inner().to_string())),
        },
        Category::Eof | Category::Io => malformed("the response", "is truncated"),
        Category::Syntax => malformed("the response", &format!("is not JSON at {}", position())),
    }
}

/// Serde's message without the value, which may be a secret.
fn problem(text: &str) -> String {
    // The position is not needed, because the field is named.
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    if text.starts_with("missing field ") || text.starts_with("duplicate field ") {
        return format!("has a {text}");
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("is not {expected}"),
        None => "cannot be read".to_owned(),
    }
}

/// Text from Weka for an error: on one line, and truncated.
pub(crate) fn printable(text: &str) -> String {
    let line: String = text
        .chars()
        .take(MAX_TEXT_LENGTH)
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
    use weka_types::lists::{Drives, Hosts, Nodes, Overrides, Status};

    fn problem_of<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> (String, String) {
        match parse::<T>(text.as_bytes()).unwrap_err() {
            ResponseError::Malformed { field, problem } => (field, problem),
            ResponseError::Refused { code, message } => (code.to_string(), message),
        }
    }

    #[test]
    fn result_may_be_null_but_not_missing() {
        assert!(parse::<IgnoredAny>(br#"{"result":null}"#).is_ok());
        assert!(parse::<IgnoredAny>(br#"{"result":null,"error":null}"#).is_ok());
        assert_eq!(
            problem_of::<IgnoredAny>("{}"),
            ("result".into(), "is missing".into())
        );
        assert_eq!(
            problem_of::<Hosts>(r#"{"result":null}"#),
            ("result".into(), "is not a map keyed by id".into())
        );
    }

    #[test]
    fn rpc_error_takes_precedence_over_the_result() {
        for response in [
            r#"{"error":{"code":-32601,"message":"no"}}"#,
            r#"{"result":null,"error":{"code":-32601,"message":"no","data":{"x":[]}}}"#,
            r#"{"result":{},"error":{"code":-32601,"message":"no"}}"#,
        ] {
            assert_eq!(
                problem_of::<Hosts>(response),
                ("-32601".into(), "no".into()),
                "{response}"
            );
        }
        assert_eq!(
            problem_of::<Hosts>(r#"{"error":{"code":null}}"#),
            ("0".into(), "".into())
        );
    }

    #[test]
    fn invalid_field_is_named_without_its_value() {
        let expected = |field: &str, problem: &str| (field.to_owned(), problem.to_owned());
        assert_eq!(
            problem_of::<Hosts>(r#"{"result":{"HostId<4>":{"added_time":"hunter2"}}}"#),
            expected(
                "result.HostId<4>.added_time",
                "is not a time such as 2026-01-31T08:00:00Z"
            )
        );
        assert_eq!(
            problem_of::<Drives>(
                r#"{"result":{"DiskId<4>":{"host_id":"HostId<x, expected y>","uuid":"u"}}}"#
            ),
            expected("result.DiskId<4>.host_id", "is not HostId<number>")
        );
        assert_eq!(
            problem_of::<Drives>(r#"{"result":{"DiskId<4>":{"status":"ACTIVE"}}}"#),
            expected("result.DiskId<4>", "has a missing field `uuid`")
        );
        assert_eq!(
            problem_of::<Nodes>(r#"{"result":[]}"#),
            expected("result", "is not a map keyed by id")
        );
        assert_eq!(
            problem_of::<Status>(r#"{"result":{"io_status":7,"upgrade":null}}"#),
            expected("result.io_status", "is not a string")
        );
        assert_eq!(
            problem_of::<Overrides>(r#"{"result":{"1""#),
            expected("the response", "is truncated")
        );
        assert_eq!(
            problem_of::<Overrides>("<html>"),
            expected("the response", "is not JSON at line 1 column 1")
        );
        assert_eq!(
            problem_of::<Overrides>(r#"{"result":{}} x"#),
            expected("the response", "has text after its end")
        );
    }

    #[test]
    fn text_is_printed_on_one_line_and_truncated() {
        assert_eq!(printable("a\nb"), "a b");
        assert_eq!(printable(&"x".repeat(1000)).len(), MAX_TEXT_LENGTH + 3);
    }
}
