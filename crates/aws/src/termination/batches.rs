//! Requests about many instances at once, of which AWS refuses all because of one.

use crate::error::{Error, Result};
use crate::error_codes::is_about_some_instances;
use futures::stream::{self, StreamExt};
use std::collections::HashSet;

/// What became of the instances of a request.
#[derive(Debug, Default)]
pub(crate) struct BatchResult {
    /// Those with which it was done.
    pub(crate) done: Vec<String>,
    /// Those with which it was not, and why.
    pub(crate) refused: Vec<(Vec<String>, Error)>,
}

/// Asks for `batches`, so many at once. Where one is refused for what some of its instances are, those that the refusal
/// names are left out and the others are asked for again; where it names none, by halves until it is known which they are.
///
/// `ask` gives the instances that it was done with.
pub(crate) async fn run_batches<A, F>(batches: Vec<Vec<String>>, at_once: usize, ask: A) -> BatchResult
where
    A: Fn(Vec<String>) -> F,
    F: Future<Output = Result<Vec<String>>>,
{
    let mut sorted = BatchResult::default();
    let mut round: Vec<_> = batches.into_iter().map(|ids| (ids, true)).collect();
    while !round.is_empty() {
        let asked = stream::iter(round).map(|(ids, is_first): (Vec<String>, bool)| {
            let answer = ask(ids.clone());
            async move { (ids, is_first, answer.await) }
        });
        let answers: Vec<_> = asked.buffered(at_once).collect().await;
        round = Vec::new();
        for (ids, is_first, answer) in answers {
            match answer {
                Ok(done) => {
                    let missing: Vec<_> = ids.into_iter().filter(|id| !done.contains(id)).collect();
                    if !missing.is_empty() {
                        let error = Error::missing_field("the request", "entry for these instances");
                        sorted.refused.push((missing, error));
                    }
                    sorted.done.extend(done);
                }
                Err(error) if ids.len() > 1 && is_about_some_instances(&error) => {
                    let words: HashSet<&str> = words(error.message()).collect();
                    let (named, others): (Vec<_>, Vec<_>) =
                        ids.into_iter().partition(|id| words.contains(id.as_str()));
                    round.extend(again(others, is_first && !named.is_empty()));
                    if !named.is_empty() {
                        sorted.refused.push((named, error));
                    }
                }
                Err(error) => sorted.refused.push((ids, error)),
            }
        }
    }
    sorted
}

/// How the rest of a batch is asked for: whole once, since one bad instance is the usual case; else by halves, so that many
/// bad ones do not take a request each, one after the other.
fn again(mut ids: Vec<String>, whole: bool) -> Vec<(Vec<String>, bool)> {
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

/// The words of a message, of which an instance's id may be one.
fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Context;
    use crate::test_support::{config, replay, xml_response};
    use std::cell::Cell;

    /// An error of AWS, which only AWS's answer makes.
    async fn refusal(code: &str, message: &str) -> Error {
        let body = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
        );
        let client = aws_sdk_ec2::Client::new(&config(replay([xml_response(400, &body)])));
        let answer = client.terminate_instances().instance_ids("i-1").send().await;
        answer.context("ec2 TerminateInstances").unwrap_err()
    }

    fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
        numbers.into_iter().map(|number| format!("i-{number}")).collect()
    }

    /// Sorts 50 instances of which `bad` are refused; `naming` has the refusal name the first of them. Gives what was
    /// sorted, and the number of requests.
    async fn sort_50(bad: &[String], naming: bool) -> (BatchResult, usize) {
        let requests = Cell::new(0);
        let sorted = run_batches(vec![ids(0..50)], 4, |ids: Vec<String>| async {
            requests.set(requests.get() + 1);
            match ids.iter().find(|id| bad.contains(id)) {
                Some(id) if naming => Err(refusal(
                    "OperationNotPermitted",
                    &format!("The instance '{id}' may not be terminated."),
                )
                .await),
                Some(_) => Err(refusal("UnauthorizedOperation", "You are not authorized.").await),
                None => Ok(ids),
            }
        })
        .await;
        (sorted, requests.get())
    }

    fn refused(sorted: &BatchResult) -> Vec<String> {
        let mut refused: Vec<_> = sorted.refused.iter().flat_map(|(ids, _)| ids.clone()).collect();
        refused.sort();
        refused
    }

    #[tokio::test]
    async fn one_bad_instance_costs_one_more_request_when_it_is_named_and_few_when_it_is_not() {
        for (naming, most) in [(true, 2), (false, 13)] {
            let (sorted, requests) = sort_50(&ids([7]), naming).await;
            assert_eq!(refused(&sorted), ids([7]));
            assert_eq!(sorted.done.len(), 49);
            assert!(requests <= most, "{requests}");
        }
    }

    #[tokio::test]
    async fn many_bad_instances_are_found_and_the_others_done() {
        let mut bad = ids([0, 7, 8, 30, 49]);
        bad.sort();
        for naming in [true, false] {
            let (sorted, requests) = sort_50(&bad, naming).await;
            assert_eq!(refused(&sorted), bad);
            assert_eq!(sorted.done.len(), 45);
            assert!(requests < 50, "{requests}");
        }
        let (sorted, requests) = sort_50(&ids(0..50), false).await;
        assert_eq!(sorted.done, Vec::<String>::new());
        assert!(requests < 100, "{requests}");
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_request_is_wrong_for_all() {
        let requests = Cell::new(0);
        let sorted = run_batches(vec![ids(0..20), ids(20..25)], 4, |_| async {
            requests.set(requests.get() + 1);
            Err(refusal("RequestLimitExceeded", "Request limit exceeded for i-3.").await)
        })
        .await;
        assert_eq!((requests.get(), sorted.refused.len()), (2, 2));
    }

    #[tokio::test]
    async fn who_the_answer_does_not_name_is_not_done() {
        let sorted = run_batches(vec![ids(0..3)], 4, |mut ids: Vec<String>| async {
            ids.pop();
            Ok(ids)
        })
        .await;
        assert_eq!(sorted.done, ids(0..2));
        assert_eq!(refused(&sorted), ids([2]));
    }

    #[test]
    fn an_id_is_found_as_a_word() {
        let message = "The instance IDs 'i-12, i-3' do not exist";
        let words: Vec<_> = words(message).collect();
        assert!(words.contains(&"i-12") && words.contains(&"i-3") && !words.contains(&"i-1"));
    }
}
