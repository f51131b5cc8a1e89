//! A state of the model, and the lists and the group that Weka and AWS report for it.

use crate::cluster::{active_drive, address, ago, healthy_status, instance, node, now, unknown_host};
use scaling::messages::Role;
use scaling::policy::{GracePeriods, Group};
use weka_types::ids::{DiskId, DriveUuid, HostId, NodeId};
use weka_types::lists::{
    Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, Node, NodeStatus,
};

/// The maximum number of machines.
pub(super) const SLOTS: usize = 7;
/// The number of containers of a machine: drives0 and compute0.
pub(super) const CONTAINERS: u32 = 2;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) slots: Vec<Slot>,
    pub(super) desired: usize,
    pub(super) run: Run,
    pub(super) faults: Faults,
    /// The first invariant that was broken.
    pub(super) violation: Option<&'static str>,
}

/// The faults that can still happen, at most one of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a different fault")]
pub(super) struct Faults {
    pub(super) call_fails: bool,
    pub(super) machine_dies: bool,
    pub(super) machine_stops: bool,
    pub(super) drive_breaks: bool,
    pub(super) never_joins: bool,
}

impl Faults {
    /// One fault of each of these kinds, which are numbered from 0 to 4.
    pub(super) fn new(kinds: &[usize]) -> Self {
        let has = |kind| kinds.contains(&kind);
        Self {
            call_fails: has(0),
            machine_dies: has(1),
            machine_stops: has(2),
            drive_breaks: has(3),
            never_joins: has(4),
        }
    }

    pub(super) fn is_spent(self) -> bool {
        !(self.call_fails || self.machine_dies || self.machine_stops || self.drive_breaks || self.never_joins)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Slot {
    pub(super) instance: Option<Ec2>,
    /// The containers that Weka still lists.
    pub(super) containers: Vec<HostState>,
    pub(super) down: Down,
    pub(super) drive: Option<DriveStatus>,
    /// Whether the drive was not deactivated.
    pub(super) wanted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Ec2 {
    pub(super) power: Power,
    /// Whether it is in the group.
    pub(super) member: bool,
    pub(super) protected: bool,
    /// Whether the group reports it as unhealthy.
    pub(super) unhealthy: bool,
    /// Whether its join timeout is over.
    pub(super) old: bool,
    pub(super) never_joins: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Power {
    Running,
    Stopped,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Down {
    #[default]
    No,
    Short,
    Long,
}

/// The run in progress.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Run {
    None,
    /// *scale* executes its plan.
    Scaling(Scaling),
    /// *terminate* executes its plan.
    Terminating(Terminating),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scaling {
    pub(super) tasks: Vec<scaling::drain::Task>,
    pub(super) task: usize,
    pub(super) call: usize,
    /// Whether a call of the task failed.
    pub(super) incomplete: bool,
    /// The machines whose tasks succeeded completely.
    pub(super) removed: Vec<usize>,
    /// How many machines must remain, and by how many the group exceeded its desired capacity, when the run started.
    pub(super) min_remaining: usize,
    pub(super) excess: usize,
}

impl Scaling {
    pub(super) fn next_task(&mut self) {
        self.task += 1;
        self.call = 0;
        self.incomplete = false;
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Terminating {
    pub(super) detach: Vec<usize>,
    pub(super) terminate: Vec<usize>,
    /// The slots with a container that was not INACTIVE in the list that was read last.
    pub(super) occupied: Vec<usize>,
}

impl State {
    pub(super) fn new(machines: usize, desired: usize, faults: Faults) -> Self {
        let mut state = Self {
            slots: vec![Slot::default(); SLOTS],
            desired,
            run: Run::None,
            faults,
            violation: None,
        };
        for slot in &mut state.slots[..machines] {
            slot.instance = Some(Ec2 {
                old: true,
                ..Ec2::new()
            });
            slot.join();
        }
        state
    }

    pub(super) fn group(&self) -> Group {
        Group {
            role: Role::Backend,
            desired: u32::try_from(self.desired).unwrap(),
            instances: (0..)
                .zip(&self.slots)
                .filter(|(_, slot)| slot.is_in_group())
                .map(|(number, _)| instance(number))
                .collect(),
            grace_periods: GracePeriods::default(),
        }
    }

    /// Weka's lists.
    pub(super) fn lists(&self) -> Lists {
        let mut lists = Lists {
            status: healthy_status(),
            ..Lists::default()
        };
        for (number, slot) in (0..).zip(&self.slots) {
            slot.add_to(number, &mut lists);
        }
        lists
    }

    /// Sorts the slots between runs, to make equivalent states equal. The number of a machine matters only for the order in
    /// which machines of the same kind are chosen: healthy machines come first or last, and empty slots at the end.
    pub(super) fn renumber(&mut self, healthy_first: bool) {
        if self.run == Run::None {
            self.slots.sort_by_key(|slot| match slot {
                slot if *slot == Slot::default() => 3,
                slot if slot.is_healthy() => {
                    if healthy_first {
                        0
                    } else {
                        2
                    }
                }
                _ => 1,
            });
        }
    }

    /// Members of the group.
    pub(super) fn members(&self) -> impl Iterator<Item = (usize, &Ec2)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(number, slot)| Some((number, slot.instance.as_ref()?)))
            .filter(|(_, ec2)| ec2.member)
    }

    /// Whether the group has its desired capacity, all its machines are healthy, and nothing else remains.
    pub(super) fn is_settled(&self) -> bool {
        let is_done = |slot: &Slot| {
            slot.is_healthy()
                || (slot.containers.is_empty()
                    && slot.drive.is_none()
                    && slot.instance.is_none_or(|ec2| !ec2.member))
        };
        self.run == Run::None && self.members().count() == self.desired && self.slots.iter().all(is_done)
    }
}

impl Ec2 {
    pub(super) fn new() -> Self {
        Self {
            power: Power::Running,
            member: true,
            protected: true,
            unhealthy: false,
            old: false,
            never_joins: false,
        }
    }
}

impl Slot {
    pub(super) fn join(&mut self) {
        self.containers = vec![HostState::Active; CONTAINERS as usize];
        self.drive = Some(DriveStatus::Active);
        self.wanted = true;
        self.down = Down::No;
    }

    /// Whether it is a healthy machine of the group.
    pub(super) fn is_healthy(&self) -> bool {
        self.instance
            .is_some_and(|ec2| ec2.member && ec2.power == Power::Running && !ec2.unhealthy)
            && self.containers == [HostState::Active; CONTAINERS as usize]
            && self.down == Down::No
            && self.drive == Some(DriveStatus::Active)
            && self.wanted
    }

    /// Whether its instance is in the group and has an address.
    pub(super) fn is_in_group(&self) -> bool {
        self.instance
            .is_some_and(|ec2| ec2.member && ec2.power != Power::Terminated)
    }

    /// Whether one of its containers is not INACTIVE.
    pub(super) fn is_occupied(&self) -> bool {
        self.containers.iter().any(|state| *state != HostState::Inactive)
    }

    pub(super) fn is_draining(&self) -> bool {
        let is_leaving = self.containers.iter().any(|state| *state != HostState::Active);
        !self.containers.is_empty() && (is_leaving || (self.drive.is_some() && !self.wanted))
    }

    fn add_to(&self, number: u32, lists: &mut Lists) {
        let down_since = match self.down {
            Down::No => None,
            Down::Short => Some(ago(10)),
            Down::Long => Some(ago(500)),
        };
        // Containers are deregistered in order: the remaining ones are the last.
        let deregistered = CONTAINERS - u32::try_from(self.containers.len()).unwrap();
        for (index, state) in (deregistered..).zip(&self.containers) {
            let id = HostId(CONTAINERS * number + index);
            lists.hosts.0.push(Host {
                state: *state,
                status: match (*state, self.down) {
                    (HostState::Inactive, _) => HostStatus::Inactive,
                    (_, Down::No) => HostStatus::Up,
                    _ => HostStatus::Down,
                },
                mode: Mode::Backend,
                host_ip: Some(address(number)),
                instance_id: Some(instance(number).id.into()),
                container_name: Some(["drives0", "compute0"][index as usize].into()),
                machine_identifier: Some(format!("machine-{number}")),
                added_time: Some(ago(1_000)),
                state_changed_time: Some(ago(900)),
                ..unknown_host(id)
            });
            lists.nodes.0.push(Node {
                status: if down_since.is_some() {
                    NodeStatus::Down
                } else {
                    NodeStatus::Up
                },
                last_fencing_time: down_since,
                ..node(NodeId(20 * id.0), id)
            });
        }
        if let Some(status) = self.drive {
            let host = if deregistered == 0 {
                DriveHost::Host(HostId(CONTAINERS * number))
            } else {
                DriveHost::None
            };
            let uuid = DriveUuid(format!("drive-{number}"));
            lists.drives.0.push(Drive {
                status,
                should_be_active: Some(self.wanted),
                ..active_drive(DiskId(number), host, uuid)
            });
        }
    }
}

/// The time of every decision.
pub(super) fn time() -> jiff::Timestamp {
    now()
}
