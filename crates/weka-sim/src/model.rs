//! The cluster: a plain value that changes only through its methods. Its clock moves only with [`Model::advance`].

mod auth;
mod calls;
mod clock;
mod faults;
mod lists;
mod members;
mod protection;
mod protocols;
mod settings;

pub use auth::Credentials;
pub use faults::{Fault, FaultKind};
pub use members::{NewBackend, NewClient, NewContainer};
pub use settings::{ApiVersion, Settings};

use auth::Tokens;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use weka_types::lists::{DriveStatus, HostState, HostStatus, InterfaceGroup, Mode};

/// The number of process ids reserved for each container. The first one is the management process.
const PROCESS_IDS_PER_CONTAINER: u32 = 20;

/// A simulated Weka cluster.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    now: Timestamp,
    /// Added to all times in the lists.
    display_offset: SignedDuration,
    machines: Vec<Machine>,
    containers: BTreeMap<u32, Container>,
    drives: BTreeMap<u32, Drive>,
    next_container: u32,
    next_drive: u32,
    tokens: Tokens,
    overrides: Vec<String>,
    events: Vec<Event>,
    requests: Vec<Request>,
    /// `STARTED` if the cluster serves IO.
    pub io_status: String,
    /// The upgrade in progress.
    pub upgrade: Option<String>,
    /// The SSD capacity that is provisioned, in bytes.
    pub used_capacity: u64,
    interface_groups: Vec<InterfaceGroup>,
    /// Containers of the S3 cluster.
    s3: BTreeSet<u32>,
    /// Containers of the SMB cluster.
    smb: BTreeSet<u32>,
}

/// An instance that is or was a member.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The private address. A later instance can get the same one.
    pub address: IpAddr,
    pub instance_id: String,
    /// The `machine_identifier` of its containers.
    pub identifier: String,
    pub running: bool,
    faults: Vec<Fault>,
    /// Devices that are signed for Weka but not yet drives of the cluster.
    signed: Vec<String>,
}

/// A container. Weka's API calls it a host.
#[derive(Debug, Clone)]
pub struct Container {
    /// The number in `HostId<n>`.
    pub id: u32,
    /// `drives0`, `compute0`, `frontend0`, or `client` of a stateless client.
    pub name: String,
    pub mode: Mode,
    pub state: HostState,
    pub added: Timestamp,
    /// `None` until the state changes for the first time, as in a response of a real cluster.
    pub state_changed: Option<Timestamp>,
    /// When its processes last started.
    pub started: Timestamp,
    /// The management process is the first one.
    pub processes: Vec<Process>,
    /// How long a client can be down before Weka removes it.
    pub auto_remove: Option<Duration>,
    machine: usize,
    stopped: bool,
    /// The time of the next change of its state.
    due: Option<Timestamp>,
}

/// A process of a container. Weka's API calls it a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub up: bool,
    /// When it was last excluded from the cluster.
    pub fenced: Option<Timestamp>,
    pub up_since: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub struct Drive {
    /// The number in `DiskId<n>`.
    pub id: u32,
    /// The id that API calls use.
    pub uuid: String,
    /// `None` after the container is removed.
    pub container: Option<u32>,
    pub status: DriveStatus,
    pub should_be_active: bool,
    /// The hardware failed permanently.
    broken: bool,
    /// The time of the next change of its status.
    due: Option<Timestamp>,
}

/// An entry of the cluster's event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// By the cluster's clock.
    pub time: Timestamp,
    pub message: String,
}

/// A request that a backend received.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The address of the backend.
    pub to: IpAddr,
    pub method: String,
    /// `null` if the parameters contain secrets.
    pub params: Value,
    pub executed: bool,
}

/// A JSON-RPC error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// A code of JSON-RPC, or one of Weka's.
    pub code: i64,
    pub message: String,
}

impl RpcError {
    /// Weka cannot execute the call in the cluster's current state.
    pub const REJECTED: i64 = -32000;
    /// The access token is missing or not valid.
    pub const NOT_LOGGED_IN: i64 = -32001;
    /// The username, the password or the refresh token is wrong.
    pub const INVALID_CREDENTIALS: i64 = -32002;

    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    fn rejected(message: impl Into<String>) -> Self {
        Self::new(Self::REJECTED, message)
    }
}

impl Container {
    pub fn status(&self) -> HostStatus {
        match self.state {
            HostState::Adding => HostStatus::Adding,
            HostState::Draining => HostStatus::Draining,
            HostState::Drained => HostStatus::Drained,
            _ => self.process_status(),
        }
    }

    fn set_state(&mut self, state: HostState, now: Timestamp) {
        self.state = state;
        self.state_changed = Some(now);
    }

    /// The status of its processes, whatever its state is.
    fn process_status(&self) -> HostStatus {
        let up = self.processes.iter().filter(|process| process.up).count();
        match up {
            _ if self.stopped => HostStatus::Inactive,
            0 => HostStatus::Down,
            up if up == self.processes.len() => HostStatus::Up,
            _ => HostStatus::Degraded,
        }
    }
}

impl Model {
    /// Creates a cluster without machines.
    pub fn new(settings: Settings) -> Self {
        Self {
            now: settings.start,
            display_offset: SignedDuration::ZERO,
            machines: Vec::new(),
            containers: BTreeMap::new(),
            drives: BTreeMap::new(),
            next_container: 0,
            next_drive: 0,
            tokens: Tokens::default(),
            overrides: Vec::new(),
            events: Vec::new(),
            requests: Vec::new(),
            io_status: "STARTED".to_owned(),
            upgrade: None,
            used_capacity: 0,
            interface_groups: Vec::new(),
            s3: BTreeSet::new(),
            smb: BTreeSet::new(),
            settings,
        }
    }

    /// The time of the cluster's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Shows the cluster's current time as `time` in the lists, and shifts all other times by the same offset. Use it
    /// when the reader of the lists has a clock that cannot be moved.
    pub fn set_displayed_time(&mut self, time: Timestamp) {
        self.display_offset = time.duration_since(self.now);
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings for all later operations. An operation in progress keeps its duration.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// All current and former machines.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// All containers, sorted by id.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.containers.values()
    }

    /// The containers of all machines that have or had this address.
    pub fn containers_of(&self, address: IpAddr) -> impl Iterator<Item = &Container> {
        self.containers()
            .filter(move |container| self.machines[container.machine].address == address)
    }

    /// All drives, sorted by id.
    pub fn drives(&self) -> impl Iterator<Item = &Drive> {
        self.drives.values()
    }

    /// The address of the container's machine.
    pub fn address_of(&self, container: &Container) -> IpAddr {
        self.machines[container.machine].address
    }

    /// The drives of all containers with this address.
    pub fn drives_of(&self, address: IpAddr) -> impl Iterator<Item = &Drive> {
        self.drives().filter(move |drive| {
            drive
                .container
                .is_some_and(|id| self.machines[self.containers[&id].machine].address == address)
        })
    }

    /// The event log.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn log_event(&mut self, message: String) {
        self.events.push(Event {
            time: self.now,
            message,
        });
    }

    /// The requests since the start, or since the last call of [`take_requests`](Self::take_requests).
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The number of requests for each method.
    pub fn request_counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for request in &self.requests {
            *counts.entry(request.method.as_str()).or_default() += 1;
        }
        counts
    }

    /// Returns the recorded requests and clears them.
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    pub(crate) fn record_request(&mut self, request: Request) {
        self.requests.push(request);
    }

    /// Sets a manual override, such as `skip_scale_down`.
    pub fn set_override(&mut self, key: &str) {
        self.overrides.push(key.to_owned());
    }

    /// Removes a manual override.
    pub fn clear_override(&mut self, key: &str) {
        self.overrides.retain(|set| set != key);
    }

    /// The addresses that serve the management API: those of running machines with a running backend container.
    pub fn serving(&self) -> Vec<IpAddr> {
        let serves = |index| {
            self.containers.values().any(|container| {
                container.machine == index && container.mode == Mode::Backend && container.processes[0].up
            })
        };
        let machines = self.machines.iter().enumerate();
        machines
            .filter(|(index, machine)| machine.running && serves(*index))
            .map(|(_, machine)| machine.address)
            .collect()
    }

    /// The index of the machine that currently has this address.
    fn machine_at(&self, address: IpAddr) -> Option<usize> {
        self.machines
            .iter()
            .rposition(|machine| machine.address == address)
    }
}

impl Drive {
    /// Whether its capacity counts.
    fn is_in_use(&self) -> bool {
        self.should_be_active && matches!(self.status, DriveStatus::Active | DriveStatus::PhasingIn)
    }
}

#[cfg(test)]
mod tests;
