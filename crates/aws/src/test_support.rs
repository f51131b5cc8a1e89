//! HTTP clients for tests that return prepared responses.

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

/// A client that returns these responses in order, one per request, and records the requests.
pub(crate) fn replay(responses: impl IntoIterator<Item = HttpResponse>) -> StaticReplayClient {
    let events = responses
        .into_iter()
        .map(|response| ReplayEvent::new(HttpRequest::new(SdkBody::empty()), response));
    StaticReplayClient::new(events.collect())
}

/// A client that computes each response from the request's form fields, for concurrent requests. After `None`, the request never
/// gets a response.
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
            Some(response) => HttpConnectorFuture::ready(Ok(response)),
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

/// A configuration that sends every request to `client`, without retries.
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

pub(crate) fn json_response(status: u16, body: &serde_json::Value) -> HttpResponse {
    response(status, "application/x-amz-json-1.0", &body.to_string())
}

pub(crate) fn xml_response(status: u16, body: &str) -> HttpResponse {
    response(status, "text/xml", body)
}

fn response(status: u16, content_type: &'static str, body: &str) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert("content-type", content_type);
    response
}

/// The form fields of a request to EC2, EC2 Auto Scaling or Elastic Load Balancing.
pub(crate) fn form_of(request: &HttpRequest) -> BTreeMap<String, String> {
    form_urlencoded::parse(request.body().bytes().unwrap())
        .into_owned()
        .collect()
}
