use super::*;

async fn failure_of(binary: &str) -> StartError {
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
async fn a_process_that_ends_before_it_asks_is_an_error_of_the_start() {
    // It writes its environment, which is Lambda's and nothing of this process.
    let StartError::Init { source, log, .. } = failure_of("/usr/bin/env").await else {
        panic!("a start")
    };
    assert_eq!(source.error_type, "Runtime.ExitError");
    assert!(
        log.contains("AWS_LAMBDA_FUNCTION_NAME=f\n") && log.contains("AWS_LAMBDA_RUNTIME_API=127.0.0.1:")
    );
    assert!(!log.contains("PATH="), "{log}");
}

#[tokio::test]
async fn a_binary_that_is_not_there_is_this_machines_fault() {
    let error = failure_of("/no/such/bootstrap").await;
    assert!(matches!(error, StartError::Machine { .. }), "{error}");
    assert_eq!(error.to_string(), "function f cannot be run");
}
