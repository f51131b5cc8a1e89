use crate::Execution;
use crate::machine::Boot;
use crate::weka_cluster::{DriveStatus, HostState, HostStatus, Mode, Model};
use std::collections::BTreeMap;

/// The result of one tick of the scaling loop.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Starts at 1.
    pub number: u32,
    /// The group's desired capacity.
    pub desired: u32,
    /// The number of instances in the group.
    pub in_group: usize,
    /// The number of backends whose containers and drives are all active and up.
    pub healthy: usize,
    /// The number of backends that are neither healthy nor draining.
    pub unhealthy: usize,
    pub draining: usize,
    /// How much of the data on the draining drives has been moved to others, in percent; `None` if no drive is draining.
    pub moved: Option<f64>,
    /// Instance ids.
    pub terminated: Vec<String>,
    /// The instances that booted, by id.
    pub booted: Vec<(String, Boot)>,
    /// The executions that the rule started; empty if it is disabled.
    pub executions: Vec<Execution>,
}

impl Tick {
    /// The errors of executions that did not succeed.
    pub fn errors(&self) -> Vec<String> {
        self.executions
            .iter()
            .filter(|execution| execution.status != "SUCCEEDED")
            .map(|execution| {
                let name = execution.error.as_deref().unwrap_or(&execution.status);
                format!(
                    "{name}: {}",
                    message_of(execution.cause.as_deref().unwrap_or_default())
                )
            })
            .collect()
    }
}

/// The cause is JSON if a function returned the error.
fn message_of(cause: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(cause).ok();
    let message = parsed.as_ref().and_then(|cause| cause["errorMessage"].as_str());
    message.unwrap_or(cause).to_owned()
}

#[derive(Debug, Default)]
pub(crate) struct BackendCounts {
    pub(crate) healthy: usize,
    pub(crate) unhealthy: usize,
    pub(crate) draining: usize,
}

pub(crate) fn count_backends(model: &Model) -> BackendCounts {
    let mut counts = BackendCounts::default();
    // An address may have been used by several machines, one after the other.
    let mut running = BTreeMap::new();
    for machine in model.machines() {
        *running.entry(machine.address).or_insert(false) |= machine.running;
    }
    for (address, running) in running {
        let mut containers = model
            .containers_of(address)
            .filter(|container| container.mode == Mode::Backend)
            .peekable();
        if containers.peek().is_none() {
            continue;
        }
        let (mut draining, mut healthy) = (false, running);
        for container in containers {
            draining |= container.state != HostState::Active;
            healthy &= container.status() == HostStatus::Up;
        }
        for drive in model.drives_of(address) {
            draining |= !drive.should_be_active;
            healthy &= matches!(drive.status, DriveStatus::Active | DriveStatus::PhasingIn);
        }
        match (draining, healthy) {
            (true, _) => counts.draining += 1,
            (false, true) => counts.healthy += 1,
            (false, false) => counts.unhealthy += 1,
        }
    }
    counts
}
