use super::*;
use std::net::Ipv4Addr;

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 10, 0, last).into()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// The backends' addresses are 127.10.0.1 and so on.
fn cluster(backends: u8) -> Model {
    let mut model = Model::new(Settings::default());
    for last in 1..=backends {
        model.add_backend(&NewBackend::new(ip(last), &format!("i-{last}")));
    }
    model
}

fn ids(model: &Model, last: u8) -> Vec<u32> {
    model
        .containers_of(ip(last))
        .map(|container| container.id)
        .collect()
}

fn uuids(model: &Model, last: u8) -> Vec<String> {
    model
        .drives_of(ip(last))
        .map(|drive| drive.uuid.clone())
        .collect()
}

fn states(model: &Model, last: u8) -> Vec<(HostState, HostStatus)> {
    let containers = model.containers_of(ip(last));
    containers
        .map(|container| (container.state, container.status()))
        .collect()
}

fn drive(model: &Model, last: u8) -> (DriveStatus, bool) {
    let drive = model.drives_of(ip(last)).next().unwrap();
    (drive.status, drive.should_be_active)
}

#[test]
fn containers_become_inactive_after_their_drives() {
    let mut model = cluster(6);
    let (containers, drives) = (ids(&model, 6), uuids(&model, 6));
    model.deactivate_drives(&drives).unwrap();
    model.deactivate_containers(&containers, false).unwrap();
    assert_eq!(drive(&model, 6), (DriveStatus::PhasingOut, false));
    assert_eq!(states(&model, 6), [(HostState::Deactivating, HostStatus::Up); 3]);

    // Only the container with drives waits.
    model.advance(minutes(10) - Duration::from_secs(1));
    assert_eq!(
        states(&model, 6)[..2],
        [
            (HostState::Deactivating, HostStatus::Up),
            (HostState::Inactive, HostStatus::Inactive)
        ]
    );
    assert!(model.remove_container(containers[0], true).is_err());
    assert!(model.remove_drives(&drives).is_err());

    model.advance(Duration::from_secs(1));
    assert_eq!(drive(&model, 6), (DriveStatus::Inactive, false));
    model.advance(minutes(1));
    assert_eq!(states(&model, 6)[0], (HostState::Inactive, HostStatus::Up));
    assert!(
        model.remove_container(containers[0], true).is_err(),
        "the container still runs"
    );
    model.advance(minutes(1));
    assert_eq!(
        states(&model, 6),
        [(HostState::Inactive, HostStatus::Inactive); 3]
    );
    assert!(!model.serving().contains(&ip(6)));

    for id in containers {
        model.remove_container(id, true).unwrap();
    }
    let removing: Vec<_> = model
        .containers_of(ip(6))
        .map(|container| container.state)
        .collect();
    assert_eq!(removing, [HostState::Removing; 3]);
    model.advance(model.settings().removal);
    assert_eq!(model.containers_of(ip(6)).count(), 0);
    let remaining: Vec<_> = model.drives().filter(|drive| drive.container.is_none()).collect();
    assert_eq!(remaining.len(), 1);
    assert_eq!(remaining[0].uuid, drives[0]);
    model.remove_drives(&drives).unwrap();
    assert_eq!(model.drives().count(), 5);
    assert!(
        model.remove_drives(&drives).is_err(),
        "the drive is already removed"
    );
}

#[test]
fn result_does_not_depend_on_the_size_of_clock_steps() {
    let run = |steps: u32| {
        let mut model = cluster(7);
        model.deactivate_containers(&ids(&model, 6), false).unwrap();
        model.machine_down(ip(7));
        for _ in 0..steps {
            model.advance(minutes(30) / steps);
        }
        (
            model.hosts_list(),
            model.disks_list(),
            model.nodes_list(),
            model.now(),
        )
    };
    assert_eq!(run(1), run(1800));
}

#[test]
fn deactivation_that_leaves_too_little_is_rejected_and_changes_nothing() {
    let mut model = cluster(6);
    let both = [uuids(&model, 5), uuids(&model, 6)].concat();
    let before = model.disks_list();
    let error = model.deactivate_drives(&both).unwrap_err();
    assert!(
        error.message.starts_with("not enough failure domains: 4 "),
        "{error}"
    );
    assert_eq!(model.disks_list(), before);

    // The same rule applies to containers. Drives that are phasing out do not count.
    model.deactivate_drives(&uuids(&model, 6)).unwrap();
    model.deactivate_drives(&uuids(&model, 6)).unwrap();
    model.deactivate_containers(&ids(&model, 6), false).unwrap();
    let before = model.hosts_list();
    assert!(model.deactivate_containers(&ids(&model, 5), false).is_err());
    assert_eq!(model.hosts_list(), before);
    model.deactivate_containers(&ids(&model, 5), true).unwrap();

    let mut model = cluster(8);
    model.used_capacity = model.capacity() - model.settings().drive_capacity;
    model.deactivate_drives(&uuids(&model, 8)).unwrap();
    let error = model.deactivate_drives(&uuids(&model, 7)).unwrap_err();
    assert!(
        error
            .message
            .contains("less than the total budget for filesystems"),
        "{error}"
    );
    model.used_capacity = 0;
    model.deactivate_drives(&uuids(&model, 7)).unwrap();
}

#[test]
fn machine_that_is_down_can_be_deactivated_at_the_minimum() {
    let mut model = cluster(5);
    model.machine_down(ip(5));
    model.advance(minutes(20));
    assert_eq!(drive(&model, 5), (DriveStatus::Inactive, true));
    model.deactivate_containers(&ids(&model, 5), false).unwrap();
    model.advance(minutes(2));
    assert_eq!(
        states(&model, 5),
        [(HostState::Inactive, HostStatus::Inactive); 3]
    );
}

#[test]
fn unknown_ids_are_rejected() {
    let mut model = cluster(6);
    assert!(model.deactivate_drives(&["x".to_owned()]).is_err());
    assert!(model.remove_drives(&["x".to_owned()]).is_err());
    assert!(model.deactivate_containers(&[0, 99], false).is_err());
    assert!(model.remove_container(99, true).is_err());
    assert!(model.scan_drives(99).is_err());
    assert_eq!(states(&model, 1), [(HostState::Active, HostStatus::Up); 3]);
}

#[test]
fn machine_goes_down_and_comes_back() {
    let mut model = cluster(6);
    model.advance(minutes(1));
    let fenced = model.now();
    model.machine_down(ip(6));
    assert!(!model.serving().contains(&ip(6)));
    assert_eq!(states(&model, 6), [(HostState::Active, HostStatus::Down); 3]);
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));
    model.advance(minutes(4));
    model.machine_down(ip(6));
    let process = &model.containers_of(ip(6)).next().unwrap().processes[0];
    assert_eq!((process.fenced, process.up_since), (Some(fenced), None));
    // Five minutes after the first call of `machine_down`, not the second.
    model.advance(minutes(1));
    assert_eq!(drive(&model, 6), (DriveStatus::Failed, true));
    model.advance(minutes(1));
    assert_eq!(drive(&model, 6), (DriveStatus::PhasingOut, true));

    model.machine_up(ip(6));
    assert!(model.serving().contains(&ip(6)));
    assert_eq!(states(&model, 6), [(HostState::Active, HostStatus::Up); 3]);
    assert_eq!(drive(&model, 6), (DriveStatus::PhasingIn, true));
    model.advance(minutes(30));
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));

    // A machine that was down only briefly keeps its drives.
    model.machine_down(ip(6));
    model.advance(minutes(1));
    model.machine_up(ip(6));
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));
    model.advance(minutes(30));
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));
}

#[test]
fn broken_drive_never_becomes_active() {
    let mut model = cluster(6);
    let uuid = uuids(&model, 6).remove(0);
    model.fail_drive(&uuid).unwrap();
    assert_eq!(drive(&model, 6), (DriveStatus::Failed, true));
    model.advance(minutes(1));
    assert_eq!(drive(&model, 6), (DriveStatus::PhasingOut, true));
    model.advance(minutes(10));
    assert_eq!(drive(&model, 6), (DriveStatus::Inactive, true));
    model.machine_down(ip(6));
    model.machine_up(ip(6));
    assert_eq!(drive(&model, 6), (DriveStatus::Inactive, true));
    assert!(model.fail_drive("x").is_err());
}

#[test]
fn container_degrades_and_goes_down_while_its_machine_runs() {
    let mut model = cluster(6);
    let id = ids(&model, 6)[1];
    model.set_process(id, 1, false).unwrap();
    assert_eq!(states(&model, 6)[1], (HostState::Active, HostStatus::Degraded));
    model.set_process(id, 1, true).unwrap();
    assert_eq!(states(&model, 6)[1], (HostState::Active, HostStatus::Up));
    model.container_down(id).unwrap();
    assert_eq!(
        states(&model, 6),
        [
            (HostState::Active, HostStatus::Up),
            (HostState::Active, HostStatus::Down),
            (HostState::Active, HostStatus::Up)
        ]
    );
    assert!(model.serving().contains(&ip(6)));
    assert!(model.set_process(id, 7, true).is_err());
}

#[test]
fn reused_address_belongs_to_the_new_machine() {
    let mut model = cluster(6);
    model.join_backend(&NewBackend::new(ip(6), "i-new"));
    let all: Vec<_> = states(&model, 6);
    assert_eq!(all[..3], [(HostState::Active, HostStatus::Down); 3]);
    assert_eq!(all[3..], [(HostState::Active, HostStatus::Up); 3]);
    let identifiers: std::collections::BTreeSet<_> = model
        .machines()
        .iter()
        .map(|machine| &machine.identifier)
        .collect();
    assert_eq!(identifiers.len(), 7);
    // The machine that currently has the address goes down.
    model.machine_down(ip(6));
    assert_eq!(states(&model, 6), [(HostState::Active, HostStatus::Down); 6]);
}

#[test]
fn machine_joins_step_by_step() {
    let mut model = cluster(5);
    let container = |name: &str| NewContainer {
        name: name.to_owned(),
        mode: Mode::Backend,
        cores: 2,
        auto_remove: None,
    };
    let id = model.add_container(ip(9), "i-9", container("drives0")).unwrap();
    assert!(model.add_container(ip(9), "i-9", container("drives0")).is_err());
    let too_many_cores = NewContainer {
        cores: 20,
        ..container("compute0")
    };
    assert!(model.add_container(ip(9), "i-9", too_many_cores).is_err());
    model.add_container(ip(9), "i-9", container("compute0")).unwrap();
    assert_eq!(model.scan_drives(id).unwrap(), 0);
    model.sign_drive(ip(9), "i-9", "/dev/nvme2n1");
    model.sign_drive(ip(9), "i-9", "/dev/nvme2n1");
    assert_eq!(model.scan_drives(id).unwrap(), 1);
    assert_eq!(model.scan_drives(id).unwrap(), 0);
    assert_eq!(drive(&model, 9), (DriveStatus::PhasingIn, true));
    model.advance(minutes(2));
    assert_eq!(drive(&model, 9), (DriveStatus::Active, true));
    assert_eq!(model.active_backends(), 6);

    // A second attempt starts with `weka local stop`.
    let ids: Vec<_> = model.containers_of(ip(9)).map(|container| container.id).collect();
    for id in ids {
        model.stop_container(id);
    }
    assert_eq!(states(&model, 9), [(HostState::Active, HostStatus::Down); 2]);
    assert!(model.scan_drives(id).is_err());
    model.add_container(ip(9), "i-9", container("drives0")).unwrap();
    assert_eq!(states(&model, 9).len(), 3);
}

#[test]
fn client_is_removed_after_its_auto_remove_timeout() {
    let mut model = cluster(5);
    for (last, auto_remove) in [(20, Some(minutes(60))), (21, None)] {
        model.join_client(&NewClient {
            address: ip(last),
            instance_id: format!("i-{last}"),
            auto_remove,
        });
        model.machine_down(ip(last));
    }
    assert!(!model.serving().contains(&ip(20)));
    model.advance(minutes(59));
    assert_eq!(states(&model, 20), [(HostState::Active, HostStatus::Down)]);
    model.advance(minutes(1));
    assert_eq!(states(&model, 20), []);
    assert_eq!(states(&model, 21), [(HostState::Active, HostStatus::Down)]);
    // A client can be removed like a backend, regardless of capacity.
    let id = ids(&model, 21)[0];
    model.deactivate_containers(&[id], false).unwrap();
    model.advance(minutes(2));
    model.remove_container(id, true).unwrap();
}

#[test]
fn removal_without_waiting_is_visible_while_it_is_in_progress() {
    let settings = Settings {
        removal: Duration::from_secs(5),
        ..Settings::default()
    };
    let mut model = Model::new(settings);
    model.add_backend(&NewBackend::new(ip(1), "i-1"));
    model.deactivate_containers(&[2], false).unwrap();
    model.advance(minutes(2));
    model.remove_container(2, true).unwrap();
    assert_eq!(states(&model, 1)[2], (HostState::Removing, HostStatus::Inactive));
    model.advance(minutes(1));
    assert_eq!(states(&model, 1).len(), 2);
}
