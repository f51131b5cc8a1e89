//! Hand-made clusters.

use jiff::{SignedDuration, Timestamp};
use scaling::messages::{Instance, Role};
use scaling::policy::{GracePeriods, Group};
use std::net::{IpAddr, Ipv4Addr};
use weka_types::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use weka_types::lists::{
    Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, Node, NodeStatus, Rebuild,
    RebuildStatus, Status,
};

/// The time of every decision.
pub(crate) fn now() -> Timestamp {
    // 2026-01-31T08:00:00Z. The model calls this for every container of every state: parsing takes too long.
    Timestamp::constant(1_769_846_400, 0)
}

pub(crate) fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

pub(crate) fn address(machine: u32) -> IpAddr {
    let [_, _, high, low] = (machine + 1).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
}

pub(crate) fn instance(machine: u32) -> Instance {
    Instance {
        id: format!("i-{machine:04}"),
        private_ip: address(machine).to_string(),
    }
}

/// A cluster of machines `0..n`, all healthy. Each has three containers (`3n`, `3n + 1`, `3n + 2`) and two drives on the
/// first of them. Machine 0 is the oldest.
pub(crate) fn cluster(machines: u32) -> Lists {
    let mut lists = Lists {
        status: healthy_status(),
        ..Lists::default()
    };
    for machine in 0..machines {
        add_machine(&mut lists, machine);
    }
    lists
}

/// The status of a cluster whose data is fully protected. The capacity is unknown.
pub(crate) fn healthy_status() -> Status {
    Status {
        io_status: "STARTED".into(),
        stripe_data_drives: Some(3),
        stripe_protection_drives: Some(2),
        rebuild: RebuildStatus::Known(Rebuild::default()),
        ..Status::default()
    }
}

/// A container of which only the id is known.
pub(crate) fn unknown_host(id: HostId) -> Host {
    Host {
        id,
        state: HostState::Unknown,
        status: HostStatus::Unknown,
        mode: Mode::Unknown,
        host_ip: None,
        instance_id: None,
        container_name: None,
        machine_identifier: None,
        added_time: None,
        state_changed_time: None,
        start_time: None,
        last_failure_time: None,
        auto_remove_timeout: None,
        unknown_values: Vec::new(),
    }
}

/// A process that is up.
pub(crate) fn node(id: NodeId, host: HostId) -> Node {
    Node {
        id,
        host: Some(host),
        status: NodeStatus::Up,
        last_fencing_time: None,
        up_since: None,
        unknown_values: Vec::new(),
    }
}

/// An active drive.
pub(crate) fn active_drive(id: DiskId, host: DriveHost, uuid: DriveUuid) -> Drive {
    Drive {
        id,
        host,
        status: DriveStatus::Active,
        uuid,
        should_be_active: Some(true),
        size_bytes: None,
        unknown_values: Vec::new(),
    }
}

fn add_machine(lists: &mut Lists, machine: u32) {
    for (index, name) in (0..).zip(["drives0", "compute0", "frontend0"]) {
        let id = HostId(3 * machine + index);
        lists.hosts.0.push(Host {
            state: HostState::Active,
            status: HostStatus::Up,
            mode: Mode::Backend,
            host_ip: Some(address(machine)),
            instance_id: Some(InstanceId(instance(machine).id)),
            container_name: Some(name.into()),
            machine_identifier: Some(format!("machine-{machine}")),
            added_time: Some(ago(100_000 - i64::from(machine))),
            state_changed_time: Some(ago(90_000)),
            ..unknown_host(id)
        });
        lists.nodes.0.push(Node {
            up_since: Some(ago(95_000)),
            ..node(NodeId(20 * id.0), id)
        });
    }
    for index in 0..2 {
        let host = DriveHost::Host(HostId(3 * machine));
        lists.drives.0.push(active_drive(
            DiskId(2 * machine + index),
            host,
            drive(machine, index),
        ));
    }
}

pub(crate) fn drive(machine: u32, index: u32) -> DriveUuid {
    DriveUuid(format!("{machine:04}-{index}"))
}

/// A group with the instances `0..n`.
pub(crate) fn group(desired: u32, instances: u32) -> Group {
    Group {
        role: Role::Backend,
        desired,
        instances: (0..instances).map(instance).collect(),
        grace_periods: GracePeriods::default(),
    }
}

/// Changes to machines of a [`cluster`].
pub(crate) trait Change {
    fn hosts_of(&mut self, machine: u32) -> &mut [Host];
    fn drives_of(&mut self, machine: u32) -> &mut [Drive];
    /// All its processes went down this long ago.
    fn down(&mut self, machine: u32, minutes: i64);
    /// Its drives were deactivated and its containers are deactivating.
    fn deactivating(&mut self, machine: u32);
    /// It has left the cluster.
    fn removed(&mut self, machine: u32);
}

impl Change for Lists {
    fn hosts_of(&mut self, machine: u32) -> &mut [Host] {
        let first = 3 * machine as usize;
        &mut self.hosts.0[first..first + 3]
    }

    fn drives_of(&mut self, machine: u32) -> &mut [Drive] {
        let first = 2 * machine as usize;
        &mut self.drives.0[first..first + 2]
    }

    fn down(&mut self, machine: u32, minutes: i64) {
        for host in self.hosts_of(machine) {
            host.status = HostStatus::Down;
        }
        let first = 3 * machine as usize;
        for node in &mut self.nodes.0[first..first + 3] {
            node.status = NodeStatus::Down;
            node.last_fencing_time = Some(ago(minutes));
        }
    }

    fn deactivating(&mut self, machine: u32) {
        for host in self.hosts_of(machine) {
            host.state = HostState::Deactivating;
        }
        for drive in self.drives_of(machine) {
            drive.status = DriveStatus::PhasingOut;
            drive.should_be_active = Some(false);
        }
    }

    fn removed(&mut self, machine: u32) {
        for host in self.hosts_of(machine) {
            host.state = HostState::Inactive;
            host.status = HostStatus::Inactive;
        }
        for drive in self.drives_of(machine) {
            drive.status = DriveStatus::Inactive;
            drive.should_be_active = Some(false);
        }
    }
}
