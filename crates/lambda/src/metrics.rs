//! What a run measured, as CloudWatch reads it out of the log (embedded metric format): users alarm and scale on it.

use crate::Environment;
use jiff::Timestamp;
use scaling::drain::Counts;
use serde_json::{Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "wekactl";

/// The line of a run's counts. All are counts; their dimensions are the cluster's name and the host group's.
pub fn line(environment: &Environment, counts: &Counts, now: Timestamp) -> Value {
    let values = [
        ("Healthy", counts.healthy),
        ("Unhealthy", counts.unhealthy),
        ("Deactivating", counts.deactivating),
        ("Desired", counts.desired),
        ("DrivesPhasingOut", counts.phasing_out),
    ];
    let metrics: Vec<_> = values
        .iter()
        .map(|(name, _)| json!({ "Name": name, "Unit": "Count" }))
        .collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Cluster", "HostGroup"]],
                "Metrics": metrics,
            }],
        },
        "Cluster": environment.cluster,
        "HostGroup": environment.host_group.name(),
    });
    for (name, value) in values {
        line[name] = json!(value);
    }
    line
}

/// Writes the line into the function's log: by itself, because CloudWatch reads only lines whose outermost object says
/// that they are metrics.
pub(crate) fn write(line: &Value) {
    #[expect(clippy::print_stdout, reason = "a function's standard output is its log")]
    {
        println!("{line}");
    }
}
