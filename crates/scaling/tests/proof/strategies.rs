//! Strategies for clusters: 0 to 200 machines, with any mixture of states, missing values, unmanaged machines and clients.

use crate::cluster::{active_drive, address, ago, node, unknown_host};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use scaling::messages::{Instance, Role};
use scaling::policy::{GracePeriods, Group};
use std::net::IpAddr;
use weka_types::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use weka_types::lists::{
    Capacity, Drive, DriveHost, DriveStatus, Drives, Host, HostState, HostStatus, Hosts, InterfaceGroup,
    InterfaceGroups, InterfacePort, Lists, Mode, Node, NodeStatus, Nodes, Optional, Overrides, Percent,
    ProtectionLevel, Rebuild, RebuildStatus, SKIP_SCALE_DOWN, ServingHosts, Status,
};

#[derive(Debug, Clone)]
struct AnyMachine {
    containers: Vec<AnyContainer>,
    /// `Some(true)`: an instance of the group; `Some(false)`: its address belongs to another instance; `None`: unmanaged.
    instance: Option<bool>,
    /// How many different machine identifiers its containers have; 0 means that Weka reports none.
    identifiers: usize,
    has_address: bool,
    /// Whether it has the address of the machine before it.
    reuses_address: bool,
}

#[derive(Debug, Clone)]
struct AnyContainer {
    state: HostState,
    status: HostStatus,
    mode: Mode,
    added: Option<Timestamp>,
    changed: Option<Timestamp>,
    management_process: Option<(NodeStatus, Option<Timestamp>, Option<Timestamp>)>,
    drives: Vec<(DriveStatus, Option<bool>)>,
    has_instance_id: bool,
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    prop_oneof![
        1 => Just(None),
        6 => select(vec![-10, 0, 3, 5, 6, 29, 30, 31, 119, 120, 121, 179, 180, 181, 500, 5_000]).prop_map(|m| Some(ago(m))),
        1 => (-100_000_i64..1_000_000).prop_map(|m| Some(ago(m))),
    ]
}

fn usually<T: Copy + std::fmt::Debug + 'static>(
    usual: T,
    all: &'static [T],
    unknown: T,
) -> impl Strategy<Value = T> {
    prop_oneof![12 => Just(usual), 4 => select(all), 1 => Just(unknown)]
}

fn any_container(condition: Condition) -> impl Strategy<Value = AnyContainer> {
    let state = match condition {
        Condition::Removed => {
            prop_oneof![3 => Just(HostState::Inactive), 1 => Just(HostState::Removing)].boxed()
        }
        Condition::Leaving => select(vec![
            HostState::Deactivating,
            HostState::Removing,
            HostState::Inactive,
            HostState::Drained,
        ])
        .boxed(),
        Condition::Healthy => Just(HostState::Active).boxed(),
        Condition::Down | Condition::Any => {
            usually(HostState::Active, HostState::ALL, HostState::Unknown).boxed()
        }
    };
    let status = match condition {
        Condition::Removed => usually(HostStatus::Inactive, HostStatus::ALL, HostStatus::Unknown).boxed(),
        Condition::Down => select(vec![HostStatus::Down, HostStatus::Degraded, HostStatus::Inactive]).boxed(),
        _ => usually(HostStatus::Up, HostStatus::ALL, HostStatus::Unknown).boxed(),
    };
    let node = match condition {
        Condition::Down => usually(NodeStatus::Down, NodeStatus::ALL, NodeStatus::Unknown).boxed(),
        _ => usually(NodeStatus::Up, NodeStatus::ALL, NodeStatus::Unknown).boxed(),
    };
    let drive_status = match condition {
        Condition::Removed => usually(DriveStatus::Inactive, DriveStatus::ALL, DriveStatus::Unknown).boxed(),
        Condition::Healthy => Just(DriveStatus::Active).boxed(),
        _ => usually(DriveStatus::Active, DriveStatus::ALL, DriveStatus::Unknown).boxed(),
    };
    let wanted = prop_oneof![8 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)];
    let wanted = if condition == Condition::Healthy {
        Just(Some(true)).boxed()
    } else {
        wanted.boxed()
    };
    (
        state,
        status,
        usually(Mode::Backend, Mode::ALL, Mode::Unknown),
        time(),
        time(),
        proptest::option::weighted(0.9, (node, time(), time())),
        proptest::collection::vec((drive_status, wanted), 0..4),
        proptest::bool::weighted(0.95),
    )
        .prop_map(
            |(state, status, mode, added, changed, management_process, drives, has_instance_id)| {
                AnyContainer {
                    state,
                    status,
                    mode,
                    added,
                    changed,
                    management_process,
                    drives,
                    has_instance_id,
                }
            },
        )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Healthy,
    Leaving,
    Removed,
    Down,
    Any,
}

fn any_machine() -> impl Strategy<Value = AnyMachine> {
    let condition = prop_oneof![
        8 => Just(Condition::Healthy), 2 => Just(Condition::Leaving), 2 => Just(Condition::Removed), 3 => Just(Condition::Down),
        3 => Just(Condition::Any)
    ];
    condition.prop_flat_map(|condition| {
        (
            prop_oneof![
                10 => proptest::collection::vec(any_container(condition), 1..=3),
                2 => proptest::collection::vec(any_container(condition), 0..=6)
            ],
            prop_oneof![12 => Just(Some(true)), 1 => Just(Some(false)), 3 => Just(None)],
            prop_oneof![12 => Just(1_usize), 1 => Just(0), 1 => Just(2)],
            proptest::bool::weighted(0.97),
            proptest::bool::weighted(0.08),
        )
            .prop_map(
                |(containers, instance, identifiers, has_address, reuses_address)| AnyMachine {
                    containers,
                    instance,
                    identifiers,
                    has_address,
                    reuses_address,
                },
            )
    })
}

/// The protection and the capacity of the data, and the number of data drives of a stripe.
fn any_protection() -> impl Strategy<Value = (RebuildStatus, Capacity, Option<u32>)> {
    let level = (
        0_u64..3,
        prop_oneof![3 => Just(0_u32), 1 => Just(1), 1 => Just(100_000)],
    );
    let level = level.prop_map(|(num_failures, percent)| ProtectionLevel {
        num_failures,
        percent: Percent(percent),
    });
    let known = (
        proptest::collection::vec(level, 0..3),
        proptest::option::of(proptest::bool::weighted(0.9)),
        proptest::option::weighted(0.1, Just(Percent(10))),
    );
    let known = known.prop_map(|(protection, enough_active_fds, unavailable)| {
        RebuildStatus::Known(Rebuild {
            protection,
            enough_active_fds,
            unavailable,
            ..Rebuild::default()
        })
    });
    let rebuild = prop_oneof![
        10 => Just(RebuildStatus::Known(Rebuild::default())),
        3 => known,
        1 => Just(RebuildStatus::Unknown),
        1 => Just(RebuildStatus::Malformed("protectionState")),
    ];
    let capacity = (
        proptest::option::of(10_000_u64..60_000),
        proptest::option::of(0_u64..60_000),
    );
    let capacity = capacity.prop_map(|(total_bytes, unprovisioned_bytes)| Capacity {
        total_bytes,
        unprovisioned_bytes,
    });
    (
        rebuild,
        capacity,
        prop_oneof![Just(None), (3_u32..6).prop_map(Some)],
    )
}

type Protocols = (
    Optional<InterfaceGroups>,
    Optional<ServingHosts>,
    Optional<ServingHosts>,
);

fn any_protocols() -> impl Strategy<Value = Protocols> {
    let port = (0_u32..200).prop_map(|host| InterfacePort {
        host_id: HostId(host),
        port: "eth1".into(),
    });
    let ports = proptest::collection::vec(port, 0..6);
    let group =
        (ports, prop_oneof![5 => Just("NFS"), 1 => Just("SMB")]).prop_map(|(ports, kind)| InterfaceGroup {
            name: "group".into(),
            kind: kind.into(),
            ports,
        });
    let groups =
        proptest::collection::vec(group, 0..2).prop_map(|groups| Optional::Read(InterfaceGroups(groups)));
    let groups = prop_oneof![12 => groups, 1 => Just(Optional::Failed("no".to_owned()))];
    let hosts = || {
        let hosts = proptest::collection::vec((0_u32..200).prop_map(HostId), 0..3);
        let read = hosts.prop_map(|hosts| Optional::Read(ServingHosts(hosts)));
        prop_oneof![4 => Just(Optional::default()), 2 => read, 1 => Just(Optional::Failed("no".to_owned()))]
    };
    (groups, hosts(), hosts())
}

/// A cluster and the group to scale.
pub(crate) fn any_cluster() -> impl Strategy<Value = (Lists, Group)> {
    let machines = prop_oneof![
        4 => proptest::collection::vec(any_machine(), 0..7),
        16 => proptest::collection::vec(any_machine(), 7..20),
        1 => proptest::collection::vec(any_machine(), 0..=200),
    ];
    let other_drives = proptest::collection::vec(
        (
            usually(DriveStatus::Inactive, DriveStatus::ALL, DriveStatus::Unknown),
            0_usize..3,
        ),
        0..3,
    );
    let io_status = prop_oneof![30 => Just("STARTED"), 1 => Just("STOPPED"), 1 => Just("")];
    let upgrade = prop_oneof![30 => Just(None), 1 => Just(Some("upgrading".to_owned()))];
    let overrides = prop_oneof![30 => Just(vec!["other"]), 1 => Just(vec!["other", SKIP_SCALE_DOWN])];
    (
        machines,
        other_drives,
        io_status,
        upgrade,
        overrides,
        -4_i64..4,
        any::<bool>(),
        any_protection(),
        any_protocols(),
    )
        .prop_map(
            |(
                machines,
                other_drives,
                io_status,
                upgrade,
                overrides,
                offset,
                backend,
                protection,
                protocols,
            )| {
                let (rebuild, capacity, stripe) = protection;
                let (interface_groups, smb, s3) = protocols;
                let mut lists = Lists {
                    status: Status {
                        io_status: io_status.into(),
                        upgrade,
                        rebuild,
                        capacity,
                        stripe_data_drives: stripe,
                        stripe_protection_drives: Some(2),
                        hot_spare: Some(1),
                        ..Status::default()
                    },
                    overrides: Overrides(overrides.into_iter().map(str::to_owned).collect()),
                    interface_groups,
                    smb,
                    s3,
                    ..Lists::default()
                };
                let mut instances = Vec::new();
                let mut last = 0;
                for (number, machine) in (0..).zip(&machines) {
                    last = if machine.reuses_address { last } else { number };
                    add_machine(
                        &mut lists,
                        &mut instances,
                        number,
                        address(last),
                        machine,
                        backend,
                    );
                }
                for (number, (status, owner)) in (0..).zip(other_drives) {
                    let host = [
                        DriveHost::None,
                        DriveHost::Unknown,
                        DriveHost::Host(HostId(999_999)),
                    ][owner];
                    let uuid = DriveUuid(format!("other-{number}"));
                    lists.drives.0.push(Drive {
                        status,
                        should_be_active: Some(false),
                        ..active_drive(DiskId(900_000 + number), host, uuid)
                    });
                }
                let desired = i64::try_from(instances.len()).unwrap() + offset;
                let group = Group {
                    role: if backend { Role::Backend } else { Role::Client },
                    desired: u32::try_from(desired.max(0)).unwrap(),
                    instances,
                    grace_periods: GracePeriods::default(),
                };
                (lists, group)
            },
        )
}

fn add_machine(
    lists: &mut Lists,
    instances: &mut Vec<Instance>,
    number: u32,
    address: IpAddr,
    machine: &AnyMachine,
    backend: bool,
) {
    let id = format!("i-{number:04}");
    if let Some(has_own_id) = machine.instance {
        let id = if has_own_id {
            id.clone()
        } else {
            format!("i-other-{number}")
        };
        instances.push(Instance {
            id,
            private_ip: address.to_string(),
        });
    }
    for (index, container) in (0..).zip(&machine.containers) {
        let host = HostId(10 * number + index);
        // For a group of clients, most containers are clients.
        let mode = match container.mode {
            Mode::Backend if !backend => Mode::Client,
            Mode::Client if !backend => Mode::Backend,
            mode => mode,
        };
        lists.hosts.0.push(Host {
            state: container.state,
            status: container.status,
            mode,
            host_ip: machine.has_address.then_some(address),
            instance_id: container.has_instance_id.then(|| InstanceId(id.clone())),
            container_name: Some(format!(
                "{}0",
                ["drives", "compute", "frontend", "dataserv"][index as usize % 4]
            )),
            machine_identifier: (machine.identifiers > 0)
                .then(|| format!("{number}-{}", index as usize % machine.identifiers)),
            added_time: container.added,
            state_changed_time: container.changed,
            last_failure_time: container.changed,
            ..unknown_host(host)
        });
        if let Some((status, last_fencing_time, up_since)) = container.management_process {
            // The management process, and another one that must not matter.
            for (offset, status) in [(0, status), (1, NodeStatus::Down)] {
                lists.nodes.0.push(Node {
                    status,
                    last_fencing_time,
                    up_since,
                    ..node(NodeId(20 * host.0 + offset), host)
                });
            }
        }
        for (drive, (status, should_be_active)) in (0..).zip(&container.drives) {
            let uuid = DriveUuid(format!("{number:04}-{index}-{drive}"));
            let id = DiskId(100 * number + 10 * index + drive);
            lists.drives.0.push(Drive {
                status: *status,
                should_be_active: *should_be_active,
                size_bytes: Some(1_000),
                ..active_drive(id, DriveHost::Host(host), uuid)
            });
        }
    }
}

/// The same lists in another order.
pub(crate) fn shuffled(lists: &Lists, seed: u64) -> Lists {
    fn shuffle<T: Clone>(list: &[T], mut seed: u64) -> Vec<T> {
        let mut list = list.to_vec();
        for index in (1..list.len()).rev() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            list.swap(index, usize::try_from(seed >> 33).unwrap() % (index + 1));
        }
        list
    }
    Lists {
        status: lists.status.clone(),
        hosts: Hosts(shuffle(&lists.hosts.0, seed)),
        drives: Drives(shuffle(&lists.drives.0, seed)),
        nodes: Nodes(shuffle(&lists.nodes.0, seed)),
        overrides: lists.overrides.clone(),
        filesystems: lists.filesystems.clone(),
        interface_groups: lists.interface_groups.clone(),
        smb: lists.smb.clone(),
        s3: lists.s3.clone(),
    }
}
