//! What import made, compared field by field with what the Go wekactl 1.x made of the same stack. Whatever differs is
//! meant to, and is listed here with its reason.

use crate::common::Lab;
use lab::StackOptions;
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An account after the Go tool's import of six backends, with the tags `env=prod` and `team=storage`.
const GO: &str = include_str!("../data/go-import-6-backends.json");

/// Where ours differs (a pattern of the field's path), and why.
const INTENDED: &[(&str, &str)] = &[
    (
        r"endpointConfiguration/types\[0\]$",
        "REGIONAL: of EDGE APIs AWS makes one in 30 s",
    ),
    (
        r"wekactl\.io/version(\]/[Vv]alue)?$",
        "a resource's own version, where ours is another; a role's is the hash of its statements",
    ),
    (
        r"^apikeys/.*/value$|^usageplans/.*/value$",
        "blacked out in the Go tool's dump",
    ),
    (
        r"/LaunchTemplate/Version$",
        "$Latest, so that a new version needs no change of the group",
    ),
    (r"\[cluster-creds\]/Password/S$", "another password"),
    (
        r"/IamArn/S$|/IamInstanceProfile/Arn$",
        "the lab's stack lets CloudFormation complete the profile's name",
    ),
    (r"/BuildVersion/S$", "another version"),
    (
        r"/ClassicLoadBalancer/S$",
        "new: update must know the stack's load balancer",
    ),
    (
        r"\[cluster-settings\]/StackId/",
        "stored, so that update and destroy know the stack",
    ),
    (
        r"/point_in_time_recovery$",
        "on: the table says how to find the rest",
    ),
    (
        r"/KMSMasterKeyArn$",
        "the key's ARN, as roles and functions name it",
    ),
    (
        r"^events/.*/targets\[0\]/Id$",
        "a fixed target id: an update replaces it and adds none",
    ),
    (
        r"^iam/.*/assume/Statement\[0\]/Condition/",
        "services act for this account alone",
    ),
    (r"^iam/.*/inline/", "least privilege in place of '*'"),
    (
        r"^iam/.*/tags\[wekactl\.io/use\]/",
        "roles are found by what they are for",
    ),
    (r"^kms/.*/meta/Description$", "says what the key is for"),
    (r"^kms/.*/rotation$", "on"),
    (r"^lambda/.*/Architectures\[0\]$", "as the package"),
    (r"^lambda/.*/Code(Sha256|Size)$", "left out of the Go tool's dump"),
    (
        r"^lambda/.*/SEAL_KEY$",
        "credentials do not stand in the state machine's data in the clear",
    ),
    (
        r"^lambda/.*/KMSKeyArn$",
        "the environment is encrypted with the cluster's key",
    ),
    (r"^lambda/.*/LoggingConfig/", "left out of the Go tool's dump"),
    (r"^lambda/.*/Runtime$", "Amazon Linux 2 is at its end"),
    (
        r"^lambda/.*/TracingConfig/Mode$",
        "no tracing: the roles may not write traces",
    ),
    (
        r"^lambda/.*/policy/Statement\[0\]/Sid$",
        "a fixed id: it is found and replaced",
    ),
    (
        r"/NetworkInterfaces\[0\]/DeleteOnTermination$",
        "said, not left to a default",
    ),
    (
        r"/NetworkInterfaces\[0\]/Ipv6AddressCount$",
        "none is the default",
    ),
    (
        r"/TagSpecifications\[launch-template\]/",
        "tags of the template itself are no part of what it launches",
    ),
    (
        r"/TagSpecifications\[(volume|network-interface)\]/",
        "volumes and network interfaces are tagged too",
    ),
    (
        r"/versions\[0\]/LaunchTemplateData/UserData$",
        "the script, blacked out in the Go tool's dump",
    ),
    (
        r"/versions\[0\]/VersionDescription$",
        "the version stands in the tags",
    ),
    (r"^sfn/.*/Retry\[0\]/", "Lambda's own faults are retried"),
    (
        r"^sfn/.*/ErrorCheck/Choices",
        "TransientErrors may be missing altogether",
    ),
    (r"^sfn/.*/loggingConfiguration/", "failed executions are logged"),
    (
        r"^usageplans/.*/(throttle|tags)/",
        "throttled, and tagged like everything",
    ),
];

#[test]
fn differs_from_the_go_tools_import_only_where_it_is_meant_to() {
    let (lab, _) = Lab::with(&StackOptions::default());
    lab.import(&["-t", "env=prod", "-t", "team=storage"]).ok();
    let go = fields(&serde_json::from_str(GO).unwrap());
    let ours = fields(&lab::dump(&lab.moto).unwrap());
    let paths: BTreeSet<_> = go.keys().chain(ours.keys()).collect();
    let patterns: Vec<_> = INTENDED
        .iter()
        .map(|(text, _)| (Regex::new(text).unwrap(), *text))
        .collect();
    let mut unexpected = String::new();
    let mut used = BTreeSet::new();
    for path in paths {
        let (was, is) = (go.get(path), ours.get(path));
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
    let idle: Vec<_> = INTENDED
        .iter()
        .map(|(text, _)| *text)
        .filter(|text| !used.contains(text))
        .collect();
    assert!(idle.is_empty(), "these do not differ any more: {idle:?}");
}

/// Every field by its path. Things stand under their names, tags under their keys; ids, times and what is random are evened
/// out. Kinds that the Go tool's dump does not have, and the clients' host group, of which it made nothing, are left out.
pub(crate) fn fields(dump: &Value) -> BTreeMap<String, String> {
    let even = Even::new();
    let mut fields = BTreeMap::new();
    let go: Value = serde_json::from_str(GO).unwrap();
    for (kind, things) in dump.as_object().unwrap() {
        if go.get(kind).is_none() {
            continue;
        }
        for thing in things.as_array().unwrap() {
            let name = name_of(thing);
            if !name.contains("Clients") {
                walk(&format!("{kind}/{name}"), thing, &even, &mut fields);
            }
        }
    }
    fields
}

fn walk(path: &str, value: &Value, even: &Even, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                walk(&format!("{path}/{name}"), value, even, fields);
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
                walk(&format!("{path}[{key}]"), value, even, fields);
            }
        }
        value => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fields.insert(path.to_owned(), even.out(&text));
        }
    }
}

/// Under what a thing stands: for a role its use, which its name has somewhere.
fn name_of(thing: &Value) -> String {
    const NAMES: [&str; 13] = [
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
    ];
    let name = NAMES
        .iter()
        .find_map(|path| thing.pointer(path)?.as_str())
        .unwrap_or("?");
    if thing.get("assume").is_none() {
        return name.to_owned();
    }
    let group = thing["tags"]
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

/// Evens out what is another each time.
struct Even(Vec<(Regex, &'static str)>);

impl Even {
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
            (r"^[0-9a-z]{10}$", "(id)"),
            (r"^[0-9a-f]{64}$", "(sha256)"),
        ];
        Self(
            rules
                .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
                .to_vec(),
        )
    }

    fn out(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (rule, with)| {
            rule.replace_all(&text, *with).into_owned()
        })
    }
}
