//! A backend joins: what it sets up, and where it stops.

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
fn a_backend_joins() {
    let machine = Machine::new();
    machine.file("root/sys/devices/virtual/net/docker0/mtu", "1500");
    let ran = machine.run(&backend());
    assert!(ran.ok, "{}", ran.printed);
    ran.assert_no_secret();
    assert_eq!(machine.read("seen-password"), PASSWORD);
    assert!(machine.has("installed"));
    assert_eq!(
        ran.of("weka version"),
        [
            "weka version get --from 127.10.0.4:14000 4.2.9 --set-current",
            "weka version prepare 4.2.9"
        ]
    );
    assert_eq!(
        ran.of("weka local stop").len() + ran.of("weka local rm --all").len(),
        2
    );
    // Half the digits of the address's SHA-256, cores of two NUMA nodes in turn without core 0, interfaces without the first.
    let common = "--join-ips 127.10.0.4\\,127.10.0.5\\,127.10.0.6 --failure-domain 5fa57e4df8ded7ab --management-ips 127.10.0.9";
    assert_eq!(
        ran.of("weka local setup container"),
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
    let signed = ran.of("weka local exec --container drives0");
    assert_eq!(
        signed,
        ["weka local exec --container drives0 /weka/tools/weka_sign_drive /dev/nvme2n1"]
    );
    assert_eq!(ran.of("weka cluster drive scan"), ["weka cluster drive scan 21"]);
    assert_eq!(ran.of("weka events trigger-event").len(), 1);
    assert_eq!(
        machine.read("root/etc/fstab"),
        "LABEL=wekaiosw /opt/weka ext4 defaults 0 2\n"
    );
    assert_eq!(machine.left_behind(), 0);
}

#[test]
fn no_two_containers_share_a_core_or_an_interface() {
    // Eight cores on two NUMA nodes, of which Weka gets seven; threads side by side, as some kernels number them.
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
    let ran = machine.run(&backend_join(profile_of("i3en.12xlarge").unwrap(), PASSWORD).render());
    assert!(ran.ok, "{}", ran.printed);
    let containers = ran.of("weka local setup container");
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
fn without_frontend_cores_there_is_no_frontend() {
    let profile = Profile {
        cores: "compute=1,frontend=0,drive=1".parse().unwrap(),
        compute_memory: "32GB".parse().unwrap(),
    };
    let ran = Machine::new().run(&backend_join(profile, PASSWORD).render());
    assert!(ran.ok, "{}", ran.printed);
    assert_eq!(ran.of("weka local setup container").len(), 2);
}

#[test]
fn the_second_backend_is_asked_when_the_first_does_not_answer() {
    let machine = Machine::new();
    machine.file("dead", "127.10.0.4\n");
    let ran = machine.run(&backend());
    assert!(ran.ok, "{}", ran.printed);
    assert_eq!(
        ran.of("weka version get"),
        ["weka version get --from 127.10.0.5:14000 4.2.9 --set-current"]
    );
}

#[test]
fn without_any_backend_it_fails_and_says_so() {
    let machine = Machine::new();
    machine.file("dead", "127.10.0.4\n127.10.0.5\n127.10.0.6\n");
    let ran = machine.run(&backend());
    ran.assert_failed("no backend answers");
    assert!(ran.of("weka").is_empty() && !machine.has("installed"));
}

#[test]
fn an_installer_that_broke_off_is_not_run() {
    let machine = Machine::new();
    machine.file("installer-breaks-off", "");
    let ran = machine.run(&backend());
    ran.assert_failed("installing from 127.10.0.4 failed");
    assert!(!machine.has("installed") && machine.left_behind() == 0);
}

#[test]
fn without_a_device_it_fails_and_says_so() {
    let machine = Machine::new();
    std::fs::remove_file(machine.path("root/dev/sdp")).unwrap();
    let ran = machine.run(&backend());
    ran.assert_failed("no device for /opt/weka");
    assert!(ran.of("weka").is_empty());
}

#[test]
fn the_first_device_gets_the_filesystem() {
    let machine = Machine::new();
    machine.file("root/dev/xvdp", "");
    machine.file("root/dev/nvme1n1", "");
    let ran = machine.run(&backend());
    let device = machine.path("root/dev/xvdp");
    let made = format!("mkfs.ext4 -q -F -L wekaiosw {}", device.display());
    assert_eq!(ran.of("mkfs.ext4"), [made.as_str()]);
    let mounted = format!(
        "mount {} {}",
        device.display(),
        machine.path("root/opt/weka").display()
    );
    assert_eq!(ran.of("mount "), [mounted.as_str()]);
}

#[test]
fn a_second_run_keeps_the_filesystem() {
    let machine = Machine::new();
    assert!(machine.run(&backend()).ok);
    machine.file("label", "wekaiosw\n");
    machine.file("mounted", "");
    let ran = machine.run(&backend());
    assert!(ran.ok, "{}", ran.printed);
    assert!(ran.of("mkfs.ext4").is_empty() && ran.of("mount ").is_empty());
    assert_eq!(machine.read("root/etc/fstab").lines().count(), 1);
}

#[test]
fn without_cores_enough_it_fails_and_says_so() {
    let ran = Machine::new().run(&backend_join(profile_of("i3en.24xlarge").unwrap(), PASSWORD).render());
    ran.assert_failed("not enough cores: 14 wanted, 3 there");
    assert!(ran.of("weka local setup container").is_empty());
}

#[test]
fn it_waits_for_interfaces_and_fails_without() {
    let machine = Machine::new();
    let late = r#"
        case "$*" in
          *route*) echo 'default via 127.10.0.1 dev eth0' ;;
          *addr*)
            echo . >>"$MACHINE/looks"
            echo '2: eth0    inet 127.10.0.9/20 scope global eth0'
            if [ "$(wc -l <"$MACHINE/looks")" -gt 3 ]; then
              for n in 1 2 3; do echo "$n: eth$n    inet 127.10.0.$((9 + n))/20 scope global eth$n"; done
            fi ;;
        esac"#;
    machine.program("ip", late);
    let ran = machine.run(&backend());
    assert!(ran.ok, "{}", ran.printed);
    assert_eq!(ran.of("ip -o -4 addr").len(), 4);

    machine.program("ip", &late.replace("-gt 3", "-gt 300"));
    let ran = machine.run(&backend());
    ran.assert_failed("not enough network interfaces: 3 wanted beside the primary, 0 there");
    assert!(ran.of("weka local setup container").is_empty());
}

#[test]
fn a_cluster_that_is_not_ready_ends_it() {
    let machine = Machine::new();
    machine.file("weka-fails", "*operational_status*\n");
    let ran = machine.run(&backend());
    ran.assert_failed("the cluster did not become ready");
    assert!(ran.of("weka local exec").is_empty());
}

#[test]
fn a_container_that_cannot_be_set_up_ends_it() {
    let machine = Machine::new();
    machine.file("weka-fails", "*--name compute0*\n");
    let ran = machine.run(&backend());
    ran.assert_failed("container compute0 could not be set up");
    assert!(ran.of("weka local setup container --name frontend0").is_empty());
    ran.assert_no_secret();
}
