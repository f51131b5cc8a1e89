//! A state of the model, and what Weka and AWS say of it.

use crate::cluster::{address, ago, instance, now};
use scaling::messages::Role;
use scaling::policy::{GracePeriods, Group};
use weka_types::ids::{DiskId, DriveUuid, HostId, NodeId};
use weka_types::lists::{
    Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, Node, NodeStatus, Status,
};

/// The most machines there are at a time.
pub(super) const SLOTS: usize = 7;
/// A machine's containers: drives0 and compute0.
pub(super) const CONTAINERS: u32 = 2;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) slots: Vec<Slot>,
    pub(super) desired: usize,
    pub(super) run: Run,
    pub(super) faults: Faults,
    /// The first invariant that was broken.
    pub(super) broken: Option<&'static str>,
}

/// The faults that are still to come, one of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(super) struct Faults {
    pub(super) call_fails: bool,
    pub(super) machine_dies: bool,
    pub(super) machine_stops: bool,
    pub(super) drive_breaks: bool,
    pub(super) never_joins: bool,
}

impl Faults {
    /// One of each of these kinds, of five.
    pub(super) fn of(kinds: &[usize]) -> Self {
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
    /// What Weka knows of it: its containers that are left.
    pub(super) containers: Vec<HostState>,
    pub(super) down: Down,
    pub(super) drive: Option<DriveStatus>,
    /// Whether the drive is to hold data.
    pub(super) wanted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Ec2 {
    pub(super) power: Power,
    /// Whether it is a member of the group.
    pub(super) member: bool,
    pub(super) protected: bool,
    /// Whether the group has noticed that it does not run.
    pub(super) unhealthy: bool,
    /// Whether it was launched long ago.
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

/// What the loop is doing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Run {
    None,
    /// *scale* carries its plan out.
    Scaling(Scaling),
    /// *terminate* carries its plan out.
    Terminating(Terminating),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scaling {
    pub(super) tasks: Vec<scaling::plan::Task>,
    pub(super) task: usize,
    pub(super) call: usize,
    /// Instances whose tasks were done whole.
    pub(super) left: Vec<usize>,
    /// The target when the run looked, and by how many the group exceeded it.
    pub(super) floor: usize,
    pub(super) excess: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Terminating {
    pub(super) detach: Vec<usize>,
    pub(super) terminate: Vec<usize>,
    /// The slots with a container that was not INACTIVE when the run looked last.
    pub(super) busy: Vec<usize>,
}

impl State {
    pub(super) fn new(machines: usize, desired: usize, faults: Faults) -> Self {
        let mut state = Self {
            slots: vec![Slot::default(); SLOTS],
            desired,
            run: Run::None,
            faults,
            broken: None,
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
            patience: GracePeriods::default(),
        }
    }

    /// What Weka's lists say.
    pub(super) fn lists(&self) -> Lists {
        let status = Status {
            io_status: "STARTED".into(),
            upgrade: None,
        };
        let mut lists = Lists {
            status,
            ..Lists::default()
        };
        for (number, slot) in (0..).zip(&self.slots) {
            slot.list(number, &mut lists);
        }
        lists
    }

    /// Between runs it does not matter which number a machine has, but for the order in which those of one kind are
    /// chosen: machines with which all is well come first, or last, and places without anything at the end.
    pub(super) fn renumber(&mut self, well_first: bool) {
        if self.run == Run::None {
            self.slots.sort_by_key(|slot| match slot {
                slot if *slot == Slot::default() => 3,
                slot if slot.is_well() => {
                    if well_first {
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

    /// Whether the group has what it is to have, all of it well, and nothing else is left.
    pub(super) fn is_settled(&self) -> bool {
        let well = |slot: &Slot| {
            slot.is_well()
                || (slot.containers.is_empty()
                    && slot.drive.is_none()
                    && slot.instance.is_none_or(|ec2| !ec2.member))
        };
        self.run == Run::None && self.members().count() == self.desired && self.slots.iter().all(well)
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

    /// Whether it is a machine of the group with which all is well.
    pub(super) fn is_well(&self) -> bool {
        self.instance
            .is_some_and(|ec2| ec2.member && ec2.power == Power::Running && !ec2.unhealthy)
            && self.containers == [HostState::Active; CONTAINERS as usize]
            && self.down == Down::No
            && self.drive == Some(DriveStatus::Active)
            && self.wanted
    }

    /// Whether its instance is one of the group, and has an address.
    pub(super) fn is_in_group(&self) -> bool {
        self.instance
            .is_some_and(|ec2| ec2.member && ec2.power != Power::Terminated)
    }

    /// Whether a container of it is a member of the cluster, or on its way out.
    pub(super) fn is_busy(&self) -> bool {
        self.containers.iter().any(|state| *state != HostState::Inactive)
    }

    pub(super) fn is_under_way(&self) -> bool {
        let leaves = self.containers.iter().any(|state| *state != HostState::Active);
        !self.containers.is_empty() && (leaves || (self.drive.is_some() && !self.wanted))
    }

    fn list(&self, number: u32, lists: &mut Lists) {
        let down_since = match self.down {
            Down::No => None,
            Down::Short => Some(ago(10)),
            Down::Long => Some(ago(500)),
        };
        // Containers are removed from the first on: those that are left are the last.
        let gone = CONTAINERS - u32::try_from(self.containers.len()).unwrap();
        for (place, state) in (gone..).zip(&self.containers) {
            let id = HostId(CONTAINERS * number + place);
            lists.hosts.0.push(Host {
                id,
                state: *state,
                status: match (*state, self.down) {
                    (HostState::Inactive, _) => HostStatus::Inactive,
                    (_, Down::No) => HostStatus::Up,
                    _ => HostStatus::Down,
                },
                mode: Mode::Backend,
                host_ip: Some(address(number)),
                instance_id: Some(instance(number).id.into()),
                container_name: Some(["drives0", "compute0"][place as usize].into()),
                machine_identifier: Some(format!("machine-{number}")),
                added_time: Some(ago(1_000)),
                state_changed_time: Some(ago(900)),
            });
            lists.nodes.0.push(Node {
                id: NodeId(20 * id.0),
                host: Some(id),
                status: if down_since.is_some() {
                    NodeStatus::Down
                } else {
                    NodeStatus::Up
                },
                last_fencing_time: down_since,
                up_since: None,
            });
        }
        if let Some(status) = self.drive {
            lists.drives.0.push(Drive {
                id: DiskId(number),
                host: if gone == 0 {
                    DriveHost::Host(HostId(CONTAINERS * number))
                } else {
                    DriveHost::None
                },
                status,
                uuid: DriveUuid(format!("drive-{number}")),
                should_be_active: Some(self.wanted),
            });
        }
    }
}

/// The time of all decisions.
pub(super) fn time() -> jiff::Timestamp {
    now()
}
