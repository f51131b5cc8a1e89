//! `debug jrpc` against a fake backend.

use crate::common::PASSWORD;
use assert_cmd::Command;
use lab::http::{Request, Response, response, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A backend that returns the parameters of every method but `nonsense`.
struct Backend {
    port: u16,
    _runtime: Runtime,
}

impl Backend {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(serve(listener, |request| async move { respond(&request) }));
        Self {
            port,
            _runtime: runtime,
        }
    }

    fn jrpc(&self, arguments: &[&str]) -> (i32, String, String) {
        let port = self.port.to_string();
        let output = Command::cargo_bin("wekactl")
            .unwrap()
            .args(["debug", "jrpc", "--username", "admin", "--port", &port])
            .args(arguments)
            .env_clear()
            .env("WEKA_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(
            !format!("{stdout}{stderr}").contains(PASSWORD),
            "{stdout}{stderr}"
        );
        (output.status.code().unwrap(), stdout, stderr)
    }
}

fn respond(request: &Request) -> Response {
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let result = match body["method"].as_str().unwrap() {
        "user_login" if body["params"] == json!(["admin", PASSWORD]) => {
            json!({ "result": { "access_token": "an-access-token", "refresh_token": "a-refresh-token", "expires_in": 300, "token_type": "Bearer" } })
        }
        "nonsense" => json!({ "error": { "code": -32602, "message": "Invalid params" } }),
        _ => json!({ "result": body["params"] }),
    };
    response(200, "application/json", result.to_string().into_bytes())
}

#[test]
fn result_is_printed_as_json() {
    let backend = Backend::start();
    let params = r#"{"a":[1,null,"x"]}"#;
    let hosts = [
        "--http",
        "--host",
        "127.0.0.1",
        "-m",
        "status",
        "--params",
        params,
    ];
    let (status, stdout, stderr) = backend.jrpc(&hosts);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert_eq!(
        serde_json::from_str::<Value>(&stdout).unwrap(),
        json!({ "a": [1, null, "x"] })
    );
}

#[test]
fn next_host_is_tried_and_no_log_level_shows_a_secret() {
    let backend = Backend::start();
    let hosts = [
        "-vvv",
        "--http",
        "--host",
        "127.0.0.99",
        "127.0.0.1",
        "-m",
        "status",
    ];
    let (status, stdout, stderr) = backend.jrpc(&hosts);
    assert_eq!((status, stdout.trim()), (0, "{}"), "{stderr}");
    assert!(
        stderr.contains("backend is no longer used backend=\"127.0.0.99\""),
        "{stderr}"
    );
    assert!(
        !stderr.contains("an-access-token") && !stderr.contains("a-refresh-token"),
        "{stderr}"
    );
}

#[test]
fn errors_of_weka_and_of_the_connection_are_reported() {
    let backend = Backend::start();
    for (arguments, status, message) in [
        (
            &["--http", "--host", "127.0.0.1", "-m", "nonsense"][..],
            1,
            "nonsense: 127.0.0.1 rejected the request: Invalid params (code -32602)",
        ),
        (
            &["--host", "127.0.0.1", "-m", "status"],
            1,
            "status: no backend is available: 127.0.0.1: cannot connect",
        ),
        (
            &["--host", "127.0.0.1", "-m", "status", "--params", "{"],
            64,
            "--params is not valid JSON",
        ),
        (
            &["--host", "127.0.0.1", "-m", "status", "--ca", "/nowhere"],
            64,
            "--ca /nowhere cannot be read",
        ),
    ] {
        let (code, stdout, stderr) = backend.jrpc(arguments);
        assert_eq!((code, stdout.as_str()), (status, ""), "{stderr}");
        assert!(stderr.contains(message), "{message:?} in {stderr}");
    }
}
