//! The first boot: network interfaces, the join script, and giving up.

use crate::machine::{Machine, PASSWORD, Ran};
use crate::rendered::{client_join, user_data};

/// A script from the join URL that notes it was run.
const SCRIPT: &str = r##"printf '%s\n' '#!/bin/bash' 'echo . >>"$MACHINE/joined"' >"$file""##;

/// EC2's network interfaces, a file each under `enis`: id, attachment, whether it is deleted on termination. `aws-fails`
/// holds commands that fail, each one time less for every line that it has there.
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

fn machine(join_answer: &str) -> Machine {
    let machine = Machine::new();
    machine.program("aws", AWS);
    machine.file("join-answer", join_answer);
    machine
}

fn run(machine: &Machine) -> Ran {
    machine.run(&user_data().render())
}

/// The interfaces that EC2 has, as text.
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
fn it_attaches_interfaces_and_runs_the_join_script() {
    let machine = machine(SCRIPT);
    let ran = run(&machine);
    assert!(ran.ok, "{}", ran.printed);
    assert_eq!(machine.read("joined"), ".\n");
    ran.assert_no_secret();
    assert_three_interfaces(&machine);
    let created = ran.of("aws ec2 create-network-interface");
    assert_eq!(created.len(), 3);
    assert!(
        created[0].contains("--region eu-west-1 --subnet-id subnet-1 --groups sg-1 sg-2"),
        "{}",
        created[0]
    );
    for (index, call) in ran.of("aws ec2 attach-network-interface").iter().enumerate() {
        let device = format!("--instance-id i-0123 --device-index {} ", index + 1);
        assert!(call.contains(&device), "{call}");
    }
    assert!(ran.of("shutdown").is_empty());
    assert_eq!(machine.left_behind(), 0);
}

/// What the roles of Weka's backends allow; another call would fail on every instance.
#[test]
fn it_asks_for_nothing_that_its_role_does_not_allow() {
    let ran = run(&machine(SCRIPT));
    let allowed = ["describe", "create", "attach", "modify", "delete"]
        .map(|verb| format!("aws ec2 {verb}-network-interface"));
    for call in ran.of("aws") {
        assert!(allowed.iter().any(|allowed| call.starts_with(allowed)), "{call}");
        assert!(!call.contains("--tag-specifications"), "{call}");
    }
}

#[test]
fn the_real_join_script_runs_without_its_password_showing() {
    let machine = machine(r#"cp "$MACHINE/real-join" "$file""#);
    machine.file("real-join", &client_join(PASSWORD).render());
    let ran = run(&machine);
    assert!(ran.ok, "{}", ran.printed);
    ran.assert_no_secret();
    assert_eq!(machine.read("seen-password"), PASSWORD);
    assert_eq!(machine.left_behind(), 0);
}

#[test]
fn the_join_script_is_for_nobody_elses_eyes() {
    let machine = machine(&format!(r#"stat -c %a "$file" >"$MACHINE/mode"; {SCRIPT}"#));
    assert!(run(&machine).ok);
    assert_eq!(machine.read("mode"), "600\n");
}

#[test]
fn what_is_no_script_is_never_run_and_the_instance_shuts_down() {
    let page = r##"printf '%s\n' '#!/bin/bash' 'touch "$MACHINE/ran-a-page"' >"$file""##;
    for answer in [
        // With --fail, curl ends so on 403.
        format!("{page}; exit 22"),
        // With --fail, a redirect is no failure to curl.
        format!("{page}; code=302"),
        // The connection broke off.
        format!("{page}; exit 18"),
        r#"echo 'touch "$MACHINE/ran-a-page"' >"$file""#.to_owned(),
        String::new(),
    ] {
        let machine = machine(&answer);
        let ran = run(&machine);
        assert!(
            !ran.ok && !machine.has("ran-a-page"),
            "{answer}:\n{}",
            ran.printed
        );
        ran.assert_no_secret();
        assert_eq!(ran.of("shutdown"), ["shutdown -h now"]);
        assert_eq!(ran.printed.matches("wekactl: joining, attempt").count(), 7);
        assert_three_interfaces(&machine);
        assert_eq!(machine.left_behind(), 0);
    }
}

#[test]
fn a_join_script_that_fails_is_fetched_and_run_again() {
    let machine = machine(
        r##"printf '%s\n' '#!/bin/bash' 'echo . >>"$MACHINE/joined"' '[ "$(wc -l <"$MACHINE/joined")" = 3 ]' >"$file""##,
    );
    let ran = run(&machine);
    assert!(ran.ok, "{}", ran.printed);
    assert_eq!(machine.read("joined").lines().count(), 3);
    assert_eq!(ran.of("aws ec2 create-network-interface").len(), 3);
    assert_three_interfaces(&machine);
}

/// Whatever call fails, and whenever, the next try ends with three interfaces that go when the instance goes.
#[test]
fn a_call_that_fails_is_made_good_by_the_next_try() {
    for failing in [
        "describe-network-interfaces",
        "create-network-interface",
        "attach-network-interface",
        "modify-network-interface-attribute",
        // One that could not be attached could not be deleted either.
        "attach-network-interface\ndelete-network-interface",
    ] {
        let machine = machine(SCRIPT);
        machine.file("aws-fails", &format!("{failing}\n"));
        let ran = run(&machine);
        assert!(ran.ok, "{failing}:\n{}", ran.printed);
        assert_three_interfaces(&machine);
        assert_eq!(ran.printed.matches("wekactl: joining, attempt").count(), 2);
    }
}

#[test]
fn interfaces_that_cannot_be_attached_are_not_left_behind() {
    let machine = machine(SCRIPT);
    machine.file("aws-fails", &"attach-network-interface\n".repeat(7));
    let ran = run(&machine);
    assert!(!ran.ok && !machine.has("joined"), "{}", ran.printed);
    assert_eq!(ran.of("shutdown").len(), 1);
    assert!(interfaces(&machine).is_empty());
}

#[test]
fn it_waits_longer_each_time_and_not_before_shutting_down() {
    let machine = machine("exit 22");
    let ran = machine.run(&user_data().render().replace("${WEKACTL_PAUSE:-$1}", "$1"));
    assert_eq!(
        ran.of("sleep"),
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
