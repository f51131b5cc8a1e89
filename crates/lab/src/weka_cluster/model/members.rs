//! Becoming a member: machines, their containers and drives.

use super::{Container, Drive, DriveStatus, Machine, Mode, Model, PROCESSES, Process, Refusal, State};
use std::net::IpAddr;
use std::time::Duration;

/// A backend that the cluster has from the start, or that joins in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBackend {
    /// Its address, on which its API is served.
    pub address: IpAddr,
    /// Its instance.
    pub instance_id: String,
    /// How many drives it has.
    pub drives: u32,
    /// Whether it has a container `frontend0` beside `drives0` and `compute0`.
    pub frontend: bool,
}

impl NewBackend {
    /// With one drive and all three containers.
    pub fn new(address: IpAddr, instance_id: &str) -> Self {
        Self {
            address,
            instance_id: instance_id.to_owned(),
            drives: 1,
            frontend: true,
        }
    }
}

/// A client that joins in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClient {
    /// Its address.
    pub address: IpAddr,
    /// Its instance.
    pub instance_id: String,
    /// How long it may be away before Weka forgets it.
    pub auto_remove: Option<Duration>,
}

/// A container that is set up on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContainer {
    /// Its name.
    pub name: String,
    /// What it is.
    pub mode: Mode,
    /// How many cores it has: processes beside the management process, at most 19.
    pub cores: u32,
    /// How long it may be away before Weka forgets it.
    pub auto_remove: Option<Duration>,
}

impl Model {
    /// Makes a machine with its containers a member from now on, its drives active at once: how a cluster is founded.
    pub fn found(&mut self, backend: &NewBackend) {
        self.add_backend(backend, DriveStatus::Active);
    }

    /// Makes a machine with its containers a member, its drives phasing in: what a join script does, in one go.
    pub fn join_backend(&mut self, backend: &NewBackend) {
        self.add_backend(backend, DriveStatus::PhasingIn);
    }

    fn add_backend(&mut self, backend: &NewBackend, status: DriveStatus) {
        let machine = self.machine(backend.address, &backend.instance_id);
        let mut names = vec!["drives0", "compute0"];
        names.extend(backend.frontend.then_some("frontend0"));
        let mut ids = names.into_iter().map(|name| {
            let container = NewContainer {
                name: name.to_owned(),
                mode: Mode::Backend,
                cores: 1,
                auto_remove: None,
            };
            self.insert_container(machine, container)
        });
        let first = ids.next();
        ids.for_each(drop);
        for _ in 0..backend.drives {
            self.insert_drive(first, status);
        }
    }

    /// Makes a client a member.
    pub fn join_client(&mut self, client: &NewClient) {
        let machine = self.machine(client.address, &client.instance_id);
        let container = NewContainer {
            name: "client0".to_owned(),
            mode: Mode::Client,
            cores: 1,
            auto_remove: client.auto_remove,
        };
        self.insert_container(machine, container);
    }

    /// Adds a container to the machine of this instance and tells its id.
    ///
    /// # Errors
    /// The machine has a running container of that name, or it is to have more cores than ids of processes.
    pub fn add_container(
        &mut self,
        address: IpAddr,
        instance_id: &str,
        container: NewContainer,
    ) -> Result<u32, Refusal> {
        if container.cores >= PROCESSES {
            return Err(Refusal::refused("a container has at most 19 cores"));
        }
        let machine = self.machine(address, instance_id);
        let taken = self
            .containers
            .values()
            .any(|other| other.machine == machine && other.name == container.name && other.processes[0].up);
        if taken {
            return Err(Refusal::refused(format!(
                "container {} runs on {address} already",
                container.name
            )));
        }
        Ok(self.insert_container(machine, container))
    }

    /// Signs a device of a machine, so that the next scan finds it.
    pub fn sign_drive(&mut self, address: IpAddr, instance_id: &str, device: &str) {
        let machine = self.machine(address, instance_id);
        let signed = &mut self.machines[machine].signed;
        if !signed.iter().any(|known| known == device) {
            signed.push(device.to_owned());
        }
    }

    /// Makes the signed devices of a container's machine drives of that container, and tells how many.
    ///
    /// # Errors
    /// There is no such container, or it is no active backend.
    pub fn scan_drives(&mut self, container: u32) -> Result<usize, Refusal> {
        let found = self.container(container)?;
        if found.mode != Mode::Backend || found.state != State::Active || !found.processes[0].up {
            return Err(Refusal::refused(format!(
                "HostId<{container}> is no backend that is up and active"
            )));
        }
        let machine = found.machine;
        let signed = std::mem::take(&mut self.machines[machine].signed);
        for _ in &signed {
            self.insert_drive(Some(container), DriveStatus::PhasingIn);
        }
        Ok(signed.len())
    }

    /// Ends the containers that run on the machine of this instance: what `weka local rm --all` leaves of them in the
    /// cluster is a member that is down.
    pub fn stop_containers(&mut self, address: IpAddr, instance_id: &str) {
        let machine = self.machine(address, instance_id);
        let all: Vec<_> = self.containers_on(machine);
        self.shut_out(&all);
    }

    /// The machine of this instance at this address. Another that had the address before is gone.
    fn machine(&mut self, address: IpAddr, instance_id: &str) -> usize {
        if let Some(index) = self.machine_at(address) {
            if self.machines[index].instance_id == instance_id {
                // What does something runs.
                self.machines[index].running = true;
                return index;
            }
            self.machine_down(address);
        }
        self.machines.push(Machine {
            address,
            instance_id: instance_id.to_owned(),
            identifier: format!("{:032x}", self.machines.len() + 1),
            running: true,
            faults: Vec::new(),
            signed: Vec::new(),
        });
        self.machines.len() - 1
    }

    fn insert_container(&mut self, machine: usize, new: NewContainer) -> u32 {
        let id = self.next_container;
        self.next_container += 1;
        let process = Process {
            up: true,
            fenced: None,
            up_since: Some(self.now),
        };
        let container = Container {
            id,
            name: new.name,
            mode: new.mode,
            state: State::Active,
            added: self.now,
            state_changed: self.now,
            // One manages the others, of which each has a core.
            processes: (0..=new.cores).map(|_| process.clone()).collect(),
            auto_remove: new.auto_remove,
            machine,
            stopped: false,
            due: None,
        };
        self.containers.insert(id, container);
        id
    }

    fn insert_drive(&mut self, container: Option<u32>, status: DriveStatus) {
        let id = self.next_drive;
        self.next_drive += 1;
        let due = (status == DriveStatus::PhasingIn).then(|| self.now + self.settings.phase_in);
        let drive = Drive {
            id,
            uuid: format!("00000000-0000-4000-8000-{id:012x}"),
            container,
            status,
            should_be_active: true,
            broken: false,
            due,
        };
        self.drives.insert(id, drive);
    }
}
