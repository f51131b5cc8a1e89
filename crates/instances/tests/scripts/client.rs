//! The join script of a client and the mount script of a stateless client.

use crate::machine::{Machine, PASSWORD};
use crate::rendered::{client_join, mount};

#[test]
fn client_joins() {
    let machine = Machine::new();
    let run = machine.run(&client_join(PASSWORD).render());
    assert!(run.succeeded, "{}", run.output);
    run.assert_no_secret();
    assert_eq!(machine.read("seen-password"), PASSWORD);
    assert_eq!(
        run.calls_of("weka local setup container"),
        [
            "weka local setup container --name client0 --base-port 14000 --client --cores 1 --core-ids 1 --join-ips 127.10.0.4\\,127.10.0.5 --management-ips 127.10.0.9 --net eth1/127.10.0.10/20/127.10.0.1 --dedicate"
        ]
    );
    assert_eq!(run.calls_of("weka debug manhole").len(), 1);
    assert!(run.calls_of("weka local exec").is_empty() && run.calls_of("weka cluster").is_empty());
}

#[test]
fn client_join_fails_when_cluster_does_not_become_ready() {
    let machine = Machine::new();
    machine.file("weka-fails", "*operational_status*\n");
    machine
        .run(&client_join(PASSWORD).render())
        .assert_failed("the cluster did not become ready");
}

#[test]
fn stateless_client_mounts_once() {
    let machine = Machine::new();
    let run = machine.run(&mount().render());
    assert!(
        run.succeeded && machine.has("root/mnt/weka") && machine.has("installed"),
        "{}",
        run.output
    );
    let call = format!(
        "mount -t wekafs wekactl-wk-1.eu-west-1.elb.amazonaws.com/default {}",
        machine.path("root/mnt/weka").display()
    );
    assert_eq!(run.calls_of("mount "), [call.as_str()]);

    machine.file("mounted", "");
    let second = machine.run(&mount().render());
    assert!(
        second.succeeded && second.calls_of("mount ").is_empty(),
        "{}",
        second.output
    );
}

#[test]
fn stateless_client_mounts_nothing_when_agent_installation_fails() {
    let machine = Machine::new();
    machine.file("dead", "wekactl-wk-1.eu-west-1.elb.amazonaws.com\n");
    let run = machine.run(&mount().render());
    run.assert_failed("installing from wekactl-wk-1.eu-west-1.elb.amazonaws.com failed");
    assert!(run.calls_of("mount ").is_empty());
}
