//! As much of an HTTP/1.1 server as the runtime API needs: requests one after the other on connections that are kept.
//! Tests answer for AWS with it, too.
//!
//! Not hyper's server: its feature would build the whole SDK, which has hyper's client, a second time.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The most that a request may have: Lambda's own limit for an answer, and room for its headers.
const MOST: usize = 7 << 20;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// An answer with a body of this type.
    pub fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body,
        }
    }

    pub(super) fn json(status: u16, body: Vec<u8>) -> Self {
        Self::new(status, "application/json", body)
    }

    pub(super) fn accepted() -> Self {
        Self::json(202, br#"{"status":"OK"}"#.to_vec())
    }

    pub(super) fn error(status: u16, message: &str) -> Self {
        Self::json(
            status,
            serde_json::json!({ "errorMessage": message })
                .to_string()
                .into_bytes(),
        )
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!(
            "HTTP/1.1 {} -\r\ncontent-length: {}\r\n",
            self.status,
            self.body.len()
        )
        .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Serves until it is dropped, every connection in a task of its own that ends with it.
pub async fn serve<H, F>(listener: TcpListener, handler: H)
where
    H: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let handler = handler.clone();
                connections.spawn(async move {
                    // A connection that breaks off is the function's end, which is noticed by its process.
                    let _ = converse(stream, handler).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse<H, F>(mut stream: TcpStream, handler: H) -> io::Result<()>
where
    H: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    while let Some(request) = read(&mut stream, &mut received).await? {
        let answer = handler(request).await;
        stream.write_all(&answer.bytes()).await?;
    }
    Ok(())
}

/// Reads the next request; `received` keeps what came after it. `None` when the other side has closed.
async fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some((request, length)) = parse(received)? {
            received.drain(..length);
            return Ok(Some(request));
        }
        if received.len() > MOST {
            return Err(invalid("the request is too long"));
        }
        if stream.read_buf(received).await? == 0 {
            return if received.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// The request at the beginning of `received` and its length, if it is there whole.
fn parse(received: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_length) = head.parse(received).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let mut body_length = 0;
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).unwrap_or_default();
            body_length = text
                .trim()
                .parse()
                .map_err(|_| invalid("the content length is no number"))?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(invalid(
                "a body without a length (a streamed answer) is not served",
            ));
        }
    }
    if body_length > MOST {
        return Err(invalid("the request is too long"));
    }
    let Some(body) = received.get(head_length..head_length + body_length) else {
        return Ok(None);
    };
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: head.path.unwrap_or_default().to_owned(),
        body: body.to_vec(),
    };
    Ok(Some((request, head_length + body_length)))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_it_is_whole() {
        let text = b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET /next";
        for length in 0..text.len() - 9 {
            assert!(parse(&text[..length]).unwrap().is_none(), "{length}");
        }
        let (request, length) = parse(text).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a/b"));
        assert_eq!(request.body, b"body");
        assert_eq!(&text[length..], b"GET /next");
    }

    #[test]
    fn what_it_does_not_serve_is_an_error() {
        for bad in [
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            "\0",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
