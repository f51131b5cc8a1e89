//! What Weka's agent knows about its machine: releases and local containers.

use super::arguments::{Exec, Local, Run, Setup, SetupContainer, Stop, Version};
use super::{Caller, ContainerProcess, rejected};
use crate::{Model, NewContainer, RpcError};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use weka_types::lists::Mode;

/// A container uses this many ports from its base port on.
const PORTS_PER_CONTAINER: u16 = 100;

/// The agents of all machines, by instance id.
#[derive(Debug, Default)]
pub struct Agents(BTreeMap<String, Agent>);

impl Agents {
    pub(super) fn of(&mut self, instance_id: &str) -> &mut Agent {
        self.0.entry(instance_id.to_owned()).or_default()
    }
}

#[derive(Debug, Default)]
pub(super) struct Agent {
    downloaded: BTreeSet<String>,
    prepared: BTreeSet<String>,
    current: Option<String>,
    containers: BTreeMap<String, LocalContainer>,
    /// Devices with a Weka partition.
    pub(super) signed: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct LocalContainer {
    /// Its number in the cluster; `None` for the default container, which joins none.
    id: Option<u32>,
    running: bool,
    base_port: u16,
    core_ids: Vec<u32>,
    nets: Vec<String>,
}

impl Agent {
    pub(super) fn version(
        &mut self,
        model: &Model,
        caller: &Caller<'_>,
        command: Version,
    ) -> Result<String, RpcError> {
        match command {
            Version::Get(get) => {
                if !get.from.iter().any(|from| caller.is_serving(model, from)) {
                    return Err(rejected(format!("{} does not respond", get.from.join(", "))));
                }
                if get.version != model.settings().release() {
                    return Err(rejected(format!("release {} not found", get.version)));
                }
                if get.set_current && self.containers.values().any(|container| container.running) {
                    return Err(rejected(
                        "the current version cannot be set: containers are running",
                    ));
                }
                if get.set_current {
                    self.current = Some(get.version.clone());
                }
                self.downloaded.insert(get.version);
            }
            Version::Prepare { version, containers } => {
                if !self.downloaded.contains(&version) {
                    return Err(rejected(format!("release {version} is not downloaded")));
                }
                if let Some(name) = containers
                    .iter()
                    .find(|name| !self.containers.contains_key(*name))
                {
                    return Err(unknown(name));
                }
                self.prepared.insert(version);
                if self.containers.is_empty() {
                    self.containers.insert("default".to_owned(), default_container());
                }
            }
        }
        Ok(String::new())
    }

    pub(super) fn local(
        &mut self,
        model: &mut Model,
        caller: &Caller<'_>,
        command: Local,
    ) -> Result<String, RpcError> {
        match command {
            Local::Setup(Setup::Container(setup)) => return self.set_up(model, caller, &setup),
            Local::Stop(Stop { containers, .. }) => {
                for name in self.selected(&containers, true)? {
                    if let Some(container) = self.containers.get_mut(&name) {
                        container.running = false;
                        if let Some(id) = container.id {
                            model.stop_container(id);
                        }
                    }
                }
            }
            Local::Rm(rm) => {
                if !rm.force {
                    return Err(rejected("weka local rm asks for confirmation: use --force"));
                }
                for name in self.selected(&rm.containers, rm.all)? {
                    if self
                        .containers
                        .get(&name)
                        .is_some_and(|container| container.running)
                    {
                        return Err(rejected(format!("container {name} is running")));
                    }
                    self.containers.remove(&name);
                }
            }
            Local::Run(_) | Local::Exec(_) => {
                return Err(rejected("the command runs inside a container"));
            }
        }
        Ok(String::new())
    }

    /// The containers with these names, or all of them.
    fn selected(&self, names: &[String], all: bool) -> Result<Vec<String>, RpcError> {
        match names.iter().find(|name| !self.containers.contains_key(*name)) {
            Some(name) => Err(unknown(name)),
            None if names.is_empty() && all => Ok(self.containers.keys().cloned().collect()),
            None if names.is_empty() => Err(rejected("no container is named: use --all")),
            None => Ok(names.to_vec()),
        }
    }

    fn set_up(
        &mut self,
        model: &mut Model,
        caller: &Caller<'_>,
        setup: &SetupContainer,
    ) -> Result<String, RpcError> {
        self.check_current()?;
        self.check(model, caller, setup)?;
        let container = NewContainer {
            name: setup.name.clone(),
            mode: if setup.client { Mode::Client } else { Mode::Backend },
            cores: setup.cores,
            auto_remove: setup.auto_remove_timeout.map(Duration::from_secs),
        };
        let id = model.add_container(caller.address, caller.instance_id, container)?;
        let local = LocalContainer {
            id: Some(id),
            running: true,
            base_port: setup.base_port,
            core_ids: setup.core_ids.clone(),
            nets: setup.net.clone(),
        };
        self.containers.insert(setup.name.clone(), local);
        Ok(String::new())
    }

    /// Checks a new container against itself, the machine's other containers, and the cluster.
    fn check(&self, model: &Model, caller: &Caller<'_>, setup: &SetupContainer) -> Result<(), RpcError> {
        let name = &setup.name;
        if self.containers.contains_key(name) && !setup.force {
            return Err(rejected(format!("container {name} exists")));
        }
        let overlaps =
            |other: &&LocalContainer| other.base_port.abs_diff(setup.base_port) < PORTS_PER_CONTAINER;
        if let Some(other) = self.containers.values().find(overlaps)
            && !setup.ignore_used_ports
        {
            return Err(rejected(format!(
                "the ports from {} on are used",
                other.base_port
            )));
        }
        let (cores, ids, nets) = (setup.cores, setup.core_ids.len(), setup.net.len());
        let udp = setup.net.iter().any(|net| net == "udp");
        if usize::try_from(cores).ok() != Some(ids) || (!udp && ids != nets) || (udp && nets != 1) {
            return Err(rejected(format!(
                "{cores} cores, but {ids} core ids and {nets} interfaces"
            )));
        }
        let dedicated =
            setup.drives_dedicated_cores + setup.compute_dedicated_cores + setup.frontend_dedicated_cores;
        if dedicated > cores {
            return Err(rejected(format!("{dedicated} dedicated cores of {cores}")));
        }
        if setup.core_ids.contains(&0) {
            return Err(rejected("core 0 is reserved for the operating system"));
        }
        let others = || self.containers.values();
        if let Some(id) = setup
            .core_ids
            .iter()
            .find(|id| others().any(|other| other.core_ids.contains(id)))
        {
            return Err(rejected(format!("core {id} is used by another container")));
        }
        if let Some(net) = setup
            .net
            .iter()
            .find(|net| !udp && others().any(|other| other.nets.contains(net)))
        {
            return Err(rejected(format!("{net} is used by another container")));
        }
        if setup.management_ips.iter().any(|ip| *ip != caller.address) {
            return Err(rejected("a management address is not this machine's"));
        }
        if !setup.join_ips.iter().any(|ip| caller.is_serving(model, ip)) {
            return Err(rejected("no address in --join-ips responds"));
        }
        Ok(())
    }

    pub(super) fn run(&self, run: Run) -> Result<ContainerProcess, RpcError> {
        self.check_current()?;
        self.find(run.container.as_deref())?;
        if run.command.is_empty() {
            return Err(rejected("an interactive shell needs a terminal"));
        }
        // No public source shows `-e NAME` without a value.
        if let Some(name) = run.environment.iter().find(|entry| !entry.contains('=')) {
            return Err(rejected(format!("environment variable {name} has no value")));
        }
        Ok(ContainerProcess {
            environment: run.environment,
            command: run.command,
        })
    }

    pub(super) fn exec(&self, exec: Exec) -> Result<ContainerProcess, RpcError> {
        if !self.find(exec.container.as_deref())?.running {
            return Err(rejected("the container does not run"));
        }
        Ok(ContainerProcess {
            environment: Vec::new(),
            command: exec.command,
        })
    }

    /// The container with this name. Without a name: the default container, or the only one.
    fn find(&self, name: Option<&str>) -> Result<&LocalContainer, RpcError> {
        match name {
            Some(name) => self.containers.get(name).ok_or_else(|| unknown(name)),
            None => {
                let only = self
                    .containers
                    .values()
                    .next()
                    .filter(|_| self.containers.len() == 1);
                let found = self.containers.get("default").or(only);
                found.ok_or_else(|| rejected("name a container with --container"))
            }
        }
    }

    /// Containers start in the current version, which must be prepared.
    fn check_current(&self) -> Result<(), RpcError> {
        match &self.current {
            None => Err(rejected("no version is set")),
            Some(current) if !self.prepared.contains(current) => {
                Err(rejected(format!("release {current} is not prepared")))
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether a local container is a member of the cluster, so that commands reach it through this machine.
    pub(super) fn check_joined(&self) -> Result<(), RpcError> {
        let mut containers = self.containers.values();
        if containers.any(|container| container.running && container.id.is_some()) {
            Ok(())
        } else {
            Err(rejected("cannot connect to localhost: no container runs"))
        }
    }

    /// Before the machine has joined, the agent answers everyone.
    pub(super) fn check_login(&self, model: &Model, caller: &Caller<'_>) -> Result<(), RpcError> {
        match self.check_joined() {
            Ok(()) => model.check_credentials(caller.username, caller.password),
            Err(_) => Ok(()),
        }
    }

    /// Adds the container of a stateless client, unless it exists. The mount installs the cluster's release.
    pub(super) fn add_client(
        &mut self,
        model: &mut Model,
        caller: &Caller<'_>,
        container: NewContainer,
    ) -> Result<(), RpcError> {
        if self.containers.contains_key(&container.name) {
            return Ok(());
        }
        let name = container.name.clone();
        let id = model.add_container(caller.address, caller.instance_id, container)?;
        let local = LocalContainer {
            id: Some(id),
            ..default_container()
        };
        self.containers.insert(name, local);
        Ok(())
    }
}

fn default_container() -> LocalContainer {
    LocalContainer {
        id: None,
        running: true,
        base_port: 14000,
        core_ids: Vec::new(),
        nets: Vec::new(),
    }
}

fn unknown(name: &str) -> RpcError {
    rejected(format!("container {name} not found on this machine"))
}
