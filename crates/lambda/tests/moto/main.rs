//! The real `bootstrap` against moto: moto accepts the requests, and the functions read moto's responses.

#![expect(clippy::unwrap_used, reason = "a test must panic if a step fails")]

mod attacks;
mod read;
mod table;
mod terminate;

use aws_config::SdkConfig;
use lab::Moto;
use lab::lambda_runtime::{Function, Options};

/// The group of the function's host group.
const GROUP: &str = "wekactl-wk-Backends";

/// The key of the functions.
const SEAL_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A configuration for clients of this AWS.
fn config(moto: &Moto) -> SdkConfig {
    aws::config::from_lambda_environment("test", "eu-west-1", |name| moto.variable(name)).unwrap()
}

/// A function that uses this AWS, with additional environment variables.
async fn function(
    moto: &Moto,
    kind: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Function {
    let binary = env!("CARGO_BIN_EXE_bootstrap").into();
    let environment = moto.env().into_iter().chain(variables);
    let function = Function::start(Options::backend_function(binary, kind, environment));
    function.await.unwrap()
}
