//! Sends requests to one backend.

mod exchange;

pub(crate) use exchange::{Response, SendError};

use crate::backend::Backend;
use crate::error::Reason;
use crate::protocol::Protocol;
use crate::tls;
use exchange::{Limits, exchange};
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a request is sent to a busy backend while there are others: a backend that is starting may be busy for minutes.
const MAX_ATTEMPTS: usize = 4;

/// The connection settings.
#[derive(Debug, Clone)]
pub struct Options {
    pub protocol: Protocol,
    pub port: u16,
    /// How long establishing a connection may take.
    pub connect_timeout: Duration,
    /// How long a backend may send nothing after it has received a request.
    pub request_timeout: Duration,
    /// How long to wait before a request is repeated after HTTP status 500, 502 or 503.
    pub retry_delay: Duration,
}

/// The port of Weka's management API.
pub const DEFAULT_PORT: u16 = 14000;

impl Default for Options {
    /// HTTPS with any certificate, port 14000, 5 s to connect, 3 s for a response, and 0.5 s between attempts.
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            port: DEFAULT_PORT,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(3),
            retry_delay: Duration::from_millis(500),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    limits: Limits,
    retry_delay: Duration,
    next_id: AtomicU64,
}

impl Transport {
    pub(crate) fn new(
        options: &Options,
        deadline: Instant,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(options.protocol.ca())?)
            .connect_timeout(options.connect_timeout)
            // Backends are in the same network, and a redirect would lead away from the backend.
            .no_proxy()
            .redirect(Policy::none())
            .build()?;
        Ok(Self {
            http,
            limits: Limits {
                request: options.request_timeout,
                deadline,
            },
            retry_delay: options.retry_delay,
            next_id: AtomicU64::new(1),
        })
    }

    /// Sends a JSON-RPC request to a backend. If `may_be_repeated`, it is sent again while the backend is busy.
    pub(crate) async fn send(
        &self,
        backend: &Backend,
        authorization: Option<&HeaderValue>,
        method: &str,
        params: &Value,
        may_be_repeated: bool,
    ) -> Result<Response, SendError> {
        let Some(url) = &backend.url else {
            return Err(SendError::before_sending(Reason::Address));
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
            .to_string()
            .into_bytes();
        let mut attempts = 0;
        loop {
            let response =
                exchange(&self.http, url.clone(), authorization, body.clone(), self.limits).await?;
            if !is_busy(response.status) {
                return Ok(response);
            }
            attempts += 1;
            let has_time = Instant::now() + self.retry_delay < self.limits.deadline;
            if !(may_be_repeated && has_time && (backend.is_last || attempts < MAX_ATTEMPTS)) {
                return Err(SendError {
                    reason: Reason::Status(response.status),
                    was_sent: true,
                });
            }
            sleep(self.retry_delay).await;
        }
    }
}

/// Whether this HTTP status means that the backend is busy, which is temporary.
pub(crate) fn is_busy(status: u16) -> bool {
    matches!(status, 500 | 502 | 503)
}
