//! Backends that answer as a test says.

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
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

/// What stands in no error, log line or `Debug` text.
pub(crate) const PASSWORD: &str = "hunter2-of-the-admin";

/// What a backend does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// A result.
    Result(Value),
    /// A refusal, with JSON-RPC's code and a message.
    Refuse(i64, &'static str),
    /// A status without anything of JSON-RPC.
    Status(u16),
    /// These bytes, with status 200.
    Bytes(Vec<u8>),
    /// Nothing at all.
    Silence,
    /// Closes the connection.
    Break,
}

/// A request, as a backend saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    /// Which backend: its place in the fleet.
    pub(crate) backend: usize,
    pub(crate) method: String,
    pub(crate) params: Value,
    /// The token, without `Bearer`.
    pub(crate) token: Option<String>,
}

type Handler = dyn Fn(&Asked) -> Say + Send + Sync;

/// A few backends, `127.0.0.1`, `127.0.0.2` and so on, on one port.
pub(crate) struct Fleet {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    size: usize,
    _serving: JoinSet<()>,
}

/// A backend's answer to anything, of a cluster in which nothing is.
pub(crate) fn empty(asked: &Asked) -> Say {
    match asked.method.as_str() {
        "user_login" => tokens("t1", json!(3600)),
        "status" => Say::Result(json!({ "io_status": "STARTED", "upgrade": null })),
        _ => Say::Result(json!({})),
    }
}

/// The answer to a login.
pub(crate) fn tokens(token: &str, expires_in: Value) -> Say {
    Say::Result(json!({
        "access_token": token, "refresh_token": format!("refresh-{token}"), "expires_in": expires_in, "token_type": "Bearer",
    }))
}

impl Fleet {
    /// Backends that speak HTTP.
    pub(crate) async fn http(size: usize, handler: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
        Self::start(vec![None; size], handler).await
    }

    /// Backends that speak HTTPS where they have an acceptor.
    pub(crate) async fn start(
        tls: Vec<Option<TlsAcceptor>>,
        handler: impl Fn(&Asked) -> Say + Send + Sync + 'static,
    ) -> Self {
        let size = tls.len();
        let listeners = listen(size).await;
        let port = listeners[0].local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let handler: Arc<Handler> = Arc::new(handler);
        let mut serving = JoinSet::new();
        for (backend, (listener, tls)) in listeners.into_iter().zip(tls).enumerate() {
            serving.spawn(accept(listener, tls, backend, asked.clone(), handler.clone()));
        }
        Self {
            port,
            asked,
            size,
            _serving: serving,
        }
    }

    /// What was asked so far, and of whom.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The methods that were asked, with the place of the backend.
    pub(crate) fn methods(&self) -> Vec<(usize, String)> {
        self.asked()
            .into_iter()
            .map(|asked| (asked.backend, asked.method))
            .collect()
    }

    /// Plain HTTP on this fleet's port, and quick where the backend is busy.
    pub(crate) fn options(&self) -> Options {
        Options {
            protocol: Protocol::Http,
            port: self.port,
            pause: Duration::from_millis(5),
            ..Options::default()
        }
    }

    /// A client of all backends in their order.
    pub(crate) fn client(&self) -> Client {
        self.client_with(&self.options())
    }

    pub(crate) fn client_with(&self, options: &Options) -> Client {
        client((1..=self.size).map(|n| format!("127.0.0.{n}")), options)
    }
}

/// A client that has half a minute.
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

/// Says one thing after the other, the last again and again.
pub(crate) fn in_turn(says: impl IntoIterator<Item = Say>) -> impl Fn() -> Say + Send + Sync {
    let says = Mutex::new(says.into_iter().collect::<VecDeque<_>>());
    move || {
        let mut says = says.lock().unwrap();
        let say = says.pop_front().unwrap();
        if says.is_empty() {
            says.push_back(say.clone());
        }
        say
    }
}

/// Listens on one port of as many addresses: a port that is free on the first may be taken on another.
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
    panic!("no port is free on {size} addresses")
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    backend: usize,
    asked: Arc<Mutex<Vec<Asked>>>,
    handler: Arc<Handler>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, asked, handler) = (tls.clone(), asked.clone(), handler.clone());
        connections.spawn(async move {
            // A client that goes away or does not trust the certificate is what is tested.
            let Some(tls) = tls else {
                return converse(stream, backend, asked, handler).await;
            };
            if let Ok(stream) = tls.accept(stream).await {
                converse(stream, backend, asked, handler).await;
            }
        });
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    backend: usize,
    asked: Arc<Mutex<Vec<Asked>>>,
    handler: Arc<Handler>,
) {
    let service = service_fn(|request| answer(request, backend, &asked, &*handler));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    backend: usize,
    log: &Mutex<Vec<Asked>>,
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
        "a body without a length"
    );
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["jsonrpc"], "2.0");
    let asked = Asked {
        backend,
        method: body["method"].as_str().unwrap().to_owned(),
        params: body["params"].take(),
        token,
    };
    log.lock().unwrap().push(asked.clone());
    let id = body["id"].take();
    let (status, body) = match handler(&asked) {
        Say::Result(result) => (
            200,
            json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string(),
        ),
        Say::Refuse(code, message) => (
            200,
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }).to_string(),
        ),
        Say::Status(status) => (status, "<html>no</html>".to_owned()),
        Say::Bytes(bytes) => (200, String::from_utf8(bytes).unwrap()),
        Say::Silence => pending().await,
        Say::Break => return Err(io::Error::other("as the test wants")),
    };
    let response = Response::builder().status(status);
    Ok(response.body(Full::new(body.into_bytes().into())).unwrap())
}
