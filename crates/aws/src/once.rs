//! Requests that create something and cannot be repeated: they have no client token and no unique name, so a repeated request
//! creates a second resource, and nothing refers to the first.

use crate::error::{Context, Result};
use crate::retry;
use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use backon::Retryable;
use std::marker::PhantomData;
use std::time::Duration;

/// Forbids the SDK to repeat a request, except after a response which says that the request was throttled: then nothing was
/// created.
pub(crate) struct OnlyIfThrottled<E>(PhantomData<fn() -> E>);

impl<E> OnlyIfThrottled<E> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> std::fmt::Debug for OnlyIfThrottled<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnlyIfThrottled")
    }
}

impl<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static> ClassifyRetry
    for OnlyIfThrottled<E>
{
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let error = error
            .as_operation_error()
            .and_then(|error| error.downcast_ref::<E>());
        match error.and_then(ProvideErrorMetadata::code) {
            Some(code) if THROTTLING_ERRORS.contains(&code) => RetryAction::NoActionIndicated,
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "OnlyIfThrottled"
    }

    /// The first, because a later classifier cannot undo that a retry is forbidden.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_before(RetryClassifierPriority::modeled_as_retryable_classifier())
    }
}

/// Sends a request that must not be repeated blindly: `once!(kms.create_key(), aws_sdk_kms, CreateKeyError)`.
macro_rules! once {
    ($request:expr, $sdk:ident, $operation:ident :: $error:ident) => {
        $request
            .customize()
            .config_override($sdk::config::Config::builder().retry_classifier(
                $crate::once::OnlyIfThrottled::<$sdk::operation::$operation::$error>::new(),
            ))
            .send()
    };
}
pub(crate) use once;

/// The created resource. If it is not known whether the request took effect, `find` looks for what it created. If that does not
/// show within half a minute, the request is not repeated: the resource may show later, and the next run of the command looks for
/// it again.
///
/// # Errors
/// AWS rejected the request, or the resource does not show.
pub(crate) async fn created_or_found<T, E>(
    operation: &'static str,
    response: std::result::Result<T, SdkError<E, HttpResponse>>,
    find: impl AsyncFn() -> Result<Option<T>>,
) -> Result<T>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    created_or_found_with(operation, response, find, tokio::time::sleep).await
}

async fn created_or_found_with<T, E, S: Future<Output = ()>>(
    operation: &'static str,
    response: std::result::Result<T, SdkError<E, HttpResponse>>,
    find: impl AsyncFn() -> Result<Option<T>>,
    sleep: impl Fn(Duration) -> S + 'static,
) -> Result<T>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let is_unknown = response.as_ref().is_err_and(is_outcome_unknown);
    let error = match response.context(operation) {
        Ok(created) => return Ok(created),
        Err(error) if !is_unknown => return Err(error),
        Err(error) => error.with_subject("it is not known whether this was created; rerun the command"),
    };
    let look = || async { find().await?.ok_or_else(|| error.clone()) };
    look.retry(retry::seconds())
        .sleep(sleep)
        .when(|found| *found == error)
        .await
}

/// Whether a request may have taken effect: there was no response, or AWS failed while it handled the request.
fn is_outcome_unknown<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(error) => error.raw().status().is_server_error(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{config, json_response, replay};
    use aws_config::retry::RetryConfig;
    use aws_sdk_kms::operation::create_key::CreateKeyError;
    use serde_json::json;
    use std::cell::Cell;
    use std::future::ready;

    /// Creates a key with the responses of KMS in order.
    async fn create(
        responses: &[(u16, &str)],
    ) -> std::result::Result<String, SdkError<CreateKeyError, HttpResponse>> {
        let responses = responses.iter().map(|(status, code)| match *status {
            200 => json_response(200, &json!({ "KeyMetadata": { "KeyId": "k" } })),
            status => json_response(status, &json!({ "__type": code, "message": "" })),
        });
        let retry = RetryConfig::standard()
            .with_max_attempts(4)
            .with_initial_backoff(Duration::from_millis(1));
        let client = replay(responses.collect::<Vec<_>>());
        let config = config(client).into_builder().retry_config(retry).build();
        let kms = aws_sdk_kms::Client::new(&config);
        let created = once!(kms.create_key(), aws_sdk_kms, create_key::CreateKeyError).await?;
        Ok(created.key_metadata.unwrap().key_id)
    }

    #[tokio::test]
    async fn request_is_repeated_only_if_it_was_throttled() {
        let throttled = (400, "ThrottlingException");
        assert_eq!(create(&[throttled, throttled, (200, "")]).await.unwrap(), "k");
        for failure in [
            (500, "KMSInternalException"),
            (503, "ServiceUnavailable"),
            (400, "LimitExceeded"),
        ] {
            let error = create(&[failure, (200, "")]).await.unwrap_err();
            assert_eq!(error.code(), Some(failure.1));
            assert_eq!(is_outcome_unknown(&error), failure.0 >= 500, "{error:?}");
        }
    }

    #[tokio::test]
    async fn lost_connection_is_not_repeated() {
        // The replay has no response: the connection fails.
        let error = create(&[]).await.unwrap_err();
        assert!(is_outcome_unknown(&error), "{error:?}");
    }

    /// Returns the result and the number of looks, of which the first `invisible` find nothing. Does not sleep.
    async fn create_or_find(responses: &[(u16, &str)], invisible: usize) -> (Result<String>, usize) {
        let looks = Cell::new(0);
        let find = async || {
            looks.set(looks.get() + 1);
            Ok((looks.get() > invisible).then(|| "k".to_owned()))
        };
        let created = create(responses).await;
        let found = created_or_found_with("kms CreateKey", created, find, |_| ready(())).await;
        (found, looks.get())
    }

    #[tokio::test]
    async fn created_resource_is_found_after_a_lost_response() {
        let lost = [(500, "KMSInternalException"), (200, "")];
        assert_eq!(create_or_find(&lost, 3).await, (Ok("k".to_owned()), 4));
        let (result, looks) = create_or_find(&lost, usize::MAX).await;
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains("rerun the command") && looks > 5,
            "{error} {looks}"
        );
        // A rejected request has created nothing.
        let (result, looks) = create_or_find(&[(400, "LimitExceeded")], 0).await;
        assert!(result.is_err() && looks == 0, "{looks}");
    }
}
