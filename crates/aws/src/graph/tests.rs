use super::*;
use std::cell::RefCell;
use tokio::task::yield_now;

type Seen = Vec<Event<u32, &'static str>>;

fn graph(needs: &[(u32, &[u32])]) -> BTreeMap<u32, BTreeSet<u32>> {
    needs
        .iter()
        .map(|(key, needs)| (*key, needs.iter().copied().collect()))
        .collect()
}

/// Lasts for so many turns of the runtime: what lasts less ends first, and no clock is waited for.
async fn turns(count: u32) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Runs it, every step lasting a while; `failing` ones then fail.
async fn run_all(needs: BTreeMap<u32, BTreeSet<u32>>, failing: &[u32]) -> Seen {
    let (_sender, interrupt) = watch::channel(false);
    let mut seen = Vec::new();
    let work = |key| async move {
        turns(10).await;
        if failing.contains(&key) {
            Err("broken")
        } else {
            Ok(())
        }
    };
    run(needs, interrupt, work, |event| seen.push(event)).await;
    seen
}

/// How many steps were under way at once, at most.
fn most_at_once(seen: &Seen) -> usize {
    let mut now = 0_usize;
    let count = |event| {
        match event {
            &Event::Started(_) => now += 1,
            _ => now -= 1,
        }
        now
    };
    seen.iter().map(count).max().unwrap_or_default()
}

/// When a step's event was reported.
fn at(seen: &Seen, event: &Event<u32, &'static str>) -> Option<usize> {
    seen.iter().position(|other| other == event)
}

#[tokio::test]
async fn an_empty_graph_ends_at_once() {
    assert_eq!(run_all(BTreeMap::new(), &[]).await, []);
}

#[tokio::test]
async fn what_is_independent_runs_side_by_side() {
    let needs: BTreeMap<_, _> = (0..100).map(|key| (key, BTreeSet::new())).collect();
    let seen = run_all(needs, &[]).await;
    assert_eq!((seen.len(), most_at_once(&seen)), (200, 100));
    // Two branches that meet: each goes on by itself.
    let seen = run_all(
        graph(&[(1, &[]), (2, &[1]), (3, &[2]), (4, &[]), (5, &[3, 4])]),
        &[],
    )
    .await;
    assert!(
        at(&seen, &Event::Done(4)) < at(&seen, &Event::Done(2)),
        "{seen:?}"
    );
    assert_eq!((seen.last(), most_at_once(&seen)), (Some(&Event::Done(5)), 2));
}

#[tokio::test]
async fn what_is_no_key_counts_as_done() {
    let seen = run_all(graph(&[(1, &[7])]), &[]).await;
    assert_eq!(seen, [Event::Started(1), Event::Done(1)]);
}

#[tokio::test]
async fn a_failure_keeps_back_only_what_needs_it() {
    let needs = graph(&[
        (1, &[]),
        (2, &[1]),
        (3, &[2]),
        (4, &[2, 5]),
        (5, &[]),
        (6, &[5]),
        (7, &[6]),
    ]);
    let seen = run_all(needs, &[1]).await;
    let of = |key| {
        seen.iter()
            .filter(move |event| key_of(event) == key)
            .cloned()
            .collect::<Seen>()
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
async fn what_needs_two_that_fail_is_skipped_once() {
    let seen = run_all(graph(&[(1, &[]), (2, &[]), (3, &[1, 2]), (4, &[3])]), &[1, 2]).await;
    let skipped: Vec<_> = seen
        .iter()
        .filter(|event| matches!(event, Event::Skipped(..)))
        .map(key_of)
        .collect();
    assert_eq!(skipped, [3, 4]);
}

#[tokio::test]
async fn an_interrupt_lets_finish_what_is_under_way_and_begins_nothing_more() {
    let (sender, interrupt) = watch::channel(false);
    let mut seen = Vec::new();
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
    // 1 interrupts while 2 and 3 are under way. 6 would be free by then; 5 has lost what it needs.
    let needs = graph(&[
        (1, &[]),
        (2, &[]),
        (3, &[]),
        (4, &[2]),
        (5, &[3]),
        (6, &[1]),
        (7, &[6]),
    ]);
    run(needs, interrupt, work, |event| seen.push(event)).await;
    assert_eq!(
        seen,
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
async fn interrupted_before_it_begins_it_does_nothing() {
    let (_sender, interrupt) = watch::channel(true);
    let mut seen: Seen = Vec::new();
    run(
        graph(&[(1, &[]), (2, &[1])]),
        interrupt,
        |_| async { Ok(()) },
        |event| seen.push(event),
    )
    .await;
    assert_eq!(seen, [Event::Interrupted(1), Event::Interrupted(2)]);
}

#[tokio::test]
async fn a_sender_that_is_gone_interrupts_nothing() {
    let (sender, interrupt) = watch::channel(false);
    drop(sender);
    let mut seen: Seen = Vec::new();
    let work = |_| async {
        turns(1).await;
        Ok(())
    };
    run(graph(&[(1, &[]), (2, &[1])]), interrupt, work, |event| {
        seen.push(event)
    })
    .await;
    assert_eq!(seen.last(), Some(&Event::Done(2)));
}

#[tokio::test]
async fn steps_that_wait_for_each_other_end_as_skipped() {
    let seen = run_all(graph(&[(1, &[2]), (2, &[1]), (3, &[])]), &[]).await;
    assert_eq!(
        seen,
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

/// Random numbers that are the same each time (xorshift).
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
async fn in_any_graph_each_step_waits_for_what_it_needs_and_runs_once() {
    let random = RefCell::new(Random(0x9e37_79b9_7f4a_7c15));
    for _ in 0..200 {
        let below = |limit| random.borrow_mut().below(limit);
        let size = 1 + below(25);
        // A step needs only steps of lower number: no circle.
        let needs: BTreeMap<u32, BTreeSet<u32>> = (0..size)
            .map(|key| (key, (0..key).filter(|_| below(4) == 0).collect()))
            .collect();
        let failing: Vec<_> = (0..size).filter(|_| below(8) == 0).collect();
        let (_sender, interrupt) = watch::channel(false);
        let mut seen: Seen = Vec::new();
        let work = |key: u32| {
            let (lasts, fails) = (below(50), failing.contains(&key));
            async move {
                turns(lasts).await;
                if fails { Err("broken") } else { Ok(()) }
            }
        };
        run(needs.clone(), interrupt, work, |event| seen.push(event)).await;
        // An oracle of its own: by number, a step is reached if all that it needs was reached and did not fail.
        let mut done = BTreeSet::new();
        for (key, needs) in &needs {
            let events = seen.iter().filter(|event| key_of(event) == *key).count();
            if !needs.is_subset(&done) {
                assert_eq!(events, 1, "{key}: {seen:?}");
                assert!(
                    seen.iter()
                        .any(|e| matches!(e, Event::Skipped(k, n) if k == key && needs.contains(n)))
                );
                continue;
            }
            assert_eq!(events, 2, "{key}: {seen:?}");
            let started = at(&seen, &Event::Started(*key)).unwrap();
            for need in needs {
                assert!(
                    at(&seen, &Event::Done(*need)).unwrap() < started,
                    "{key} before {need}: {seen:?}"
                );
            }
            if failing.contains(key) {
                assert!(at(&seen, &Event::Failed(*key, "broken")).is_some());
            } else {
                assert!(at(&seen, &Event::Done(*key)).is_some());
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

    /// Counts the requests under way.
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
    async fn no_more_requests_are_under_way_than_the_limit() {
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
