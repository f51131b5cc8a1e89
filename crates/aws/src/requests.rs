//! How requests are sent: with a limit on concurrent requests, and one log line each.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Layer, Storable, StoreReplace};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The maximum number of concurrent requests while resources are created, updated or deleted. AWS's own limits are per service
/// and higher; with this limit, a burst is not throttled.
pub(crate) const MAX_IN_FLIGHT: usize = 16;

/// Limits an HTTP client to one concurrent request per permit. All clients with the same semaphore share the limit.
pub(crate) fn limited(client: SharedHttpClient, permits: &Arc<Semaphore>) -> SharedHttpClient {
    SharedHttpClient::new(Limited {
        client,
        permits: Arc::clone(permits),
    })
}

#[derive(Debug)]
struct Limited {
    client: SharedHttpClient,
    permits: Arc<Semaphore>,
}

impl HttpClient for Limited {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(LimitedConnector {
            connector,
            permits: Arc::clone(&self.permits),
        })
    }
}

#[derive(Debug)]
struct LimitedConnector {
    connector: SharedHttpConnector,
    permits: Arc<Semaphore>,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.connector.clone();
        let permits = Arc::clone(&self.permits);
        HttpConnectorFuture::new(async move {
            // The semaphore is never closed. If it were, a request without a permit would only exceed the limit.
            let _permit = permits.acquire_owned().await.ok();
            connector.call(request).await
        })
    }
}

/// Bodies and headers contain passwords and keys: they are never logged. Logs one line at level DEBUG for each attempt of a
/// request: service, operation, status, AWS's id of the request, and duration in milliseconds.
#[derive(Debug)]
pub struct LogRequests;

#[derive(Debug)]
struct StartTime(Instant);

impl Storable for StartTime {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for LogRequests {
    fn name(&self) -> &'static str {
        "LogRequests"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut layer = Layer::new("wekactl request");
        layer.store_put(StartTime(Instant::now()));
        config.push_layer(layer);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, operation) = config
            .load::<Metadata>()
            .map_or(("?", "?"), |metadata| (metadata.service(), metadata.name()));
        let milliseconds = config
            .load::<StartTime>()
            .map_or(0, |start| start.0.elapsed().as_millis());
        let response = context.response();
        let status = response.map_or(0, |response| response.status().as_u16());
        let id = response.and_then(|response| response.headers().get("x-amzn-requestid"));
        let request_id = id.unwrap_or_default();
        tracing::debug!(target: "wekactl::requests", service, operation, status, request_id, milliseconds, "request");
        Ok(())
    }
}
