//! The first boot: network interfaces, the join script, retries and shutdown.

use crate::machine::{Machine, Run};
use crate::rendered::user_data;

/// A join script that records that it ran.
const SCRIPT: &str = r##"printf '%s\n' '#!/bin/bash' 'echo . >>"$MACHINE/joined"' >"$file""##;

/// EC2's network interfaces, one file each under `enis`: id, attachment, delete on termination. `aws-fails` lists commands that
/// fail; each line makes one call fail.
const AWS: &str = r#"
    mkdir -p "$MACHINE/enis"
    if line=$(grep -nsx "$2" "$MACHINE/aws-fails" | head -n 1) && [ -n "$line" ]; then
      sed -i "${line%%:*}d" "$MACHINE/aws-fails"
      echo 'An error occurred (RequestLimitExceeded)' >&2
      exit 254
    fi
    option() {
      local name=$1
      shift
      while [ "$1" != "$name" ]; do shift; done
      printf %s "$2"
    }
    case "$2" in
      describe-network-interfaces)
        wanted=$(option --filters "$@")
        found=$(grep -lsxF "${wanted#*Values=}" "$MACHINE"/enis/*.name | head -n 1)
        if [ -z "$found" ]; then echo None; else cat "${found%.name}"; fi ;;
      create-network-interface)
        id=eni-$(find "$MACHINE/enis" -name '*.name' | wc -l)
        option --description "$@" >"$MACHINE/enis/$id.name"
        printf '%s\tNone\tNone\n' "$id" >"$MACHINE/enis/$id"
        echo "$id" ;;
      attach-network-interface)
        id=$(option --network-interface-id "$@")
        printf '%s\tattach-of-%s\tFalse\n' "$id" "$id" >"$MACHINE/enis/$id"
        echo "attach-of-$id" ;;
      modify-network-interface-attribute)
        id=$(option --network-interface-id "$@")
        [ "$(option --attachment "$@")" = "AttachmentId=attach-of-$id,DeleteOnTermination=true" ] || exit 1
        printf '%s\tattach-of-%s\tTrue\n' "$id" "$id" >"$MACHINE/enis/$id" ;;
      delete-network-interface) rm "$MACHINE/enis/$(option --network-interface-id "$@")"* ;;
      *) echo 'An error occurred (UnauthorizedOperation)' >&2; exit 254 ;;
    esac"#;

fn machine(join_response: &str) -> Machine {
    let machine = Machine::new();
    machine.program("aws", AWS);
    machine.file("join-response", join_response);
    machine
}

fn run(machine: &Machine) -> Run {
    machine.run(&user_data().render())
}

/// EC2's network interfaces as text.
fn interfaces(machine: &Machine) -> Vec<String> {
    let entries = std::fs::read_dir(machine.path("enis")).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none())
        .map(|path| std::fs::read_to_string(path).unwrap().trim().replace('\t', " "))
        .collect();
    found.sort();
    found
}

fn assert_three_interfaces(machine: &Machine) {
    assert_eq!(
        interfaces(machine),
        [
            "eni-0 attach-of-eni-0 True",
            "eni-1 attach-of-eni-1 True",
            "eni-2 attach-of-eni-2 True"
        ]
    );
}

#[test]
fn interfaces_are_attached_and_join_script_runs() {
    let machine = machine(SCRIPT);
    let run = run(&machine);
    assert!(run.succeeded, "{}", run.output);
    assert_eq!(machine.read("joined"), ".\n");
    run.assert_no_secret();
    assert_three_interfaces(&machine);
    let created = run.calls_of("aws ec2 create-network-interface");
    assert_eq!(created.len(), 3);
    assert!(
        created[0].contains("--region eu-west-1 --subnet-id subnet-1 --groups sg-1 sg-2"),
        "{}",
        created[0]
    );
    for (index, call) in run
        .calls_of("aws ec2 attach-network-interface")
        .iter()
        .enumerate()
    {
        let device = format!("--instance-id i-0123 --device-index {} ", index + 1);
        assert!(call.contains(&device), "{call}");
    }
    assert!(run.calls_of("shutdown").is_empty());
    assert_eq!(machine.temporary_files(), 0);
}

/// Any call that the role of Weka's backends does not allow would fail on every instance.
#[test]
fn user_data_calls_only_what_the_role_allows() {
    let run = run(&machine(SCRIPT));
    let allowed = ["describe", "create", "attach", "modify", "delete"]
        .map(|verb| format!("aws ec2 {verb}-network-interface"));
    for call in run.calls_of("aws") {
        assert!(allowed.iter().any(|allowed| call.starts_with(allowed)), "{call}");
        assert!(!call.contains("--tag-specifications"), "{call}");
    }
}

#[test]
fn join_script_file_is_readable_by_root_only() {
    let machine = machine(&format!(r#"stat -c %a "$file" >"$MACHINE/mode"; {SCRIPT}"#));
    assert!(run(&machine).succeeded);
    assert_eq!(machine.read("mode"), "600\n");
}

#[test]
fn all_attempts_of_a_boot_send_the_same_nonce() {
    let machine = machine("exit 22");
    run(&machine);
    let nonces = machine.read("nonces");
    let mut nonces: Vec<_> = nonces.lines().collect();
    assert_eq!(nonces.len(), 7);
    nonces.dedup();
    assert_eq!(nonces.len(), 1);
    let other = Machine::new();
    other.program("aws", AWS);
    other.file("join-response", "exit 22");
    run(&other);
    assert_ne!(other.read("nonces").lines().next(), nonces.first().copied());
}

#[test]
fn response_without_script_is_not_run_and_instance_shuts_down() {
    let page = r##"printf '%s\n' '#!/bin/bash' 'touch "$MACHINE/page-was-run"' >"$file""##;
    for response in [
        // curl --fail exits with 22 on status 403.
        format!("{page}; exit 22"),
        // curl --fail does not fail on a redirect.
        format!("{page}; code=302"),
        // The connection was interrupted.
        format!("{page}; exit 18"),
        r#"echo 'touch "$MACHINE/page-was-run"' >"$file""#.to_owned(),
        String::new(),
    ] {
        let machine = machine(&response);
        let run = run(&machine);
        assert!(
            !run.succeeded && !machine.has("page-was-run"),
            "{response}:\n{}",
            run.output
        );
        run.assert_no_secret();
        assert_eq!(run.calls_of("shutdown"), ["shutdown -h now"]);
        assert_eq!(run.output.matches("wekactl: joining, attempt").count(), 7);
        assert_three_interfaces(&machine);
        assert_eq!(machine.temporary_files(), 0);
    }
}

#[test]
fn failed_join_script_is_downloaded_and_run_again() {
    let machine = machine(
        r##"printf '%s\n' '#!/bin/bash' 'echo . >>"$MACHINE/joined"' '[ "$(wc -l <"$MACHINE/joined")" = 3 ]' >"$file""##,
    );
    let run = run(&machine);
    assert!(run.succeeded, "{}", run.output);
    assert_eq!(machine.read("joined").lines().count(), 3);
    assert_eq!(run.calls_of("aws ec2 create-network-interface").len(), 3);
    assert_three_interfaces(&machine);
}

/// After any failed call, the next attempt ends with three interfaces that are deleted with the instance.
#[test]
fn next_attempt_recovers_from_any_failed_call() {
    for failing in [
        "describe-network-interfaces",
        "create-network-interface",
        "attach-network-interface",
        "modify-network-interface-attribute",
        // Neither attaching nor deleting the interface succeeds.
        "attach-network-interface\ndelete-network-interface",
    ] {
        let machine = machine(SCRIPT);
        machine.file("aws-fails", &format!("{failing}\n"));
        let run = run(&machine);
        assert!(run.succeeded, "{failing}:\n{}", run.output);
        assert_three_interfaces(&machine);
        assert_eq!(run.output.matches("wekactl: joining, attempt").count(), 2);
    }
}

#[test]
fn interface_that_cannot_be_attached_is_deleted() {
    let machine = machine(SCRIPT);
    machine.file("aws-fails", &"attach-network-interface\n".repeat(7));
    let run = run(&machine);
    assert!(!run.succeeded && !machine.has("joined"), "{}", run.output);
    assert_eq!(run.calls_of("shutdown").len(), 1);
    assert!(interfaces(&machine).is_empty());
}

#[test]
fn delay_doubles_after_each_attempt_and_shutdown_is_immediate() {
    let machine = machine("exit 22");
    let run = machine.run(&user_data().render().replace("${WEKACTL_PAUSE:-$1}", "$1"));
    assert_eq!(
        run.calls_of("sleep"),
        [
            "sleep 5",
            "sleep 10",
            "sleep 20",
            "sleep 40",
            "sleep 80",
            "sleep 160"
        ]
    );
}
