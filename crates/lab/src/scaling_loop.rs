//! Runs the scaling loop of a cluster: in each tick, new instances boot, EventBridge's rule starts the state machine, and
//! terminated instances go down.

use crate::machine::{AMAZON_LINUX_2023, Boot, BootOptions, Outcome, boot};
use crate::tick::{BackendCounts, Tick, count_backends};
use crate::weka_cluster::{Model, NewBackend, NewClient, WekaCluster};
use crate::{Control, Error, IdentityAuthority, IdentityDocument, Instance, InstanceState};
use deployment::names::InvalidClusterName;
use deployment::{ClusterName, HostGroup, Names};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::task::JoinSet;

/// The cluster's clock and the age of all instances advance by this time in each tick.
const TICK_INTERVAL: Duration = Duration::from_secs(60);

/// The account of the local AWS.
const ACCOUNT: &str = "123456789012";

/// The hardware of new instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardware {
    /// Physical cores.
    pub cores: u32,
    /// The local NVMe drives of each backend.
    pub drives: u32,
}

impl Default for Hardware {
    /// An i3en.2xlarge, the default instance type of the lab's stack.
    fn default() -> Self {
        Self { cores: 4, drives: 2 }
    }
}

#[derive(Debug, Clone)]
pub struct ScalingLoopOptions {
    /// An imported cluster.
    pub cluster: ClusterName,
    /// The host group whose rule runs.
    pub group: HostGroup,
    pub hardware: Hardware,
}

impl ScalingLoopOptions {
    /// # Errors
    /// The cluster name is invalid.
    pub fn for_backends(cluster: &str, hardware: Hardware) -> Result<Self, InvalidClusterName> {
        Ok(Self {
            cluster: cluster.parse()?,
            group: HostGroup::Backends,
            hardware,
        })
    }
}

/// The scaling loop of one host group. Instances of the other host group also boot and terminate, but its rule does not run.
#[derive(Debug)]
pub struct ScalingLoop {
    control: Control,
    weka: WekaCluster,
    /// Signs the identity documents of new instances: the cluster must be imported with its certificate.
    authority: IdentityAuthority,
    cluster: String,
    group: String,
    rule: String,
    hardware: Hardware,
    /// All instances that have run. They keep the addresses of terminated instances.
    known: BTreeMap<String, KnownInstance>,
    ticks: u32,
}

#[derive(Debug)]
struct KnownInstance {
    address: IpAddr,
    running: bool,
}

impl ScalingLoop {
    /// Adds the running instances of an imported cluster to the simulated Weka cluster, with active drives.
    ///
    /// # Errors
    /// The local AWS or the simulated cluster fails.
    pub async fn start(
        control: Control,
        weka: WekaCluster,
        options: ScalingLoopOptions,
    ) -> Result<Self, Error> {
        let names = Names::new(options.cluster);
        let mut this = Self {
            control,
            weka,
            authority: IdentityAuthority::new()?,
            group: names.of(options.group),
            rule: names.rule(options.group),
            cluster: names.cluster().as_str().to_owned(),
            hardware: options.hardware,
            known: BTreeMap::new(),
            ticks: 0,
        };
        for instance in this.control.instances().await? {
            let (Some(address), "running") = (instance.address, instance.state.as_str()) else {
                continue;
            };
            if !this.belongs_to_cluster(&instance) {
                continue;
            }
            let backend = is_backend(&instance);
            let added = this.weka.update(|model| {
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
            added.await.map_err(|source| Error::WekaCluster { source })?;
            this.known.insert(
                instance.id,
                KnownInstance {
                    address,
                    running: true,
                },
            );
        }
        Ok(this)
    }

    pub fn control(&self) -> &Control {
        &self.control
    }

    pub fn weka(&self) -> &WekaCluster {
        &self.weka
    }

    /// The name of the Auto Scaling group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The name of the EventBridge rule.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The address of an instance, even if it is terminated.
    pub fn address_of(&self, instance: &str) -> Option<IpAddr> {
        self.known.get(instance).map(|known| known.address)
    }

    /// Sets the group's desired capacity.
    ///
    /// # Errors
    /// The capacity is above the maximum.
    pub async fn set_desired(&self, capacity: u32) -> Result<(), Error> {
        self.control.set_desired(&self.group, capacity).await
    }

    /// Advances the cluster's clock and the age of all instances. Nothing runs in this time.
    ///
    /// # Errors
    /// The local AWS or the simulated cluster fails.
    pub async fn advance_time(&self, time: Duration) -> Result<(), Error> {
        self.weka
            .advance(time)
            .await
            .map_err(|source| Error::WekaCluster { source })?;
        self.control.advance_time(time).await
    }

    /// Stops or terminates an instance, in AWS and in the Weka cluster.
    ///
    /// # Errors
    /// The instance does not exist.
    pub async fn fail_instance(&mut self, instance: &str, state: InstanceState) -> Result<(), Error> {
        self.control.set_state(instance, state).await?;
        self.sync_instance_states().await.map(drop)
    }

    /// Runs one tick: time advances, new instances boot, and the rule runs.
    ///
    /// # Errors
    /// The local AWS or the simulated cluster fails. A failed execution is part of the result instead.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        self.ticks += 1;
        self.advance_time(TICK_INTERVAL).await?;
        let mut terminated = self.sync_instance_states().await?;
        let booted = self.boot_new_instances().await?;
        // The functions use the real clock.
        let now = real_now();
        self.weka
            .update(|model| model.set_displayed_time(now))
            .await
            .map_err(|source| Error::WekaCluster { source })?;
        let executions = self.control.tick(&self.rule).await?;
        terminated.extend(self.sync_instance_states().await?);
        let group = self.control.group(&self.group).await?;
        let BackendCounts {
            healthy,
            unhealthy,
            draining,
        } = self.weka.read(count_backends);
        Ok(Tick {
            number: self.ticks,
            desired: group.desired,
            in_group: group.members.len(),
            healthy,
            unhealthy,
            draining,
            moved: self.weka.read(Model::moved_percent),
            terminated,
            booted,
            executions,
        })
    }

    fn belongs_to_cluster(&self, instance: &Instance) -> bool {
        instance.tags.get(deployment::tags::CLUSTER_NAME) == Some(&self.cluster)
    }

    /// Applies changed instance states to the Weka cluster and returns the newly terminated instances.
    async fn sync_instance_states(&mut self) -> Result<Vec<String>, Error> {
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
            let updated = self.weka.update(|model| {
                if running {
                    model.machine_up(address);
                } else {
                    model.machine_down(address);
                }
            });
            updated.await.map_err(|source| Error::WekaCluster { source })?;
            if instance.state == "terminated" {
                terminated.push(instance.id);
            }
        }
        Ok(terminated)
    }

    /// Boots the new instances concurrently.
    async fn boot_new_instances(&mut self) -> Result<Vec<(String, Boot)>, Error> {
        let mut boots = JoinSet::new();
        for instance in self.control.instances().await? {
            let launched =
                instance.group.is_some() && instance.state == "running" && self.belongs_to_cluster(&instance);
            if self.known.contains_key(&instance.id) || !launched {
                continue;
            }
            let options = self.boot_options(&instance)?;
            let address = options.private_ip;
            let id = instance.id.clone();
            self.known.insert(
                instance.id,
                KnownInstance {
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
                self.fail_instance(&id, InstanceState::Stopped).await?;
            }
            booted.push((id, boot));
        }
        booted.sort_by(|(left, _), (right, _)| left.cmp(right));
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
        let identity = self.authority.sign(&IdentityDocument {
            account: ACCOUNT.to_owned(),
            region: self.control.region().to_owned(),
            instance_id: instance.id.clone(),
            private_ip: private_ip.to_string(),
            pending_time: real_now(),
        });
        Ok(BootOptions {
            instance_id: instance.id.clone(),
            private_ip,
            user_data,
            identity,
            join_url: Some(join_url),
            control_url: self.weka.control_url(),
            weka_port: self.weka.port(),
            cores: self.hardware.cores,
            drives: self.hardware.drives,
            interfaces: 0,
            volume: true,
            layout: AMAZON_LINUX_2023,
            pause: Duration::ZERO,
            trace: false,
        })
    }
}

fn is_backend(instance: &Instance) -> bool {
    let role = instance.tags.get(deployment::tags::HOSTGROUP_TYPE);
    role.is_some_and(|role| role == HostGroup::Backends.role())
}

/// The URL of the join script in the user data.
fn join_url(user_data: &str) -> Option<&str> {
    let start = user_data.find("https://")?;
    let url = &user_data[start..];
    let end = url.find(|c: char| c.is_whitespace() || c == '\'' || c == '"')?;
    Some(&url[..end])
}

fn real_now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the functions that read the lists use the real clock"
    )]
    let now = std::time::SystemTime::now();
    // Fails only before 1970 or after 9999.
    Timestamp::try_from(now).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_url_is_found_in_user_data() {
        let url = "https://abc.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends";
        for quote in ["'", "", "\""] {
            let user_data = format!("#!/bin/bash\njoin_url={quote}{url}{quote}\nregion=x\n");
            assert_eq!(join_url(&user_data), Some(url));
        }
        assert_eq!(join_url("#!/bin/bash\n"), None);
    }
}
