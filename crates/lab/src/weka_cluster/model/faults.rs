//! What goes wrong when a test wants it to.

use super::{DriveStatus, Mode, Model, Process, Refusal, State};
use std::net::IpAddr;
use std::time::Duration;

/// How a backend's API misbehaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// It carries the call out and answers this much later, by the real clock.
    Slow(Duration),
    /// It answers with this HTTP status and carries nothing out.
    Status(u16),
    /// It answers with this refusal and carries nothing out.
    Refuse(Refusal),
    /// It carries the call out and closes the connection without an answer.
    HangUp,
    /// It carries the call out and answers with something that is not JSON.
    Garbage,
}

/// A fault of a backend's API, until it is cleared or used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    method: Option<String>,
    spared: u32,
    left: Option<u32>,
}

impl Fault {
    /// At every request.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            method: None,
            spared: 0,
            left: None,
        }
    }

    /// At requests of this method only.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Not at the first `count` requests that it concerns.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.spared = count;
        self
    }

    /// At the next `count` requests that it concerns.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.left = Some(count);
        self
    }
}

impl Model {
    /// Adds a fault to the API of the backend at this address. Of several that concern a request, the first counts.
    pub fn add_fault(&mut self, address: IpAddr, fault: Fault) {
        if let Some(machine) = self.machine_at(address) {
            self.machines[machine].faults.push(fault);
        }
    }

    /// Takes all faults of a backend's API away.
    pub fn clear_faults(&mut self, address: IpAddr) {
        if let Some(machine) = self.machine_at(address) {
            self.machines[machine].faults.clear();
        }
    }

    /// The fault that concerns a request, which is then one time used up.
    pub(crate) fn use_fault(&mut self, address: IpAddr, method: &str) -> Option<FaultKind> {
        let machine = self.machine_at(address)?;
        let faults = &mut self.machines[machine].faults;
        let place = faults.iter().position(|fault| {
            fault.method.as_deref().is_none_or(|only| only == method) && fault.left != Some(0)
        })?;
        let fault = &mut faults[place];
        if fault.spared > 0 {
            fault.spared -= 1;
            return None;
        }
        fault.left = fault.left.map(|left| left - 1);
        Some(fault.kind.clone())
    }

    /// The machine at this address stops, or is cut off: its API refuses connections, its containers go down, and after
    /// [`away`](super::Settings::away) its drives are taken for failed.
    pub fn machine_down(&mut self, address: IpAddr) {
        let Some(machine) = self.machine_at(address) else {
            return;
        };
        // One that has been away keeps the time since which it is.
        if !std::mem::replace(&mut self.machines[machine].running, false) {
            return;
        }
        let containers = self.containers_on(machine);
        self.shut_out(&containers);
        let (away, failed) = (self.now + self.settings.away, self.now + self.settings.failed);
        for drive in self.drives.values_mut() {
            if drive.container.is_none_or(|id| !containers.contains(&id)) {
                continue;
            }
            match drive.status {
                DriveStatus::Active => drive.due = Some(away),
                DriveStatus::PhasingIn => (drive.status, drive.due) = (DriveStatus::Failed, Some(failed)),
                // What is phased out is rebuilt from the other machines.
                DriveStatus::PhasingOut | DriveStatus::Failed | DriveStatus::Inactive => {}
            }
        }
    }

    /// The machine at this address is there again, with what it had.
    pub fn machine_up(&mut self, address: IpAddr) {
        let Some(machine) = self.machine_at(address) else {
            return;
        };
        self.machines[machine].running = true;
        let (now, in_again) = (self.now, self.now + self.settings.phase_in);
        let containers = self.containers_on(machine);
        for id in &containers {
            let Some(container) = self.containers.get_mut(id) else {
                continue;
            };
            if container.stopped {
                continue;
            }
            if container.state == State::Active {
                container.due = None;
            }
            for process in container.processes.iter_mut().filter(|process| !process.up) {
                process.up = true;
                process.up_since = Some(now);
            }
        }
        for drive in self.drives.values_mut() {
            let here = drive.container.is_some_and(|id| containers.contains(&id));
            if !here || drive.broken || !drive.should_be_active {
                continue;
            }
            if drive.status == DriveStatus::Active {
                drive.due = None;
            } else {
                (drive.status, drive.due) = (DriveStatus::PhasingIn, Some(in_again));
            }
        }
    }

    /// A container goes down while its machine runs on.
    ///
    /// # Errors
    /// There is no such container.
    pub fn container_down(&mut self, id: u32) -> Result<(), Refusal> {
        self.container(id)?;
        self.shut_out(&[id]);
        Ok(())
    }

    /// A process of a container goes down or comes up; 0 is the management process.
    ///
    /// # Errors
    /// There is no such container or process.
    pub fn set_process(&mut self, container: u32, process: usize, up: bool) -> Result<(), Refusal> {
        let now = self.now;
        let found = self.container_mut(container)?;
        let process = found
            .processes
            .get_mut(process)
            .ok_or_else(|| Refusal::refused(format!("HostId<{container}> has no process {process}")))?;
        if up && !process.up {
            process.up_since = Some(now);
            process.up = true;
        } else if !up {
            fence(process, now);
        }
        Ok(())
    }

    /// A drive breaks: `FAILED`, then phased out, then `INACTIVE`, though it still should be active.
    ///
    /// # Errors
    /// There is no such drive.
    pub fn fail_drive(&mut self, uuid: &str) -> Result<(), Refusal> {
        let due = self.now + self.settings.failed;
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
        let here = self
            .containers
            .values()
            .filter(|container| container.machine == machine);
        here.map(|container| container.id).collect()
    }

    /// Ends all processes of these containers.
    pub(super) fn shut_out(&mut self, containers: &[u32]) {
        let now = self.now;
        for id in containers {
            let Some(container) = self.containers.get_mut(id) else {
                continue;
            };
            for process in &mut container.processes {
                fence(process, now);
            }
            if let (Mode::Client, State::Active, Some(after)) =
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
