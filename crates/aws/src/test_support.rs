//! Recorded answers for tests: a client that gets them in turn and remembers what was asked.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use std::collections::BTreeMap;

/// A client that gives these answers, one a request.
pub(crate) fn replay(answers: impl IntoIterator<Item = HttpResponse>) -> StaticReplayClient {
    let events = answers
        .into_iter()
        .map(|answer| ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer));
    StaticReplayClient::new(events.collect())
}

/// A client whose answers are made of the requests' fields, for what is asked side by side; none: there never is one.
#[derive(Clone)]
pub(crate) struct RespondWith<F>(pub(crate) F);

impl<F> std::fmt::Debug for RespondWith<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RespondWith")
    }
}

impl<F> HttpConnector for RespondWith<F>
where
    F: Fn(BTreeMap<String, String>) -> Option<HttpResponse> + Send + Sync,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match (self.0)(form_of(&request)) {
            Some(answer) => HttpConnectorFuture::ready(Ok(answer)),
            None => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

impl<F> HttpClient for RespondWith<F>
where
    F: Fn(BTreeMap<String, String>) -> Option<HttpResponse> + Clone + Send + Sync + 'static,
{
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// A client without a network: every connection is refused.
pub(crate) fn unreachable() -> impl HttpClient + 'static {
    http_client_fn(|_, _| SharedHttpConnector::new(Unreachable))
}

#[derive(Debug)]
struct Unreachable;

impl HttpConnector for Unreachable {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into())))
    }
}

/// A configuration whose requests go to `client`, each once.
pub(crate) fn config(client: impl HttpClient + 'static) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "id", "key", None, None, "test",
        )))
        .retry_config(RetryConfig::disabled())
        .http_client(client)
        .build()
}

/// An answer in JSON.
pub(crate) fn json_response(status: u16, body: &serde_json::Value) -> HttpResponse {
    answer(status, "application/x-amz-json-1.0", &body.to_string())
}

/// An answer in XML.
pub(crate) fn xml_response(status: u16, body: &str) -> HttpResponse {
    answer(status, "text/xml", body)
}

fn answer(status: u16, content_type: &'static str, body: &str) -> HttpResponse {
    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    answer.headers_mut().insert("content-type", content_type);
    answer
}

/// The fields of a request of a service that takes forms (EC2, Auto Scaling).
pub(crate) fn form_of(request: &HttpRequest) -> BTreeMap<String, String> {
    let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
    let fields = body.split('&').filter_map(|field| field.split_once('='));
    fields
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Percent-decoding, of what the SDK encodes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).unwrap()
}
