//! Functions as the local AWS invokes them, with a `bootstrap` of a few lines of bash.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lab::Functions;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// Answers with its process id and its variable VALUE, fails for `"fail"` and ends for `"end"`.
const BOOTSTRAP: &str = r#"#!/bin/bash
PATH=/usr/bin:/bin
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
if [ "$VALUE" = bad ]; then
  curl -s "$api/init/error" -d '{"errorType":"Runtime.InvalidEnvironment","errorMessage":"VALUE is bad"}'
  exit 1
fi
while true; do
  event=$(curl -s -D headers-$$ "$api/invocation/next")
  id=$(tr -d '\r' <headers-$$ | sed -n 's/^lambda-runtime-aws-request-id: //p')
  rm headers-$$
  echo "event $event"
  case "$event" in
    '"fail"') curl -s "$api/invocation/$id/error" -d '{"errorType":"Own","errorMessage":"asked to"}' ;;
    '"end"') exit 3 ;;
    *) curl -s "$api/invocation/$id/response" -d "{\"process\":$$,\"value\":\"$VALUE\",\"region\":\"$AWS_REGION\"}" ;;
  esac
done
"#;

struct Served {
    functions: Functions,
    _folder: TempDir,
}

async fn serve() -> Served {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("bootstrap");
    let script = BOOTSTRAP.replace("headers-$$", &format!("{}/headers-$$", folder.path().display()));
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Served {
        functions: Functions::serve(&path).await.unwrap(),
        _folder: folder,
    }
}

impl Served {
    /// Invokes function `f` as the local AWS does.
    async fn invoke(&self, event: &str, value: &str) -> (u16, Value) {
        let url = self.functions.url().strip_prefix("http://").unwrap();
        let (address, path) = url.split_once('/').unwrap();
        let body = json!({
            "name": "f", "region": "eu-west-1", "timeout_seconds": 15, "environment": { "VALUE": value }, "event": event,
        })
        .to_string();
        let (address, path) = (address.to_owned(), path.to_owned());
        tokio::task::spawn_blocking(move || post(&address, &path, &body))
            .await
            .unwrap()
    }
}

fn post(address: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_process_serves_until_its_environment_changes() {
    let served = serve().await;
    let (status, first) = served.invoke("x", "one").await;
    assert_eq!(status, 200);
    let first = &first["payload"];
    assert_eq!(
        (&first["value"], &first["region"]),
        (&json!("one"), &json!("eu-west-1"))
    );
    let (_, again) = served.invoke("x", "one").await;
    assert_eq!(&again["payload"], first);
    let (_, other) = served.invoke("x", "two").await;
    assert_eq!(other["payload"]["value"], "two");
    assert_ne!(other["payload"]["process"], first["process"]);
    assert_eq!(served.functions.invocations("f"), 3);
    // The first process's, too.
    assert_eq!(served.functions.log("f").matches("event \"x\"").count(), 3);
}

#[tokio::test]
async fn what_a_function_fails_with_is_told() {
    let served = serve().await;
    let (status, failed) = served.invoke("fail", "one").await;
    let expected = json!({ "error": { "errorType": "Own", "errorMessage": "asked to" } });
    assert_eq!((status, failed), (200, expected));
    let (_, bad) = served.invoke("x", "bad").await;
    assert_eq!(bad["error"]["errorType"], "Runtime.InvalidEnvironment");
}

#[tokio::test]
async fn a_process_that_ended_is_followed_by_another() {
    let served = serve().await;
    let (_, first) = served.invoke("x", "one").await;
    let (_, ended) = served.invoke("end", "one").await;
    assert_eq!(ended["error"]["errorType"], "Runtime.ExitError", "{ended}");
    let (_, second) = served.invoke("x", "one").await;
    assert_ne!(first["payload"]["process"], second["payload"]["process"]);
}

#[tokio::test]
async fn a_fault_of_lambdas_own_reaches_no_process() {
    let served = serve().await;
    served.functions.fail("f", 1);
    let (status, fault) = served.invoke("x", "one").await;
    assert_eq!(status, 500);
    assert!(fault["message"].as_str().unwrap().contains("internal error"));
    assert_eq!(served.invoke("x", "one").await.0, 200);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_at_once() {
    let error = Functions::serve("/no/such/bootstrap".as_ref()).await.unwrap_err();
    assert_eq!(error.to_string(), "the functions cannot be served");
}
