//! A run's metrics in CloudWatch's embedded metric format. Users' alarms and scaling policies depend on them.

use crate::Environment;
use jiff::Timestamp;
use scaling::drain::Counts;
use serde_json::{Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "wekactl";

/// The log line with a run's counts. The dimensions are the names of the cluster and the host group.
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

/// Prints the line to the function's log. It must not be wrapped in a log event: CloudWatch reads metrics only from a line's
/// outermost object.
pub(crate) fn write(line: &Value) {
    #[expect(clippy::print_stdout, reason = "a function's standard output is its log")]
    {
        println!("{line}");
    }
}
