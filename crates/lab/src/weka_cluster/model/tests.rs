use super::*;
use std::net::Ipv4Addr;

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 10, 0, last).into()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// A cluster of this many backends, at 127.10.0.1 and so on.
fn cluster(backends: u8) -> Model {
    let mut model = Model::new(Settings::default());
    for last in 1..=backends {
        model.found(&NewBackend::new(ip(last), &format!("i-{last}")));
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

fn states(model: &Model, last: u8) -> Vec<(State, Status)> {
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
fn a_machine_leaves_once_its_drives_hold_nothing() {
    let mut model = cluster(6);
    let (containers, drives) = (ids(&model, 6), uuids(&model, 6));
    model.deactivate_drives(&drives).unwrap();
    model.deactivate_containers(&containers, false).unwrap();
    assert_eq!(drive(&model, 6), (DriveStatus::PhasingOut, false));
    assert_eq!(states(&model, 6), [(State::Deactivating, Status::Up); 3]);

    // Only the container that has the drives waits for them.
    model.advance(minutes(10) - Duration::from_secs(1));
    assert_eq!(
        states(&model, 6)[..2],
        [
            (State::Deactivating, Status::Up),
            (State::Inactive, Status::Inactive)
        ]
    );
    assert!(model.remove_container(containers[0], true).is_err());
    assert!(model.remove_drives(&drives).is_err());

    model.advance(Duration::from_secs(1));
    assert_eq!(drive(&model, 6), (DriveStatus::Inactive, false));
    model.advance(minutes(1));
    assert_eq!(states(&model, 6)[0], (State::Inactive, Status::Up));
    assert!(
        model.remove_container(containers[0], true).is_err(),
        "it still runs"
    );
    model.advance(minutes(1));
    assert_eq!(states(&model, 6), [(State::Inactive, Status::Inactive); 3]);
    assert!(!model.serving().contains(&ip(6)));

    for id in containers {
        model.remove_container(id, true).unwrap();
    }
    assert_eq!(model.containers_of(ip(6)).count(), 0);
    let left: Vec<_> = model.drives().filter(|drive| drive.container.is_none()).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].uuid, drives[0]);
    model.remove_drives(&drives).unwrap();
    assert_eq!(model.drives().count(), 5);
    assert!(model.remove_drives(&drives).is_err(), "it is known no more");
}

#[test]
fn a_clock_moved_at_once_or_in_steps_shows_the_same() {
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
fn what_would_leave_too_little_is_refused_and_changes_nothing() {
    let mut model = cluster(6);
    let both = [uuids(&model, 5), uuids(&model, 6)].concat();
    let before = model.disks_list();
    let refusal = model.deactivate_drives(&both).unwrap_err();
    assert!(
        refusal.message.starts_with("not enough failure domains: 4 "),
        "{refusal}"
    );
    assert_eq!(model.disks_list(), before);

    // Containers are held to the same, and what is on its way out does not count.
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
    let refusal = model.deactivate_drives(&uuids(&model, 7)).unwrap_err();
    assert!(refusal.message.starts_with("not enough capacity"), "{refusal}");
    model.used_capacity = 0;
    model.deactivate_drives(&uuids(&model, 7)).unwrap();
}

#[test]
fn a_machine_that_is_down_takes_nothing_away_when_it_is_deactivated() {
    let mut model = cluster(5);
    model.machine_down(ip(5));
    model.advance(minutes(20));
    assert_eq!(drive(&model, 5), (DriveStatus::Inactive, true));
    model.deactivate_containers(&ids(&model, 5), false).unwrap();
    model.advance(minutes(2));
    assert_eq!(states(&model, 5), [(State::Inactive, Status::Inactive); 3]);
}

#[test]
fn unknown_ids_are_refused() {
    let mut model = cluster(6);
    assert!(model.deactivate_drives(&["x".to_owned()]).is_err());
    assert!(model.remove_drives(&["x".to_owned()]).is_err());
    assert!(model.deactivate_containers(&[0, 99], false).is_err());
    assert!(model.remove_container(99, true).is_err());
    assert!(model.scan_drives(99).is_err());
    assert_eq!(states(&model, 1), [(State::Active, Status::Up); 3]);
}

#[test]
fn a_machine_goes_down_and_comes_back() {
    let mut model = cluster(6);
    model.advance(minutes(1));
    let fenced = model.now();
    model.machine_down(ip(6));
    assert!(!model.serving().contains(&ip(6)));
    assert_eq!(states(&model, 6), [(State::Active, Status::Down); 3]);
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));
    model.advance(minutes(4));
    model.machine_down(ip(6));
    let process = &model.containers_of(ip(6)).next().unwrap().processes[0];
    assert_eq!((process.fenced, process.up_since), (Some(fenced), None));
    // Five minutes after it went, not after it was said to have gone once more.
    model.advance(minutes(1));
    assert_eq!(drive(&model, 6), (DriveStatus::Failed, true));
    model.advance(minutes(1));
    assert_eq!(drive(&model, 6), (DriveStatus::PhasingOut, true));

    model.machine_up(ip(6));
    assert!(model.serving().contains(&ip(6)));
    assert_eq!(states(&model, 6), [(State::Active, Status::Up); 3]);
    assert_eq!(drive(&model, 6), (DriveStatus::PhasingIn, true));
    model.advance(minutes(30));
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));

    // One that was away for a moment only has lost nothing.
    model.machine_down(ip(6));
    model.advance(minutes(1));
    model.machine_up(ip(6));
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));
    model.advance(minutes(30));
    assert_eq!(drive(&model, 6), (DriveStatus::Active, true));
}

#[test]
fn a_drive_breaks_for_good() {
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
fn a_container_degrades_and_goes_down_by_itself() {
    let mut model = cluster(6);
    let id = ids(&model, 6)[1];
    model.set_process(id, 1, false).unwrap();
    assert_eq!(states(&model, 6)[1], (State::Active, Status::Degraded));
    model.set_process(id, 1, true).unwrap();
    assert_eq!(states(&model, 6)[1], (State::Active, Status::Up));
    model.container_down(id).unwrap();
    assert_eq!(
        states(&model, 6),
        [
            (State::Active, Status::Up),
            (State::Active, Status::Down),
            (State::Active, Status::Up)
        ]
    );
    assert!(model.serving().contains(&ip(6)));
    assert!(model.set_process(id, 7, true).is_err());
}

#[test]
fn an_address_that_is_given_again_is_another_machine_s() {
    let mut model = cluster(6);
    model.join_backend(&NewBackend::new(ip(6), "i-new"));
    let all: Vec<_> = states(&model, 6);
    assert_eq!(all[..3], [(State::Active, Status::Down); 3]);
    assert_eq!(all[3..], [(State::Active, Status::Up); 3]);
    let identifiers: std::collections::BTreeSet<_> = model
        .machines()
        .iter()
        .map(|machine| &machine.identifier)
        .collect();
    assert_eq!(identifiers.len(), 7);
    // What goes down is the one that has the address now.
    model.machine_down(ip(6));
    assert_eq!(states(&model, 6), [(State::Active, Status::Down); 6]);
}

#[test]
fn a_machine_joins_step_by_step() {
    let mut model = cluster(5);
    let container = |name: &str| NewContainer {
        name: name.to_owned(),
        mode: Mode::Backend,
        cores: 2,
        auto_remove: None,
    };
    let id = model.add_container(ip(9), "i-9", container("drives0")).unwrap();
    assert!(model.add_container(ip(9), "i-9", container("drives0")).is_err());
    let many = NewContainer {
        cores: 20,
        ..container("compute0")
    };
    assert!(model.add_container(ip(9), "i-9", many).is_err());
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

    // A second try begins with `weka local rm`.
    model.stop_containers(ip(9), "i-9");
    assert_eq!(states(&model, 9), [(State::Active, Status::Down); 2]);
    assert!(model.scan_drives(id).is_err());
    model.add_container(ip(9), "i-9", container("drives0")).unwrap();
    assert_eq!(states(&model, 9).len(), 3);
}

#[test]
fn weka_forgets_a_client_that_stays_away() {
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
    assert_eq!(states(&model, 20), [(State::Active, Status::Down)]);
    model.advance(minutes(1));
    assert_eq!(states(&model, 20), []);
    assert_eq!(states(&model, 21), [(State::Active, Status::Down)]);
    // It can be taken out as backends are, and needs nobody's place.
    let id = ids(&model, 21)[0];
    model.deactivate_containers(&[id], false).unwrap();
    model.advance(minutes(2));
    model.remove_container(id, true).unwrap();
}

#[test]
fn removing_without_waiting_shows_for_a_while_where_it_takes_one() {
    let settings = Settings {
        remove: Duration::from_secs(5),
        ..Settings::default()
    };
    let mut model = Model::new(settings);
    model.found(&NewBackend::new(ip(1), "i-1"));
    model.deactivate_containers(&[2], false).unwrap();
    model.advance(minutes(2));
    model.remove_container(2, true).unwrap();
    assert_eq!(states(&model, 1)[2], (State::Removing, Status::Inactive));
    model.advance(minutes(1));
    assert_eq!(states(&model, 1).len(), 2);
}
