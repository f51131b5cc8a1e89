//! *scale*: what Weka says of the cluster, what is to be done about it, and what of the group may be terminated.

use crate::failure::{Failure, chain};
use crate::{Clients, Environment, Moment, metrics, random};
use deployment::HostGroup;
use scaling::drain::{Action, Report, check, execute, finish, plan};
use scaling::messages::{HostGroupInfo, Role, ScaleResponse, read};
use scaling::policy::Group;
use scaling::seal::{Binding, open};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;
use weka::{Client, Options, Protocol};
use weka_types::Credentials;
use weka_types::lists::Hosts;

/// What is left of the invocation's time when the last request must have been answered: for the answer's own way.
const FOR_THE_ANSWER: Duration = Duration::from_millis(500);
/// What is left before that when the last machine is begun: a call and the last look may take three seconds each.
const FOR_THE_LAST_LOOK: Duration = Duration::from_secs(6);
/// What is waited after a last look that failed.
const BEFORE_ANOTHER_LOOK: Duration = Duration::from_millis(500);

/// Looks at the cluster, decides, carries out, and looks once more.
///
/// # Errors
/// Nothing was changed where the message, the credentials or a list cannot be read, or where the run is refused; the last
/// list not being readable loses what may be terminated, which a later run or *terminate* finds again.
pub async fn scale(
    environment: &Environment,
    clients: &Clients,
    event: &Value,
    moment: Moment,
) -> Result<ScaleResponse, Failure> {
    let info: HostGroupInfo = read(event.clone()).map_err(|source| Failure::Message { source })?;
    let role = match environment.host_group {
        HostGroup::Backends => Role::Backend,
        HostGroup::Clients => Role::Client,
    };
    if info.role != role {
        return Err(Failure::OtherRole);
    }
    let group = Group::from(&info);
    let credentials = credentials(environment, clients, &info).await?;
    let backends = random::shuffled(info.backend_ips).map_err(|source| Failure::Random { source })?;
    let last_answer = moment
        .deadline
        .checked_sub(FOR_THE_ANSWER)
        .unwrap_or(moment.deadline);
    let weka = |source| Failure::Weka { source };
    let protocol =
        Protocol::new(&info.weka.unwrap_or_default()).map_err(|source| Failure::InvalidCa { source })?;
    let options = Options {
        protocol,
        ..Options::default()
    };
    let asking = || Client::new(backends.clone(), credentials.clone(), &options, last_answer).map_err(weka);
    let client = asking()?;

    let lists = client.snapshot().await.map_err(weka)?;
    let (plan, report) = plan(&lists, &group, moment.now).map_err(|refusal| Failure::Refused { refusal })?;
    log(&report);
    metrics::write(&metrics::line(environment, &report.counts, moment.now));
    check(&plan, &lists, &group, moment.now).map_err(|violation| Failure::Violation { violation })?;

    let last_task = last_answer.checked_sub(FOR_THE_LAST_LOOK).unwrap_or(last_answer);
    let client = &client;
    let result = execute(
        &plan,
        || Instant::now() < last_task,
        |call| async move {
            tracing::info!(method = call.method(), what = ?call, "calling");
            client.call(&call).await.map_err(|error| chain(&error))
        },
    )
    .await;
    // A run that had nothing to do has just read the list of hosts.
    let hosts = if plan.tasks.is_empty() {
        lists.hosts
    } else {
        last_look(client, asking, last_answer).await?
    };
    let (response, still_members) = finish(&group, result, &hosts);
    for instance in &still_members {
        tracing::warn!(reason = %instance, "not terminated");
    }
    for error in response.transient_errors.iter().flatten() {
        tracing::warn!(error, "transient error");
    }
    Ok(response)
}

/// Reads the list of hosts, of backends that were given up too, again and again while there is time: if it cannot be read,
/// nobody is told which instances nothing is left on.
async fn last_look(
    client: &Client,
    asking: impl Fn() -> Result<Client, Failure>,
    last_answer: Instant,
) -> Result<Hosts, Failure> {
    let mut result = client.hosts().await;
    loop {
        match result {
            Ok(hosts) => return Ok(hosts),
            Err(source) if Instant::now() + BEFORE_ANOTHER_LOOK >= last_answer => {
                return Err(Failure::Weka { source });
            }
            Err(error) => tracing::warn!(reason = chain(&error), "the last look failed, looking again"),
        }
        tokio::time::sleep(BEFORE_ANOTHER_LOOK).await;
        result = asking()?.hosts().await;
    }
}

/// The credentials out of the message, or out of the table where the function is to read them itself.
async fn credentials(
    environment: &Environment,
    clients: &Clients,
    info: &HostGroupInfo,
) -> Result<Credentials, Failure> {
    let Some(key) = &environment.seal_key else {
        let credentials = aws::table::credentials(clients.dynamodb(), &environment.table).await;
        return credentials.map_err(|source| Failure::Aws {
            doing: "reading the credentials",
            source,
        });
    };
    let binding = Binding {
        cluster: &environment.cluster,
        host_group: environment.host_group.name(),
    };
    let sealed = info.sealed.as_deref().ok_or(Failure::NoCredentials)?;
    open(sealed, key, binding).map_err(|source| Failure::Unseal { source })
}

/// A line a machine, with what is done with it and why.
fn log(report: &Report) {
    let counts = report.counts;
    tracing::info!(
        desired = counts.desired,
        healthy = counts.healthy,
        unhealthy = counts.unhealthy,
        deactivating = counts.deactivating,
        drives_phasing_out = counts.phasing_out,
        to_deactivate = report.to_deactivate,
        "looked at the cluster"
    );
    for decision in &report.decisions {
        let hosts: Vec<_> = decision.hosts.iter().map(ToString::to_string).collect();
        let (address, instance) = (
            decision.address.map(|ip| ip.to_string()),
            decision.instance.as_deref(),
        );
        let state = decision.state.map(|state| state.as_str());
        let (verdict, reason) = (decision.action.as_str(), decision.action.to_string());
        let (address, hosts) = (address.as_deref(), hosts.join(" "));
        match decision.action {
            Action::Skip(_) | Action::NoAddress => {
                tracing::warn!(address, instance, hosts, state, verdict, reason, "decided");
            }
            _ => tracing::info!(address, instance, hosts, state, verdict, reason, "decided"),
        }
    }
}
