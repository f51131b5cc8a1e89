//! What other processes of a machine can see while it joins: arguments, environments, files and core dumps.

use crate::setup::{API_KEY, IDENTITY, Lab, PASSWORD, assert_joined, backend_join, boot_changed, profile};
use lab::machine::{AMAZON_LINUX_2023, Outcome};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Every stand-in records, before it runs, whether it has the password, the core limit, the arguments of all processes, and the modes of the
/// files in `/run`.
const PROBE: &str = r#"
{
  printf '%s\t%s\t%s\n' "${WEKA_PASSWORD+login}" "$(ulimit -c)" "${0##*/} $*"
} >>"$MACHINE/seen"
PATH=$LAB_PATH cat /proc/[0-9]*/cmdline 2>/dev/null | PATH=$LAB_PATH tr '\0' '\n' >>"$MACHINE/arguments"
PATH=$LAB_PATH find "$WEKACTL_ROOT/run" -mindepth 1 -printf '%m %f\n' >>"$MACHINE/modes"
"#;

/// Adds a probe to all stand-ins, and to the shell that runs Weka's installer.
fn add_probe(lab: &Lab, more: &str) {
    for entry in fs::read_dir(lab.machine.path("bin")).unwrap() {
        let path = entry.unwrap().path();
        let is_shell = path.ends_with("bin/sh");
        if path.is_symlink() && !is_shell {
            continue;
        }
        let text = if is_shell {
            fs::remove_file(&path).unwrap();
            "#!/bin/bash\nPATH=$LAB_PATH exec sh \"$@\"\n".to_owned()
        } else {
            fs::read_to_string(&path).unwrap()
        };
        let (head, rest) = text.split_once('\n').unwrap();
        fs::write(&path, format!("{head}\n{PROBE}{more}{rest}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[tokio::test]
async fn other_processes_see_no_secret_while_a_backend_joins() {
    let script = backend_join(profile()).render();
    let (lab, boot) = boot_changed(AMAZON_LINUX_2023, 3, script, None, |lab| add_probe(lab, "")).await;
    assert_joined(&boot, AMAZON_LINUX_2023);

    let seen = lab.read("seen");
    let seen: Vec<Vec<&str>> = seen.lines().map(|line| line.splitn(3, '\t').collect()).collect();
    let with_login = [
        "weka cluster ",
        "weka debug ",
        "weka events ",
        "weka local setup ",
    ];
    for line in &seen {
        let [login, core_limit, call] = line[..] else {
            panic!("{line:?}")
        };
        let needs_login = with_login.iter().any(|head| call.starts_with(head));
        assert_eq!(login == "login", needs_login, "{call}");
        assert_eq!(core_limit, "0", "{call}");
    }
    for head in with_login.iter().copied().chain(["sh", "weka version ", "curl "]) {
        assert!(seen.iter().any(|line| line[2].starts_with(head)), "{head}");
    }

    let arguments = lab.read("arguments");
    let nonce = lab.read("root/run/wekactl/nonce");
    assert!(
        arguments.contains("join.sh"),
        "the script of this machine was not seen"
    );
    for secret in [PASSWORD, API_KEY, IDENTITY, nonce.as_str()] {
        assert!(!arguments.contains(secret), "{secret}");
    }

    let modes = lab.read("modes");
    assert!(
        modes.contains("600 join.sh") && modes.contains("600 nonce"),
        "{modes}"
    );
    for line in modes.lines() {
        assert!(
            ["600 join.sh", "600 nonce", "700 wekactl"].contains(&line),
            "{line}"
        );
    }
    assert!(!lab.has("root/run/wekactl/join.sh") && lab.temporary_files() == 0);
}

#[tokio::test]
async fn join_script_is_removed_on_a_signal() {
    let script = backend_join(profile()).render();
    // The first call of weka stops the user data, and continues for a while.
    let stop = r#"
if [ "${0##*/}" = weka ]; then
  user_data=$(PATH=$LAB_PATH pgrep -f "^bash .*$MACHINE/user-data")
  kill -TERM $user_data
  PATH=$LAB_PATH exec sleep 5
fi
"#;
    let (lab, boot) = boot_changed(AMAZON_LINUX_2023, 3, script, None, |lab| add_probe(lab, stop)).await;
    assert!(
        matches!(boot.outcome, Outcome::Failed(_)),
        "{:?}:\n{}",
        boot.outcome,
        boot.log
    );
    assert!(lab.read("modes").contains("600 join.sh"));
    assert!(!lab.has("root/run/wekactl/join.sh") && lab.temporary_files() == 0);
}
