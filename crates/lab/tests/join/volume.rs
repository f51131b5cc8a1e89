//! The volume of `/opt/weka`: which device is formatted, and which is not.

use crate::setup::{Lab, assert_failed, assert_joined, backend_join, on_every_layout, profile};
use lab::machine::{CallFault, Layout};

fn script() -> String {
    backend_join(profile()).render()
}

fn device(lab: &Lab, name: &str) -> String {
    lab.machine.path("root/dev").join(name).display().to_string()
}

/// Adds a device of this model.
fn add_device(lab: &Lab, name: &str, model: &str) {
    let folder = lab.machine.path(&format!("root/sys/block/{name}/device"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("model"), format!("{model:<40}\n")).unwrap();
    lab.write(&format!("root/dev/{name}"), "");
}

#[tokio::test]
async fn only_the_ebs_volume_is_formatted() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        let volume = device(&lab, layout.volume);
        assert_eq!(
            boot.calls_of("mkfs.ext4"),
            [format!("mkfs.ext4 -q -F -L wekaiosw {volume}")]
        );
        let opt = lab.machine.path("root/opt/weka");
        assert_eq!(
            boot.calls_of("mount "),
            [format!("mount {volume} {}", opt.display())]
        );
    })
    .await;
}

#[tokio::test]
async fn join_fails_without_a_volume() {
    on_every_layout(|layout| async move {
        let lab = Lab::with(layout, &script(), |options| options.volume = false).await;
        let boot = lab.boot().await;
        assert_failed(&boot, layout, "no EBS volume for /opt/weka");
        assert!(boot.calls_of("weka").is_empty() && boot.calls_of("mkfs").is_empty());
    })
    .await;
}

#[tokio::test]
async fn next_attempt_keeps_the_filesystem() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        lab.write("fails", "weka version get *\n");
        assert_failed(&lab.boot().await, layout, "weka version get failed");
        std::fs::remove_file(lab.machine.path("fails")).unwrap();
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert!(boot.calls_of("mkfs.ext4").is_empty() && boot.calls_of("mount ").is_empty());
        assert_eq!(lab.read("root/etc/fstab").lines().count(), 1);
    })
    .await;
}

#[tokio::test]
async fn volume_with_wekas_label_is_preferred() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        add_device(&lab, "nvme9n1", "Amazon Elastic Block Store");
        lab.write("hardware/blocks/nvme9n1.LABEL", "wekaiosw\n");
        lab.write("hardware/blocks/nvme9n1.TYPE", "ext4\n");
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert!(boot.calls_of("mkfs.ext4").is_empty());
        assert!(boot.calls_of("mount ")[0].contains("nvme9n1"));
    })
    .await;
}

#[tokio::test]
async fn volume_with_data_is_not_formatted() {
    on_every_layout(|layout| async move {
        for (tag, text) in [("TYPE", "xfs\n"), ("PTTYPE", "gpt\n")] {
            let lab = Lab::of(layout, &script()).await;
            lab.write(&format!("hardware/blocks/{}.{tag}", layout.volume), text);
            let boot = lab.boot().await;
            // Without a name, a volume with data is somebody else's.
            let named = layout.volume_links.contains(&"sdp");
            let message = if named {
                "is not empty: it is not formatted"
            } else {
                "no EBS volume for /opt/weka"
            };
            assert_failed(&boot, layout, message);
            assert!(boot.calls_of("mkfs").is_empty() && boot.calls_of("mount ").is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_formatted_when_a_device_cannot_be_examined() {
    on_every_layout(|layout| async move {
        let complete = Lab::of(layout, &script()).await.boot().await;
        let probes = complete.calls.iter().enumerate();
        let probes: Vec<_> = probes
            .filter(|(_, call)| call.starts_with("blkid ") && !call.contains("PART_ENTRY_TYPE"))
            .map(|(index, _)| index + 1)
            .collect();
        assert!(probes.len() >= 3, "{:?}", complete.calls);
        for number in probes {
            let lab = Lab::of(layout, &script()).await;
            let boot = lab.machine.boot(Some(CallFault::Before(number))).await.unwrap();
            assert_failed(&boot, layout, "could not be examined: blkid failed with status 1");
            assert!(boot.calls_of("mkfs").is_empty());
        }
    })
    .await;
}

/// A guess would format a volume that the user has attached for something else.
#[tokio::test]
async fn several_empty_volumes_without_a_name_fail_the_join() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        add_device(&lab, "nvme9n1", "Amazon Elastic Block Store");
        let boot = lab.boot().await;
        if layout.volume_links.contains(&"sdp") {
            assert_joined(&boot, layout);
            assert_eq!(boot.calls_of("mkfs.ext4").len(), 1);
        } else {
            assert_failed(&boot, layout, "several EBS volumes are empty");
            assert!(boot.calls_of("mkfs").is_empty());
        }
    })
    .await;
}

/// On Xen, EBS volumes and the instance store have names of the same kind.
#[tokio::test]
async fn ephemeral_volume_of_a_xen_instance_is_not_formatted() {
    on_every_layout(|layout: Layout| async move {
        for (ephemeral, formatted) in [("sdp", false), ("sdb", true)] {
            let lab = Lab::with(layout, &script(), |options| {
                (options.volume, options.drives) = (false, 0)
            })
            .await;
            for name in ["xvdb", "xvdp"] {
                std::fs::create_dir_all(lab.machine.path(&format!("root/sys/block/{name}"))).unwrap();
            }
            lab.write("root/dev/xvdp", "");
            lab.write("hardware/blocks/xvdb.TYPE", "ext3\n");
            lab.write("imds/block-device-mapping/ephemeral0", &format!("{ephemeral}\n"));
            let boot = lab.boot().await;
            assert_eq!(!boot.calls_of("mkfs.ext4").is_empty(), formatted, "{}", boot.log);
            if !formatted {
                assert_failed(&boot, layout, "no EBS volume for /opt/weka");
            }
        }
    })
    .await;
}
