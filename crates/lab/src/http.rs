//! A small HTTP server. Tests also use it to replace AWS and Weka.

use http_body_util::{BodyExt, Full, Limited};
use hyper::StatusCode;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Bytes. Lambda limits the response of a function to 6 MB.
const MAX_BODY: usize = 7 << 20;

pub type Request = hyper::Request<Bytes>;
pub type Response = hyper::Response<Full<Bytes>>;

/// Creates a response. An invalid status becomes 500.
pub fn response(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn json_response(status: u16, body: &Value) -> Response {
    response(status, "application/json", body.to_string())
}

/// Serves until the future is dropped, each connection in its own task.
pub async fn serve<H, F>(listener: TcpListener, handler: H)
where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let handler = handler.clone();
                connections.spawn(async move {
                    // An interrupted connection is an error only for the client.
                    let _ = stream.set_nodelay(true);
                    let _ = serve_connection(stream, move |request| {
                        let response = handler(request);
                        async move { Ok(response.await) }
                    })
                    .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection. An error of the handler closes the connection without a response.
pub(crate) async fn serve_connection<S, H, F>(stream: S, handler: H) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    H: Fn(Request) -> F + Sync,
    F: Future<Output = io::Result<Response>> + Send,
{
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let handler = &handler;
        async move {
            let (head, body) = request.into_parts();
            let body = Limited::new(body, MAX_BODY)
                .collect()
                .await
                .map_err(io::Error::other)?;
            handler(Request::from_parts(head, body.to_bytes())).await
        }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}
