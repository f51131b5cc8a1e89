//! Invokes functions as the local AWS does, with a `bootstrap` written in bash.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lab::Functions;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// Returns its process id and its variable VALUE. The event `"fail"` returns an error, and `"exit"` exits.
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
    '"fail"') curl -s "$api/invocation/$id/error" -d '{"errorType":"Own","errorMessage":"requested"}' ;;
    '"exit"') exit 3 ;;
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
        let body = json!({
            "name": "f", "region": "eu-west-1", "timeout_seconds": 15, "environment": { "VALUE": value }, "event": event,
        });
        // Fails if another test of this process has already installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(self.functions.url()).body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }
}

#[tokio::test]
async fn process_is_reused_until_its_environment_changes() {
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
    // The log includes the first process.
    assert_eq!(served.functions.log("f").matches("event \"x\"").count(), 3);
}

#[tokio::test]
async fn error_of_a_function_is_returned() {
    let served = serve().await;
    let (status, failed) = served.invoke("fail", "one").await;
    let expected = json!({ "error": { "errorType": "Own", "errorMessage": "requested" } });
    assert_eq!((status, failed), (200, expected));
    let (_, invalid) = served.invoke("x", "bad").await;
    assert_eq!(invalid["error"]["errorType"], "Runtime.InvalidEnvironment");
}

#[tokio::test]
async fn exited_process_is_replaced() {
    let served = serve().await;
    let (_, first) = served.invoke("x", "one").await;
    let (_, exited) = served.invoke("exit", "one").await;
    assert_eq!(exited["error"]["errorType"], "Runtime.ExitError", "{exited}");
    let (_, second) = served.invoke("x", "one").await;
    assert_ne!(first["payload"]["process"], second["payload"]["process"]);
}

#[tokio::test]
async fn injected_fault_of_lambda_does_not_reach_the_process() {
    let served = serve().await;
    served.functions.inject_faults("f", 1);
    let (status, fault) = served.invoke("x", "one").await;
    assert_eq!(status, 500);
    assert!(fault["message"].as_str().unwrap().contains("internal error"));
    assert_eq!(served.invoke("x", "one").await.0, 200);
}

#[tokio::test]
async fn missing_bootstrap_is_an_error() {
    let error = Functions::serve("/no/such/bootstrap".as_ref()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot serve the functions");
}
