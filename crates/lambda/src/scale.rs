//! *scale*: reads the cluster from Weka, decides which machines leave it, and reports which instances can be terminated.

use crate::failure::{Failure, chain};
use crate::{Clients, Environment, InvocationTime, metrics, random};
use deployment::HostGroup;
use scaling::authentication::Run;
use scaling::drain::{Action, CallFailure, Report, check, execute, finish, plan};
use scaling::messages::{HostGroupInfo, Role, ScaleResponse};
use scaling::policy::Group;
use scaling::seal::{Binding, open};
use std::time::Duration;
use tokio::time::Instant;
use weka::{Client, Options, Protocol};
use weka_types::Credentials;
use weka_types::lists::Hosts;

/// Time that is reserved at the end of the invocation to return the response.
const RESPONSE_MARGIN: Duration = Duration::from_millis(500);
/// Time that must be left before the last response when the last machine is started: its call and the final read of the hosts may
/// take three seconds each.
const LAST_TASK_MARGIN: Duration = Duration::from_secs(6);
/// The delay before the hosts are read again after a failure.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Reads the cluster, decides, executes the plan, and reads the hosts again.
///
/// # Errors
/// If the credentials or a list cannot be read, or if the run is refused, nothing was changed. If the final read of
/// the hosts fails, the response with the instances to terminate is lost; a later run or *terminate* finds them again.
pub async fn scale(
    environment: &Environment,
    clients: &Clients,
    run: Run<'_>,
    info: HostGroupInfo,
    time: InvocationTime,
) -> Result<ScaleResponse, Failure> {
    let role = match environment.host_group {
        HostGroup::Backends => Role::Backend,
        HostGroup::Clients => Role::Client,
    };
    if info.role != role {
        return Err(Failure::OtherRole);
    }
    let group = Group::from(&info);
    let credentials = credentials(environment, clients, run, &info).await?;
    let backends = random::shuffled(info.backend_ips).map_err(|source| Failure::Random { source })?;
    let last_response = time
        .deadline
        .checked_sub(RESPONSE_MARGIN)
        .unwrap_or(time.deadline);
    let weka = |source| Failure::Weka { source };
    let protocol =
        Protocol::new(&info.weka.unwrap_or_default()).map_err(|source| Failure::InvalidCa { source })?;
    let options = Options {
        protocol,
        ..Options::default()
    };
    let new_client =
        || Client::new(backends.clone(), credentials.clone(), &options, last_response).map_err(weka);
    let client = new_client()?;

    let lists = client.snapshot().await.map_err(weka)?;
    let (plan, report) = plan(&lists, &group, time.now).map_err(|refusal| Failure::Refused { refusal })?;
    log(&report);
    metrics::write(&metrics::line(environment, &report.counts, time.now));
    check(&plan, &lists, &group, time.now).map_err(|violation| Failure::Violation { violation })?;

    let last_task = last_response
        .checked_sub(LAST_TASK_MARGIN)
        .unwrap_or(last_response);
    let client = &client;
    let mut result = execute(
        &plan,
        || Instant::now() < last_task,
        |call| async move {
            tracing::info!(method = call.method(), what = ?call, "calling");
            let result = client.call(&call).await;
            result.map_err(|error| CallFailure::new(chain(&error)))
        },
    )
    .await;
    let errors = report.notices.iter().filter(|notice| notice.is_error());
    result.errors.splice(0..0, errors.map(ToString::to_string));
    // Without tasks, the list of hosts is still current.
    let hosts = if plan.tasks.is_empty() {
        lists.hosts
    } else {
        read_hosts_again(client, new_client, last_response).await?
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

/// Reads the list of hosts, and retries while there is time. Each retry also contacts backends that failed before. Without the
/// list, it is unknown which instances have no container left.
async fn read_hosts_again(
    client: &Client,
    new_client: impl Fn() -> Result<Client, Failure>,
    last_response: Instant,
) -> Result<Hosts, Failure> {
    let mut result = client.hosts().await;
    loop {
        match result {
            Ok(hosts) => return Ok(hosts),
            Err(source) if Instant::now() + RETRY_DELAY >= last_response => {
                return Err(Failure::Weka { source });
            }
            Err(error) => tracing::warn!(
                reason = chain(&error),
                "the hosts could not be read again, retrying"
            ),
        }
        tokio::time::sleep(RETRY_DELAY).await;
        result = new_client()?.hosts().await;
    }
}

/// The credentials, from the table or from the message.
async fn credentials(
    environment: &Environment,
    clients: &Clients,
    run: Run<'_>,
    info: &HostGroupInfo,
) -> Result<Credentials, Failure> {
    if environment.scale_reads_table {
        let credentials = aws::table::credentials(clients.dynamodb(), &environment.table).await;
        return credentials.map_err(|source| Failure::Aws {
            doing: "reading the credentials",
            source,
        });
    }
    let sealed = info.sealed.as_deref().ok_or(Failure::NoCredentials)?;
    open(sealed, &environment.keys()?.seal, Binding::new(run, info))
        .map_err(|source| Failure::Unseal { source })
}

/// Logs one line per machine: the action and its reason.
fn log(report: &Report) {
    let counts = report.counts;
    tracing::info!(
        desired = counts.desired,
        healthy = counts.healthy,
        unhealthy = counts.unhealthy,
        deactivating = counts.deactivating,
        skipped = counts.skipped,
        drives_phasing_out = counts.phasing_out,
        to_deactivate = report.to_deactivate,
        "cluster read"
    );
    for notice in &report.notices {
        tracing::warn!(reason = %notice, "notice");
    }
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
            Action::Skip(_) | Action::Blocked { .. } | Action::NoAddress => {
                tracing::warn!(address, instance, hosts, state, verdict, reason, "decision");
            }
            _ => tracing::info!(address, instance, hosts, state, verdict, reason, "decision"),
        }
    }
}
