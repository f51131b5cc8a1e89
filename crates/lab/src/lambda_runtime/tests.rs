use super::*;

async fn start_error(binary: &str) -> StartError {
    let options = Options {
        binary: binary.into(),
        name: "f".to_owned(),
        region: "eu-west-1".to_owned(),
        timeout: Duration::from_secs(1),
        environment: BTreeMap::new(),
    };
    Function::start(options).await.unwrap_err()
}

#[tokio::test]
async fn exit_before_the_first_request_is_an_init_error() {
    // The process prints its environment: Lambda's variables and nothing of this process.
    let StartError::Init { source, log, .. } = start_error("/usr/bin/env").await else {
        panic!("not an init error")
    };
    assert_eq!(source.error_type, "Runtime.ExitError");
    assert!(
        log.contains("AWS_LAMBDA_FUNCTION_NAME=f\n") && log.contains("AWS_LAMBDA_RUNTIME_API=127.0.0.1:")
    );
    assert!(!log.contains("PATH="), "{log}");
}

#[tokio::test]
async fn missing_binary_is_a_machine_error() {
    let error = start_error("/no/such/bootstrap").await;
    assert!(matches!(error, StartError::Machine { .. }), "{error}");
    assert_eq!(error.to_string(), "cannot run function f");
}
