//! One HTTP request and its response.

use crate::error::Reason;
use http_body_util::BodyExt;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Client, Url};
use std::error::Error;
use std::future::pending;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// The maximum length of a response in bytes: several times the longest list of ten thousand machines. A longer response is
/// treated as endless.
const MAX_RESPONSE_BYTES: usize = 512 << 20;

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A request without a response.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) reason: Reason,
    /// Whether any part of the request's body was sent. If not, the request was certainly not executed.
    pub(crate) was_sent: bool,
}

impl SendError {
    pub(crate) fn before_sending(reason: Reason) -> Self {
        Self {
            reason,
            was_sent: false,
        }
    }
}

/// The time limits of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long the backend may send nothing after the request was sent. `reqwest::Client` limits the time to connect.
    pub(crate) request: Duration,
    pub(crate) deadline: Instant,
}

/// Sends a request and reads its response.
pub(super) async fn exchange(
    client: &Client,
    url: Url,
    authorization: Option<&HeaderValue>,
    body: Vec<u8>,
    limits: Limits,
) -> Result<Response, SendError> {
    if Instant::now() >= limits.deadline {
        return Err(SendError::before_sending(Reason::Deadline));
    }
    let (sender, sent) = watch::channel(false);
    let length = body.len();
    // The body is read only after the connection is established: this shows whether anything was sent.
    let body = Body::from(body).map_frame(move |frame| {
        sender.send_replace(true);
        frame
    });
    let mut request = client
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, length)
        .body(Body::wrap(body));
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let response = async {
        let response = tokio::select! {
            biased;
            response = request.send() => response?,
            () = silence(sent.clone(), limits.request) => return Err(timed_out(limits.request)),
        };
        read(response, limits.request).await
    };
    let response = timeout_at(limits.deadline, response).await;
    let was_sent = *sent.borrow();
    let reason = match response {
        Ok(Ok(response)) => return Ok(response),
        Ok(Err(Failure::Reason(reason))) => reason,
        Ok(Err(Failure::Http(error))) => reason_of(&error, was_sent),
        Err(_) => Reason::Deadline,
    };
    Err(SendError { reason, was_sent })
}

/// Reads a response to its end. A long list may take longer than the limit, as long as data keeps arriving.
async fn read(mut response: reqwest::Response, limit: Duration) -> Result<Response, Failure> {
    let status = response.status().as_u16();
    let content_length = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    // The announced length is not trusted: reserve enough for a large list, but not more.
    let mut body = Vec::with_capacity(content_length.unwrap_or(0).min(MAX_RESPONSE_BYTES / 8));
    loop {
        let chunk = timeout(limit, response.chunk())
            .await
            .map_err(|_| timed_out(limit))?;
        let Some(chunk) = chunk? else {
            return Ok(Response { status, body });
        };
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(Failure::Reason(Reason::TooLong(MAX_RESPONSE_BYTES)));
        }
        body.extend_from_slice(&chunk);
    }
}

/// Completes when `limit` has passed after the request was sent. It never completes before the request is sent.
async fn silence(mut sent: watch::Receiver<bool>, limit: Duration) {
    if sent.wait_for(|sent| *sent).await.is_err() {
        return pending().await;
    }
    sleep(limit).await;
}

/// Why there is no complete response.
enum Failure {
    Http(reqwest::Error),
    Reason(Reason),
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error)
    }
}

fn timed_out(limit: Duration) -> Failure {
    Failure::Reason(Reason::Timeout(limit.as_millis()))
}

/// Converts an error of the HTTP client.
fn reason_of(error: &reqwest::Error, was_sent: bool) -> Reason {
    let mut innermost: &(dyn Error + 'static) = error;
    while let Some(cause) = cause(innermost) {
        innermost = cause;
    }
    let text = innermost.to_string();
    match innermost.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(_)) => Reason::Certificate(text),
        _ if was_sent => Reason::Broken(text),
        _ => Reason::Connect(text),
    }
}

/// The cause of an error. The source of an `io::Error` is the source of the error inside it, so the inner error would be skipped.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}
