//! How many requests leave at once.

use crate::common::Lab;
use lab::{MotoOptions, StackOptions};
use std::time::Duration;

#[test]
fn no_more_than_sixteen_requests_are_under_way_while_something_changes() {
    let slow = MotoOptions {
        latency: Duration::from_millis(50),
        ..MotoOptions::default()
    };
    let stack = StackOptions {
        backends: 40,
        ..StackOptions::default()
    };
    let (lab, _) = Lab::with_options(slow, &stack);
    for run in ["import", "destroy"] {
        let before = lab.calls().len();
        match run {
            "import" => lab.import(&[]).ok(),
            _ => lab.destroy(&[]).ok(),
        };
        let calls = lab.calls().split_off(before);
        let changing = calls.iter().filter(|call| call.mutating);
        let begin = changing.map(|call| call.start_ms).fold(f64::INFINITY, f64::min);
        // At the end of destroying it looks again, at all that may be left at once.
        let end = calls.iter().filter(|call| call.mutating).map(|call| call.end_ms);
        let end = end.fold(0.0, f64::max);
        let during: Vec<_> = calls
            .iter()
            .filter(|call| begin <= call.start_ms && call.start_ms < end)
            .collect();
        let under_way = |at: f64| {
            let calls = during.iter();
            calls
                .filter(|call| call.start_ms <= at && at < call.end_ms)
                .count()
        };
        let most = during.iter().map(|call| under_way(call.start_ms)).max();
        assert!(most <= Some(16) && most > Some(8), "{run}: {most:?}");
    }
}
