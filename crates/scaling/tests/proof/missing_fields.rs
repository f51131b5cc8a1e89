//! Every field of every response is removed, set to null, and given an unknown word in turn. The run fails only for the
//! fields that it cannot do without, and it never drains or terminates more than with the complete responses.

use crate::cluster::{address, instance};
use jiff::Timestamp;
use scaling::drain::{Plan, Refusal, Report, check, plan};
use scaling::messages::Role;
use scaling::policy::{GracePeriods, Group};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use weka_sim::api::{Response, handle};
use weka_sim::{ApiVersion, Model, NewBackend, Settings};
use weka_types::calls::Call;
use weka_types::lists::{Lists, Optional};

type Responses = BTreeMap<&'static str, Value>;

const METHODS: [&str; 9] = [
    "status",
    "hosts_list",
    "disks_list",
    "nodes_list",
    "manual_override_list",
    "filesystems_list",
    "interface_group_list",
    "samba_get_cluster_info",
    "s3_get_cluster_info",
];

/// The last part of the path of each field without which a run fails.
const REQUIRED: [&str; 2] = ["io_status", "uuid"];

/// Nine machines: the first is draining, the second has left, the third has been down for a day, the fourth has a broken
/// drive, the fifth serves NFS.
fn cluster(api: ApiVersion) -> Model {
    let mut model = Model::new(Settings {
        api,
        ..Settings::default()
    });
    for number in 0..9 {
        model.add_backend(&NewBackend::new(address(number), &instance(number).id));
    }
    model.advance(Duration::from_secs(7 * 24 * 3600));
    let deactivate = |model: &mut Model, number| {
        let ids: Vec<u32> = model
            .containers_of(address(number))
            .map(|container| container.id)
            .collect();
        model.deactivate_containers(&ids, true).unwrap();
    };
    deactivate(&mut model, 1);
    model.machine_down(address(2));
    model.advance(Duration::from_secs(24 * 3600));
    deactivate(&mut model, 0);
    let drive = model.drives_of(address(3)).next().unwrap().uuid.clone();
    model.fail_drive(&drive).unwrap();
    model.add_nfs_port("group", 12, "eth1");
    model.add_s3_container(24);
    model
}

fn responses(model: &mut Model) -> Responses {
    let to = address(5);
    let mut call = |token: Option<&str>, method: &str, params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        match handle(model, to, token, body.as_bytes()) {
            Response::Http { body, .. } => serde_json::from_str::<Value>(&body).unwrap()["result"].clone(),
            Response::Disconnect => panic!("{method} has no response"),
        }
    };
    let user = weka_sim::Credentials::default();
    let login = call(None, "user_login", json!([user.username, user.password]));
    let token = login["access_token"].as_str().unwrap().to_owned();
    METHODS
        .iter()
        .map(|method| (*method, call(Some(&token), method, json!({}))))
        .collect()
}

fn parse(responses: &Responses) -> Result<Lists, serde_json::Error> {
    fn optional<T: serde::de::DeserializeOwned>(value: &Value) -> Optional<T> {
        match T::deserialize(value) {
            Ok(value) => Optional::Read(value),
            Err(error) => Optional::Failed(error.to_string()),
        }
    }
    use serde::Deserialize;
    Ok(Lists {
        status: Deserialize::deserialize(&responses["status"])?,
        hosts: Deserialize::deserialize(&responses["hosts_list"])?,
        drives: Deserialize::deserialize(&responses["disks_list"])?,
        nodes: Deserialize::deserialize(&responses["nodes_list"])?,
        overrides: Deserialize::deserialize(&responses["manual_override_list"])?,
        filesystems: optional(&responses["filesystems_list"]),
        interface_groups: optional(&responses["interface_group_list"]),
        smb: optional(&responses["samba_get_cluster_info"]),
        s3: optional(&responses["s3_get_cluster_info"]),
    })
}

fn group(desired: u32) -> Group {
    Group {
        role: Role::Backend,
        desired,
        instances: (0..9).map(instance).collect(),
        grace_periods: GracePeriods::default(),
    }
}

/// The paths of all values below this one.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let path = format!("{path}/{name}");
        paths(child, &path, found);
        found.push(path);
    }
}

/// Returns the response without the value, or with it replaced.
fn changed(response: &Value, path: &str, replacement: Option<Value>) -> Value {
    let mut response = response.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    match (response.pointer_mut(parent).unwrap(), replacement) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(name.to_owned(), value)),
        (Value::Object(fields), None) => drop(fields.remove(name)),
        (Value::Array(values), Some(value)) => values[name.parse::<usize>().unwrap()] = value,
        (Value::Array(values), None) => drop(values.remove(name.parse().unwrap())),
        _ => unreachable!("only objects and arrays have children"),
    }
    response
}

/// The containers and drives that a plan starts to deactivate, and the instances that it terminates.
fn effects(plan: &Plan) -> BTreeSet<String> {
    let calls = plan
        .tasks
        .iter()
        .flat_map(|task| &task.calls)
        .flat_map(|call| match call {
            Call::DeactivateHosts(hosts) => hosts.iter().map(ToString::to_string).collect(),
            Call::DeactivateDrives(drives) => drives.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        });
    let instances = plan
        .tasks
        .iter()
        .filter_map(|task| Some(task.then_terminate.as_ref()?.id.clone()));
    calls.chain(instances).collect()
}

fn planned(responses: &Responses, group: &Group, now: Timestamp) -> Option<Result<(Plan, Report), Refusal>> {
    let lists = parse(responses).ok()?;
    let result = plan(&lists, group, now);
    if let Ok((plan, _)) = &result {
        check(plan, &lists, group, now).unwrap();
    }
    Some(result)
}

/// Changes every value and checks the plan. `is_allowed` compares the effects with those of the complete responses.
fn check_all(desired: u32, is_allowed: impl Fn(&BTreeSet<String>, &BTreeSet<String>) -> bool) {
    for api in [ApiVersion::V4_2, ApiVersion::V4_4] {
        let mut model = cluster(api);
        let complete = responses(&mut model);
        let (group, now) = (group(desired), model.now());
        let (plan, report) = planned(&complete, &group, now).unwrap().unwrap();
        let mut expected = effects(&plan);
        assert!(!expected.is_empty() && !plan.tasks.is_empty());
        // The first two machines were deactivated before.
        for machine in [0, 1] {
            expected.extend(model.drives_of(address(machine)).map(|drive| drive.uuid.clone()));
            expected.extend(
                model
                    .containers_of(address(machine))
                    .map(|container| format!("HostId<{}>", container.id)),
            );
        }
        let decisions = report.decisions.len();
        for method in METHODS {
            let mut all = Vec::new();
            paths(&complete[method], "", &mut all);
            for path in all {
                let is_text = complete[method].pointer(&path).unwrap().is_string();
                let replacements = [None, Some(Value::Null), is_text.then(|| json!("NEW"))];
                for (number, replacement) in replacements.into_iter().enumerate() {
                    if number == 2 && replacement.is_none() {
                        continue;
                    }
                    let context = format!("{method}{path} -> {replacement:?}");
                    let mut responses = complete.clone();
                    responses.insert(method, changed(&complete[method], &path, replacement));
                    let name = path.rsplit('/').next().unwrap();
                    let is_entry = path.matches('/').count() == 1 && method.ends_with("_list");
                    match planned(&responses, &group, now) {
                        None => {
                            // A value of another type, such as an address that is not one, is an error; null is not.
                            let is_invalid = number == 2 || (number == 1 && is_entry);
                            assert!(REQUIRED.contains(&name) || is_invalid, "{context}: not read");
                        }
                        Some(Err(refusal)) => assert!(
                            ["io_status", "upgrade", "upgrade_phase", "upgrade_paused"].contains(&name),
                            "{context}: {refusal}"
                        ),
                        Some(Ok((plan, report))) => {
                            assert!(
                                is_allowed(&effects(&plan), &expected),
                                "{context}: {:?}",
                                effects(&plan)
                            );
                            // The rest of the cluster is still managed. An entry that is removed is no longer there.
                            assert!(report.decisions.len() >= decisions.saturating_sub(1), "{context}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn missing_field_never_drains_or_terminates_another_machine() {
    check_all(9, |effects, expected| effects.is_subset(expected));
}

#[test]
fn missing_field_never_drains_more_machines_in_a_scale_in() {
    // Another machine may drain in place of one that is no longer understood, or whose age is unknown.
    check_all(7, |effects, expected| effects.len() <= expected.len());
}

#[test]
fn cluster_without_container_names_is_refused() {
    // Weka 3.11 has one container for each machine, without a name.
    let mut model = cluster(ApiVersion::V4_2);
    let mut responses = responses(&mut model);
    for host in responses
        .get_mut("hosts_list")
        .unwrap()
        .as_object_mut()
        .unwrap()
        .values_mut()
    {
        host.as_object_mut().unwrap().remove("container_name");
    }
    let refusal = planned(&responses, &group(9), model.now()).unwrap().unwrap_err();
    assert_eq!(refusal, Refusal::NotMultiContainer);
}
