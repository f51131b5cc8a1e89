//! Carries a plan out, call by call, and says at the end what may be terminated. Decides nothing: what to call stands in
//! the plan, and what may go is what the list of hosts that is read last allows.

use crate::messages::{Container, Instance, Role, ScaleResponse, VERSION, transient_errors};
use crate::plan::{Plan, Task};
use crate::policy::Group;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::lists::{Host, HostState, Hosts, Mode};

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The instances whose containers were all removed from the cluster.
    pub left: Vec<Instance>,
    /// The calls that failed, and what that kept from being done.
    pub errors: Vec<String>,
    /// How many calls succeeded.
    pub done: usize,
}

impl Outcome {
    /// Notes what became of a call of a task; false if the task ends here.
    fn note<E: Display>(&mut self, task: &Task, call: &Call, answer: Result<(), E>) -> bool {
        match answer {
            Ok(()) => self.done += 1,
            Err(_) if call.is_best_effort() => {}
            Err(error) => {
                let about = task
                    .address
                    .map_or_else(|| "drives of no host".to_owned(), |ip| ip.to_string());
                self.errors.push(format!("{about}: {}: {error}", call.method()));
                return false;
            }
        }
        true
    }
}

/// Carries a plan out: its tasks one after the other, each up to its first call that fails. `call` sends one call;
/// `goes_on` is asked before each task, so that a run ends in good order before its time is up.
pub async fn execute<E, F>(plan: &Plan, goes_on: impl Fn() -> bool, call: impl Fn(Call) -> F) -> Outcome
where
    E: Display,
    F: Future<Output = Result<(), E>>,
{
    let mut outcome = Outcome::default();
    for (done, task) in plan.tasks.iter().enumerate() {
        if !goes_on() {
            let rest = plan.tasks.len() - done;
            outcome.errors.push(format!(
                "no time left in this run for {rest} more machines: the next one goes on"
            ));
            break;
        }
        let mut complete = true;
        for step in &task.calls {
            complete = outcome.note(task, step, call(step.clone()).await);
            if !complete {
                break;
            }
        }
        if complete {
            outcome.left.extend(task.then_terminate.clone());
        }
    }
    outcome
}

/// An instance that was to be terminated and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({}) is not terminated: {host} is {state} in the list read last", .instance.id, .instance.private_ip)]
pub struct TakenOut {
    /// The instance.
    pub instance: Instance,
    /// A container that is still on it.
    pub host: weka_types::ids::HostId,
    /// The container's state.
    pub state: HostState,
}

/// How many containers a message may list; with more only those that are not ACTIVE are. Step Functions carries
/// 256 KiB from one function to the next, a container takes some 160 bytes.
pub const CONTAINERS_IN_A_MESSAGE: usize = 1_000;

/// What the run hands on, judged by the list of hosts that it read last (invariant I1): an instance with a container that
/// is not INACTIVE there is taken out, whatever was done before.
pub fn conclude(group: &Group, outcome: Outcome, hosts: &Hosts) -> (ScaleResponse, Vec<TakenOut>) {
    let mut at: HashMap<IpAddr, &Host> = HashMap::new();
    let mut on: HashMap<&str, &Host> = HashMap::new();
    for host in hosts.0.iter().filter(|host| host.state != HostState::Inactive) {
        if let Some(address) = host.host_ip {
            at.insert(address, host);
        }
        if let Some(id) = &host.instance_id {
            on.insert(id.as_str(), host);
        }
    }
    let mut to_terminate = Vec::new();
    let mut taken_out = Vec::new();
    for instance in outcome.left {
        let address: Option<IpAddr> = instance.private_ip.parse().ok();
        let member = address
            .and_then(|address| at.get(&address))
            .or_else(|| on.get(instance.id.as_str()));
        match member {
            None => to_terminate.push(instance),
            Some(host) => taken_out.push(TakenOut {
                instance,
                host: host.id,
                state: host.state,
            }),
        }
    }
    let mut errors = outcome.errors;
    errors.extend(taken_out.iter().map(ToString::to_string));
    let response = ScaleResponse {
        hosts: containers(group, hosts),
        to_terminate,
        members: Some(members(group, hosts)),
        transient_errors: transient_errors(errors),
        version: VERSION,
    };
    (response, taken_out)
}

fn containers(group: &Group, hosts: &Hosts) -> Vec<Container> {
    let mode = match group.role {
        Role::Backend => Mode::Backend,
        Role::Client => Mode::Client,
    };
    let mut looked_at: Vec<&Host> = hosts
        .0
        .iter()
        .filter(|host| host.mode == mode && host.host_ip.is_some())
        .collect();
    if looked_at.len() > CONTAINERS_IN_A_MESSAGE {
        looked_at.retain(|host| host.state != HostState::Active);
        looked_at.truncate(CONTAINERS_IN_A_MESSAGE);
    }
    looked_at.sort_unstable_by_key(|host| host.id);
    let container = |host: &Host| {
        Some(Container {
            instance_id: host.instance_id.clone(),
            private_ip: host.host_ip?.to_string(),
            status: host.state.as_str().to_owned(),
            added_time: host.added_time,
            host_id: host.id,
        })
    };
    looked_at.into_iter().filter_map(container).collect()
}

/// The addresses of all hosts: as Weka says them, and as the group does of an instance that Weka names.
fn members(group: &Group, hosts: &Hosts) -> Vec<String> {
    let mut members: BTreeSet<IpAddr> = hosts.0.iter().filter_map(|host| host.host_ip).collect();
    let named: BTreeSet<&str> = hosts
        .0
        .iter()
        .filter_map(|host| host.instance_id.as_ref())
        .map(|id| id.as_str())
        .collect();
    let ours = group
        .instances
        .iter()
        .filter(|instance| named.contains(instance.id.as_str()));
    members.extend(ours.filter_map(|instance| instance.private_ip.parse::<IpAddr>().ok()));
    members.into_iter().map(|address| address.to_string()).collect()
}
