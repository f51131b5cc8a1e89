//! A client joins, and a stateless client mounts.

use crate::machine::{Machine, PASSWORD};
use crate::rendered::{client_join, mount};

#[test]
fn a_client_joins() {
    let machine = Machine::new();
    let ran = machine.run(&client_join(PASSWORD).render());
    assert!(ran.ok, "{}", ran.printed);
    ran.assert_no_secret();
    assert_eq!(machine.read("seen-password"), PASSWORD);
    assert_eq!(
        ran.of("weka local setup container"),
        [
            "weka local setup container --name client0 --base-port 14000 --client --cores 1 --core-ids 1 --join-ips 127.10.0.4\\,127.10.0.5 --management-ips 127.10.0.9 --net eth1/127.10.0.10/20/127.10.0.1 --dedicate"
        ]
    );
    assert_eq!(ran.of("weka debug manhole").len(), 1);
    assert!(ran.of("weka local exec").is_empty() && ran.of("weka cluster").is_empty());
}

#[test]
fn a_client_of_a_cluster_that_is_not_ready_fails() {
    let machine = Machine::new();
    machine.file("weka-fails", "*operational_status*\n");
    machine
        .run(&client_join(PASSWORD).render())
        .assert_failed("the cluster did not become ready");
}

#[test]
fn a_stateless_client_mounts_once() {
    let machine = Machine::new();
    let ran = machine.run(&mount().render());
    assert!(
        ran.ok && machine.has("root/mnt/weka") && machine.has("installed"),
        "{}",
        ran.printed
    );
    let mounted = format!(
        "mount -t wekafs wekactl-wk-1.eu-west-1.elb.amazonaws.com/default {}",
        machine.path("root/mnt/weka").display()
    );
    assert_eq!(ran.of("mount "), [mounted.as_str()]);

    machine.file("mounted", "");
    let again = machine.run(&mount().render());
    assert!(again.ok && again.of("mount ").is_empty(), "{}", again.printed);
}

#[test]
fn a_stateless_client_mounts_nothing_without_the_agent() {
    let machine = Machine::new();
    machine.file("dead", "wekactl-wk-1.eu-west-1.elb.amazonaws.com\n");
    let ran = machine.run(&mount().render());
    ran.assert_failed("installing from wekactl-wk-1.eu-west-1.elb.amazonaws.com failed");
    assert!(ran.of("mount ").is_empty());
}
