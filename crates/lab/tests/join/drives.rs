//! A backend's drives: which ones are signed, and that a backend without drives deactivates its containers.

use crate::setup::{
    Lab, assert_failed, assert_joined, assert_no_secret, backend_join, new_ip, on_every_layout, profile,
};
use lab::machine::{Boot, Layout};
use lab::weka_cluster::HostState;

fn script() -> String {
    backend_join(profile()).render()
}

/// The names of the local drives, which are numbered around Weka's volume.
fn drives(layout: Layout) -> Vec<String> {
    let names = (1..).map(|number| format!("nvme{number}n1"));
    names.filter(|name| name != layout.volume).take(2).collect()
}

/// Asserts that the join failed and that only the new containers were deactivated.
fn assert_containers_deactivated(lab: &Lab, boot: &Boot, layout: Layout) {
    assert_failed(boot, layout, "the drives could not be added");
    assert_eq!(
        boot.calls_of("weka cluster container deactivate"),
        ["weka cluster container deactivate 15 16 17"]
    );
    assert!(boot.calls_of("weka events").is_empty());
    lab.cluster.read(|model| {
        let mut states = model.containers_of(new_ip()).map(|container| container.state);
        assert!(states.all(|state| state != HostState::Active));
    });
}

#[tokio::test]
async fn drives_of_the_instance_store_are_signed() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        let expected = drives(layout).into_iter().map(|name| {
            format!("weka local exec --container drives0 /weka/tools/weka_sign_drive /dev/{name}")
        });
        assert_eq!(boot.calls_of("weka local exec"), expected.collect::<Vec<_>>());
        lab.assert_member(layout.name);
    })
    .await;
}

#[tokio::test]
async fn only_whole_unmounted_local_drives_are_signed() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let name = &drives(layout)[0];
        let store = "Amazon EC2 NVMe Instance Storage";
        let disk = |device: &str, rotational: bool, kind: &str, mounted: bool, model: Option<&str>| {
            serde_json::json!({
                "devPath": device, "isRotational": rotational, "type": kind, "isMounted": mounted, "model": model,
            })
        };
        // Nested: the answer's outer structure is not documented.
        let disks = serde_json::json!({ "machine": { "disks": [
            disk(&format!("/dev/{name}"), false, "DISK", false, Some(store)),
            disk("/dev/rotating", true, "DISK", false, Some(store)),
            disk("/dev/part", false, "PARTITION", false, Some(store)),
            disk("/dev/mounted", false, "DISK", true, Some(store)),
            disk("/dev/ebs", false, "DISK", false, Some("Amazon Elastic Block Store")),
            disk("/dev/nameless", false, "DISK", false, None),
        ] } });
        lab.write("hardware/disks", &disks.to_string());
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert_eq!(
            boot.calls_of("weka local exec"),
            [format!("weka local exec --container drives0 /weka/tools/weka_sign_drive /dev/{name}")]
        );
    })
    .await;
}

#[tokio::test]
async fn containers_are_deactivated_when_drive_scan_fails() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        lab.write("fails", "weka cluster drive scan*\n");
        let boot = lab.boot().await;
        assert_containers_deactivated(&lab, &boot, layout);
        assert_eq!(boot.calls_of("weka cluster drive scan").len(), 60);
    })
    .await;
}

#[tokio::test]
async fn unreadable_disk_list_fails_the_join() {
    for disks in [
        "no JSON",
        // `isMounted` is missing.
        r#"{"disks": [{"devPath": "/dev/nvme2n1", "isRotational": false, "type": "DISK", "model": "Amazon EC2 NVMe Instance Storage"}]}"#,
        r#"{"disks": []}"#,
    ] {
        on_every_layout(|layout| async move {
            let lab = Lab::of(layout, &script()).await;
            lab.write("hardware/disks", disks);
            let boot = lab.boot().await;
            assert_containers_deactivated(&lab, &boot, layout);
            assert!(boot.calls_of("weka local exec").is_empty(), "{disks}");
            assert!(boot.calls_of("weka cluster drive scan").is_empty(), "{disks}");
        })
        .await;
    }
}

#[tokio::test]
async fn drives_are_not_scanned_when_signing_fails() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        lab.write("fails", "weka local exec *\n");
        let boot = lab.boot().await;
        assert_containers_deactivated(&lab, &boot, layout);
        let first = &drives(layout)[0];
        assert!(
            boot.log
                .contains(&format!("drive /dev/{first} could not be signed"))
        );
        assert!(boot.calls_of("weka cluster drive scan").is_empty());
    })
    .await;
}

#[tokio::test]
async fn no_container_is_deactivated_when_cluster_does_not_list_this_machine() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        lab.write("fails", "weka cluster container --json\n");
        let boot = lab.boot().await;
        assert_failed(
            &boot,
            layout,
            "the cluster does not list this machine's containers: drives0 compute0 frontend0",
        );
        assert!(boot.calls_of("weka cluster container deactivate").is_empty());
        assert!(boot.calls_of("weka local exec").is_empty());
    })
    .await;
}

#[tokio::test]
async fn rejected_event_does_not_fail_the_join() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        lab.write("fails", "weka events *\n");
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert!(
            boot.log
                .contains("the event could not be added to Weka's event log")
        );
    })
    .await;
}

/// Signing it again would need --force, which destroys the drive's data.
#[tokio::test]
async fn drive_that_this_instance_has_signed_is_not_signed_again() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let names = drives(layout);
        // The second drive fails: the first one is signed when the script ends.
        lab.write("fails", &format!("weka local exec *{}\n", names[1]));
        let first = lab.boot().await;
        assert_containers_deactivated(&lab, &first, layout);
        std::fs::remove_file(lab.machine.path("fails")).unwrap();
        let second = lab.boot().await;
        assert_joined(&second, layout);
        assert!(
            second
                .log
                .contains(&format!("drive /dev/{} is already signed", names[0]))
        );
        assert_eq!(second.calls_of("weka local exec").len(), 1);
        lab.assert_member(layout.name);
    })
    .await;
}

#[tokio::test]
async fn drive_with_the_partition_of_somebody_else_is_not_signed() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let name = &drives(layout)[0];
        lab.write(&format!("root/dev/{name}p1"), "");
        lab.write(
            &format!("hardware/blocks/{name}p1.PART_ENTRY_TYPE"),
            "993ec906-b4e2-11e7-a205-a0a8cd3ea1de\n",
        );
        let boot = lab.boot().await;
        assert_containers_deactivated(&lab, &boot, layout);
        assert!(boot.log.contains(&format!(
            "drive /dev/{name} has a Weka partition that this instance has not created"
        )));
        assert!(boot.calls_of("weka local exec").is_empty());
    })
    .await;
}

/// While the programs run, the credentials are in a file that only root can read, and in no argument.
#[tokio::test]
async fn credentials_reach_the_container_in_a_private_file() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let python = lab.machine.path("container/bin/python3");
        let real = std::fs::read_to_string(&python).unwrap();
        let record = real.replace(
            "#!/bin/bash\n",
            "#!/bin/bash\nPATH=$LAB_PATH stat -c '%a' . ./* >>\"$MACHINE/modes\"\nPATH=$LAB_PATH ps -eo args >>\"$MACHINE/processes\"\n",
        );
        std::fs::write(&python, record).unwrap();
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert_no_secret(&boot);
        let modes = lab.read("modes");
        assert!(modes.lines().all(|mode| mode == "700" || mode == "600" || mode == "644"), "{modes}");
        assert!(modes.starts_with("700\n600\n"), "{modes}");
        assert!(!lab.read("processes").contains("s$s`w"), "the password is in an argument");
    })
    .await;
}
