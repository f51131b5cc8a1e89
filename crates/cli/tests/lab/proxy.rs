//! The proxy of the environment.

use crate::common::{Lab, PASSWORD};
use crate::every_command::{calls_aws, invocations};
use lab::MotoOptions;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// An endpoint that no name server knows.
const ENDPOINT: &str = "http://aws.invalid";

/// A proxy that refuses tunnels, sends all other requests to the local AWS, and records the first line of each connection.
struct RecordingProxy {
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl RecordingProxy {
    async fn start(lab: &Lab) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let aws = lab.moto.endpoint().trim_start_matches("http://").to_owned();
        let recorded = Arc::clone(&lines);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(forward(stream, aws.clone(), Arc::clone(&recorded)));
            }
        });
        Self { url, lines }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

async fn forward(mut client: TcpStream, aws: String, lines: Arc<Mutex<Vec<String>>>) {
    let mut start = Vec::new();
    while !start.contains(&b'\n') {
        if client.read_buf(&mut start).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let line = String::from_utf8_lossy(&start).lines().next().unwrap().to_owned();
    let is_tunnel = line.starts_with("CONNECT ");
    lines.lock().unwrap().push(line);
    if is_tunnel {
        let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        let _ = client.write_all(refusal).await;
        return;
    }
    let mut aws = TcpStream::connect(aws).await.unwrap();
    aws.write_all(&start).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut aws).await;
}

/// Concurrently: each command repeats requests that get no response.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_calls_aws_through_the_proxy() {
    let lab = Lab::start(MotoOptions::default());
    let package = lab.package();
    let invocations = invocations(package.to_str().unwrap(), "127.0.0.1", "i-00000000000000001");
    let calling: Vec<_> = invocations
        .iter()
        .filter(|arguments| calls_aws(arguments))
        .collect();
    let mut proxies = Vec::new();
    for _ in &calling {
        proxies.push(RecordingProxy::start(&lab).await);
    }
    std::thread::scope(|scope| {
        for (arguments, proxy) in calling.iter().zip(&proxies) {
            let lab = &lab;
            scope.spawn(move || {
                let environment = [
                    ("WEKA_PASSWORD", PASSWORD),
                    ("AWS_ENDPOINT_URL", ""),
                    ("HTTPS_PROXY", proxy.url.as_str()),
                ];
                let ran = lab.wekactl_with(arguments, &environment);
                assert_eq!(ran.status, 1, "{arguments:?}: {}", ran.stderr);
            });
        }
    });
    for (arguments, proxy) in calling.iter().zip(&proxies) {
        let lines = proxy.take();
        assert!(!lines.is_empty(), "{arguments:?}");
        for line in lines {
            let target = line
                .strip_prefix("CONNECT ")
                .and_then(|line| line.strip_suffix(" HTTP/1.1"));
            let target = target.unwrap_or_else(|| panic!("{arguments:?}: {line}"));
            assert!(target.ends_with(".amazonaws.com:443"), "{arguments:?}: {target}");
        }
    }
    assert_eq!(lab.calls(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_is_used_only_for_hosts_that_it_applies_to() {
    let lab = Lab::start(MotoOptions::default());
    let proxy = RecordingProxy::start(&lab).await;
    let list = |endpoint, no_proxy| {
        let environment = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("HTTP_PROXY", proxy.url.as_str()),
            ("NO_PROXY", no_proxy),
        ];
        let ran = lab.wekactl_with(&["cluster", "list"], &environment);
        (ran.status, proxy.take())
    };
    let (status, lines) = list(ENDPOINT, "");
    assert_eq!(status, 0);
    assert!(
        !lines.is_empty()
            && lines
                .iter()
                .all(|line| line.starts_with("POST http://aws.invalid/")),
        "{lines:?}"
    );
    // Without the proxy, the host's address is unknown.
    assert_eq!(list(ENDPOINT, "example.com,.invalid"), (1, Vec::new()));
    assert_eq!(list(lab.moto.endpoint(), ""), (0, Vec::new()));
    let localhost = lab.moto.endpoint().replace("127.0.0.1", "localhost");
    assert_eq!(list(&localhost, ""), (0, Vec::new()));
}
