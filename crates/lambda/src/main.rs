//! The binary that Lambda starts, `bootstrap`: reads the environment, sets up the log and handles invocations.

use aws::config::{self, app_of};
use jiff::Timestamp;
use lambda::{Clients, Environment, Failure, InvalidEnvironment, InvocationTime};
use lambda_runtime::{BoxFuture, Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;

// One thread: an invocation sends few requests, and Lambda gives a function of 256 MiB a sixth of a CPU.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The SDK logs requests, which contain secrets, at DEBUG: the level must stay INFO. CloudWatch adds the time.
    tracing_subscriber::fmt()
        .json()
        .without_time()
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        .init();
    let result = match start() {
        Ok((environment, clients)) => run(&environment, &clients).await,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            report(&error).await
        }
    };
    if let Err(error) = result {
        tracing::error!(%error, "the Lambda runtime API failed");
    }
    // Both loops end only after a failure.
    ExitCode::FAILURE
}

fn start() -> Result<(Environment, Clients), InvalidEnvironment> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the composition root: the only place where the functions read their environment"
    )]
    let variable = |name: &str| std::env::var(name).ok();
    let environment = Environment::read(variable)?;
    let config =
        config::from_lambda_environment(&app_of(environment.function), &environment.region, variable)
            .map_err(InvalidEnvironment::Missing)?;
    Ok((environment, Clients::new(config)))
}

async fn run(environment: &Environment, clients: &Clients) -> Result<(), lambda_runtime::Error> {
    let handler = async |event: LambdaEvent<Value>| {
        // Boxed, because the SDK's futures nest deeper than the compiler's recursion limit.
        let invocation: BoxFuture<'_, Result<Value, Failure>> = Box::pin(lambda::invoke(
            environment,
            clients,
            &event.payload,
            invocation_time(&event.context),
        ));
        let response = invocation.await;
        let (function, request_id) = (environment.function.name(), event.context.request_id.as_str());
        match &response {
            Ok(_) => tracing::info!(function, request_id, "completed"),
            Err(failure) => {
                tracing::error!(
                    function,
                    request_id,
                    name = failure.name(),
                    reason = failure.message(),
                    "failed"
                );
            }
        }
        response.map_err(ReportedFailure)
    };
    Runtime::new(service_fn(handler)).run().await
}

/// The current time and this invocation's deadline.
fn invocation_time(context: &Context) -> InvocationTime {
    let now = Timestamp::now();
    let remaining = i64::try_from(context.deadline)
        .unwrap_or(i64::MAX)
        .saturating_sub(now.as_millisecond());
    let remaining = Duration::from_millis(u64::try_from(remaining).unwrap_or(0));
    InvocationTime {
        now,
        deadline: Instant::now() + remaining,
    }
}

/// A failure with the same one-line text in `Debug`, which the runtime logs, as in the response to the caller.
struct ReportedFailure(Failure);

impl std::fmt::Debug for ReportedFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message())
    }
}

impl From<ReportedFailure> for Diagnostic {
    fn from(reported: ReportedFailure) -> Self {
        reported.0.into()
    }
}

/// Reports to Lambda why the function cannot start, so that the caller sees the reason and not only that the process exited.
async fn report(error: &InvalidEnvironment) -> Result<(), lambda_runtime::Error> {
    const KIND: &str = "Runtime.InvalidEnvironment";
    let diagnostic = Diagnostic {
        error_type: KIND.to_owned(),
        error_message: error.to_string(),
    };
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", KIND)
        .body(Body::from(serde_json::to_vec(&diagnostic)?))?;
    PooledClient::builder().build().call(request).await?;
    Ok(())
}
