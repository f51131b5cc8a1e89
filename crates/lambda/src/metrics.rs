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
    of(
        environment,
        None,
        &values.map(|(name, count)| (name, json!(count))),
        now,
    )
}

/// The log line that counts one event, such as a refusal, with its reason as a third dimension.
pub(crate) fn event(
    environment: &Environment,
    name: &'static str,
    reason: Option<&'static str>,
    now: Timestamp,
) -> Value {
    of(environment, reason, &[(name, json!(1))], now)
}

fn of(environment: &Environment, reason: Option<&str>, values: &[(&str, Value)], now: Timestamp) -> Value {
    let metrics: Vec<_> = values
        .iter()
        .map(|(name, _)| json!({ "Name": name, "Unit": "Count" }))
        .collect();
    let mut dimensions = vec!["Cluster", "HostGroup"];
    dimensions.extend(reason.map(|_| "Reason"));
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [dimensions],
                "Metrics": metrics,
            }],
        },
        "Cluster": environment.cluster,
        "HostGroup": environment.host_group.name(),
    });
    if let Some(reason) = reason {
        line["Reason"] = json!(reason);
    }
    for (name, value) in values {
        line[name] = value.clone();
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
