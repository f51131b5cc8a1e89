//! The resources in the local AWS, as a table.

use serde_json::Value;

/// Key in the dump, label, and JSON pointers to the name and to one detail.
const KINDS: [(&str, &str, &str, &str); 15] = [
    ("kms", "KMS key", "/aliases/0", "/meta/KeyState"),
    (
        "dynamodb",
        "DynamoDB table",
        "/table/TableName",
        "/table/TableStatus",
    ),
    (
        "iam",
        "IAM role",
        "/name",
        "/assume/Statement/0/Principal/Service",
    ),
    (
        "loggroups",
        "log group",
        "/group/logGroupName",
        "/group/retentionInDays",
    ),
    (
        "lambda",
        "Lambda function",
        "/config/FunctionName",
        "/config/State",
    ),
    (
        "apigateway",
        "REST API",
        "/api/name",
        "/api/endpointConfiguration/types/0",
    ),
    ("usageplans", "usage plan", "/plan/name", "/keys/0/name"),
    ("apikeys", "API key", "/name", "/enabled"),
    (
        "launchtemplates",
        "launch template",
        "/template/LaunchTemplateName",
        "/template/LatestVersionNumber",
    ),
    ("sfn", "state machine", "/machine/name", "/machine/status"),
    (
        "events",
        "EventBridge rule",
        "/rule/Name",
        "/rule/ScheduleExpression",
    ),
    ("elbv2", "load balancer", "/lb/LoadBalancerName", "/lb/Scheme"),
    (
        "targetgroups",
        "target group",
        "/tg/TargetGroupName",
        "/tg/HealthCheckPath",
    ),
    (
        "autoscaling",
        "Auto Scaling group",
        "/AutoScalingGroupName",
        "/DesiredCapacity",
    ),
    (
        "elb",
        "classic load balancer",
        "/LoadBalancerName",
        "/HealthCheck/Target",
    ),
];

pub(super) fn rows(account: &Value) -> Vec<[String; 3]> {
    let mut rows = Vec::new();
    for (key, kind, name, detail) in KINDS {
        for entry in entries(account, key) {
            rows.push([kind.to_owned(), text(entry, name), text(entry, detail)]);
        }
    }
    // Instances are counted: a table with 120 of them is not readable.
    let instances = entries(account, "instances");
    let count =
        |condition: &dyn Fn(&Value) -> bool| instances.iter().filter(|instance| condition(instance)).count();
    let tagged = count(&|instance| {
        let tags = instance.pointer("/instance/Tags").and_then(Value::as_array);
        tags.is_some_and(|tags| tags.iter().any(|tag| tag["Key"] == "wekactl.io/cluster_name"))
    });
    let protected = count(&|instance| instance["termination_protection"] == true);
    let detail = format!("{tagged} tagged by wekactl, {protected} protected from termination");
    rows.push(["instances".to_owned(), instances.len().to_string(), detail]);
    rows
}

fn entries<'a>(account: &'a Value, key: &str) -> &'a [Value] {
    account[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(entry: &Value, pointer: &str) -> String {
    match entry.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

pub(super) fn render(rows: &[[String; 3]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    rows.iter()
        .map(|[kind, name, detail]| format!("{kind:first$}  {name:second$}  {detail}\n"))
        .collect()
}
