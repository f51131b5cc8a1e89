//! Sends the calls of a plan and determines at the end which instances may be terminated. It decides nothing by itself: the
//! calls are in the plan, and the list of hosts that is read last determines which instances may be terminated.

use super::plan::{Plan, Task};
use crate::messages::{Container, Instance, Role, ScaleResponse, VERSION, transient_errors};
use crate::policy::Group;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{Host, HostState, Hosts, Mode};

/// What happened when a plan was executed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionResult {
    /// The instances whose containers were all removed from the cluster.
    pub removed: Vec<Instance>,
    /// The calls that failed, and the tasks that were not started.
    pub errors: Vec<String>,
    pub successful_calls: usize,
}

impl ExecutionResult {
    /// Records the result of a call. Returns `false` if the task ends here.
    fn record<E: Display>(&mut self, task: &Task, call: &Call, result: Result<(), E>) -> bool {
        match result {
            Ok(()) => self.successful_calls += 1,
            Err(_) if call.is_best_effort() => {}
            Err(error) => {
                let target = task
                    .address
                    .map_or_else(|| "orphaned drives".to_owned(), |ip| ip.to_string());
                self.errors.push(format!("{target}: {}: {error}", call.method()));
                return false;
            }
        }
        true
    }
}

/// Executes a plan: its tasks in order, each up to its first call that fails. `call` sends one call. `has_time` is called
/// before each task, so that a run stops between two machines before its time is up.
pub async fn execute<E, F>(
    plan: &Plan,
    has_time: impl Fn() -> bool,
    call: impl Fn(Call) -> F,
) -> ExecutionResult
where
    E: Display,
    F: Future<Output = Result<(), E>>,
{
    let mut result = ExecutionResult::default();
    for (started, task) in plan.tasks.iter().enumerate() {
        if !has_time() {
            let remaining = plan.tasks.len() - started;
            result.errors.push(format!(
                "this run has no time for {remaining} more machines; the next run resumes"
            ));
            break;
        }
        let mut is_complete = true;
        for step in &task.calls {
            is_complete = result.record(task, step, call(step.clone()).await);
            if !is_complete {
                break;
            }
        }
        if is_complete {
            result.removed.extend(task.then_terminate.clone());
        }
    }
    result
}

/// An instance that must not be terminated, although its task succeeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({}) is not terminated: {host} is {state} in the list read last", .instance.id, .instance.private_ip)]
pub struct StillMember {
    pub instance: Instance,
    /// A container that is still on it.
    pub host: HostId,
    pub state: HostState,
}

/// How many containers a message may list. If there are more, only those that are not ACTIVE are listed. Step Functions
/// passes at most 256 KiB from one function to the next, and a container takes about 160 bytes.
pub const MAX_CONTAINERS_IN_MESSAGE: usize = 1_000;

/// Builds the response of the run from the list of hosts that was read last (invariant I1): an instance with a container
/// that is not INACTIVE there is not passed to *terminate*, whatever happened before.
pub fn finish(group: &Group, result: ExecutionResult, hosts: &Hosts) -> (ScaleResponse, Vec<StillMember>) {
    let mut by_address: HashMap<IpAddr, &Host> = HashMap::new();
    let mut by_instance: HashMap<&str, &Host> = HashMap::new();
    for host in hosts.0.iter().filter(|host| host.state != HostState::Inactive) {
        if let Some(address) = host.host_ip {
            by_address.insert(address, host);
        }
        if let Some(id) = &host.instance_id {
            by_instance.insert(id.as_str(), host);
        }
    }
    let mut to_terminate = Vec::new();
    let mut still_members = Vec::new();
    for instance in result.removed {
        let address: Option<IpAddr> = instance.private_ip.parse().ok();
        let member = address
            .and_then(|address| by_address.get(&address))
            .or_else(|| by_instance.get(instance.id.as_str()));
        match member {
            None => to_terminate.push(instance),
            Some(host) => still_members.push(StillMember {
                instance,
                host: host.id,
                state: host.state,
            }),
        }
    }
    let mut errors = result.errors;
    errors.extend(still_members.iter().map(ToString::to_string));
    let response = ScaleResponse {
        hosts: containers(group, hosts),
        to_terminate,
        members: Some(members(group, hosts)),
        transient_errors: transient_errors(errors),
        version: VERSION,
    };
    (response, still_members)
}

fn containers(group: &Group, hosts: &Hosts) -> Vec<Container> {
    let mode = match group.role {
        Role::Backend => Mode::Backend,
        Role::Client => Mode::Client,
    };
    let mut listed: Vec<&Host> = hosts
        .0
        .iter()
        .filter(|host| host.mode == mode && host.host_ip.is_some())
        .collect();
    if listed.len() > MAX_CONTAINERS_IN_MESSAGE {
        listed.retain(|host| host.state != HostState::Active);
        listed.truncate(MAX_CONTAINERS_IN_MESSAGE);
    }
    listed.sort_unstable_by_key(|host| host.id);
    let container = |host: &Host| {
        Some(Container {
            instance_id: host.instance_id.clone(),
            private_ip: host.host_ip?.to_string(),
            status: host.state.as_str().to_owned(),
            added_time: host.added_time,
            host_id: host.id,
        })
    };
    listed.into_iter().filter_map(container).collect()
}

/// The addresses of all hosts: those in Weka's list, and those of the group's instances that Weka's list names by id.
fn members(group: &Group, hosts: &Hosts) -> Vec<String> {
    let mut members: BTreeSet<IpAddr> = hosts.0.iter().filter_map(|host| host.host_ip).collect();
    let listed_ids: BTreeSet<&str> = hosts
        .0
        .iter()
        .filter_map(|host| host.instance_id.as_ref())
        .map(|id| id.as_str())
        .collect();
    let listed_instances = group
        .instances
        .iter()
        .filter(|instance| listed_ids.contains(instance.id.as_str()));
    members.extend(listed_instances.filter_map(|instance| instance.private_ip.parse::<IpAddr>().ok()));
    members.into_iter().map(|address| address.to_string()).collect()
}
