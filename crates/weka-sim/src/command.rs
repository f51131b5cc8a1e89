//! The programs of Weka that a joining machine runs: `weka`, the helper of `mount -t wekafs`, and `wapi` and `weka_sign_drive`
//! inside a container. Stand-in programs forward their arguments.

mod agent;
mod arguments;
mod mount;

pub use agent::Agents;

use crate::{Model, RpcError};
use agent::Agent;
use arguments::{
    Cluster, Command, Connection, ContainerCommand, Containers, Debug, DriveCommand, Events, Local, Remove,
    SignDrive, Wapi, Weka,
};
use clap::Parser;
use std::net::IpAddr;
use weka_types::lists::HostStatus;

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It prints this.
    Output(String),
    /// It runs another command inside a container of the machine.
    InContainer(ContainerProcess),
}

/// A command that runs inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerProcess {
    /// Variables, as `NAME=VALUE`.
    pub environment: Vec<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// The user and the machine that run a command.
struct Caller<'a> {
    username: &'a str,
    password: &'a str,
    /// `WEKA_HOST`.
    host: Option<&'a str>,
    address: IpAddr,
    instance_id: &'a str,
    /// The API's port of all backends.
    port: u16,
}

/// Runs a command. `body` is a list of strings, each terminated by a zero byte: the program, the username, the password,
/// `WEKA_HOST`, the machine's address, its instance id, and the arguments. `port` is the API's port of all backends.
///
/// # Errors
/// The command is not valid, or the machine or the cluster rejects it.
pub fn run(model: &mut Model, agents: &mut Agents, port: u16, body: &[u8]) -> Result<Outcome, RpcError> {
    let text = std::str::from_utf8(body).map_err(|_| rejected("the command is not UTF-8"))?;
    let fields: Vec<&str> = text.strip_suffix('\0').unwrap_or(text).split('\0').collect();
    let [
        program,
        username,
        password,
        host,
        address,
        instance_id,
        arguments @ ..,
    ] = fields.as_slice()
    else {
        return Err(rejected("the command names no program, user and machine"));
    };
    let caller = Caller {
        username,
        password,
        host: Some(*host).filter(|host| !host.is_empty()),
        address: address
            .parse()
            .map_err(|_| rejected("the machine's address is not valid"))?,
        instance_id,
        port,
    };
    let agent = agents.of(instance_id);
    let arguments = std::iter::once(program).chain(arguments);
    let output = match *program {
        "weka" => return caller.weka(model, agent, parse::<Weka>(arguments)?.command),
        "mount.wekafs" => caller.mount(model, agent, &parse(arguments)?),
        "wapi" => {
            let Wapi::MachineQueryInfo { .. } = parse(arguments)?;
            // The disks are those of the machine: the stand-in prints them.
            agent.check_login(model, &caller).map(|()| String::new())
        }
        "weka_sign_drive" => {
            let SignDrive { force, device } = parse(arguments)?;
            if !agent.signed.insert(device.clone()) && !force {
                return Err(rejected(format!("{device} is already signed: use --force")));
            }
            model.sign_drive(caller.address, instance_id, &device);
            Ok(String::new())
        }
        _ => Err(rejected(format!("unknown program {program}"))),
    };
    output.map(Outcome::Output)
}

fn rejected(message: impl Into<String>) -> RpcError {
    RpcError::new(RpcError::REJECTED, message)
}

/// Parses a command line. The error is that of a real command line parser.
fn parse<'a, T: Parser>(arguments: impl Iterator<Item = &'a &'a str>) -> Result<T, RpcError> {
    T::try_parse_from(arguments).map_err(|error| rejected(error.to_string()))
}

impl Caller<'_> {
    fn weka(&self, model: &mut Model, agent: &mut Agent, command: Command) -> Result<Outcome, RpcError> {
        let output = match command {
            Command::Version(version) => agent.version(model, self, version),
            Command::Local(Local::Run(run)) => return agent.run(run).map(Outcome::InContainer),
            Command::Local(Local::Exec(exec)) => return agent.exec(exec).map(Outcome::InContainer),
            Command::Local(local) => agent.local(model, self, local),
            Command::Cluster(Cluster::Container(containers)) => self.containers(model, agent, containers),
            Command::Cluster(Cluster::Drive(drives)) => {
                let DriveCommand::Scan { connection, ids } = drives.command;
                self.connect(model, agent, &connection)?;
                let mut found = 0;
                for id in ids {
                    found += model.scan_drives(id)?;
                }
                Ok(format!("{found} drives added\n"))
            }
            Command::Events(Events::TriggerEvent { connection, message }) => {
                self.connect(model, agent, &connection)?;
                model.log_event(message);
                Ok(String::new())
            }
            Command::Debug(Debug::Manhole { slot, call }) => {
                if (slot, call.as_str()) != (0, "operational_status") {
                    return Err(rejected(format!("no manhole {call} in slot {slot}")));
                }
                agent.check_joined()?;
                model.check_credentials(self.username, self.password)?;
                Ok(format!("{{\"is_ready\": {}}}\n", model.io_status == "STARTED"))
            }
        };
        output.map(Outcome::Output)
    }

    fn containers(&self, model: &mut Model, agent: &Agent, list: Containers) -> Result<String, RpcError> {
        let Some(command) = list.command else {
            self.connect(model, agent, &list.connection)?;
            let mut entries = model.container_list();
            if let serde_json::Value::Array(entries) = &mut entries
                && !list.ids.is_empty()
            {
                let wanted: Vec<_> = list.ids.iter().map(|id| format!("HostId<{id}>")).collect();
                entries.retain(|entry| wanted.iter().any(|id| entry["host_id"] == id.as_str()));
            }
            return if list.listing.is_json() {
                Ok(format!("{entries}\n"))
            } else {
                Err(rejected("the simulated cluster lists containers only as JSON"))
            };
        };
        match command {
            ContainerCommand::Deactivate(deactivate) => {
                self.connect(model, agent, &deactivate.connection)?;
                let down = |id: &&u32| {
                    let container = model.containers().find(|container| container.id == **id);
                    container.is_some_and(|container| container.status() == HostStatus::Down)
                };
                if let Some(id) = deactivate.ids.iter().find(down)
                    && !deactivate.allow_unavailable
                {
                    return Err(rejected(format!("HostId<{id}> is not available")));
                }
                model.deactivate_containers(&deactivate.ids, deactivate.skip_resource_validation)?;
            }
            ContainerCommand::Remove(remove) => {
                self.connect(model, agent, &remove.connection)?;
                check_unimprint(model, &remove)?;
                model.remove_container(remove.id, remove.no_wait)?;
            }
        }
        Ok(String::new())
    }

    /// Checks that the command reaches the cluster and that the user may log in.
    fn connect(&self, model: &Model, agent: &Agent, connection: &Connection) -> Result<(), RpcError> {
        match connection.host.as_deref().or(self.host) {
            Some(host) if !self.is_serving(model, host) => {
                return Err(rejected(format!("{host} does not respond")));
            }
            Some(_) => {}
            None => agent.check_joined()?,
        }
        model.check_credentials(self.username, self.password)
    }

    /// Whether a backend serves its API at `host`, which can have a port.
    fn is_serving(&self, model: &Model, host: &str) -> bool {
        let (host, port) = host.split_once(':').unwrap_or((host, "14000"));
        (port == "14000" || port == self.port.to_string())
            && host.parse().is_ok_and(|host| model.serving().contains(&host))
    }
}

/// Removing a container also resets it, unless `--no-unimprint` is given. The request for a container that is down reaches the
/// container that has its address now (inferred).
fn check_unimprint(model: &Model, remove: &Remove) -> Result<(), RpcError> {
    let address = |wanted: u32| {
        let mut addresses = model.machines().iter().map(|machine| machine.address);
        addresses.find(|address| {
            model
                .containers_of(*address)
                .any(|container| container.id == wanted)
        })
    };
    let other = address(remove.id).is_some_and(|address| {
        let mut containers = model.containers_of(address);
        containers.any(|other| other.id != remove.id && other.status() == HostStatus::Up)
    });
    if other && !remove.no_unimprint {
        return Err(rejected(format!(
            "HostId<{}> cannot be reset: another container has its address",
            remove.id
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
