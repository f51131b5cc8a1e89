//! Faults that a test injects.

use super::{DriveStatus, HostState, Mode, Model, Process, RpcError};
use std::net::IpAddr;
use std::time::Duration;

/// How a backend's API misbehaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Executes the call and delays the response, by the real clock.
    Slow(Duration),
    /// Returns this HTTP status and does not execute the call.
    Status(u16),
    /// Returns this error and does not execute the call.
    Error(RpcError),
    /// Executes the call and closes the connection without a response.
    Disconnect,
    /// Executes the call and returns a body that is not JSON.
    Garbage,
}

/// A fault of a backend's API. It stays until it is cleared or used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    method: Option<String>,
    skip: u32,
    remaining: Option<u32>,
}

impl Fault {
    /// Applies to every request.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            method: None,
            skip: 0,
            remaining: None,
        }
    }

    /// Applies only to requests of this method.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Skips the first `count` matching requests.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Applies to at most `count` matching requests.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.remaining = Some(count);
        self
    }
}

impl Model {
    /// Adds a fault to the API of the backend at this address. If several match a request, the first one applies.
    pub fn add_fault(&mut self, address: IpAddr, fault: Fault) {
        if let Some(machine) = self.machine_at(address) {
            self.machines[machine].faults.push(fault);
        }
    }

    /// Removes all faults of a backend's API.
    pub fn clear_faults(&mut self, address: IpAddr) {
        if let Some(machine) = self.machine_at(address) {
            self.machines[machine].faults.clear();
        }
    }

    /// Returns the fault that applies to a request and counts the use.
    pub(crate) fn take_fault(&mut self, address: IpAddr, method: &str) -> Option<FaultKind> {
        let machine = self.machine_at(address)?;
        let faults = &mut self.machines[machine].faults;
        let index = faults.iter().position(|fault| {
            fault.method.as_deref().is_none_or(|only| only == method) && fault.remaining != Some(0)
        })?;
        let fault = &mut faults[index];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.remaining = fault.remaining.map(|remaining| remaining - 1);
        Some(fault.kind.clone())
    }

    /// Stops or disconnects the machine at this address: its API refuses connections, its containers go down, and after
    /// [`failure_timeout`](super::Settings::failure_timeout) Weka marks its drives as failed.
    pub fn machine_down(&mut self, address: IpAddr) {
        let Some(machine) = self.machine_at(address) else {
            return;
        };
        // A machine that is already down keeps the time when it went down.
        if !std::mem::replace(&mut self.machines[machine].running, false) {
            return;
        }
        let containers = self.containers_on(machine);
        self.stop_processes(&containers);
        let failure = self.now + self.settings.failure_timeout;
        let rebuild = self.now + self.settings.rebuild_delay;
        for drive in self.drives.values_mut() {
            if drive.container.is_none_or(|id| !containers.contains(&id)) {
                continue;
            }
            match drive.status {
                DriveStatus::Active => drive.due = Some(failure),
                DriveStatus::PhasingIn => (drive.status, drive.due) = (DriveStatus::Failed, Some(rebuild)),
                // Weka rebuilds their data from the other machines.
                DriveStatus::PhasingOut
                | DriveStatus::Failed
                | DriveStatus::Inactive
                | DriveStatus::Unknown => {}
            }
        }
    }

    /// Drains the machine at this address for maintenance. After
    /// [`draining`](super::Settings::draining), its containers are DRAINED and can stop.
    pub fn start_maintenance(&mut self, address: IpAddr) {
        let Some(machine) = self.machine_at(address) else {
            return;
        };
        if !self.machines[machine].running {
            return;
        }
        let (now, drained) = (self.now, self.now + self.settings.draining);
        for id in self.containers_on(machine) {
            if let Some(container) = self.containers.get_mut(&id)
                && container.state == HostState::Active
            {
                container.set_state(HostState::Draining, now);
                container.due = Some(drained);
            }
        }
    }

    /// Starts the machine at this address again, with its containers and drives.
    pub fn machine_up(&mut self, address: IpAddr) {
        let Some(machine) = self.machine_at(address) else {
            return;
        };
        self.machines[machine].running = true;
        let (now, phased_in) = (self.now, self.now + self.settings.phase_in);
        let containers = self.containers_on(machine);
        for id in &containers {
            let Some(container) = self.containers.get_mut(id) else {
                continue;
            };
            if container.stopped {
                continue;
            }
            if container.state == HostState::Active {
                container.due = None;
            }
            if container.state.is_in_maintenance() {
                container.set_state(HostState::Active, now);
                container.due = None;
            }
            if container.processes.iter().all(|process| !process.up) {
                container.started = now;
            }
            for process in container.processes.iter_mut().filter(|process| !process.up) {
                process.up = true;
                process.up_since = Some(now);
            }
        }
        for drive in self.drives.values_mut() {
            let on_machine = drive.container.is_some_and(|id| containers.contains(&id));
            if !on_machine || drive.broken || !drive.should_be_active {
                continue;
            }
            if drive.status == DriveStatus::Active {
                drive.due = None;
            } else {
                (drive.status, drive.due) = (DriveStatus::PhasingIn, Some(phased_in));
            }
        }
    }

    /// Stops a container while its machine keeps running.
    ///
    /// # Errors
    /// The container does not exist.
    pub fn container_down(&mut self, id: u32) -> Result<(), RpcError> {
        self.container(id)?;
        self.stop_processes(&[id]);
        Ok(())
    }

    /// Stops or starts a process of a container. Process 0 is the management process.
    ///
    /// # Errors
    /// The container or the process does not exist.
    pub fn set_process(&mut self, container: u32, process: usize, up: bool) -> Result<(), RpcError> {
        let now = self.now;
        let found = self.container_mut(container)?;
        let process = found
            .processes
            .get_mut(process)
            .ok_or_else(|| RpcError::rejected(format!("HostId<{container}> has no process {process}")))?;
        if up && !process.up {
            process.up_since = Some(now);
            process.up = true;
        } else if !up {
            fence(process, now);
        }
        Ok(())
    }

    /// Breaks a drive: it becomes `FAILED`, then `PHASING_OUT`, then `INACTIVE`, but `should_be_active` stays true.
    ///
    /// # Errors
    /// The drive does not exist.
    pub fn fail_drive(&mut self, uuid: &str) -> Result<(), RpcError> {
        let due = self.now + self.settings.rebuild_delay;
        let id = self.drive_id(uuid)?;
        if let Some(drive) = self.drives.get_mut(&id) {
            drive.broken = true;
            if matches!(drive.status, DriveStatus::Active | DriveStatus::PhasingIn) {
                (drive.status, drive.due) = (DriveStatus::Failed, Some(due));
            }
        }
        Ok(())
    }

    pub(super) fn containers_on(&self, machine: usize) -> Vec<u32> {
        let on_machine = self
            .containers
            .values()
            .filter(|container| container.machine == machine);
        on_machine.map(|container| container.id).collect()
    }

    pub(super) fn stop_processes(&mut self, containers: &[u32]) {
        let now = self.now;
        for id in containers {
            let Some(container) = self.containers.get_mut(id) else {
                continue;
            };
            for process in &mut container.processes {
                fence(process, now);
            }
            if let (Mode::Client, HostState::Active, Some(after)) =
                (container.mode, container.state, container.auto_remove)
            {
                container.due = container.due.or(Some(now + after));
            }
        }
    }
}

fn fence(process: &mut Process, now: jiff::Timestamp) {
    if process.up {
        process.up = false;
        process.fenced = Some(now);
        process.up_since = None;
    }
}
