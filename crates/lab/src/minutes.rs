//! The loop: what happens to a cluster in a minute. Machines that the group has launched boot, EventBridge's rule starts
//! the state machine, what it terminated is gone.

use crate::machine::{Boot, BootOptions, Outcome, boot};
use crate::minute::{Tick, count};
use crate::weka_cluster::{NewBackend, NewClient, WekaCluster};
use crate::{Control, Error, Instance, InstanceState};
use deployment::names::InvalidClusterName;
use deployment::{ClusterName, HostGroup, Names};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long the loop's minute is by the cluster's clock, and how much older all instances are after it.
const MINUTE: Duration = Duration::from_secs(60);

/// What machines are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardware {
    /// How many physical cores each has.
    pub cores: u32,
    /// How many local NVMe drives each backend has.
    pub drives: u32,
}

impl Default for Hardware {
    /// An i3en.2xlarge, of which the lab's stack is made.
    fn default() -> Self {
        Self { cores: 4, drives: 2 }
    }
}

/// Whom the loop is for.
#[derive(Debug, Clone)]
pub struct LoopOptions {
    /// The imported cluster.
    pub cluster: ClusterName,
    /// Which of its groups the rule is run of.
    pub group: HostGroup,
    /// The machines.
    pub hardware: Hardware,
}

impl LoopOptions {
    /// The loop of a cluster's backends.
    ///
    /// # Errors
    /// No cluster can have this name.
    pub fn backends_of(cluster: &str, hardware: Hardware) -> Result<Self, InvalidClusterName> {
        Ok(Self {
            cluster: cluster.parse()?,
            group: HostGroup::Backends,
            hardware,
        })
    }
}

/// The loop of one group. Machines of the cluster's other group boot and die, too; its rule does not run.
#[derive(Debug)]
pub struct Loop {
    control: Control,
    weka: WekaCluster,
    cluster: String,
    group: String,
    rule: String,
    hardware: Hardware,
    /// The instances that have run, with their addresses, which one that is gone has no longer.
    known: BTreeMap<String, Known>,
    minutes: u32,
}

#[derive(Debug)]
struct Known {
    address: IpAddr,
    running: bool,
}

impl Loop {
    /// Of an imported cluster: its running instances found the simulated one, its drives active, before the first minute.
    ///
    /// # Errors
    /// The local AWS or the simulated cluster does not do its part.
    pub async fn start(control: Control, weka: WekaCluster, options: LoopOptions) -> Result<Self, Error> {
        let names = Names::new(options.cluster);
        let mut this = Self {
            control,
            weka,
            group: names.of(options.group),
            rule: names.rule(options.group),
            cluster: names.cluster().as_str().to_owned(),
            hardware: options.hardware,
            known: BTreeMap::new(),
            minutes: 0,
        };
        for instance in this.control.instances().await? {
            let (Some(address), "running") = (instance.address, instance.state.as_str()) else {
                continue;
            };
            if !this.is_ours(&instance) {
                continue;
            }
            let backend = is_backend(&instance);
            let founded = this.weka.update(|model| {
                if backend {
                    let mut backend = NewBackend::new(address, &instance.id);
                    backend.drives = this.hardware.drives;
                    model.add_backend(&backend);
                } else {
                    model.join_client(&NewClient {
                        address,
                        instance_id: instance.id.clone(),
                        auto_remove: None,
                    });
                }
            });
            founded.await.map_err(|source| Error::WekaCluster { source })?;
            this.known.insert(
                instance.id,
                Known {
                    address,
                    running: true,
                },
            );
        }
        Ok(this)
    }

    /// The local AWS's other side.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The simulated cluster.
    pub fn weka(&self) -> &WekaCluster {
        &self.weka
    }

    /// The Auto Scaling group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// EventBridge's rule.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The address of an instance, also of one that is gone.
    pub fn address_of(&self, instance: &str) -> Option<IpAddr> {
        self.known.get(instance).map(|known| known.address)
    }

    /// Sets the group's desired capacity, as its user does.
    ///
    /// # Errors
    /// It is above the maximum.
    pub async fn set_desired(&self, capacity: u32) -> Result<(), Error> {
        self.control.set_desired(&self.group, capacity).await
    }

    /// Lets time pass, without anything running: by the cluster's clock, and all instances are so much older.
    ///
    /// # Errors
    /// The local AWS or the simulated cluster does not do its part.
    pub async fn pass(&self, time: Duration) -> Result<(), Error> {
        self.weka
            .advance(time)
            .await
            .map_err(|source| Error::WekaCluster { source })?;
        self.control.pass(time).await
    }

    /// A machine stops or is gone, in AWS and in the cluster.
    ///
    /// # Errors
    /// There is no such instance.
    pub async fn fail(&mut self, instance: &str, state: InstanceState) -> Result<(), Error> {
        self.control.set_state(instance, state).await?;
        self.notice().await.map(drop)
    }

    /// A minute: time passes, new machines boot, and the rule runs.
    ///
    /// # Errors
    /// The local AWS or the simulated cluster does not do its part. What an execution fails with is no error here.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        self.minutes += 1;
        self.pass(MINUTE).await?;
        let mut terminated = self.notice().await?;
        let booted = self.boot().await?;
        // The functions read this machine's clock.
        let now = real_now();
        self.weka
            .update(|model| model.set_displayed_time(now))
            .await
            .map_err(|source| Error::WekaCluster { source })?;
        let executions = self.control.tick(&self.rule).await?;
        terminated.extend(self.notice().await?);
        let group = self.control.group(&self.group).await?;
        let [healthy, unhealthy, draining] = self.weka.read(count);
        Ok(Tick {
            number: self.minutes,
            desired: group.desired,
            in_group: group.members.len(),
            healthy,
            unhealthy,
            draining,
            terminated,
            booted,
            executions,
        })
    }

    fn is_ours(&self, instance: &Instance) -> bool {
        instance.tags.get(deployment::tags::CLUSTER_NAME) == Some(&self.cluster)
    }

    /// Takes from the cluster the machines of instances that do not run any more, and tells which of them are gone.
    async fn notice(&mut self) -> Result<Vec<String>, Error> {
        let mut terminated = Vec::new();
        for instance in self.control.instances().await? {
            let Some(known) = self.known.get_mut(&instance.id) else {
                continue;
            };
            let running = instance.state == "running";
            if running == known.running {
                continue;
            }
            known.running = running;
            let address = known.address;
            let changed = self.weka.update(|model| {
                if running {
                    model.machine_up(address);
                } else {
                    model.machine_down(address);
                }
            });
            changed.await.map_err(|source| Error::WekaCluster { source })?;
            if instance.state == "terminated" {
                terminated.push(instance.id);
            }
        }
        Ok(terminated)
    }

    /// Boots the machines that were launched since, all at once.
    async fn boot(&mut self) -> Result<Vec<(String, Boot)>, Error> {
        let mut boots = JoinSet::new();
        for instance in self.control.instances().await? {
            let launched = instance.group.is_some() && instance.state == "running" && self.is_ours(&instance);
            if self.known.contains_key(&instance.id) || !launched {
                continue;
            }
            let options = self.boot_options(&instance)?;
            let address = options.private_ip;
            let id = instance.id.clone();
            self.known.insert(
                instance.id,
                Known {
                    address,
                    running: true,
                },
            );
            boots.spawn(async move {
                match boot(options).await {
                    Ok(boot) => Ok((id, boot)),
                    Err(source) => Err(Error::Boot { instance: id, source }),
                }
            });
        }
        let mut booted = Vec::new();
        for boot in boots.join_all().await {
            let (id, boot) = boot?;
            if boot.outcome == Outcome::ShutDown {
                self.fail(&id, InstanceState::Stopped).await?;
            }
            booted.push((id, boot));
        }
        booted.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(booted)
    }

    fn boot_options(&self, instance: &Instance) -> Result<BootOptions, Error> {
        let missing = |problem| Error::Instance {
            instance: instance.id.clone(),
            problem,
        };
        let private_ip = instance.address.ok_or_else(|| missing("has no address"))?;
        let user_data = instance
            .user_data
            .clone()
            .ok_or_else(|| missing("has no user data"))?;
        let join_url = join_url(&user_data)
            .and_then(|url| self.control.execute_api(url))
            .ok_or_else(|| missing("has user data without a join URL"))?;
        Ok(BootOptions {
            instance_id: instance.id.clone(),
            private_ip,
            user_data,
            join_url: Some(join_url),
            control_url: self.weka.control_url(),
            weka_port: self.weka.port(),
            cores: self.hardware.cores,
            drives: self.hardware.drives,
            pause: Duration::ZERO,
        })
    }
}

fn is_backend(instance: &Instance) -> bool {
    let role = instance.tags.get(deployment::tags::HOSTGROUP_TYPE);
    role.is_some_and(|role| role == HostGroup::Backends.role())
}

/// The URL that the user data fetches the join script from.
fn join_url(user_data: &str) -> Option<&str> {
    let from = user_data.find("https://")?;
    let url = &user_data[from..];
    let end = url.find(|c: char| c.is_whitespace() || c == '\'' || c == '"')?;
    Some(&url[..end])
}

fn real_now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the functions that read what is shown have this clock"
    )]
    let now = std::time::SystemTime::now();
    // Before 1970 and after 9999 nothing runs.
    Timestamp::try_from(now).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_join_url_is_found_in_user_data() {
        let url = "https://abc.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends";
        for quote in ["'", "", "\""] {
            let user_data = format!("#!/bin/bash\njoin_url={quote}{url}{quote}\nregion=x\n");
            assert_eq!(join_url(&user_data), Some(url));
        }
        assert_eq!(join_url("#!/bin/bash\n"), None);
    }
}
