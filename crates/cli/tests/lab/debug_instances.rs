//! `debug`: the commands that list and detach instances.

use crate::common::{Lab, RunOutput};
use lab::StackOptions;
use serde_json::{Value, json};

fn imported() -> Lab {
    let stack = StackOptions {
        backends: 26,
        clients: 2,
        ..StackOptions::default()
    };
    let (lab, _) = Lab::with(&stack);
    lab.import(&[]).ok();
    lab
}

fn debug(lab: &Lab, arguments: &[&str]) -> RunOutput {
    lab.wekactl(&[&["debug"], arguments].concat())
}

fn json_of(lab: &Lab, arguments: &[&str]) -> Value {
    let ran = debug(lab, &[arguments, &["--output", "json"]].concat()).ok();
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The values of a field in a list.
fn all<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap().iter();
    list.map(|row| row[field].as_str().unwrap()).collect()
}

/// Asserts a failure with one error, which has this message.
#[track_caller]
fn refused(ran: &RunOutput, status: i32, message: &str) {
    assert_eq!((ran.status, ran.stdout.as_str()), (status, ""), "{}", ran.stderr);
    ran.shows(message);
    let errors = ran.stderr.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{}", ran.stderr);
}

#[test]
fn instances_are_listed_by_stack_group_and_tag() {
    let lab = imported();
    let of_stack = json_of(&lab, &["list-stack-instances", "-n", "wk"]);
    assert_eq!(of_stack.as_array().unwrap().len(), 28);
    assert!(all(&of_stack, "state").iter().all(|state| *state == "running"));
    let table = debug(&lab, &["list-stack-instances", "-n", "wk"]).ok().stdout;
    assert!(table.starts_with("ID ") && table.lines().count() == 29, "{table}");
    assert!(table.lines().next().unwrap().ends_with("PRIVATE IP"), "{table}");
    refused(
        &debug(&lab, &["list-stack-instances", "-n", "other"]),
        1,
        "CloudFormation stack 'other' does not exist in this region",
    );

    let of_cluster = json_of(&lab, &["list-asg-instances", "-n", "wk"]);
    assert_eq!(of_cluster.as_array().unwrap().len(), 28);
    let of_group = json_of(&lab, &["list-asg-instances", "-n", "wekactl-wk-Clients"]);
    assert_eq!(all(&of_group, "group"), ["wekactl-wk-Clients"; 2]);
    assert_eq!(
        (all(&of_group, "health"), all(&of_group, "protected")),
        (vec!["Healthy"; 2], vec!["yes"; 2])
    );
    refused(
        &debug(&lab, &["list-asg-instances", "-n", "other"]),
        1,
        "'other' is neither an imported cluster nor the Auto Scaling group of one in eu-west-1",
    );

    let backends = json_of(&lab, &["get-backends-private-ips", "-n", "wk"]);
    let addresses: Vec<_> = of_stack
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| all(&backends, "id").contains(&row["id"].as_str().unwrap()))
        .map(|row| row["private_ip"].as_str().unwrap())
        .collect();
    assert_eq!(addresses.len(), 26);
    assert_eq!(all(&backends, "private_ip"), addresses);
    refused(
        &debug(&lab, &["get-backends-private-ips", "-n", "other"]),
        1,
        "cluster 'other' is not imported",
    );

    join_scripts(&lab);
}

fn join_scripts(lab: &Lab) {
    let script = debug(lab, &["get-join-params", "-n", "wk"]).ok().stdout;
    assert!(script.starts_with("#!/bin/bash"), "{script}");
    assert!(script.contains("\npassword='(hidden)'\n"), "{script}");
    assert!(script.contains("\nusername='admin'\n"), "{script}");
    // The flags of wekactl 1.x (Go): the name of the group, and the table.
    let arguments = [
        "get-join-params",
        "-n",
        "wk",
        "-g",
        "wekactl-wk-Backends",
        "-t",
        "wekactl-wk",
    ];
    assert_eq!(debug(lab, &arguments).ok().stdout, script);
    let document = json_of(
        lab,
        &["get-join-params", "-n", "wk", "--instance-type", "i3en.24xlarge"],
    );
    assert_eq!(document["instance_type"], json!("i3en.24xlarge"));
    assert_eq!(document["backends"].as_array().unwrap().len(), 26);
    assert_ne!(
        document["script"],
        json!(script),
        "another instance type has a different number of cores"
    );
    let client = json_of(lab, &["get-join-params", "-n", "wk", "-g", "Clients"]);
    assert_eq!(
        (&client["host_group"], client.get("profile")),
        (&json!("Clients"), None)
    );
    assert_eq!(
        client["mounts"],
        json!([{ "filesystem": "default", "path": "/mnt/weka" }])
    );
    let script = client["script"].as_str().unwrap();
    assert!(script.contains("mounts=('default' '/mnt/weka')") && !script.contains("WEKA_PASSWORD"));

    let refusals = [
        (
            vec!["-g", "Frontends"],
            64,
            "'Frontends' is not a host group of cluster 'wk': the host groups are Backends (wekactl-wk-Backends)",
        ),
        (
            vec!["--instance-type", "t3.micro"],
            1,
            "instance type 't3.micro' is unknown",
        ),
        (
            vec!["-t", "other"],
            1,
            "reading the credentials: dynamodb GetItem",
        ),
    ];
    for (arguments, status, message) in refusals {
        refused(
            &debug(lab, &[&["get-join-params", "-n", "wk"], &arguments[..]].concat()),
            status,
            message,
        );
    }
}

#[test]
fn detach_sends_twenty_instances_per_call_and_rejects_other_groups() {
    let lab = imported();
    let members = json_of(&lab, &["list-asg-instances", "-n", "wekactl-wk-Backends"]);
    let ids = all(&members, "id");
    let clients = json_of(&lab, &["list-asg-instances", "-n", "wekactl-wk-Clients"]);
    let detach = |name: &str, ids: &[&str], more: &[&str]| {
        debug(&lab, &[&["detach-asg-instances", "-n", name], ids, more].concat())
    };
    let before = lab.calls().len();
    let refusal = detach("wk", &ids[..2], &[]);
    refused(
        &refusal,
        64,
        "nothing was changed: there is no terminal to ask for confirmation on; use --yes",
    );
    refusal.shows("desired capacity decreases from 26 to 24");
    for (name, other) in [
        ("wk", "i-0123456789abcdef0"),
        ("wekactl-wk-Backends", all(&clients, "id")[0]),
    ] {
        let refusal = detach(name, &[ids[0], other], &["--yes"]);
        refused(
            &refusal,
            1,
            &format!("instance {other} is not in wekactl-wk-Backends"),
        );
    }
    assert_eq!(lab.changes_since(before), Vec::<String>::new());

    let ran = detach("wk", &ids[..21], &["--yes", "--output", "json"]).ok();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut gone = all(&document["detached"], "id");
    gone.sort_unstable();
    let mut expected = ids[..21].to_vec();
    expected.sort_unstable();
    assert_eq!((gone, &document["errors"]), (expected, &json!([])));
    assert_eq!(lab.changes_since(before), ["autoscaling DetachInstances"; 2]);
    let groups = lab
        .wekactl(&["hostgroup", "list", "-n", "wk", "--output", "json"])
        .ok();
    let groups: Value = serde_json::from_str(&groups.stdout).unwrap();
    assert_eq!(
        (&groups[0]["desired"], &groups[0]["in_service"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(groups[1]["in_service"], json!(2));
    let of_stack = json_of(&lab, &["list-stack-instances", "-n", "wk"]);
    assert!(
        all(&of_stack, "state").iter().all(|state| *state == "running"),
        "they keep running"
    );
}
