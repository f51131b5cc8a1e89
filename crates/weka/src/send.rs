//! One request to one backend.

use crate::error::Reason;
use http_body_util::BodyExt;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Client, Response, Url};
use std::error::Error;
use std::future::pending;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// The longest answer that is read: several times the longest list of ten thousand machines. What is longer has no end.
const MOST: usize = 512 << 20;

/// What a backend answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Reason there is no answer.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    pub(crate) reason: Reason,
    /// Whether anything of the request's body has left: if not, it was surely not carried out.
    pub(crate) sent: bool,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest silence after the request was sent. Connecting has a limit of its own, which `Client` has.
    pub(crate) request: Duration,
    /// When everything must be over.
    pub(crate) deadline: Instant,
}

/// Sends a request and reads its answer.
pub(crate) async fn send(
    client: &Client,
    url: Url,
    authorization: Option<&HeaderValue>,
    body: Vec<u8>,
    limits: Limits,
) -> Result<Answer, NoAnswer> {
    if Instant::now() >= limits.deadline {
        return Err(NoAnswer {
            reason: Reason::Deadline,
            sent: false,
        });
    }
    let (sent, was_sent) = watch::channel(false);
    let length = body.len();
    // The body is asked for its bytes once there is a connection, and not before: that tells the two apart.
    let body = Body::from(body).map_frame(move |frame| {
        sent.send_replace(true);
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
    let exchange = async {
        let response = tokio::select! {
            biased;
            response = request.send() => response?,
            () = silence(was_sent.clone(), limits.request) => return Err(silent(limits.request)),
        };
        read(response, limits.request).await
    };
    let answer = timeout_at(limits.deadline, exchange).await;
    let sent = *was_sent.borrow();
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Stopped::Reason(reason))) => Err(NoAnswer { reason, sent }),
        Ok(Err(Stopped::Error(error))) => Err(NoAnswer {
            reason: reason(&error, sent),
            sent,
        }),
        Err(_) => Err(NoAnswer {
            reason: Reason::Deadline,
            sent,
        }),
    }
}

/// Reads an answer to its end. A long list may take longer than the limit as long as it goes on arriving.
async fn read(mut response: Response, limit: Duration) -> Result<Answer, Stopped> {
    let status = response.status().as_u16();
    let announced = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    // What is announced need not come: room for a large list, and no more.
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(MOST / 8));
    loop {
        let chunk = timeout(limit, response.chunk())
            .await
            .map_err(|_| silent(limit))?;
        let Some(chunk) = chunk? else {
            return Ok(Answer { status, body });
        };
        if body.len() + chunk.len() > MOST {
            return Err(Stopped::Reason(Reason::TooLong(MOST)));
        }
        body.extend_from_slice(&chunk);
    }
}

/// Ends when nothing has come for `limit` after the request was sent. Until it is sent it does not end.
async fn silence(mut sent: watch::Receiver<bool>, limit: Duration) {
    if sent.wait_for(|sent| *sent).await.is_err() {
        return pending().await;
    }
    sleep(limit).await;
}

/// Reason there is no answer to be read.
enum Stopped {
    Error(reqwest::Error),
    Reason(Reason),
}

impl From<reqwest::Error> for Stopped {
    fn from(error: reqwest::Error) -> Self {
        Self::Error(error)
    }
}

fn silent(limit: Duration) -> Stopped {
    Stopped::Reason(Reason::Timeout(limit.as_millis()))
}

/// What an error of the HTTP client says of the backend.
fn reason(error: &reqwest::Error, sent: bool) -> Reason {
    let mut innermost: &(dyn Error + 'static) = error;
    while let Some(cause) = cause(innermost) {
        innermost = cause;
    }
    let text = innermost.to_string();
    match innermost.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(_)) => Reason::Certificate(text),
        _ if sent => Reason::Broken(text),
        _ => Reason::Connect(text),
    }
}

/// What is behind an error. `io::Error` passes over the error that it carries: its source is that one's.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}
