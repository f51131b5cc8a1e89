//! Requests for many instances. AWS rejects the whole request if it cannot handle one of them.

use crate::error::{Error, Result};
use crate::error_codes::is_about_some_instances;
use futures::stream::{self, StreamExt};
use std::collections::HashSet;

/// The result for each instance of a batch.
#[derive(Debug, Default)]
pub(crate) struct BatchResult {
    /// Instances for which the request succeeded.
    pub(crate) done: Vec<String>,
    /// Instances for which the request failed, with the error.
    pub(crate) rejected: Vec<(Vec<String>, Error)>,
}

/// Sends `batches`, at most `concurrency` concurrently. `request` returns the instances for which it succeeded.
///
/// If AWS rejects a batch because of some of its instances, the instances that the error names are dropped and the others are sent
/// again. If the error names none, the batch is halved until the rejected instances are found.
pub(crate) async fn run_batches<A, F>(
    operation: &'static str,
    batches: Vec<Vec<String>>,
    concurrency: usize,
    request: A,
) -> BatchResult
where
    A: Fn(Vec<String>) -> F,
    F: Future<Output = Result<Vec<String>>>,
{
    let mut result = BatchResult::default();
    let mut round: Vec<_> = batches.into_iter().map(|ids| (ids, true)).collect();
    while !round.is_empty() {
        let requests = stream::iter(round).map(|(ids, is_first): (Vec<String>, bool)| {
            let response = request(ids.clone());
            async move { (ids, is_first, response.await) }
        });
        let responses: Vec<_> = requests.buffered(concurrency).collect().await;
        round = Vec::new();
        for (ids, is_first, response) in responses {
            match response {
                Ok(done) => {
                    let missing: Vec<_> = ids.into_iter().filter(|id| !done.contains(id)).collect();
                    if !missing.is_empty() {
                        let error = Error::missing_field(operation, "entry for these instances");
                        result.rejected.push((missing, error));
                    }
                    result.done.extend(done);
                }
                Err(error) if ids.len() > 1 && is_about_some_instances(&error) => {
                    let words: HashSet<&str> = words(error.message()).collect();
                    let (named, others): (Vec<_>, Vec<_>) =
                        ids.into_iter().partition(|id| words.contains(id.as_str()));
                    round.extend(split(others, is_first && !named.is_empty()));
                    if !named.is_empty() {
                        result.rejected.push((named, error));
                    }
                }
                Err(error) => result.rejected.push((ids, error)),
            }
        }
    }
    result
}

/// The next requests for the rest of a batch. It is sent whole once, because usually one instance is rejected. After that it is
/// halved, so that many rejected instances do not each need a request of their own.
fn split(mut ids: Vec<String>, whole: bool) -> Vec<(Vec<String>, bool)> {
    let half = if whole {
        Vec::new()
    } else {
        ids.split_off(ids.len() / 2)
    };
    [ids, half]
        .into_iter()
        .filter(|ids| !ids.is_empty())
        .map(|ids| (ids, false))
        .collect()
}

/// The words of a message; an instance id is one word.
fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Context;
    use crate::test_support::{config, replay, xml_response};
    use std::cell::Cell;

    /// An error as the SDK parses it from a response.
    async fn rejection(code: &str, message: &str) -> Error {
        let body = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
        );
        let client = aws_sdk_ec2::Client::new(&config(replay([xml_response(400, &body)])));
        let response = client.terminate_instances().instance_ids("i-1").send().await;
        response.context("ec2 TerminateInstances").unwrap_err()
    }

    fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
        numbers.into_iter().map(|number| format!("i-{number}")).collect()
    }

    /// Sends 50 instances, of which `bad` are rejected; with `named`, the error names the first of them. Returns the result and the
    /// number of requests.
    async fn send_50(bad: &[String], named: bool) -> (BatchResult, usize) {
        let requests = Cell::new(0);
        let result = run_batches(
            "ec2 TerminateInstances",
            vec![ids(0..50)],
            4,
            |ids: Vec<String>| async {
                requests.set(requests.get() + 1);
                match ids.iter().find(|id| bad.contains(id)) {
                    Some(id) if named => Err(rejection(
                        "OperationNotPermitted",
                        &format!("The instance '{id}' may not be terminated."),
                    )
                    .await),
                    Some(_) => Err(rejection("UnauthorizedOperation", "You are not authorized.").await),
                    None => Ok(ids),
                }
            },
        )
        .await;
        (result, requests.get())
    }

    fn rejected(result: &BatchResult) -> Vec<String> {
        let mut rejected: Vec<_> = result.rejected.iter().flat_map(|(ids, _)| ids.clone()).collect();
        rejected.sort();
        rejected
    }

    #[tokio::test]
    async fn one_rejected_instance_needs_one_more_request_if_named_and_few_if_not() {
        for (named, max_requests) in [(true, 2), (false, 13)] {
            let (result, requests) = send_50(&ids([7]), named).await;
            assert_eq!(rejected(&result), ids([7]));
            assert_eq!(result.done.len(), 49);
            assert!(requests <= max_requests, "{requests}");
        }
    }

    #[tokio::test]
    async fn many_rejected_instances_do_not_affect_the_others() {
        let mut bad = ids([0, 7, 8, 30, 49]);
        bad.sort();
        for named in [true, false] {
            let (result, requests) = send_50(&bad, named).await;
            assert_eq!(rejected(&result), bad);
            assert_eq!(result.done.len(), 45);
            assert!(requests < 50, "{requests}");
        }
        let (result, requests) = send_50(&ids(0..50), false).await;
        assert_eq!(result.done, Vec::<String>::new());
        assert!(requests < 100, "{requests}");
    }

    #[tokio::test]
    async fn error_of_the_request_itself_rejects_the_whole_batch() {
        let requests = Cell::new(0);
        let result = run_batches(
            "ec2 TerminateInstances",
            vec![ids(0..20), ids(20..25)],
            4,
            |_| async {
                requests.set(requests.get() + 1);
                Err(rejection("RequestLimitExceeded", "Request limit exceeded for i-3.").await)
            },
        )
        .await;
        assert_eq!((requests.get(), result.rejected.len()), (2, 2));
    }

    #[tokio::test]
    async fn instance_missing_in_the_response_is_rejected() {
        let result = run_batches(
            "ec2 TerminateInstances",
            vec![ids(0..3)],
            4,
            |mut ids: Vec<String>| async {
                ids.pop();
                Ok(ids)
            },
        )
        .await;
        assert_eq!(result.done, ids(0..2));
        assert_eq!(rejected(&result), ids([2]));
    }

    #[test]
    fn instance_id_is_matched_as_a_whole_word() {
        let message = "The instance IDs 'i-12, i-3' do not exist";
        let words: Vec<_> = words(message).collect();
        assert!(words.contains(&"i-12") && words.contains(&"i-3") && !words.contains(&"i-1"));
    }
}
