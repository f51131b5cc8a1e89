use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What API Gateway turns into its HTTP answer (Lambda proxy integration, payload version 1.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The HTTP status.
    pub status_code: u16,
    /// The HTTP headers.
    pub headers: BTreeMap<&'static str, &'static str>,
    /// The body.
    pub body: String,
    /// Always false: the body is text.
    pub is_base64_encoded: bool,
}

impl Response {
    /// 200 with a script.
    pub(crate) fn script(body: String) -> Self {
        Self::new(200, "text/x-shellscript; charset=utf-8", body)
    }

    /// A status from 400 on with `{"error": "..."}`, which no instance takes for a script.
    pub(crate) fn error(status_code: u16, error: &str) -> Self {
        Self::new(
            status_code,
            "application/json",
            json!({ "error": error }).to_string(),
        )
    }

    fn new(status_code: u16, content_type: &'static str, body: String) -> Self {
        // A script carries the credentials: nothing on the way may keep it.
        let headers = BTreeMap::from([("content-type", content_type), ("cache-control", "no-store")]);
        Self {
            status_code,
            headers,
            body,
            is_base64_encoded: false,
        }
    }
}

/// The HTTP method of an API Gateway event, `None` for another kind of event.
pub(crate) fn method(event: &Value) -> Option<&str> {
    event.get("httpMethod")?.as_str()
}
