//! Backends whose replies a test determines.

use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use weka::{Client, Options, Protocol};
use weka_types::Credentials;

/// A secret that no error, log line or `Debug` output may contain.
pub(crate) const PASSWORD: &str = "hunter2-of-the-admin";

/// How a backend replies to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Result(Value),
    /// A JSON-RPC error with a code and a message.
    Refuse(i64, &'static str),
    /// An HTTP status with a body that is not JSON-RPC.
    Status(u16),
    /// These bytes, with status 200.
    Bytes(Vec<u8>),
    /// No response.
    Silence,
    /// Closes the connection.
    Break,
}

/// A request that a backend received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// The index in the fleet.
    pub(crate) backend: usize,
    pub(crate) method: String,
    pub(crate) params: Value,
    /// The token, without `Bearer`.
    pub(crate) token: Option<String>,
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A few backends, `127.0.0.1`, `127.0.0.2` and so on, on one port.
pub(crate) struct Fleet {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    size: usize,
    _serving: JoinSet<()>,
}

/// The reply of a backend of an empty cluster.
pub(crate) fn empty(request: &Request) -> Reply {
    match request.method.as_str() {
        "user_login" => tokens("t1", json!(3600)),
        "status" => Reply::Result(json!({ "io_status": "STARTED", "upgrade": null })),
        _ => Reply::Result(json!({})),
    }
}

/// The reply to a login.
pub(crate) fn tokens(token: &str, expires_in: Value) -> Reply {
    Reply::Result(json!({
        "access_token": token, "refresh_token": format!("refresh-{token}"), "expires_in": expires_in, "token_type": "Bearer",
    }))
}

impl Fleet {
    /// Starts backends that use HTTP.
    pub(crate) async fn http(
        size: usize,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(vec![None; size], handler).await
    }

    /// Starts backends that use HTTPS if they have an acceptor.
    pub(crate) async fn start(
        tls: Vec<Option<TlsAcceptor>>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let size = tls.len();
        let listeners = listen(size).await;
        let port = listeners[0].local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let handler: Arc<Handler> = Arc::new(handler);
        let mut serving = JoinSet::new();
        for (backend, (listener, tls)) in listeners.into_iter().zip(tls).enumerate() {
            serving.spawn(accept(listener, tls, backend, requests.clone(), handler.clone()));
        }
        Self {
            port,
            requests,
            size,
            _serving: serving,
        }
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The methods of all requests, each with the index of the backend.
    pub(crate) fn methods(&self) -> Vec<(usize, String)> {
        self.requests()
            .into_iter()
            .map(|request| (request.backend, request.method))
            .collect()
    }

    /// HTTP on this fleet's port, with a short retry delay.
    pub(crate) fn options(&self) -> Options {
        Options {
            protocol: Protocol::Http,
            port: self.port,
            retry_delay: Duration::from_millis(5),
            ..Options::default()
        }
    }

    /// A client of all backends, in their order.
    pub(crate) fn client(&self) -> Client {
        self.client_with(&self.options())
    }

    pub(crate) fn client_with(&self, options: &Options) -> Client {
        client((1..=self.size).map(|n| format!("127.0.0.{n}")), options)
    }
}

/// A client with a deadline in 30 s.
pub(crate) fn client(backends: impl IntoIterator<Item = String>, options: &Options) -> Client {
    Client::new(
        backends,
        admin(),
        options,
        Instant::now() + Duration::from_secs(30),
    )
    .unwrap()
}

pub(crate) fn admin() -> Credentials {
    Credentials {
        username: "admin".to_owned(),
        password: PASSWORD.into(),
    }
}

/// Returns the replies in order, and repeats the last one.
pub(crate) fn in_turn(replies: impl IntoIterator<Item = Reply>) -> impl Fn() -> Reply + Send + Sync {
    let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
    move || {
        let mut replies = replies.lock().unwrap();
        let reply = replies.pop_front().unwrap();
        if replies.is_empty() {
            replies.push_back(reply.clone());
        }
        reply
    }
}

/// Listens on the same port of several addresses. A port that is free on the first address may be in use on another.
async fn listen(size: usize) -> Vec<TcpListener> {
    'port: for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listeners = vec![first];
        for n in 2..=size {
            match TcpListener::bind(format!("127.0.0.{n}:{port}")).await {
                Ok(listener) => listeners.push(listener),
                Err(_) => continue 'port,
            }
        }
        return listeners;
    }
    panic!("found no port that is free on {size} addresses")
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    backend: usize,
    requests: Arc<Mutex<Vec<Request>>>,
    handler: Arc<Handler>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, requests, handler) = (tls.clone(), requests.clone(), handler.clone());
        connections.spawn(async move {
            // The handshake fails if a test makes the client distrust the certificate or disconnect.
            let Some(tls) = tls else {
                return serve(stream, backend, requests, handler).await;
            };
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, backend, requests, handler).await;
            }
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    backend: usize,
    requests: Arc<Mutex<Vec<Request>>>,
    handler: Arc<Handler>,
) {
    let service = service_fn(|request| respond(request, backend, &requests, &*handler));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: hyper::Request<Incoming>,
    backend: usize,
    log: &Mutex<Vec<Request>>,
    handler: &Handler,
) -> Result<Response<Full<VecDeque<u8>>>, io::Error> {
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("POST", "/api/v1")
    );
    let token = request.headers().get("authorization").map(|value| {
        let value = value.to_str().unwrap();
        value.strip_prefix("Bearer ").unwrap().to_owned()
    });
    assert!(
        request.headers().contains_key("content-length"),
        "the request has no content-length header"
    );
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["jsonrpc"], "2.0");
    let request = Request {
        backend,
        method: body["method"].as_str().unwrap().to_owned(),
        params: body["params"].take(),
        token,
    };
    log.lock().unwrap().push(request.clone());
    let id = body["id"].take();
    let (status, body) = match handler(&request) {
        Reply::Result(result) => (
            200,
            json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string(),
        ),
        Reply::Refuse(code, message) => (
            200,
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }).to_string(),
        ),
        Reply::Status(status) => (status, "<html>no</html>".to_owned()),
        Reply::Bytes(bytes) => (200, String::from_utf8(bytes).unwrap()),
        Reply::Silence => pending().await,
        Reply::Break => return Err(io::Error::other("closed by the test")),
    };
    let response = Response::builder().status(status);
    Ok(response.body(Full::new(body.into_bytes().into())).unwrap())
}
