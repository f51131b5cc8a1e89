//! A backend's drives: which ones are signed, and that a backend without drives deactivates its containers.

use crate::machine::{Machine, Run};
use crate::rendered::backend;

/// Asserts that the join failed and that only the new containers were deactivated.
fn assert_containers_deactivated(run: &Run) {
    run.assert_failed("the drives could not be added");
    run.assert_no_secret();
    assert_eq!(
        run.calls_of("weka cluster container deactivate"),
        ["weka cluster container deactivate 21 22"]
    );
    assert!(run.calls_of("weka events").is_empty());
}

#[test]
fn containers_are_deactivated_when_drive_scan_fails() {
    let machine = Machine::new();
    machine.file("weka-fails", "cluster drive scan*\n");
    let run = machine.run(&backend());
    assert_containers_deactivated(&run);
    assert_eq!(run.calls_of("weka cluster drive scan").len(), 60);
}

#[test]
fn unreadable_disk_list_fails_the_join() {
    for disks in [
        "no JSON",
        // `isMounted` is missing.
        r#"{"disks": [{"devPath": "/dev/nvme2n1", "isRotational": false, "type": "DISK", "model": "Amazon EC2 NVMe Instance Storage"}]}"#,
        r#"{"disks": []}"#,
    ] {
        let machine = Machine::new();
        machine.file("disks", disks);
        let run = machine.run(&backend());
        assert_containers_deactivated(&run);
        assert!(
            run.calls_of("weka local exec --container drives0").is_empty(),
            "{disks}"
        );
        assert!(run.calls_of("weka cluster drive scan").is_empty(), "{disks}");
    }
}

#[test]
fn drives_are_not_scanned_when_signing_fails() {
    let machine = Machine::new();
    machine.file("weka-fails", "*weka_sign_drive*\n");
    let run = machine.run(&backend());
    assert_containers_deactivated(&run);
    assert!(run.output.contains("drive /dev/nvme2n1 could not be signed"));
    assert!(run.calls_of("weka cluster drive scan").is_empty());
}

#[test]
fn no_container_is_deactivated_when_cluster_does_not_list_this_machine() {
    let machine = Machine::new();
    machine.file(
        "hosts",
        r#"[{"host_id": "HostId<3>", "host_ip": "127.10.0.4", "container_name": "drives0", "state": "ACTIVE"}]"#,
    );
    let run = machine.run(&backend());
    run.assert_failed("the cluster does not list this machine's container drives0");
    assert!(run.calls_of("weka cluster container deactivate").is_empty());
    assert!(run.calls_of("weka local exec").is_empty());
}

#[test]
fn rejected_event_does_not_fail_the_join() {
    let machine = Machine::new();
    machine.file("weka-fails", "events*\n");
    let run = machine.run(&backend());
    assert!(run.succeeded, "{}", run.output);
    assert!(
        run.output
            .contains("the event could not be added to Weka's event log")
    );
}
