//! The join script of a backend: what it sets up, and when it fails.

use crate::machine::{Machine, PASSWORD};
use crate::rendered::{backend, backend_join};
use instances::{Profile, profile_of};
use std::collections::BTreeSet;

/// The value of an option in a recorded call.
fn option<'a>(call: &'a str, name: &str) -> &'a str {
    let (_, rest) = call.split_once(&format!(" {name} ")).unwrap();
    rest.split(' ').next().unwrap()
}

#[test]
fn backend_joins() {
    let machine = Machine::new();
    machine.file("root/sys/devices/virtual/net/docker0/mtu", "1500");
    let run = machine.run(&backend());
    assert!(run.succeeded, "{}", run.output);
    run.assert_no_secret();
    assert_eq!(machine.read("seen-password"), PASSWORD);
    assert!(machine.has("installed"));
    assert_eq!(
        run.calls_of("weka version"),
        [
            "weka version get --from 127.10.0.4:14000 4.2.9 --set-current",
            "weka version prepare 4.2.9"
        ]
    );
    assert_eq!(
        run.calls_of("weka local stop").len() + run.calls_of("weka local rm --all").len(),
        2
    );
    // The first 16 digits of the address's SHA-256; cores alternating between two NUMA nodes, without core 0; interfaces without the
    // primary.
    let common = "--join-ips 127.10.0.4\\,127.10.0.5\\,127.10.0.6 --failure-domain 5fa57e4df8ded7ab --management-ips 127.10.0.9";
    assert_eq!(
        run.calls_of("weka local setup container"),
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
    let signed = run.calls_of("weka local exec --container drives0");
    assert_eq!(
        signed,
        ["weka local exec --container drives0 /weka/tools/weka_sign_drive /dev/nvme2n1"]
    );
    assert_eq!(
        run.calls_of("weka cluster drive scan"),
        ["weka cluster drive scan 21"]
    );
    assert_eq!(run.calls_of("weka events trigger-event").len(), 1);
    assert_eq!(
        machine.read("root/etc/fstab"),
        "LABEL=wekaiosw /opt/weka ext4 defaults 0 2\n"
    );
    assert_eq!(machine.temporary_files(), 0);
}

#[test]
fn containers_share_no_core_and_no_interface() {
    // Eight cores on two NUMA nodes, of which Weka uses seven. The threads of a core have adjacent numbers, as with some kernels.
    let machine = Machine::new();
    let cpus: Vec<_> = (0..16)
        .map(|cpu| {
            (
                cpu,
                format!("{}-{}", cpu / 2 * 2, cpu / 2 * 2 + 1),
                u32::from(cpu >= 8),
            )
        })
        .collect();
    machine.cpus(&cpus);
    machine.file("root/sys/devices/virtual/net/docker0/mtu", "1500");
    let run = machine.run(&backend_join(profile_of("i3en.12xlarge").unwrap(), PASSWORD).render());
    assert!(run.succeeded, "{}", run.output);
    let containers = run.calls_of("weka local setup container");
    let ids: Vec<_> = containers.iter().map(|call| option(call, "--core-ids")).collect();
    assert_eq!(ids, ["2\\,8", "4\\,10\\,6\\,12", "14"]);
    let nets: Vec<_> = containers
        .iter()
        .flat_map(|call| call.split(" --net ").skip(1))
        .map(|rest| rest.split(' ').next().unwrap())
        .collect();
    assert_eq!(nets.len(), 7);
    assert_eq!(nets.iter().collect::<BTreeSet<_>>().len(), 7);
}

#[test]
fn frontend_container_is_omitted_without_frontend_cores() {
    let profile = Profile {
        cores: "compute=1,frontend=0,drive=1".parse().unwrap(),
        compute_memory: "32GB".parse().unwrap(),
    };
    let run = Machine::new().run(&backend_join(profile, PASSWORD).render());
    assert!(run.succeeded, "{}", run.output);
    assert_eq!(run.calls_of("weka local setup container").len(), 2);
}

#[test]
fn second_backend_is_used_when_first_does_not_respond() {
    let machine = Machine::new();
    machine.file("dead", "127.10.0.4\n");
    let run = machine.run(&backend());
    assert!(run.succeeded, "{}", run.output);
    assert_eq!(
        run.calls_of("weka version get"),
        ["weka version get --from 127.10.0.5:14000 4.2.9 --set-current"]
    );
}

#[test]
fn join_fails_when_no_backend_responds() {
    let machine = Machine::new();
    machine.file("dead", "127.10.0.4\n127.10.0.5\n127.10.0.6\n");
    let run = machine.run(&backend());
    run.assert_failed("no backend responds");
    assert!(run.calls_of("weka").is_empty() && !machine.has("installed"));
}

#[test]
fn interrupted_installer_download_is_not_run() {
    let machine = Machine::new();
    machine.file("installer-is-interrupted", "");
    let run = machine.run(&backend());
    run.assert_failed("installing from 127.10.0.4 failed");
    assert!(!machine.has("installed") && machine.temporary_files() == 0);
}

#[test]
fn join_fails_without_a_device() {
    let machine = Machine::new();
    std::fs::remove_file(machine.path("root/dev/sdp")).unwrap();
    let run = machine.run(&backend());
    run.assert_failed("no device for /opt/weka");
    assert!(run.calls_of("weka").is_empty());
}

#[test]
fn filesystem_is_created_on_first_device() {
    let machine = Machine::new();
    machine.file("root/dev/xvdp", "");
    machine.file("root/dev/nvme1n1", "");
    let run = machine.run(&backend());
    let device = machine.path("root/dev/xvdp");
    let mkfs = format!("mkfs.ext4 -q -F -L wekaiosw {}", device.display());
    assert_eq!(run.calls_of("mkfs.ext4"), [mkfs.as_str()]);
    let mount = format!(
        "mount {} {}",
        device.display(),
        machine.path("root/opt/weka").display()
    );
    assert_eq!(run.calls_of("mount "), [mount.as_str()]);
}

#[test]
fn second_run_keeps_the_filesystem() {
    let machine = Machine::new();
    assert!(machine.run(&backend()).succeeded);
    machine.file("label", "wekaiosw\n");
    machine.file("mounted", "");
    let run = machine.run(&backend());
    assert!(run.succeeded, "{}", run.output);
    assert!(run.calls_of("mkfs.ext4").is_empty() && run.calls_of("mount ").is_empty());
    assert_eq!(machine.read("root/etc/fstab").lines().count(), 1);
}

#[test]
fn join_fails_with_too_few_cores() {
    let run = Machine::new().run(&backend_join(profile_of("i3en.24xlarge").unwrap(), PASSWORD).render());
    run.assert_failed("not enough cores: 14 needed, 3 available");
    assert!(run.calls_of("weka local setup container").is_empty());
}

#[test]
fn join_waits_for_interfaces_and_fails_without_them() {
    let machine = Machine::new();
    let late = r#"
        case "$*" in
          *route*) echo 'default via 127.10.0.1 dev eth0' ;;
          *addr*)
            echo . >>"$MACHINE/polls"
            echo '2: eth0    inet 127.10.0.9/20 scope global eth0'
            if [ "$(wc -l <"$MACHINE/polls")" -gt 3 ]; then
              for n in 1 2 3; do echo "$n: eth$n    inet 127.10.0.$((9 + n))/20 scope global eth$n"; done
            fi ;;
        esac"#;
    machine.program("ip", late);
    let run = machine.run(&backend());
    assert!(run.succeeded, "{}", run.output);
    assert_eq!(run.calls_of("ip -o -4 addr").len(), 4);

    machine.program("ip", &late.replace("-gt 3", "-gt 300"));
    let run = machine.run(&backend());
    run.assert_failed("not enough network interfaces: 3 needed in addition to the primary, 0 available");
    assert!(run.calls_of("weka local setup container").is_empty());
}

#[test]
fn join_fails_when_cluster_does_not_become_ready() {
    let machine = Machine::new();
    machine.file("weka-fails", "*operational_status*\n");
    let run = machine.run(&backend());
    run.assert_failed("the cluster did not become ready");
    assert!(run.calls_of("weka local exec").is_empty());
}

#[test]
fn join_stops_at_container_that_cannot_be_set_up() {
    let machine = Machine::new();
    machine.file("weka-fails", "*--name compute0*\n");
    let run = machine.run(&backend());
    run.assert_failed("container compute0 could not be set up");
    assert!(
        run.calls_of("weka local setup container --name frontend0")
            .is_empty()
    );
    run.assert_no_secret();
}
