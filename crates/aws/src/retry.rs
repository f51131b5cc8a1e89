//! How long a wait lasts until AWS has created, changed or deleted something, and how its delays grow.

use crate::error::{Error, Result};
use crate::error_codes::{is_retryable_change, is_role_propagation_error};
use backon::{ExponentialBuilder, Retryable};
use std::time::Duration;

/// Sends a request that changes something until AWS accepts it or refuses it for good. The SDK's own retries end after some
/// seconds; the request limits of EC2, for example, need longer for a large cluster. A request without a response is not repeated.
///
/// The request must be safe to repeat after AWS refused it.
pub(crate) async fn until_accepted<T, F: Future<Output = Result<T>>>(
    request: impl FnMut() -> F,
) -> Result<T> {
    until_accepted_or(|_| false, request).await
}

/// The same; errors that `is_transient` are retried too.
pub(crate) async fn until_accepted_or<T, F: Future<Output = Result<T>>>(
    is_transient: impl Fn(&Error) -> bool,
    request: impl FnMut() -> F,
) -> Result<T> {
    request
        .retry(removal())
        .when(|error| is_retryable_change(error) || is_transient(error))
        .await
}

/// Sends a request that needs a role until the role has propagated, and while AWS refuses the change for now.
pub(crate) async fn until_role_works<T, F: Future<Output = Result<T>>>(
    request: impl FnMut() -> F,
) -> Result<T> {
    request
        .retry(role_propagation())
        .when(|error| is_role_propagation_error(error) || is_retryable_change(error))
        .await
}

/// A new role may take up to two minutes to propagate; the call that needs it is retried for that long.
fn role_propagation() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(5))
        .with_factor(1.5)
        .with_jitter()
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(120)))
}

/// A table or a function takes minutes to become active, and an instance to come into service.
pub(crate) fn minutes() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(300)))
}

/// A change waits for other changes to finish and for request limits: API Gateway accepts one DeleteRestApi per 30 seconds.
pub(crate) fn removal() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(300)))
}

/// Detaching an instance ends when its target group has deregistered it. The delay is five minutes by default, also in the target
/// group that import creates; one minute is added.
///
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay>
pub(crate) fn detaching() -> ExponentialBuilder {
    removal().with_total_delay(Some(Duration::from_secs(360)))
}

/// Waits up to `total` for what AWS deletes by itself; zero does not wait.
pub(crate) fn polling(total: Duration) -> ExponentialBuilder {
    let polling = removal();
    if total.is_zero() {
        return polling.with_max_times(0);
    }
    polling
        .with_max_delay(Duration::from_secs(15))
        .with_total_delay(Some(total))
}

/// AWS's lists are eventually consistent: a change takes seconds to show.
pub(crate) fn seconds() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(usize::MAX)
        .with_total_delay(Some(Duration::from_secs(30)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Context;
    use crate::error_codes::is_not_ready;
    use crate::test_support::{config, unreachable};
    use std::cell::Cell;
    use std::future::ready;
    use std::rc::Rc;

    /// Waits with [`minutes`] without sleeping. Returns the result, the number of attempts and the sum of all delays.
    async fn wait(attempt: impl AsyncFn(usize) -> Result<()>) -> (Result<()>, usize, Duration) {
        let (attempts, delay) = (Cell::new(0), Rc::new(Cell::new(Duration::ZERO)));
        let request = || async {
            attempts.set(attempts.get() + 1);
            attempt(attempts.get()).await
        };
        let total = Rc::clone(&delay);
        let sleep = move |duration| {
            total.set(total.get() + duration);
            ready(())
        };
        let result = request.retry(minutes()).sleep(sleep).when(is_not_ready).await;
        (result, attempts.get(), delay.get())
    }

    #[tokio::test]
    async fn wait_continues_while_resource_is_not_ready_or_request_is_throttled() {
        let (result, attempts, _) = wait(async |attempt| match attempt {
            1 => Err(Error::not_ready("dynamodb DescribeTable", "table t is CREATING")),
            2 => Err(Error::Service {
                operation: "dynamodb DescribeTable",
                code: Some("ThrottlingException".to_owned()),
                message: "ThrottlingException: Rate exceeded".to_owned(),
                request_id: None,
            }),
            _ => Ok(()),
        })
        .await;
        assert_eq!((result, attempts), (Ok(()), 3));
    }

    #[tokio::test]
    async fn wait_ends_after_five_minutes() {
        let not_ready = Error::not_ready("dynamodb DescribeTable", "table t is CREATING");
        let (result, _, delay) = wait(async |_| Err(not_ready.clone())).await;
        assert_eq!(result, Err(not_ready.clone()));
        assert!((290..=300).contains(&delay.as_secs()), "{delay:?}");
    }

    #[tokio::test]
    async fn wait_ends_at_once_on_network_failure_and_on_any_other_error() {
        let client = aws_sdk_dynamodb::Client::new(&config(unreachable()));
        let (result, attempts, _) = wait(async |_| {
            let response = client.describe_table().table_name("t").send().await;
            response.context("dynamodb DescribeTable").map(drop)
        })
        .await;
        assert!(matches!(result, Err(Error::NoResponse { .. })), "{result:?}");
        assert_eq!(attempts, 1);

        const OPERATION: &str = "dynamodb DescribeTable";
        for error in [
            Error::no_response(OPERATION, "operation timed out"),
            Error::missing_field(OPERATION, "table"),
            Error::invalid_state(OPERATION, "table t is ARCHIVED"),
            Error::bug(OPERATION, "no table name"),
            Error::Service {
                operation: OPERATION,
                code: None,
                message: "service error".to_owned(),
                request_id: None,
            },
        ] {
            let (result, attempts, _) = wait(async |_| Err(error.clone())).await;
            assert_eq!((result, attempts), (Err(error.clone()), 1));
        }
    }
}
