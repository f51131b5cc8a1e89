//! The command line `weka`, as far as the join scripts use it. The stand-in program sends its arguments here.

use super::model::{Mode, Model, NewContainer, Refusal};
use std::collections::HashMap;
use std::net::IpAddr;

/// Who runs a command: a user on a machine.
struct Caller<'a> {
    username: &'a str,
    password: &'a str,
    address: IpAddr,
    instance_id: &'a str,
}

/// Runs a command and tells what it prints. `body` is a list of texts, each ended by a zero byte: the user's name and
/// password, the machine's address and instance id, and the arguments.
pub(super) fn run(model: &mut Model, port: u16, body: &[u8]) -> Result<String, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("the command is not UTF-8"))?;
    let texts: Vec<&str> = text.strip_suffix('\0').unwrap_or(text).split('\0').collect();
    let [username, password, address, instance_id, arguments @ ..] = texts.as_slice() else {
        return Err(wrong("the command does not say who runs it and where"));
    };
    let caller = Caller {
        username,
        password,
        address: address
            .parse()
            .map_err(|_| wrong("the machine's address is none"))?,
        instance_id,
    };
    caller.run(model, port, arguments)
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(Refusal::REFUSED, message)
}

impl Caller<'_> {
    fn run(&self, model: &mut Model, port: u16, arguments: &[&str]) -> Result<String, Refusal> {
        let (address, instance) = (self.address, self.instance_id);
        match arguments {
            ["version", "get", "--from", from, release, "--set-current"] => {
                let backend = from.rsplit_once(':').and_then(|(host, from_port)| {
                    (from_port == port.to_string() || from_port == "14000")
                        .then(|| host.parse().ok())
                        .flatten()
                });
                if !backend.is_some_and(|backend| model.serving().contains(&backend)) {
                    return Err(wrong(format!("{from} does not answer")));
                }
                has_release(model, release)
            }
            ["version", "prepare", release] => has_release(model, release),
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
                    return Err(wrong(format!("there is no container {name} here")));
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
                model.say((*message).to_owned());
                Ok(String::new())
            }
            _ => Err(wrong(format!("weka has no command {}", arguments.join(" ")))),
        }
    }

    fn log_in(&self, model: &Model) -> Result<(), Refusal> {
        model.check_credentials(self.username, self.password)
    }

    /// Reads the options of `weka local setup container`, and holds them against each other.
    fn container(&self, model: &Model, options: &[&str]) -> Result<NewContainer, Refusal> {
        let mut values: HashMap<&str, &str> = HashMap::new();
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
                        .ok_or_else(|| wrong(format!("{option} has no value")))?;
                    if *option == "--net" {
                        nets += 1;
                    } else if values.insert(option, value).is_some() {
                        return Err(wrong(format!("{option} stands there twice")));
                    }
                }
                _ => {
                    return Err(wrong(format!(
                        "weka local setup container has no option {option}"
                    )));
                }
            }
        }
        let value = |name: &str| {
            let value = values.get(name).copied();
            value.ok_or_else(|| wrong(format!("weka local setup container lacks {name}")))
        };
        let cores = number(value("--cores")?)?;
        let ids = value("--core-ids")?.split(',').count();
        if usize::try_from(cores).ok() != Some(ids) || ids != nets {
            return Err(wrong(format!(
                "{cores} cores, but {ids} core ids and {nets} interfaces"
            )));
        }
        if value("--management-ips")?.parse() != Ok(self.address) {
            return Err(wrong("the management address is not this machine's"));
        }
        let serving = model.serving();
        let mut joined = value("--join-ips")?.split(',');
        if !joined.any(|ip| ip.parse().is_ok_and(|ip: IpAddr| serving.contains(&ip))) {
            return Err(wrong("none of the addresses to join answers"));
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

fn has_release(model: &Model, release: &str) -> Result<String, Refusal> {
    if release == model.settings().release {
        Ok(String::new())
    } else {
        Err(wrong(format!("there is no release {release}")))
    }
}

fn number(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| wrong(format!("'{text}' is no number")))
}

#[cfg(test)]
mod tests;
