//! The cluster itself: a plain value that changes only when it is told to, with a clock that stands until it is moved.

mod changes;
mod faults;
mod lists;
mod logins;
mod members;
mod settings;
mod time;

pub use faults::{Fault, FaultKind};
pub use logins::Credentials;
pub use members::{NewBackend, NewClient, NewContainer};
pub use settings::Settings;

use jiff::{SignedDuration, Timestamp};
use logins::Logins;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How many ids of processes a container has: its management process has the first.
const PROCESSES: u32 = 20;

/// The simulated cluster.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    now: Timestamp,
    /// What its lists' times are later than its own clock's.
    ahead: SignedDuration,
    machines: Vec<Machine>,
    containers: BTreeMap<u32, Container>,
    drives: BTreeMap<u32, Drive>,
    next_container: u32,
    next_drive: u32,
    logins: Logins,
    overrides: Vec<String>,
    events: Vec<Event>,
    requests: Vec<Request>,
    /// `io_status`: `STARTED` where the cluster serves.
    pub io_status: String,
    /// What upgrade is running.
    pub upgrade: Option<String>,
    /// How much of the drives' capacity is in use, in bytes.
    pub used_capacity: u64,
}

/// A machine: an instance with an address.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its private address. A later instance may have it again.
    pub address: IpAddr,
    /// The instance.
    pub instance_id: String,
    /// What its containers give as `machine_identifier`.
    pub identifier: String,
    /// Whether it runs.
    pub running: bool,
    faults: Vec<Fault>,
    /// The devices that were signed for Weka and are no drives of the cluster yet.
    signed: Vec<String>,
}

/// Weka's words for whether a container is a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// A member.
    Active,
    /// On its way out.
    Deactivating,
    /// A member no more.
    Inactive,
    /// Being removed.
    Removing,
}

/// Weka's words for whether a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// All its processes run.
    Up,
    /// Some do.
    Degraded,
    /// None does.
    Down,
    /// It was stopped after it had been deactivated.
    Inactive,
}

/// What a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It holds or serves data.
    Backend,
    /// It uses data.
    Client,
}

/// Weka's words for what a drive does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DriveStatus {
    /// It holds data.
    Active,
    /// Data is moved to it.
    PhasingIn,
    /// Its data is moved away.
    PhasingOut,
    /// It holds none.
    Inactive,
    /// It broke.
    Failed,
}

/// A container, which Weka's API calls a host.
#[derive(Debug, Clone)]
pub struct Container {
    /// The number in `HostId<n>`.
    pub id: u32,
    /// `drives0`, `compute0`, `frontend0`, `client0`.
    pub name: String,
    /// What it is.
    pub mode: Mode,
    /// Whether it is a member.
    pub state: State,
    /// When it was added.
    pub added: Timestamp,
    /// When its state changed last.
    pub state_changed: Timestamp,
    /// Its processes, the management process first.
    pub processes: Vec<Process>,
    /// How long it may be away before Weka forgets it; a client's.
    pub auto_remove: Option<Duration>,
    machine: usize,
    stopped: bool,
    due: Option<Timestamp>,
}

/// A process of a container, which Weka's API calls a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Whether it runs.
    pub up: bool,
    /// When it was last shut out of the cluster.
    pub fenced: Option<Timestamp>,
    /// Since when it runs.
    pub up_since: Option<Timestamp>,
}

/// A drive.
#[derive(Debug, Clone)]
pub struct Drive {
    /// The number in `DiskId<n>`.
    pub id: u32,
    /// By what calls name it.
    pub uuid: String,
    /// Its container; none after that was removed.
    pub container: Option<u32>,
    /// What it does.
    pub status: DriveStatus,
    /// Whether it is to hold data.
    pub should_be_active: bool,
    /// Whether its hardware is gone for good.
    broken: bool,
    due: Option<Timestamp>,
}

/// Something that was said in the cluster's event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, by the cluster's clock.
    pub at: Timestamp,
    /// What.
    pub message: String,
}

/// A request that a backend was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The backend.
    pub to: IpAddr,
    /// The method.
    pub method: String,
    /// Its parameters; null where they are secret.
    pub params: Value,
    /// Whether it was carried out.
    pub carried_out: bool,
}

/// JSON-RPC's and Weka's way to say no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// JSON-RPC's code, or one of Weka's own.
    pub code: i64,
    /// Why.
    pub message: String,
}

impl Refusal {
    /// The code of what Weka could do and does not.
    pub const REFUSED: i64 = -32000;
    /// The code of a request without a good access token.
    pub const NOT_LOGGED_IN: i64 = -32001;
    /// The code of a login with wrong credentials or a refresh token that is not good.
    pub const CREDENTIALS: i64 = -32002;

    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    fn refused(message: impl Into<String>) -> Self {
        Self::new(Self::REFUSED, message)
    }
}

impl Container {
    /// Whether it runs.
    pub fn status(&self) -> Status {
        let up = self.processes.iter().filter(|process| process.up).count();
        match up {
            _ if self.stopped => Status::Inactive,
            0 => Status::Down,
            up if up == self.processes.len() => Status::Up,
            _ => Status::Degraded,
        }
    }
}

impl Model {
    /// A cluster of no machine.
    pub fn new(settings: Settings) -> Self {
        Self {
            now: settings.start,
            ahead: SignedDuration::ZERO,
            machines: Vec::new(),
            containers: BTreeMap::new(),
            drives: BTreeMap::new(),
            next_container: 0,
            next_drive: 0,
            logins: Logins::default(),
            overrides: Vec::new(),
            events: Vec::new(),
            requests: Vec::new(),
            io_status: "STARTED".to_owned(),
            upgrade: None,
            used_capacity: 0,
            settings,
        }
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Makes what is `now` by this cluster's clock `time` in its lists, and all other times there accordingly: for who
    /// reads them with another clock, which nobody moves.
    pub fn show_now_as(&mut self, time: Timestamp) {
        self.ahead = time.duration_since(self.now);
    }

    /// How it was made.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The machines that it ever had.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The containers, by id.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.containers.values()
    }

    /// The containers of the machine that has this address now, and of those that had it before.
    pub fn containers_of(&self, address: IpAddr) -> impl Iterator<Item = &Container> {
        self.containers()
            .filter(move |container| self.machines[container.machine].address == address)
    }

    /// The drives, by id.
    pub fn drives(&self) -> impl Iterator<Item = &Drive> {
        self.drives.values()
    }

    /// The drives of the containers with this address.
    pub fn drives_of(&self, address: IpAddr) -> impl Iterator<Item = &Drive> {
        self.drives().filter(move |drive| {
            drive
                .container
                .is_some_and(|id| self.machines[self.containers[&id].machine].address == address)
        })
    }

    /// What was said in the event log.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub(super) fn say(&mut self, message: String) {
        self.events.push(Event {
            at: self.now,
            message,
        });
    }

    /// The requests since the start, or since they were [taken](Self::take_requests).
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// How many requests of each method there were.
    pub fn request_counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for request in &self.requests {
            *counts.entry(request.method.as_str()).or_default() += 1;
        }
        counts
    }

    /// The requests so far, of which the cluster then forgets.
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    pub(super) fn note(&mut self, request: Request) {
        self.requests.push(request);
    }

    /// Sets a manual override, such as `skip_scale_down`.
    pub fn set_override(&mut self, key: &str) {
        self.overrides.push(key.to_owned());
    }

    /// Takes a manual override away.
    pub fn clear_override(&mut self, key: &str) {
        self.overrides.retain(|set| set != key);
    }

    /// The addresses at which the management API is served: those of machines that run and have a container that does.
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

    /// The machine that has this address now.
    fn machine_at(&self, address: IpAddr) -> Option<usize> {
        self.machines
            .iter()
            .rposition(|machine| machine.address == address)
    }

    /// How much the active drives hold, in bytes.
    pub fn capacity(&self) -> u64 {
        let active = self.drives.values().filter(|drive| drive.is_in_use()).count();
        self.settings.drive_capacity * u64::try_from(active).unwrap_or(u64::MAX)
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
