//! Machines, containers and drives that join the cluster.

use super::{
    Container, Drive, DriveStatus, HostState, Machine, Mode, Model, PROCESS_IDS_PER_CONTAINER, Process,
    RpcError,
};
use std::net::IpAddr;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBackend {
    /// The address that serves the API.
    pub address: IpAddr,
    pub instance_id: String,
    /// The number of drives.
    pub drives: u32,
    /// Adds a container `frontend0` to `drives0` and `compute0`.
    pub frontend: bool,
}

impl NewBackend {
    /// A backend with one drive and all three containers.
    pub fn new(address: IpAddr, instance_id: &str) -> Self {
        Self {
            address,
            instance_id: instance_id.to_owned(),
            drives: 1,
            frontend: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClient {
    pub address: IpAddr,
    pub instance_id: String,
    /// How long the client can be down before Weka removes it.
    pub auto_remove: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContainer {
    pub name: String,
    pub mode: Mode,
    /// The number of processes in addition to the management process, at most 19.
    pub cores: u32,
    /// How long a client can be down before Weka removes it.
    pub auto_remove: Option<Duration>,
}

impl Model {
    /// Adds a backend whose drives are active immediately, as when a cluster is created.
    pub fn add_backend(&mut self, backend: &NewBackend) {
        self.insert_backend(backend, DriveStatus::Active);
    }

    /// Adds a backend whose drives are phasing in: the result of a join script, in one step.
    pub fn join_backend(&mut self, backend: &NewBackend) {
        self.insert_backend(backend, DriveStatus::PhasingIn);
    }

    fn insert_backend(&mut self, backend: &NewBackend, status: DriveStatus) {
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

    /// Adds a container to the machine of this instance and returns its id.
    ///
    /// # Errors
    /// The machine already has a running container with that name, or `cores` is more than 19.
    pub fn add_container(
        &mut self,
        address: IpAddr,
        instance_id: &str,
        container: NewContainer,
    ) -> Result<u32, RpcError> {
        if container.cores >= PROCESS_IDS_PER_CONTAINER {
            return Err(RpcError::rejected("a container has at most 19 cores"));
        }
        let machine = self.machine(address, instance_id);
        let taken = self
            .containers
            .values()
            .any(|other| other.machine == machine && other.name == container.name && other.processes[0].up);
        if taken {
            return Err(RpcError::rejected(format!(
                "container {} already runs on {address}",
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

    /// Adds the signed devices of a container's machine as drives of that container, and returns their number.
    ///
    /// # Errors
    /// The container does not exist or is not an active backend.
    pub fn scan_drives(&mut self, container: u32) -> Result<usize, RpcError> {
        let found = self.container(container)?;
        if found.mode != Mode::Backend || found.state != HostState::Active || !found.processes[0].up {
            return Err(RpcError::rejected(format!(
                "HostId<{container}> is not an active backend that is up"
            )));
        }
        let machine = found.machine;
        let signed = std::mem::take(&mut self.machines[machine].signed);
        for _ in &signed {
            self.insert_drive(Some(container), DriveStatus::PhasingIn);
        }
        Ok(signed.len())
    }

    /// Stops a container. After `weka local rm` it is still a member of the cluster, with the status `DOWN`.
    pub fn stop_container(&mut self, id: u32) {
        self.stop_processes(&[id]);
    }

    /// Returns the index of the machine of this instance at this address. Stops any earlier machine with this address.
    fn machine(&mut self, address: IpAddr, instance_id: &str) -> usize {
        if let Some(index) = self.machine_at(address) {
            if self.machines[index].instance_id == instance_id {
                // A machine that sends a command is running.
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
        let adding = self.settings.adding;
        let is_adding = new.mode == Mode::Backend && !adding.is_zero();
        let container = Container {
            id,
            name: new.name,
            mode: new.mode,
            state: if is_adding {
                HostState::Adding
            } else {
                HostState::Active
            },
            added: self.now,
            state_changed: None,
            started: self.now,
            // The management process, and one process per core.
            processes: (0..=new.cores).map(|_| process.clone()).collect(),
            auto_remove: new.auto_remove,
            machine,
            stopped: false,
            due: is_adding.then(|| self.now + adding),
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
