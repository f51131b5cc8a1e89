//! What a minute of the loop came to.

use crate::Execution;
use crate::machine::Boot;
use crate::weka_cluster::{DriveStatus, Mode, Model, State, Status};

/// What a minute came to.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Which it was, from 1 on.
    pub number: u32,
    /// The group's desired capacity.
    pub desired: u32,
    /// How many instances are in the group.
    pub in_group: usize,
    /// How many backends Weka has that are wholly active and up.
    pub healthy: usize,
    /// How many of the others are not on their way out.
    pub unhealthy: usize,
    /// How many are on their way out of the cluster.
    pub draining: usize,
    /// The instances that were terminated.
    pub terminated: Vec<String>,
    /// The instances that booted, and how that ended.
    pub booted: Vec<(String, Boot)>,
    /// What the rule started; nothing where it is disabled.
    pub executions: Vec<Execution>,
}

impl Tick {
    /// What went wrong in it: the errors of executions that did not succeed.
    pub fn errors(&self) -> Vec<String> {
        let failed = self.executions.iter().filter(|one| one.status != "SUCCEEDED");
        failed
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

/// A function's error comes as JSON.
fn message_of(cause: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(cause).ok();
    let message = parsed.as_ref().and_then(|cause| cause["errorMessage"].as_str());
    message.unwrap_or(cause).to_owned()
}

/// How many backends are healthy, unhealthy and on their way out.
pub(crate) fn count(model: &Model) -> [usize; 3] {
    let mut counts = [0; 3];
    for machine in model.machines() {
        let mut containers = model
            .containers_of(machine.address)
            .filter(|container| container.mode == Mode::Backend)
            .peekable();
        if containers.peek().is_none() {
            continue;
        }
        let (mut leaves, mut well) = (false, machine.running);
        for container in containers {
            leaves |= container.state != State::Active;
            well &= container.status() == Status::Up;
        }
        for drive in model.drives_of(machine.address) {
            leaves |= !drive.should_be_active;
            well &= matches!(drive.status, DriveStatus::Active | DriveStatus::PhasingIn);
        }
        let which = match (leaves, well) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        };
        counts[which] += 1;
    }
    counts
}
