//! Compares what import creates, field by field, with what wekactl 1.x (Go) creates for the same stack. Every difference is
//! intended and listed here with its reason.

use crate::common::Lab;
use lab::{GO_IMPORT, StackOptions};
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Intended differences: a pattern for the path of the field, and the reason.
const INTENDED: &[(&str, &str)] = &[
    (
        r"endpointConfiguration/types\[0\]$",
        "REGIONAL: AWS creates only one EDGE API per 30 s",
    ),
    (
        r"wekactl\.io/version(\]/[Vv]alue)?$",
        "the version of each resource; a role's is the hash of its statements",
    ),
    (
        r"^apikeys/.*/value$|^usageplans/.*/value$",
        "redacted in the dump of wekactl 1.x",
    ),
    (
        r"/LaunchTemplate/Version$",
        "$Latest: a new version does not require an update of the group",
    ),
    (r"\[cluster-creds\]/Password/S$", "another password"),
    (
        r"/IamArn/S$|/IamInstanceProfile/Arn$",
        "the lab's stack lets CloudFormation complete the profile's name",
    ),
    (r"/BuildVersion/S$", "another version"),
    (
        r"/ClassicLoadBalancer/S$",
        "new: update needs the load balancer of the stack",
    ),
    (
        r"\[cluster-settings\]/StackId/",
        "stored: update and destroy need the stack",
    ),
    (
        r"/point_in_time_recovery$",
        "on: the table has the settings of the cluster",
    ),
    (
        r"/KMSMasterKeyArn$",
        "the ARN of the key, as in roles and functions",
    ),
    (
        r"^events/.*/targets\[0\]/Id$",
        "a fixed target id: an update replaces the target instead of adding one",
    ),
    (
        r"^iam/.*/assume/Statement\[0\]/Condition/",
        "services may act only for this account",
    ),
    (r"^iam/.*/inline/", "least privilege instead of '*'"),
    (
        r"^iam/.*/tags\[wekactl\.io/use\]/",
        "roles are found by their use",
    ),
    (r"^kms/.*/meta/Description$", "describes the use of the key"),
    (r"^kms/.*/rotation$", "on"),
    (r"^lambda/.*/Architectures\[0\]$", "that of the package"),
    (
        r"^lambda/.*/Code(Sha256|Size)$",
        "omitted from the dump of wekactl 1.x",
    ),
    (
        r"^lambda/.*/SEAL_KEY$",
        "credentials in the data of the state machine are encrypted",
    ),
    (
        r"^lambda/.*-join-.*/Variables/(ACCOUNT_ID|LAUNCH_TEMPLATE_ID|PRIVATE_API)$",
        "a new instance proves its identity",
    ),
    (
        r"^lambda/.*/KMSKeyArn$",
        "the environment is encrypted with the key of the cluster",
    ),
    (
        r"^lambda/.*/LoggingConfig/",
        "omitted from the dump of wekactl 1.x",
    ),
    (
        r"^lambda/.*/Runtime$",
        "Amazon Linux 2 has reached its end of life",
    ),
    (
        r"^lambda/.*/TracingConfig/Mode$",
        "no tracing: the roles have no permission to write traces",
    ),
    (
        r"^lambda/.*/policy/Statement\[0\]/Sid$",
        "a fixed id, so that update can replace the statement",
    ),
    (
        r"/MetadataOptions/|HttpTokens",
        "tokens are required, and only the instance itself reaches its metadata",
    ),
    (
        r"/NetworkInterfaces\[0\]/DeleteOnTermination$",
        "explicit instead of a default",
    ),
    (
        r"/NetworkInterfaces\[0\]/Ipv6AddressCount$",
        "the default is none",
    ),
    (
        r"/TagSpecifications\[launch-template\]/",
        "the template's own tags are not those of its instances",
    ),
    (
        r"/TagSpecifications\[(volume|network-interface)\]/",
        "volumes and network interfaces are also tagged",
    ),
    (
        r"/versions\[0\]/LaunchTemplateData/UserData$",
        "the script, redacted in the dump of wekactl 1.x",
    ),
    (
        r"/versions\[0\]/VersionDescription$",
        "the version is in the tags",
    ),
    (r"^sfn/.*/Parameters/", "messages are valid in one execution only"),
    (
        r"^sfn/.*/Catch\[0\]/",
        "the transient function reports the error that stopped a run",
    ),
    (r"^sfn/.*/Retry\[0\]/", "Lambda service errors are retried"),
    (r"^sfn/.*/ErrorCheck/Choices", "TransientErrors can be missing"),
    (r"^sfn/.*/loggingConfiguration/", "failed executions are logged"),
    (
        r"^usageplans/.*/(throttle|tags)/",
        "throttled, and tagged like every resource",
    ),
];

#[test]
fn import_differs_from_wekactl_1_only_as_intended() {
    let (lab, _) = Lab::with(&StackOptions::default());
    lab.import(&["-t", "env=prod", "-t", "team=storage"]).ok();
    let go = fields(&serde_json::from_str(GO_IMPORT).unwrap());
    let imported = fields(&lab::dump(&lab.moto).unwrap());
    let paths: BTreeSet<_> = go.keys().chain(imported.keys()).collect();
    let patterns: Vec<_> = INTENDED
        .iter()
        .map(|(text, _)| (Regex::new(text).unwrap(), *text))
        .collect();
    let mut unexpected = String::new();
    let mut used = BTreeSet::new();
    for path in paths {
        let (was, is) = (go.get(path), imported.get(path));
        if was == is {
            continue;
        }
        match patterns.iter().find(|(pattern, _)| pattern.is_match(path)) {
            Some((_, text)) => {
                used.insert(*text);
            }
            None => unexpected += &format!("{path}: {was:?} -> {is:?}\n"),
        }
    }
    assert!(unexpected.is_empty(), "not intended:\n{unexpected}");
    let unused: Vec<_> = INTENDED
        .iter()
        .map(|(text, _)| *text)
        .filter(|text| !used.contains(text))
        .collect();
    assert!(unused.is_empty(), "these no longer differ: {unused:?}");
}

/// Every field by its path. Resources are keyed by name and tags by key; ids, times and random values are normalized. Omits
/// kinds that the dump of wekactl 1.x does not have, and host group Clients, which it does not create.
pub(crate) fn fields(dump: &Value) -> BTreeMap<String, String> {
    let go: Value = serde_json::from_str(GO_IMPORT).unwrap();
    let mut fields = all_fields(dump);
    fields.retain(|path, _| {
        let mut parts = path.split('/');
        let (kind, name) = (parts.next().unwrap(), parts.next().unwrap());
        go.get(kind).is_some() && !name.contains("Clients")
    });
    fields
}

/// Like `fields`, without omissions.
pub(crate) fn all_fields(dump: &Value) -> BTreeMap<String, String> {
    let normalizer = Normalizer::new();
    let mut fields = BTreeMap::new();
    for (kind, resources) in dump.as_object().unwrap() {
        for resource in resources.as_array().unwrap() {
            walk(
                &format!("{kind}/{}", name_of(resource)),
                resource,
                &normalizer,
                &mut fields,
            );
        }
    }
    fields
}

fn walk(path: &str, value: &Value, normalizer: &Normalizer, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                walk(&format!("{path}/{name}"), value, normalizer, fields);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let key = [
                    "Key",
                    "TagKey",
                    "key",
                    "ResourceType",
                    "DeviceName",
                    "path",
                    "stageName",
                ]
                .iter()
                .find_map(|key| value.get(key)?.as_str().map(str::to_owned));
                let item = value
                    .get("Key")
                    .and_then(|key| key.get("S")?.as_str().map(str::to_owned));
                let key = key.or(item).unwrap_or_else(|| index.to_string());
                walk(&format!("{path}[{key}]"), value, normalizer, fields);
            }
        }
        value => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fields.insert(path.to_owned(), normalizer.normalize(&text));
        }
    }
}

/// The name of a resource; for a role, its use, which is part of its name.
fn name_of(resource: &Value) -> String {
    const NAMES: [&str; 16] = [
        "/api/name",
        "/plan/name",
        "/name",
        "/AutoScalingGroupName",
        "/table/TableName",
        "/lb/LoadBalancerName",
        "/tg/TargetGroupName",
        "/rule/Name",
        "/aliases/0",
        "/config/FunctionName",
        "/template/LaunchTemplateName",
        "/machine/name",
        "/zone/Name",
        "/LoadBalancerName",
        "/instance/PrivateIpAddress",
        "/group/logGroupName",
    ];
    let name = NAMES
        .iter()
        .find_map(|path| resource.pointer(path)?.as_str())
        .unwrap_or("?");
    if resource.get("assume").is_none() {
        return name.to_owned();
    }
    let group = resource["tags"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tag| tag["Key"] == "wekactl.io/hostgroup_name");
    let Some(group) = group.and_then(|tag| tag["Value"].as_str()) else {
        return "Clients".to_owned();
    };
    let uses = ["join", "fetch", "scale", "terminate", "transient", "sm", "cw"];
    let found = uses.iter().find(|user| name.contains(&format!("-{user}-")));
    format!("{group}-{}", found.unwrap())
}

/// Replaces values that differ between runs.
struct Normalizer(Vec<(Regex, &'static str)>);

impl Normalizer {
    fn new() -> Self {
        let rules = [
            (
                r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                "(uuid)",
            ),
            (r"\b(i|vpc|subnet|sg|lt|ami)-[0-9a-z]+", "$1-(id)"),
            (r"\d{4}-\d\d-\d\d[T ][0-9:.+Z]+", "(time)"),
            (
                r"(targetgroup/[^/]+|loadbalancer/app/[^/]+|listener/app/[^/]+)(/[0-9a-f]+)+",
                "$1/(id)",
            ),
            (r"(execute-api:[^:]+:\d+:)[0-9a-z]+", "$1(id)"),
            (
                r"wekactl-[-\w]*-(join|fetch|scale|terminate|transient|sm|cw)-\(uuid\)|wekactl-[-\w]*-(terminate|transient)-[-0-9a-f]+",
                "(role)",
            ),
            (
                r"\b(wk-(InstanceProfile|Role|SecurityGroup)[A-Za-z]*)-[0-9A-Z]{12}\b",
                "$1-(id)",
            ),
            (r"^[0-9a-z]{10}$", "(id)"),
            (r"^\d{13}$", "(time)"),
            (r"^[0-9a-f]{64}$", "(sha256)"),
        ];
        Self(
            rules
                .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
                .to_vec(),
        )
    }

    fn normalize(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (rule, with)| {
            rule.replace_all(&text, *with).into_owned()
        })
    }
}
