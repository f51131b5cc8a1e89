use super::*;
use std::cell::RefCell;
use tokio::task::yield_now;

type Events = Vec<Event<u32, &'static str>>;

fn graph(depends_on: &[(u32, &[u32])]) -> BTreeMap<u32, BTreeSet<u32>> {
    depends_on
        .iter()
        .map(|(key, depends_on)| (*key, depends_on.iter().copied().collect()))
        .collect()
}

/// Takes `count` turns of the runtime, so that tests need no clock.
async fn turns(count: u32) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Runs the steps, each for some turns; the `failing` ones fail.
async fn run_all(depends_on: BTreeMap<u32, BTreeSet<u32>>, failing: &[u32]) -> Events {
    let (_sender, interrupt) = watch::channel(false);
    let mut events = Vec::new();
    let work = |key| async move {
        turns(10).await;
        if failing.contains(&key) {
            Err("broken")
        } else {
            Ok(())
        }
    };
    run(depends_on, interrupt, work, |event| events.push(event)).await;
    events
}

/// The maximum number of steps in progress.
fn max_in_progress(events: &Events) -> usize {
    let mut now = 0_usize;
    let count = |event| {
        match event {
            &Event::Started(_) => now += 1,
            _ => now -= 1,
        }
        now
    };
    events.iter().map(count).max().unwrap_or_default()
}

/// The position of an event.
fn at(events: &Events, event: &Event<u32, &'static str>) -> Option<usize> {
    events.iter().position(|other| other == event)
}

#[tokio::test]
async fn empty_graph_ends_immediately() {
    assert_eq!(run_all(BTreeMap::new(), &[]).await, []);
}

#[tokio::test]
async fn independent_steps_run_concurrently() {
    let depends_on: BTreeMap<_, _> = (0..100).map(|key| (key, BTreeSet::new())).collect();
    let events = run_all(depends_on, &[]).await;
    assert_eq!((events.len(), max_in_progress(&events)), (200, 100));
    // Two branches that join: each continues independently.
    let events = run_all(
        graph(&[(1, &[]), (2, &[1]), (3, &[2]), (4, &[]), (5, &[3, 4])]),
        &[],
    )
    .await;
    assert!(
        at(&events, &Event::Done(4)) < at(&events, &Event::Done(2)),
        "{events:?}"
    );
    assert_eq!(
        (events.last(), max_in_progress(&events)),
        (Some(&Event::Done(5)), 2)
    );
}

#[tokio::test]
async fn dependency_that_is_not_a_key_counts_as_done() {
    let events = run_all(graph(&[(1, &[7])]), &[]).await;
    assert_eq!(events, [Event::Started(1), Event::Done(1)]);
}

#[tokio::test]
async fn failure_skips_only_dependents() {
    let depends_on = graph(&[
        (1, &[]),
        (2, &[1]),
        (3, &[2]),
        (4, &[2, 5]),
        (5, &[]),
        (6, &[5]),
        (7, &[6]),
    ]);
    let events = run_all(depends_on, &[1]).await;
    let of = |key| {
        events
            .iter()
            .filter(move |event| key_of(event) == key)
            .cloned()
            .collect::<Events>()
    };
    assert_eq!(of(1), [Event::Started(1), Event::Failed(1, "broken")]);
    assert_eq!(of(2), [Event::Skipped(2, 1)]);
    assert_eq!(of(3), [Event::Skipped(3, 2)]);
    assert_eq!(of(4), [Event::Skipped(4, 2)]);
    for key in 5..=7 {
        assert_eq!(of(key), [Event::Started(key), Event::Done(key)]);
    }
}

#[tokio::test]
async fn step_with_two_failed_dependencies_is_skipped_once() {
    let events = run_all(graph(&[(1, &[]), (2, &[]), (3, &[1, 2]), (4, &[3])]), &[1, 2]).await;
    let skipped: Vec<_> = events
        .iter()
        .filter(|event| matches!(event, Event::Skipped(..)))
        .map(key_of)
        .collect();
    assert_eq!(skipped, [3, 4]);
}

#[tokio::test]
async fn interrupt_finishes_steps_in_progress_and_starts_no_more() {
    let (sender, interrupt) = watch::channel(false);
    let mut events = Vec::new();
    let work = |key: u32| {
        let sender = sender.clone();
        async move {
            turns(10 * key).await;
            if key == 1 {
                sender.send_replace(true);
            }
            if key == 3 { Err("broken") } else { Ok(()) }
        }
    };
    // 1 interrupts while 2 and 3 are in progress. 6 would be ready; a dependency of 5 fails.
    let depends_on = graph(&[
        (1, &[]),
        (2, &[]),
        (3, &[]),
        (4, &[2]),
        (5, &[3]),
        (6, &[1]),
        (7, &[6]),
    ]);
    run(depends_on, interrupt, work, |event| events.push(event)).await;
    assert_eq!(
        events,
        [
            Event::Started(1),
            Event::Started(2),
            Event::Started(3),
            Event::Done(1),
            Event::Done(2),
            Event::Failed(3, "broken"),
            Event::Skipped(5, 3),
            Event::Interrupted(4),
            Event::Interrupted(6),
            Event::Interrupted(7),
        ]
    );
}

#[tokio::test]
async fn run_interrupted_before_start_does_nothing() {
    let (_sender, interrupt) = watch::channel(true);
    let mut events: Events = Vec::new();
    run(
        graph(&[(1, &[]), (2, &[1])]),
        interrupt,
        |_| async { Ok(()) },
        |event| events.push(event),
    )
    .await;
    assert_eq!(events, [Event::Interrupted(1), Event::Interrupted(2)]);
}

#[tokio::test]
async fn dropped_sender_does_not_interrupt() {
    let (sender, interrupt) = watch::channel(false);
    drop(sender);
    let mut events: Events = Vec::new();
    let work = |_| async {
        turns(1).await;
        Ok(())
    };
    run(graph(&[(1, &[]), (2, &[1])]), interrupt, work, |event| {
        events.push(event)
    })
    .await;
    assert_eq!(events.last(), Some(&Event::Done(2)));
}

#[tokio::test]
async fn circular_steps_are_skipped() {
    let events = run_all(graph(&[(1, &[2]), (2, &[1]), (3, &[])]), &[]).await;
    assert_eq!(
        events,
        [
            Event::Started(3),
            Event::Done(3),
            Event::Skipped(1, 2),
            Event::Skipped(2, 1)
        ]
    );
}

fn key_of(event: &Event<u32, &'static str>) -> u32 {
    match event {
        Event::Started(key)
        | Event::Done(key)
        | Event::Failed(key, _)
        | Event::Skipped(key, _)
        | Event::Interrupted(key) => *key,
    }
}

/// Reproducible random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(limit)).unwrap()
    }
}

#[tokio::test]
async fn in_random_graphs_each_step_waits_for_its_dependencies_and_runs_once() {
    let random = RefCell::new(Random(0x9e37_79b9_7f4a_7c15));
    for _ in 0..200 {
        let below = |limit| random.borrow_mut().below(limit);
        let size = 1 + below(25);
        // A step depends only on lower numbers: there are no circles.
        let depends_on: BTreeMap<u32, BTreeSet<u32>> = (0..size)
            .map(|key| (key, (0..key).filter(|_| below(4) == 0).collect()))
            .collect();
        let failing: Vec<_> = (0..size).filter(|_| below(8) == 0).collect();
        let (_sender, interrupt) = watch::channel(false);
        let mut events: Events = Vec::new();
        let work = |key: u32| {
            let (lasts, fails) = (below(50), failing.contains(&key));
            async move {
                turns(lasts).await;
                if fails { Err("broken") } else { Ok(()) }
            }
        };
        run(depends_on.clone(), interrupt, work, |event| events.push(event)).await;
        // Independent oracle: a step runs if all its dependencies ran and did not fail.
        let mut done = BTreeSet::new();
        for (key, depends_on) in &depends_on {
            let count = events.iter().filter(|event| key_of(event) == *key).count();
            if !depends_on.is_subset(&done) {
                assert_eq!(count, 1, "{key}: {events:?}");
                assert!(
                    events
                        .iter()
                        .any(|e| matches!(e, Event::Skipped(k, n) if k == key && depends_on.contains(n)))
                );
                continue;
            }
            assert_eq!(count, 2, "{key}: {events:?}");
            let started = at(&events, &Event::Started(*key)).unwrap();
            for dependency in depends_on {
                assert!(
                    at(&events, &Event::Done(*dependency)).unwrap() < started,
                    "{key} before {dependency}: {events:?}"
                );
            }
            if failing.contains(key) {
                assert!(at(&events, &Event::Failed(*key, "broken")).is_some());
            } else {
                assert!(at(&events, &Event::Done(*key)).is_some());
                done.insert(*key);
            }
        }
    }
}

mod limit {
    use crate::requests::{MAX_IN_FLIGHT, limited};
    use aws_sdk_sts::config::retry::RetryConfig;
    use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
    use aws_smithy_runtime_api::client::http::http_client_fn;
    use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use futures::future::join_all;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// Counts the requests in progress.
    #[derive(Debug, Default)]
    struct Counting {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    #[derive(Debug)]
    struct Connector(Arc<Counting>);

    impl HttpConnector for Connector {
        fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
            let count = Arc::clone(&self.0);
            HttpConnectorFuture::new(async move {
                let now = count.now.fetch_add(1, Ordering::SeqCst) + 1;
                count.most.fetch_max(now, Ordering::SeqCst);
                super::turns(50).await;
                count.now.fetch_sub(1, Ordering::SeqCst);
                Ok(crate::test_support::xml_response(
                    200,
                    "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>",
                ))
            })
        }
    }

    #[tokio::test]
    async fn concurrent_requests_are_limited() {
        let count = Arc::new(Counting::default());
        let connector = SharedHttpConnector::new(Connector(Arc::clone(&count)));
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(limited(
                http_client_fn(move |_, _| connector.clone()),
                &Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            ))
            .build();
        let client = aws_sdk_sts::Client::from_conf(config);
        let answers = join_all((0..48).map(|_| client.get_caller_identity().send())).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(count.most.load(Ordering::SeqCst), MAX_IN_FLIGHT);
        assert_eq!(count.now.load(Ordering::SeqCst), 0);
    }
}
