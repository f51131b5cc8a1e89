//! The commands of the program `weka` that the join scripts use. A stand-in program forwards its arguments.

use crate::{Model, NewContainer, RpcError};
use std::collections::BTreeMap;
use std::net::IpAddr;
use weka_types::lists::Mode;

/// The user and the machine that run a command.
struct Caller<'a> {
    username: &'a str,
    password: &'a str,
    address: IpAddr,
    instance_id: &'a str,
}

/// Runs a command and returns its output. `body` is a list of strings, each terminated by a zero byte: the username, the
/// password, the machine's address, its instance id, and the arguments. `port` is the API's port of all backends.
///
/// # Errors
/// The command is not valid, or the cluster rejects it.
pub fn run(model: &mut Model, port: u16, body: &[u8]) -> Result<String, RpcError> {
    let text = std::str::from_utf8(body).map_err(|_| invalid("the command is not UTF-8"))?;
    let fields: Vec<&str> = text.strip_suffix('\0').unwrap_or(text).split('\0').collect();
    let [username, password, address, instance_id, arguments @ ..] = fields.as_slice() else {
        return Err(invalid(
            "the command has no user, password, address and instance id",
        ));
    };
    let caller = Caller {
        username,
        password,
        address: address
            .parse()
            .map_err(|_| invalid("the machine's address is not valid"))?,
        instance_id,
    };
    caller.run(model, port, arguments)
}

fn invalid(message: impl Into<String>) -> RpcError {
    RpcError::new(RpcError::REJECTED, message)
}

impl Caller<'_> {
    fn run(&self, model: &mut Model, port: u16, arguments: &[&str]) -> Result<String, RpcError> {
        let (address, instance) = (self.address, self.instance_id);
        match arguments {
            ["version", "get", "--from", from, release, "--set-current"] => {
                let backend = from.rsplit_once(':').and_then(|(host, from_port)| {
                    (from_port == port.to_string() || from_port == "14000")
                        .then(|| host.parse().ok())
                        .flatten()
                });
                if !backend.is_some_and(|backend| model.serving().contains(&backend)) {
                    return Err(invalid(format!("{from} does not respond")));
                }
                check_release(model, release)
            }
            ["version", "prepare", release] => check_release(model, release),
            ["local", "stop"] | ["local", "rm", "--all", "--force"] => {
                model.stop_containers(address, instance);
                Ok(String::new())
            }
            ["local", "setup", "container", options @ ..] => {
                self.log_in(model)?;
                let container = self.container(model, options)?;
                let id = model.add_container(address, instance, container)?;
                Ok(format!("HostId<{id}>\n"))
            }
            [
                "local",
                "exec",
                "--container",
                name,
                "/weka/tools/weka_sign_drive",
                device,
            ] => {
                if model.container_named(address, name).is_none() {
                    return Err(invalid(format!("container {name} not found on this machine")));
                }
                model.sign_drive(address, instance, device);
                Ok(String::new())
            }
            ["debug", "manhole", "-s", "0", "operational_status"] => {
                self.log_in(model)?;
                let ready = model.io_status == "STARTED";
                Ok(format!("{{\"is_ready\": {ready}}}\n"))
            }
            ["cluster", "container", "--json"] => {
                self.log_in(model)?;
                Ok(format!("{}\n", model.container_list()))
            }
            ["cluster", "container", "deactivate", ids @ ..] if !ids.is_empty() => {
                self.log_in(model)?;
                let ids = ids.iter().map(|id| number(id)).collect::<Result<Vec<_>, _>>()?;
                model.deactivate_containers(&ids, false).map(|()| String::new())
            }
            ["cluster", "drive", "scan", id] => {
                self.log_in(model)?;
                let found = model.scan_drives(number(id)?)?;
                Ok(format!("{found} drives added\n"))
            }
            ["events", "trigger-event", message] => {
                self.log_in(model)?;
                model.log_event((*message).to_owned());
                Ok(String::new())
            }
            _ => Err(invalid(format!("unknown command: weka {}", arguments.join(" ")))),
        }
    }

    fn log_in(&self, model: &Model) -> Result<(), RpcError> {
        model.check_credentials(self.username, self.password)
    }

    /// Parses the options of `weka local setup container` and checks that they are consistent.
    fn container(&self, model: &Model, options: &[&str]) -> Result<NewContainer, RpcError> {
        let mut values: BTreeMap<&str, &str> = BTreeMap::new();
        let (mut nets, mut client) = (0, false);
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            match *option {
                "--client" => client = true,
                "--no-frontends" | "--dedicate" => {}
                "--name"
                | "--base-port"
                | "--cores"
                | "--core-ids"
                | "--drives-dedicated-cores"
                | "--compute-dedicated-cores"
                | "--frontend-dedicated-cores"
                | "--memory"
                | "--allow-protocols"
                | "--join-ips"
                | "--failure-domain"
                | "--management-ips"
                | "--net" => {
                    let value = rest
                        .next()
                        .ok_or_else(|| invalid(format!("{option} has no value")))?;
                    if *option == "--net" {
                        nets += 1;
                    } else if values.insert(option, value).is_some() {
                        return Err(invalid(format!("{option} is given twice")));
                    }
                }
                _ => {
                    return Err(invalid(format!(
                        "weka local setup container: unknown option {option}"
                    )));
                }
            }
        }
        let value = |name: &str| {
            let value = values.get(name).copied();
            value.ok_or_else(|| invalid(format!("weka local setup container: {name} is missing")))
        };
        let cores = number(value("--cores")?)?;
        let ids = value("--core-ids")?.split(',').count();
        if usize::try_from(cores).ok() != Some(ids) || ids != nets {
            return Err(invalid(format!(
                "{cores} cores, but {ids} core ids and {nets} interfaces"
            )));
        }
        if value("--management-ips")?.parse() != Ok(self.address) {
            return Err(invalid("the management address is not this machine's"));
        }
        let serving = model.serving();
        let mut join_ips = value("--join-ips")?.split(',');
        if !join_ips.any(|ip| ip.parse().is_ok_and(|ip: IpAddr| serving.contains(&ip))) {
            return Err(invalid("no address in --join-ips responds"));
        }
        if !client {
            value("--failure-domain")?;
        }
        Ok(NewContainer {
            name: value("--name")?.to_owned(),
            mode: if client { Mode::Client } else { Mode::Backend },
            cores,
            auto_remove: None,
        })
    }
}

fn check_release(model: &Model, release: &str) -> Result<String, RpcError> {
    if release == model.settings().release {
        Ok(String::new())
    } else {
        Err(invalid(format!("release {release} not found")))
    }
}

fn number(text: &str) -> Result<u32, RpcError> {
    text.parse()
        .map_err(|_| invalid(format!("'{text}' is not a number")))
}

#[cfg(test)]
mod tests;
