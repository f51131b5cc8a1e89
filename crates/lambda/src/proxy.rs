use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The response that API Gateway converts to HTTP (Lambda proxy integration, payload version 1.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub status_code: u16,
    pub headers: BTreeMap<&'static str, &'static str>,
    pub body: String,
    /// Always false, because the body is text.
    pub is_base64_encoded: bool,
}

impl Response {
    /// Status 200 with a script.
    pub(crate) fn script(body: String) -> Self {
        Self::new(200, "text/x-shellscript; charset=utf-8", body)
    }

    /// A status of at least 400 with `{"error": "..."}`, which an instance never runs.
    pub(crate) fn error(status_code: u16, error: &str) -> Self {
        Self::new(
            status_code,
            "application/json",
            json!({ "error": error }).to_string(),
        )
    }

    /// The response of API Gateway to an invalid key: it does not reveal the reason.
    pub(crate) fn forbidden() -> Self {
        Self::new(
            403,
            "application/json",
            json!({ "message": "Forbidden" }).to_string(),
        )
    }

    fn new(status_code: u16, content_type: &'static str, body: String) -> Self {
        // The script contains the credentials: no proxy or cache may store it.
        let headers = BTreeMap::from([("content-type", content_type), ("cache-control", "no-store")]);
        Self {
            status_code,
            headers,
            body,
            is_base64_encoded: false,
        }
    }
}

/// The HTTP method of an API Gateway event; `None` for any other event.
pub(crate) fn method(event: &Value) -> Option<&str> {
    event.get("httpMethod")?.as_str()
}

/// A header of the request. The names of headers are not case-sensitive.
pub(crate) fn header<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    let headers = event.get("headers")?.as_object()?;
    let mut matching = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    matching.next()?.1.as_str()
}

/// The address that the request comes from, as API Gateway saw it.
pub(crate) fn source(event: &Value) -> Option<&str> {
    event.pointer("/requestContext/identity/sourceIp")?.as_str()
}
