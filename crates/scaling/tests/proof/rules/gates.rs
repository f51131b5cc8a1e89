//! What must be true before a machine starts to drain.

use super::{addresses, decide, decision};
use crate::cluster::{Change, cluster, drive, group};
use scaling::drain::{Notice, Report};
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{
    Capacity, DriveHost, Filesystem, Filesystems, InterfaceGroup, InterfaceGroups, InterfacePort, Lists,
    Optional, Percent, ProtectionLevel, Rebuild, RebuildStatus, ServingHosts,
};

fn rebuild(change: impl FnOnce(&mut Rebuild)) -> RebuildStatus {
    let mut rebuild = Rebuild::default();
    change(&mut rebuild);
    RebuildStatus::Known(rebuild)
}

fn lost_copies(percent: u32) -> RebuildStatus {
    rebuild(|rebuild| {
        rebuild.progress = Some(Percent(63_900));
        rebuild.protection = vec![ProtectionLevel {
            num_failures: 1,
            percent: Percent(percent),
        }];
    })
}

fn notices(report: &Report) -> Vec<String> {
    report.notices.iter().map(ToString::to_string).collect()
}

/// The decision about the first machine of eight, two of which exceed the desired capacity.
fn first_decision(lists: &Lists) -> String {
    decision(&decide(lists, &group(6, 8)).1, 0)
}

#[test]
fn healthy_machine_waits_until_the_data_is_protected() {
    let mut lists = cluster(8);
    for (status, reason) in [
        (lost_copies(1), "data is still being rebuilt, 63 %"),
        (
            rebuild(|rebuild| rebuild.unavailable = Some(Percent(2_000))),
            "data is unavailable (2 %)",
        ),
        (
            rebuild(|rebuild| rebuild.enough_active_fds = Some(false)),
            "Weka has too few active failure domains to rebuild data",
        ),
        (
            RebuildStatus::Malformed("protectionState"),
            "the protection of the data is unknown: rebuild.protectionState of `status` cannot be read",
        ),
    ] {
        lists.status.rebuild = status;
        let expected = format!("wait: the group exceeds its desired capacity; blocked: {reason}");
        assert_eq!(first_decision(&lists), expected);
        let (plan, report) = decide(&lists, &group(6, 8));
        assert_eq!(addresses(&plan), [0; 0]);
        assert!(notices(&report).contains(&format!("no healthy machine starts to drain: {reason}")));
    }
    // Nothing is lost, or Weka does not report it: Weka decides.
    lists.status.rebuild = lost_copies(0);
    assert_eq!(addresses(&decide(&lists, &group(6, 8)).0), [0, 1]);
    lists.status.rebuild = RebuildStatus::Unknown;
    let (plan, report) = decide(&lists, &group(6, 8));
    assert_eq!(addresses(&plan), [0, 1]);
    assert!(report.notices.contains(&Notice::ProtectionUnknown));
}

#[test]
fn drain_in_progress_and_repair_do_not_wait_for_protection() {
    let mut lists = cluster(8);
    lists.status.rebuild = lost_copies(50_000);
    lists.down(4, 500);
    lists.deactivating(5);
    for host in lists.hosts_of(5) {
        host.state = weka_types::lists::HostState::Active;
    }
    assert_eq!(addresses(&decide(&lists, &group(6, 8)).0), [5, 4]);
}

#[test]
fn healthy_machine_waits_if_the_filesystems_do_not_fit_on_the_others() {
    const TIB: u64 = 1 << 40;
    let mut lists = cluster(8);
    for drive in &mut lists.drives.0 {
        drive.size_bytes = Some(TIB);
    }
    // 8 machines with 2 TiB each, of which Weka reports 6 TiB as net capacity: 0.75 TiB for each machine.
    lists.status.capacity = Capacity {
        total_bytes: Some(6 * TIB),
        unprovisioned_bytes: Some(TIB),
    };
    lists.filesystems = Optional::Failed("no".into());
    assert_eq!(addresses(&decide(&lists, &group(6, 8)).0), [0]);
    let report = decide(&lists, &group(6, 8)).1;
    assert_eq!(
        decision(&report, 1),
        "wait: the group exceeds its desired capacity; blocked: the remaining SSD capacity would be 0.5 TiB too small for the filesystems"
    );
    // The filesystems, if they can be read, decide: a thin one needs what it uses.
    let thin = Filesystem {
        ssd_budget: Some(6 * TIB),
        used_ssd: Some(TIB),
        is_thinly_provisioned: Some(true),
        thin_provisioning_min_ssd: Some(2 * TIB),
    };
    lists.filesystems = Optional::Read(Filesystems(vec![thin]));
    assert_eq!(addresses(&decide(&lists, &group(6, 8)).0), [0, 1]);
    // One hot spare leaves the capacity of seven machines, and of six after one has left.
    lists.status.hot_spare = Some(1);
    let full = Filesystem {
        ssd_budget: Some(5 * TIB + TIB / 7),
        ..Filesystem::default()
    };
    lists.filesystems = Optional::Read(Filesystems(vec![full]));
    assert_eq!(addresses(&decide(&lists, &group(6, 8)).0), [0]);
    // If a number is unknown, Weka decides.
    lists.drives.0[3].size_bytes = None;
    assert_eq!(addresses(&decide(&lists, &group(6, 8)).0), [0, 1]);
}

#[test]
fn target_below_the_floor_drains_nothing_healthy_and_is_an_error() {
    let mut lists = cluster(8);
    lists.status.stripe_data_drives = Some(5);
    lists.down(3, 500);
    lists.down(7, 500);
    let (plan, report) = decide(&lists, &group(6, 8));
    assert_eq!(
        addresses(&plan),
        [0; 0],
        "six machines are healthy, and seven are needed"
    );
    let errors: Vec<_> = report
        .notices
        .iter()
        .filter(|notice| notice.is_error())
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors, ["desired capacity 6 is below the minimum of 7 backends"]);
    assert_eq!(
        decision(&report, 3),
        "wait: HostId<9>: down since 2026-01-30T23:40:00Z; blocked: only 6 machines are healthy, and the cluster needs at least 7"
    );
    lists.status.stripe_data_drives = Some(4);
    let (plan, _) = decide(&lists, &group(5, 8));
    assert_eq!(addresses(&plan), [3, 7], "unhealthy machines are replaced");
    // What has left is cleaned up in any case.
    lists.status.stripe_data_drives = Some(5);
    lists.removed(7);
    assert_eq!(addresses(&decide(&lists, &group(6, 8)).0), [7]);
}

#[test]
fn scale_in_without_a_hot_spare_is_a_warning() {
    let mut lists = cluster(7);
    lists.status.hot_spare = Some(1);
    let (plan, report) = decide(&lists, &group(5, 7));
    assert_eq!(addresses(&plan), [0, 1]);
    let expected = "with desired capacity 5, Weka has no hot spare: at least 6 backends are recommended";
    assert_eq!(notices(&report), [expected]);
}

#[test]
fn nfs_ports_are_removed_before_the_drives() {
    let mut lists = cluster(7);
    let port = |host| InterfacePort {
        host_id: HostId(host),
        port: "eth1".into(),
    };
    let group_of = |kind: &str, host| InterfaceGroup {
        name: kind.to_lowercase(),
        kind: kind.into(),
        ports: vec![port(host), port(20)],
    };
    lists.interface_groups = Optional::Read(InterfaceGroups(vec![group_of("NFS", 2), group_of("SMB", 1)]));
    let (plan, _) = decide(&lists, &group(6, 7));
    let delete = Call::DeleteInterfacePort {
        group: "nfs".into(),
        port: port(2),
    };
    assert_eq!(
        plan.tasks[0].calls[..2],
        [delete, Call::DeactivateDrives(vec![drive(0, 0)])]
    );
    lists.interface_groups = Optional::Failed("no answer".into());
    assert!(
        decision(&decide(&lists, &group(6, 7)).1, 0).ends_with("interface groups cannot be read: no answer")
    );
}

#[test]
fn machine_of_an_s3_or_smb_cluster_does_not_drain() {
    let mut lists = cluster(8);
    lists.s3 = Optional::Read(ServingHosts(vec![HostId(2)]));
    lists.smb = Optional::Read(ServingHosts(vec![HostId(4)]));
    let (plan, _) = decide(&lists, &group(6, 8));
    assert_eq!(addresses(&plan), [2, 3], "others are chosen first");
    lists.down(1, 500);
    let (plan, report) = decide(&lists, &group(7, 8));
    assert_eq!(addresses(&plan), [0; 0]);
    assert_eq!(
        decision(&report, 1),
        "wait: HostId<3>: down since 2026-01-30T23:40:00Z; blocked: HostId<4> is a member of the SMB cluster: remove it from that cluster first"
    );
}

#[test]
fn drive_without_a_known_container_blocks_healthy_machines() {
    let mut lists = cluster(8);
    lists.drives.0[9].host = DriveHost::Unknown;
    assert!(first_decision(&lists).ends_with("blocked: the container of drive 0004-1 is unknown"));
}
