//! The scripts as they are rendered, as shellcheck sees them, and as bash runs them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its machine has failed"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the stand-ins go before the machine's own programs on PATH"
)]

mod common;

use common::{API_KEY, Machine, PASSWORD, backend, backend_of, client, mount, user_data};
use std::io::Write;
use std::process::{Command, Stdio};

fn all() -> [(&'static str, String); 4] {
    // A plain password: shellcheck would remark on what is quoted in it.
    [
        ("backend", backend_of("i3en.2xlarge", "secret")),
        ("client", client("secret")),
        ("user_data", user_data()),
        ("mount", mount()),
    ]
}

#[test]
fn by_snapshot() {
    for (name, script) in all() {
        insta::assert_snapshot!(name, script);
    }
}

#[test]
fn shellcheck_has_nothing_to_say() {
    for (name, script) in all() {
        let mut check = Command::new("shellcheck")
            .args(["--shell=bash", "--severity=style", "--exclude=SC2034", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("shellcheck is needed: `cargo xtask test` installs it");
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
fn user_data_is_within_ec2s_limit() {
    assert!(user_data().len() < 16 * 1024);
}

#[test]
fn a_backend_joins() {
    let machine = Machine::new(&[]);
    machine.file("root/dev/sdp", "");
    let ran = machine.run(&backend());
    assert!(ran.ok, "{}", ran.printed);
    ran.assert_no_secret();
    assert_eq!(
        std::fs::read_to_string(machine.path("seen-password")).unwrap(),
        PASSWORD
    );
    let containers = ran.of("weka local setup container");
    // SHA-256 of the address, cores of two NUMA nodes in turn without core 0, interfaces without the first.
    let common = "--join-ips 127.10.0.4\\,127.10.0.5\\,127.10.0.6 --failure-domain 28a0dd3dd1ba4ca2 --management-ips 127.10.0.9";
    let common = common.replace("28a0dd3dd1ba4ca2", &failure_domain("127.10.0.9"));
    assert_eq!(
        containers,
        [
            format!(
                "weka local setup container --name drives0 --base-port 14000 --cores 1 --core-ids 1 --no-frontends --drives-dedicated-cores 1 {common} --net eth1/127.10.0.10/20/127.10.0.1 --dedicate"
            ),
            format!(
                "weka local setup container --name compute0 --base-port 15000 --cores 1 --core-ids 2 --no-frontends --compute-dedicated-cores 1 --memory 31796436575B {common} --net eth2/127.10.0.11/20/127.10.0.1 --dedicate"
            ),
            format!(
                "weka local setup container --name frontend0 --base-port 16000 --cores 1 --core-ids 3 --frontend-dedicated-cores 1 --allow-protocols true {common} --net eth3/127.10.0.12/20/127.10.0.1 --dedicate"
            ),
        ]
    );
    let signed = ran.of("weka local exec --container drives0 /weka/tools/weka_sign_drive");
    assert!(
        signed.len() == 1 && signed[0].ends_with("/dev/nvme2n1"),
        "{signed:?}"
    );
    assert_eq!(ran.of("weka cluster drive scan"), ["weka cluster drive scan 21"]);
    assert_eq!(ran.of("weka events trigger-event").len(), 1);
    assert_eq!(
        ran.of("weka version get"),
        ["weka version get --from 127.10.0.4:14000 4.2.9 --set-current"]
    );
    assert_eq!(
        std::fs::read_to_string(machine.path("root/etc/fstab")).unwrap(),
        "LABEL=wekaiosw /opt/weka ext4 defaults 0 2\n"
    );
}

fn failure_domain(address: &str) -> String {
    let script = format!("printf %s {address} | sha256sum | cut -c 1-16");
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_second_backend_is_asked_when_the_first_does_not_answer() {
    let curl = r#"
        case "${*: -1}" in
          http://127.10.0.4:*) exit 7 ;;
          */latest/api/token) echo a-token ;;
          */meta-data/local-ipv4) echo 127.10.0.9 ;;
          */api/v1) echo '{"result": {"software_release": "4.2.9"}}' ;;
          */dist/v1/install) echo true ;;
        esac"#;
    let machine = Machine::new(&[("curl", curl)]);
    machine.file("root/dev/xvdp", "");
    let ran = machine.run(&backend());
    assert!(ran.ok, "{}", ran.printed);
    assert_eq!(
        ran.of("weka version get"),
        ["weka version get --from 127.10.0.5:14000 4.2.9 --set-current"]
    );
}

#[test]
fn without_a_device_it_fails_and_says_so() {
    let ran = Machine::new(&[]).run(&backend());
    assert!(
        !ran.ok && ran.printed.contains("no device for /opt/weka"),
        "{}",
        ran.printed
    );
    assert!(ran.of("weka").is_empty());
}

#[test]
fn without_cores_enough_it_fails_and_says_so() {
    let machine = Machine::new(&[]);
    machine.file("root/dev/sdp", "");
    let ran = machine.run(&backend_of("i3en.24xlarge", PASSWORD));
    assert!(
        !ran.ok && ran.printed.contains("not enough cores"),
        "{}",
        ran.printed
    );
    assert!(ran.of("weka local setup container").is_empty());
}

#[test]
fn drives_that_cannot_be_added_take_the_containers_out_again() {
    let weka = r#"
        case "$*" in
          *operational_status*) echo '{"is_ready": true}' ;;
          *machine-query-info*) echo '[]' ;;
          'cluster container --json')
            echo '[{"host_id":"HostId<21>","host_ip":"127.10.0.9","container_name":"drives0"},{"host_id":"HostId<22>","host_ip":"127.10.0.9","container_name":"compute0"}]' ;;
          'cluster drive scan'*) exit 1 ;;
        esac"#;
    let machine = Machine::new(&[("weka", weka)]);
    machine.file("root/dev/sdp", "");
    let ran = machine.run(&backend());
    assert!(
        !ran.ok && ran.printed.contains("the drives could not be added"),
        "{}",
        ran.printed
    );
    assert_eq!(ran.of("weka cluster drive scan").len(), 60);
    assert_eq!(
        ran.of("weka cluster container deactivate"),
        ["weka cluster container deactivate 21 22"]
    );
    assert!(ran.of("weka events").is_empty());
}

#[test]
fn a_client_joins() {
    let machine = Machine::new(&[]);
    machine.file("root/dev/sdp", "");
    let ran = machine.run(&client(PASSWORD));
    assert!(ran.ok, "{}", ran.printed);
    ran.assert_no_secret();
    assert_eq!(
        ran.of("weka local setup container"),
        [
            "weka local setup container --name client0 --base-port 14000 --client --cores 1 --core-ids 1 --join-ips 127.10.0.4\\,127.10.0.5 --management-ips 127.10.0.9 --net eth1/127.10.0.10/20/127.10.0.1 --dedicate"
        ]
    );
    assert!(ran.of("weka local exec").is_empty());
}

const AWS: &str = r#"
    case "$*" in
      *describe-instances*) ;;
      *create-network-interface*) echo eni-1 ;;
      *attach-network-interface*) echo eni-attach-1 ;;
    esac"#;

/// curl that answers the join URL as `answer` does; the file to write is the argument after --output.
fn curl(answer: &str) -> String {
    format!(
        r#"
        case "${{*: -1}}" in
          */latest/api/token) echo a-token; exit ;;
          */meta-data/instance-id) echo i-0123; exit ;;
        esac
        file= header=
        while [ $# -gt 0 ]; do
          case "$1" in
            --output) file=$2; shift ;;
            -H) header=$(cat "${{2#@}}"); shift ;;
          esac
          shift
        done
        [ "$header" = 'x-api-key: {API_KEY}' ] || exit 22
        {answer}"#
    )
}

#[test]
fn user_data_attaches_interfaces_and_runs_the_join_script() {
    let curl = curl(r#"echo 'touch "$MACHINE/joined"' >"$file""#);
    let machine = Machine::new(&[("aws", AWS), ("curl", &curl)]);
    let ran = machine.run(&user_data());
    assert!(ran.ok && machine.has("joined"), "{}", ran.printed);
    ran.assert_no_secret();
    let created = ran.of("aws ec2 create-network-interface");
    assert_eq!(created.len(), 3);
    assert!(
        created[0].contains("--subnet-id subnet-1 --groups sg-1 sg-2"),
        "{}",
        created[0]
    );
    for (index, call) in ran.of("aws ec2 attach-network-interface").iter().enumerate() {
        assert!(call.contains(&format!("--device-index {} ", index + 1)), "{call}");
    }
    assert_eq!(ran.of("aws ec2 modify-network-interface-attribute").len(), 3);
    assert!(ran.of("shutdown").is_empty());
}

#[test]
fn an_error_page_is_never_run_and_the_instance_shuts_down() {
    // With --fail, curl ends so on 403; what it might have written must not be run either.
    let curl = curl(r#"echo 'touch "$MACHINE/ran-a-page"' >"$file"; exit 22"#);
    let machine = Machine::new(&[("aws", AWS), ("curl", &curl)]);
    let ran = machine.run(&user_data());
    assert!(!ran.ok && !machine.has("ran-a-page"), "{}", ran.printed);
    ran.assert_no_secret();
    assert_eq!(ran.of("shutdown"), ["shutdown -h now"]);
    assert_eq!(ran.printed.matches("wekactl: joining, attempt").count(), 7);
}

#[test]
fn interfaces_of_an_earlier_try_are_kept() {
    let aws = r#"case "$*" in *describe-instances*) echo eni-there ;; esac"#;
    let curl = curl(r#"echo true >"$file""#);
    let ran = Machine::new(&[("aws", aws), ("curl", &curl)]).run(&user_data());
    assert!(ran.ok, "{}", ran.printed);
    assert!(ran.of("aws ec2 create-network-interface").is_empty());
}

#[test]
fn an_interface_that_cannot_be_attached_is_not_left_behind() {
    let aws = r#"
        case "$*" in
          *describe-instances*) ;;
          *create-network-interface*) echo eni-1 ;;
          *attach-network-interface*) exit 1 ;;
        esac"#;
    let ran = Machine::new(&[("aws", aws), ("curl", &curl("exit 22"))]).run(&user_data());
    assert!(!ran.ok);
    assert_eq!(
        ran.of("aws ec2 delete-network-interface").len(),
        ran.of("aws ec2 create-network-interface").len()
    );
}

#[test]
fn a_client_mounts() {
    let mount_point = "/mnt/weka";
    let script = mount().replace(mount_point, "\"$WEKACTL_ROOT\"/mnt/weka");
    let machine = Machine::new(&[]);
    let ran = machine.run(&script);
    assert!(ran.ok && machine.has("root/mnt/weka"), "{}", ran.printed);
    assert!(
        ran.of("mount -t wekafs wekactl-wk-1.eu-west-1.elb.amazonaws.com/default")
            .len()
            == 1,
        "{:?}",
        ran.calls
    );
}
