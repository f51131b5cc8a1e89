//! The number of concurrent requests.

use crate::common::Lab;
use lab::{MotoOptions, StackOptions};
use std::time::Duration;

#[test]
fn at_most_sixteen_requests_are_in_flight_during_changes() {
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
        // The final check of destroy lists all services concurrently, without a limit.
        let end = calls.iter().filter(|call| call.mutating).map(|call| call.end_ms);
        let end = end.fold(0.0, f64::max);
        let during: Vec<_> = calls
            .iter()
            .filter(|call| begin <= call.start_ms && call.start_ms < end)
            .collect();
        let in_flight = |at: f64| {
            let calls = during.iter();
            calls
                .filter(|call| call.start_ms <= at && at < call.end_ms)
                .count()
        };
        let peak = during.iter().map(|call| in_flight(call.start_ms)).max();
        assert!(peak <= Some(16) && peak > Some(8), "{run}: {peak:?}");
    }
}
