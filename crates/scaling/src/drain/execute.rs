//! Sends the calls of a plan and determines at the end which instances may be terminated. It decides nothing by itself: the
//! calls are in the plan, and the list of hosts that is read last determines which instances may be terminated.

use super::plan::{Plan, Task};
use crate::cluster_view::may_run_on;
use crate::messages::{Container, Instance, Role, ScaleResponse, VERSION, transient_errors};
use crate::policy::Group;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{Host, HostState, HostStatus, Hosts, Mode};

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
    fn record_failure(&mut self, task: &Task, call: &Call, failure: &CallFailure) {
        let target = task
            .address
            .map_or_else(|| "orphaned drives".to_owned(), |ip| ip.to_string());
        let reason = &failure.reason;
        self.errors.push(format!("{target}: {}: {reason}", call.method()));
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    pub reason: String,
    /// Whether Weka refused the call because too few resources would remain.
    pub is_insufficient: bool,
}

impl CallFailure {
    /// Weka's refusals have no documented codes: their text decides. A text that is not recognized only means that the
    /// machine's other calls are sent as well, and Weka checks each of them.
    pub fn new(reason: String) -> Self {
        // "… less than the total budget for filesystems", "… reliable containers available for cluster leadership": see
        // docs/weka-compatibility.md. The others are tolerant.
        const INSUFFICIENT: [&str; 4] = [
            "budget for filesystems",
            "leadership",
            "failure domain",
            "capacity",
        ];
        let text = reason.to_lowercase();
        Self {
            is_insufficient: INSUFFICIENT.iter().any(|words| text.contains(words)),
            reason,
        }
    }
}

/// Whether the calls after this one, which failed, are not sent. Weka may refuse a single drive, and that must not stop the
/// others or the containers. Drives stay in use until the NFS ports are gone, and registered until the containers are.
pub fn ends_task(call: &Call, failure: &CallFailure) -> bool {
    match call {
        Call::Event(_) | Call::RemoveDrives(_) => false,
        Call::DeactivateDrives(_) => failure.is_insufficient,
        Call::DeleteInterfacePort { .. } | Call::DeactivateHosts(_) | Call::RemoveHost(_) => true,
    }
}

/// Executes a plan: its tasks in order. `call` sends one call. `has_time` is called before each task, so that a run stops
/// between two machines before its time is up.
pub async fn execute<F>(plan: &Plan, has_time: impl Fn() -> bool, call: impl Fn(Call) -> F) -> ExecutionResult
where
    F: Future<Output = Result<(), CallFailure>>,
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
            let Err(failure) = call(step.clone()).await else {
                result.successful_calls += 1;
                continue;
            };
            if !step.is_best_effort() {
                result.record_failure(task, step, &failure);
                is_complete = false;
            }
            if ends_task(step, &failure) {
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
/// that has not left the cluster is not passed to *terminate*, whatever happened before.
pub fn finish(group: &Group, result: ExecutionResult, hosts: &Hosts) -> (ScaleResponse, Vec<StillMember>) {
    let mut by_address: HashMap<IpAddr, Vec<&Host>> = HashMap::new();
    let mut by_instance: HashMap<&str, &Host> = HashMap::new();
    let is_member = |host: &&Host| !host.state.is_removed() && !is_stale_client(host, group);
    for host in hosts.0.iter().filter(is_member) {
        if let Some(address) = host.host_ip {
            by_address.entry(address).or_default().push(host);
        }
        if let Some(id) = &host.instance_id {
            by_instance.insert(id.as_str(), host);
        }
    }
    let mut to_terminate = Vec::new();
    let mut still_members = Vec::new();
    for instance in result.removed {
        let address: Option<IpAddr> = instance.private_ip.parse().ok();
        let here = address
            .and_then(|address| by_address.get(&address))
            .into_iter()
            .flatten();
        let member = here
            .copied()
            .find(|host| may_run_on(host, &instance.id))
            .or_else(|| by_instance.get(instance.id.as_str()).copied());
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
    let instances = InstancesByAddress::new(group);
    let is_listed = |host: &&Host| {
        host.mode == mode
            && host
                .host_ip
                .is_some_and(|address| instances.may_have(host, address))
    };
    let mut listed: Vec<&Host> = hosts.0.iter().filter(is_listed).collect();
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

/// Whether the entry of a client does not mean that the client exists: Weka removes it when its timeout has passed. A client of
/// this group counts until then.
fn is_stale_client(host: &Host, group: &Group) -> bool {
    let removes_itself = host.auto_remove_timeout.is_some_and(|seconds| seconds > 0);
    let is_stale = host.mode == Mode::Client && host.status == HostStatus::Down && removes_itself;
    is_stale
        && match group.role {
            Role::Backend => true,
            Role::Client => host
                .instance_id
                .as_ref()
                .is_some_and(|id| group.instances.iter().all(|instance| instance.id != id.as_str())),
        }
}

/// The addresses of all hosts: those in Weka's list, and those of the group's instances that Weka's list names by id. An
/// entry of an earlier instance with the address of one of the group's instances does not count.
fn members(group: &Group, hosts: &Hosts) -> Vec<String> {
    let instances = InstancesByAddress::new(group);
    let hosts = || hosts.0.iter().filter(|host| !is_stale_client(host, group));
    let mut members: BTreeSet<IpAddr> = hosts()
        .filter_map(|host| host.host_ip.filter(|address| instances.may_have(host, *address)))
        .collect();
    let listed_ids: BTreeSet<&str> = hosts()
        .filter_map(|host| host.instance_id.as_ref())
        .map(|id| id.as_str())
        .collect();
    let listed = group
        .instances
        .iter()
        .filter(|instance| listed_ids.contains(instance.id.as_str()));
    members.extend(listed.filter_map(|instance| instance.private_ip.parse::<IpAddr>().ok()));
    members.into_iter().map(|address| address.to_string()).collect()
}

struct InstancesByAddress<'a>(HashMap<IpAddr, Vec<&'a str>>);

impl<'a> InstancesByAddress<'a> {
    fn new(group: &'a Group) -> Self {
        let mut instances: HashMap<IpAddr, Vec<&str>> = HashMap::new();
        for instance in &group.instances {
            if let Ok(address) = instance.private_ip.parse() {
                instances.entry(address).or_default().push(&instance.id);
            }
        }
        Self(instances)
    }

    /// Whether the container may run on the machine that now has this address. Only for the group's instances is it known
    /// which one that is.
    fn may_have(&self, host: &Host, address: IpAddr) -> bool {
        match self.0.get(&address) {
            Some(ids) => ids.iter().any(|id| may_run_on(host, id)),
            None => true,
        }
    }
}
