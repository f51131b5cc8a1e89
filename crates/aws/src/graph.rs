//! Runs steps in the order of their dependencies; independent steps run concurrently.
//!
//! It is independent of resources: a step is a key with dependencies and a future. A failure skips only the steps that depend on
//! the failed one.

use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use tokio::sync::watch;

/// What happened to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<K, E> {
    Started(K),
    Done(K),
    Failed(K, E),
    /// It was not started, because this dependency failed or was skipped.
    Skipped(K, K),
    /// It was not started, because the run was interrupted.
    Interrupted(K),
}

/// Runs every step of `depends_on` (the dependencies by step) and reports each event as it happens.
///
/// A dependency that is not a key counts as done. Once `interrupt` is true, no step is started; steps in progress finish. Steps of
/// a circle are reported as skipped because of each other.
pub async fn run<K, E, F>(
    depends_on: BTreeMap<K, BTreeSet<K>>,
    mut interrupt: watch::Receiver<bool>,
    work: impl Fn(K) -> F,
    mut report: impl FnMut(Event<K, E>),
) where
    K: Copy + Ord,
    F: Future<Output = Result<(), E>>,
{
    let keys: BTreeSet<K> = depends_on.keys().copied().collect();
    let mut waiting: BTreeMap<K, BTreeSet<K>> = depends_on
        .into_iter()
        .map(|(key, depends_on)| (key, depends_on.intersection(&keys).copied().collect()))
        .collect();
    let mut in_progress = FuturesUnordered::new();
    let mut listening = true;
    loop {
        if !*interrupt.borrow() {
            let ready: Vec<K> = waiting
                .iter()
                .filter(|(_, depends_on)| depends_on.is_empty())
                .map(|(key, _)| *key)
                .collect();
            for key in ready {
                waiting.remove(&key);
                report(Event::Started(key));
                let step = work(key);
                in_progress.push(async move { (key, step.await) });
            }
        }
        let finished = tokio::select! {
            finished = in_progress.next() => finished,
            changed = interrupt.changed(), if listening => {
                // A dropped sender cannot interrupt.
                listening = changed.is_ok();
                continue;
            }
        };
        match finished {
            Some((key, Ok(()))) => {
                report(Event::Done(key));
                waiting.values_mut().for_each(|depends_on| {
                    depends_on.remove(&key);
                });
            }
            Some((key, Err(error))) => {
                report(Event::Failed(key, error));
                skip(&mut waiting, key, &mut report);
            }
            None => break,
        }
    }
    let interrupted = *interrupt.borrow();
    for (key, depends_on) in &waiting {
        report(match depends_on.first() {
            Some(&dependency) if !interrupted => Event::Skipped(*key, dependency),
            _ => Event::Interrupted(*key),
        });
    }
}

/// Skips all direct and indirect dependents of `failed`.
fn skip<K: Copy + Ord, E>(
    waiting: &mut BTreeMap<K, BTreeSet<K>>,
    failed: K,
    report: &mut impl FnMut(Event<K, E>),
) {
    let dependents: Vec<K> = waiting
        .iter()
        .filter(|(_, depends_on)| depends_on.contains(&failed))
        .map(|(key, _)| *key)
        .collect();
    for key in dependents {
        if waiting.remove(&key).is_some() {
            report(Event::Skipped(key, failed));
            skip(waiting, key, report);
        }
    }
}

#[cfg(test)]
mod tests;
