//! Runs steps that need each other, all that is independent side by side.
//!
//! It knows no resource: a step is a key, what it needs, and a future that says whether it went well. A failure keeps back
//! only what needs the failed step.

use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use tokio::sync::watch;

/// What happened to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<K, E> {
    /// It was begun.
    Started(K),
    /// It is done.
    Done(K),
    /// It failed.
    Failed(K, E),
    /// It was not begun, because this one, which it needs, failed or was itself not begun.
    Skipped(K, K),
    /// It was not begun, because the run was interrupted.
    Interrupted(K),
}

/// Runs every step of `needs` (a step to what it needs), and reports each event as it happens.
///
/// What a step needs and is not itself a key counts as done. Once `interrupt` is true no step is begun; those under way
/// are finished. A step that waits for itself by way of others is reported as skipped because of one of those.
pub async fn run<K, E, F>(
    needs: BTreeMap<K, BTreeSet<K>>,
    mut interrupt: watch::Receiver<bool>,
    work: impl Fn(K) -> F,
    mut report: impl FnMut(Event<K, E>),
) where
    K: Copy + Ord,
    F: Future<Output = Result<(), E>>,
{
    let keys: BTreeSet<K> = needs.keys().copied().collect();
    let mut waiting: BTreeMap<K, BTreeSet<K>> = needs
        .into_iter()
        .map(|(key, needs)| (key, needs.intersection(&keys).copied().collect()))
        .collect();
    let mut under_way = FuturesUnordered::new();
    let mut listening = true;
    loop {
        if !*interrupt.borrow() {
            let ready: Vec<K> = waiting
                .iter()
                .filter(|(_, needs)| needs.is_empty())
                .map(|(key, _)| *key)
                .collect();
            for key in ready {
                waiting.remove(&key);
                report(Event::Started(key));
                let step = work(key);
                under_way.push(async move { (key, step.await) });
            }
        }
        let finished = tokio::select! {
            finished = under_way.next() => finished,
            changed = interrupt.changed(), if listening => {
                // A sender that is gone will not interrupt any more.
                listening = changed.is_ok();
                continue;
            }
        };
        match finished {
            Some((key, Ok(()))) => {
                report(Event::Done(key));
                waiting.values_mut().for_each(|needs| {
                    needs.remove(&key);
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
    for (key, needs) in &waiting {
        report(match needs.first() {
            Some(&need) if !interrupted => Event::Skipped(*key, need),
            _ => Event::Interrupted(*key),
        });
    }
}

/// Takes out everything that needs `failed`, and what needs that.
fn skip<K: Copy + Ord, E>(
    waiting: &mut BTreeMap<K, BTreeSet<K>>,
    failed: K,
    report: &mut impl FnMut(Event<K, E>),
) {
    let dependents: Vec<K> = waiting
        .iter()
        .filter(|(_, needs)| needs.contains(&failed))
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
