//! A backend's drives: what may be signed, and that a backend without drives takes itself out again.

use crate::machine::{Machine, Ran};
use crate::rendered::backend;

/// Fails unless the containers just made, and only those, were deactivated.
fn assert_gave_up(ran: &Ran) {
    ran.assert_failed("the drives could not be added");
    ran.assert_no_secret();
    assert_eq!(
        ran.of("weka cluster container deactivate"),
        ["weka cluster container deactivate 21 22"]
    );
    assert!(ran.of("weka events").is_empty());
}

#[test]
fn a_scan_that_fails_takes_the_containers_out_again() {
    let machine = Machine::new();
    machine.file("weka-fails", "cluster drive scan*\n");
    let ran = machine.run(&backend());
    assert_gave_up(&ran);
    assert_eq!(ran.of("weka cluster drive scan").len(), 60);
}

#[test]
fn a_list_of_disks_that_cannot_be_read_is_not_an_empty_one() {
    for disks in [
        "no JSON",
        // Whether it is mounted is not known.
        r#"{"disks": [{"devPath": "/dev/nvme2n1", "isRotational": false, "type": "DISK", "model": "Amazon EC2 NVMe Instance Storage"}]}"#,
        r#"{"disks": []}"#,
    ] {
        let machine = Machine::new();
        machine.file("disks", disks);
        let ran = machine.run(&backend());
        assert_gave_up(&ran);
        assert!(
            ran.of("weka local exec --container drives0").is_empty(),
            "{disks}"
        );
        assert!(ran.of("weka cluster drive scan").is_empty(), "{disks}");
    }
}

#[test]
fn a_drive_that_cannot_be_signed_is_not_scanned() {
    let machine = Machine::new();
    machine.file("weka-fails", "*weka_sign_drive*\n");
    let ran = machine.run(&backend());
    assert_gave_up(&ran);
    assert!(ran.printed.contains("drive /dev/nvme2n1 could not be signed"));
    assert!(ran.of("weka cluster drive scan").is_empty());
}

#[test]
fn a_machine_that_the_cluster_does_not_know_deactivates_nobody() {
    let machine = Machine::new();
    machine.file(
        "hosts",
        r#"[{"host_id": "HostId<3>", "host_ip": "127.10.0.4", "container_name": "drives0", "state": "ACTIVE"}]"#,
    );
    let ran = machine.run(&backend());
    ran.assert_failed("the cluster does not know this machine's container drives0");
    assert!(ran.of("weka cluster container deactivate").is_empty());
    assert!(ran.of("weka local exec").is_empty());
}

#[test]
fn an_event_that_is_not_taken_fails_nothing() {
    let machine = Machine::new();
    machine.file("weka-fails", "events*\n");
    let ran = machine.run(&backend());
    assert!(ran.ok, "{}", ran.printed);
    assert!(ran.printed.contains("Weka's event log was not told"));
}
