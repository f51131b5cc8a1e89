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
