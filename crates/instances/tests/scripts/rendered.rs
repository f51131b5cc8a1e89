//! The rendered scripts: snapshots, shellcheck, size limit, quoting and `Debug` output.

use crate::machine::API_KEY;
use instances::{BackendJoin, ClientJoin, MountScript, Profile, UserData, profile_of};
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

/// EC2's limit for user data, before base64 encoding, in bytes.
const USER_DATA_LIMIT: usize = 16 * 1024;

fn backend_join(profile: Profile, password: &str) -> BackendJoin {
    BackendJoin {
        backends: ["127.10.0.4", "127.10.0.5", "127.10.0.6"]
            .map(str::to_owned)
            .to_vec(),
        username: "admin".into(),
        password: password.into(),
        profile,
    }
}

fn client_join() -> ClientJoin {
    ClientJoin {
        backends: ["127.10.0.4", "127.10.0.5"].map(str::to_owned).to_vec(),
        mounts: ["default=/mnt/weka", "home=/mnt/home"]
            .map(|mount| mount.parse().unwrap())
            .to_vec(),
    }
}

pub(crate) fn user_data() -> UserData {
    UserData {
        join_url: "https://abc123.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends".into(),
        api_key: API_KEY.into(),
        region: "eu-west-1".into(),
        subnet: "subnet-1".into(),
        security_groups: vec!["sg-1".into(), "sg-2".into()],
        io_cores: 3,
    }
}

fn mount() -> MountScript {
    MountScript {
        host: "wekactl-wk-1.eu-west-1.elb.amazonaws.com".into(),
    }
}

fn all() -> [(&'static str, String); 4] {
    // A plain password: shellcheck would report the quotes in it.
    let profile = profile_of("i3en.2xlarge").unwrap();
    [
        ("backend", backend_join(profile, "secret").render()),
        ("client", client_join().render()),
        ("user_data", user_data().render()),
        ("mount", mount().render()),
    ]
}

#[test]
fn scripts_match_their_snapshots() {
    for (name, script) in all() {
        insta::assert_snapshot!(name, script);
    }
}

#[test]
fn shellcheck_reports_nothing() {
    for (name, script) in all() {
        let mut check = Command::new("shellcheck")
            .args(["--norc", "--shell=bash", "--severity=style", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("shellcheck is required: `cargo xtask test` installs it");
        check.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = check.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{name}:\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn user_data_fits_ec2_limit() {
    let longest = UserData {
        join_url: "u".repeat(1000),
        api_key: "k".repeat(200),
        region: "ap-southeast-2".into(),
        subnet: "subnet-0123456789abcdef0".into(),
        // EC2's maximum for an interface.
        security_groups: vec!["sg-0123456789abcdef0".into(); 16],
        io_cores: 23,
    };
    let length = longest.render().len();
    assert!(length < USER_DATA_LIMIT, "{length}");
}

#[test]
fn debug_shows_no_secret() {
    let profile = profile_of("i3en.2xlarge").unwrap();
    let debug = [
        format!("{:?}", backend_join(profile, "sesame")),
        format!("{:?}", user_data()),
    ]
    .concat();
    assert!(!debug.contains("sesame") && !debug.contains(API_KEY), "{debug}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A command that needs them gets exactly the given name and password, no other command does, and nothing is run or printed.
    #[test]
    fn any_credentials_reach_the_script_unchanged(
        username in r"[^\x00]{1,20}",
        password in r#"([^\x00]|['"`$\\\n{}%!#]|\$\(echo no\)|\{\{ username \}\}){1,30}"#,
    ) {
        let profile = profile_of("i3en.2xlarge").unwrap();
        let script = BackendJoin { username: username.clone(), password: password.clone(), ..backend_join(profile, "") }.render();
        let head = script.split("backends=(").next().unwrap();
        let show = r#"printf '%s\0%s\0' "${WEKA_USERNAME-}" "${WEKA_PASSWORD-}""#;
        let tail = format!("with_login bash -c '{}'\nbash -c '{0}'", show.replace('\'', r"'\''"));
        let output = Command::new("bash").arg("-xvc").arg(format!("{head}\n{tail}")).output().unwrap();
        prop_assert_eq!(output.stdout, format!("{username}\0{password}\0\0\0").into_bytes());
    }
}
