//! A backend's port: HTTP and HTTPS on the same port, distinguished by the first byte of a connection.

use super::Shared;
use crate::http::{self, Request, Response, response};
use hyper::Method;
use hyper::header::AUTHORIZATION;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use weka_sim::api;

/// The first byte of a TLS connection: the type of a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// The listener of one backend and its connections. Dropping it closes all of them.
#[derive(Debug)]
pub(super) struct Server {
    accepting: JoinHandle<()>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Server {
    pub(super) fn start(shared: Weak<Shared>, address: SocketAddr) -> io::Result<Self> {
        // Bind before returning, so that the caller can connect immediately.
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let opened = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let shared = shared.clone();
                let mut open = opened.lock().unwrap_or_else(PoisonError::into_inner);
                while open.try_join_next().is_some() {}
                open.spawn(async move {
                    // An interrupted connection is an error only for the client.
                    let _ = accept(stream, shared, address.ip()).await;
                });
            }
        });
        Ok(Self {
            accepting,
            connections,
        })
    }

    /// Refuses new connections. Open connections are closed immediately or with their next request: the response to the
    /// call that deactivated the container may still be in progress.
    pub(super) async fn close(mut self, immediately: bool) {
        if !immediately {
            self.connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .detach_all();
        }
        self.accepting.abort();
        // The result is always the error "aborted".
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

async fn accept(stream: TcpStream, shared: Weak<Shared>, to: IpAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(());
    }
    if first[0] != TLS_HANDSHAKE {
        return serve(stream, shared, to).await;
    }
    let Some(acceptor) = shared.upgrade().map(|shared| shared.identity.acceptor.clone()) else {
        return Ok(());
    };
    serve(acceptor.accept(stream).await?, shared, to).await
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    shared: Weak<Shared>,
    to: IpAddr,
) -> io::Result<()> {
    http::serve_connection(stream, move |request| respond(request, shared.clone(), to)).await
}

/// An error closes the connection without a response.
async fn respond(request: Request, shared: Weak<Shared>, to: IpAddr) -> io::Result<Response> {
    let shared = shared.upgrade().ok_or_else(disconnect)?;
    if !shared.model().serving().contains(&to) {
        return Err(disconnect());
    }
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/api/v1") => {}
        (&Method::GET, "/dist/v1/install") => return Ok(response(200, "text/plain", super::INSTALLER)),
        _ => return Ok(response(404, "text/plain", "not found\n")),
    }
    let authorization = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let answer = api::handle(&mut shared.model(), to, token, request.body());
    // Close the ports of removed containers before the caller sees the response.
    shared.update_ports().await?;
    match answer {
        api::Response::Disconnect => Err(disconnect()),
        api::Response::Http { status, body, delay } => {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok(response(status, "application/json", body))
        }
    }
}

fn disconnect() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted)
}
