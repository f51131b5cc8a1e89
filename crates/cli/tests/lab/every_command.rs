//! Invocations of every command, for rules that all of them follow.

use crate::common::Lab;
use std::collections::BTreeSet;

/// Arguments of every command, in an order in which each finds what it needs: the cluster `wk` is imported first and destroyed
/// last. `backend` is the address of a backend's API, and `instance` one of the instances.
pub(crate) fn invocations<'a>(package: &'a str, backend: &'a str, instance: &'a str) -> Vec<Vec<&'a str>> {
    let named = |command: &[&'a str]| [command, &["-n", "wk"]].concat();
    let updating = |command: &[&'a str]| [&named(command)[..], &["-y", "--lambda-package", package]].concat();
    let logged_in = |command: &[&'a str]| [command, &["-u", "admin"]].concat();
    vec![
        [
            &logged_in(&named(&["cluster", "import"]))[..],
            &["--lambda-package", package],
        ]
        .concat(),
        vec!["cluster", "list"],
        named(&["hostgroup", "list"]),
        named(&["cluster", "join-params"]),
        [
            &logged_in(&named(&["cluster", "change-credentials"]))[..],
            &["-y"],
        ]
        .concat(),
        updating(&["cluster", "update"]),
        logged_in(&["debug", "jrpc", "-m", "status", "--host", backend]),
        named(&["debug", "list-stack-instances"]),
        named(&["debug", "list-asg-instances"]),
        named(&["debug", "get-backends-private-ips"]),
        named(&["debug", "get-join-params"]),
        updating(&["debug", "create-lambda"]),
        updating(&["debug", "create-lambda-endpoint"]),
        updating(&["debug", "create-state-machine"]),
        updating(&["debug", "create-cloud-watch-event-rule"]),
        updating(&["debug", "create-auto-scaling-group"]),
        [&named(&["debug", "detach-asg-instances"])[..], &["-y", instance]].concat(),
        [&named(&["cluster", "destroy"])[..], &["-y"]].concat(),
        vec!["completion", "bash"],
        vec!["version"],
    ]
}

/// Whether a command calls AWS.
pub(crate) fn calls_aws(arguments: &[&str]) -> bool {
    !matches!(arguments, ["completion" | "version", ..] | ["debug", "jrpc", ..])
}

/// The subcommands in the help of a command.
fn subcommands(lab: &Lab, command: &[&str]) -> Vec<String> {
    let help = lab.wekactl(&[command, &["--help"]].concat()).ok().stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let entries = lines.take_while(|line| !line.is_empty());
    // A description continues on lines with a deeper indentation.
    let names = entries.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_an_invocation() {
    let lab = Lab::start(lab::MotoOptions::default());
    let mut commands = BTreeSet::new();
    // The help does not list the hidden command.
    for group in subcommands(&lab, &[]).iter().map(String::as_str).chain(["debug"]) {
        let names = subcommands(&lab, &[group]);
        if names.is_empty() {
            commands.insert(group.to_owned());
        }
        commands.extend(names.into_iter().map(|name| format!("{group} {name}")));
    }
    assert!(commands.len() > 15, "{commands:?}");
    let invoked: BTreeSet<_> = invocations("", "", "")
        .iter()
        .map(|arguments| match arguments[..] {
            [group @ ("cluster" | "hostgroup" | "debug"), command, ..] => format!("{group} {command}"),
            _ => arguments[0].to_owned(),
        })
        .collect();
    assert_eq!(invoked, commands);
}
