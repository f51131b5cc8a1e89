//! The `bootstrap` that Lambda starts: reads the environment, sets up the log, and answers invocations.

use aws::config::{self, app_of};
use jiff::Timestamp;
use lambda::{Clients, Environment, Failure, InvalidEnvironment, Moment};
use lambda_runtime::{BoxFuture, Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;

// One thread: an invocation is a handful of requests, and Lambda gives 256 MiB a sixth of a processor.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // INFO, fixed: the SDK writes requests at DEBUG. CloudWatch adds the time.
    tracing_subscriber::fmt()
        .json()
        .without_time()
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        .init();
    let ended = match start() {
        Ok((environment, clients)) => run(&environment, &clients).await,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            report(&error).await
        }
    };
    if let Err(error) = ended {
        tracing::error!(%error, "the Lambda runtime API failed");
    }
    // Both loops end only when something is wrong.
    ExitCode::FAILURE
}

fn start() -> Result<(Environment, Clients), InvalidEnvironment> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the functions read their environment"
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
        // Boxed, because the futures of the SDK nest deeper than the compiler likes to look.
        let answering: BoxFuture<'_, Result<Value, Failure>> = Box::pin(lambda::invoke(
            environment,
            clients,
            &event.payload,
            moment(&event.context),
        ));
        let answer = answering.await;
        let (function, request_id) = (environment.function.name(), event.context.request_id.as_str());
        match &answer {
            Ok(_) => tracing::info!(function, request_id, "answered"),
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
        answer.map_err(Reported)
    };
    Runtime::new(service_fn(handler)).run().await
}

/// The time, and how much of it this invocation has.
fn moment(context: &Context) -> Moment {
    let now = Timestamp::now();
    let left = i64::try_from(context.deadline)
        .unwrap_or(i64::MAX)
        .saturating_sub(now.as_millisecond());
    let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
    Moment {
        now,
        deadline: Instant::now() + left,
    }
}

/// A failure whose `Debug`, which the runtime writes into the log, is the one line that the caller gets too.
struct Reported(Failure);

impl std::fmt::Debug for Reported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message())
    }
}

impl From<Reported> for Diagnostic {
    fn from(reported: Reported) -> Self {
        reported.0.into()
    }
}

/// Tells Lambda why the function cannot start, so that the caller sees it and not merely that a process ended.
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
