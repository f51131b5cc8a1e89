//! `cluster destroy`: observe, plan, confirm, execute, verify.

mod report;

use crate::execute::execute;
use crate::failure::{Failure, POSTPONED};
use crate::flags::{ClusterFlag, DryRunFlags, YesFlag};
use crate::printer::Printer;
use crate::session::Connect;
use crate::{confirm, plan_view};
use aws::cloud::Cloud;
use aws::inventory::Inventory;
use aws::observe::{owned_resources, remaining_teardown};
use clap::Args;
use deployment::ownership::{InstanceDisposition, instances};
use deployment::plan::{Plan, StepId};
use deployment::{HostGroup, Names, ResourceId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// Delete the resources that wekactl created for a cluster and terminate its instances
///
/// Destroy is idempotent: rerun it to resume. The CloudFormation stack is kept. Without a terminal, --yes is required.
#[derive(Debug, Args)]
#[command(mut_arg("dry_run", |dry_run| dry_run.short('d')))]
pub(crate) struct Destroy {
    #[command(flatten)]
    cluster: ClusterFlag,
    /// Detach the instances and keep them running; their wekactl tags and termination protection are removed
    #[arg(short, long)]
    keep_instances: bool,
    /// How long to wait until Lambda has deleted the network interfaces of the functions, for example `45m`
    ///
    /// Until then, the security groups and subnets of the stack cannot be deleted. Without a wait, destroy keeps what Lambda needs
    /// for that (a role, the table and the key), and exits with status 3; rerun it later to delete the rest.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    wait_for_interfaces: Duration,
    #[command(flatten)]
    dry_run: DryRunFlags,
    #[command(flatten)]
    yes: YesFlag,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text
        .parse()
        .map_err(|_| "a duration is written as 45m or 1h30m".to_owned())?;
    duration
        .try_into()
        .map_err(|_| "a duration is not negative".to_owned())
}

pub(crate) async fn run(arguments: Destroy, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let names = arguments.cluster.names()?;
    let disposition = if arguments.keep_instances {
        InstanceDisposition::Keep
    } else {
        InstanceDisposition::Terminate
    };
    let session = connect.connect().await?;
    let failed = |error: aws::Error| Failure::aws("reading the state of the account", &error);
    let inventory = Inventory::new(&session.clients, &names, &session.region);
    let (account, owned) =
        tokio::try_join!(inventory.account(), owned_resources(&inventory)).map_err(failed)?;
    let account = account.clone();
    let plan = Plan::teardown(&names, &session.region, &owned, disposition);
    plan_view::show(&plan, printer);
    if plan.is_empty() {
        printer.line(&format!(
            "No resources of cluster {} exist in {}: nothing to do.",
            names.cluster(),
            session.region
        ));
    }
    if arguments.dry_run.dry_run || plan.is_empty() {
        let remarks = plan_view::remarks(&plan);
        return Ok(plan_view::finish(
            names.cluster(),
            &plan,
            &arguments.dry_run,
            remarks,
            printer,
        ));
    }
    let members = instances(&names, &owned);
    let count: usize = HostGroup::ALL
        .iter()
        .map(|&group| members.of(group).count())
        .sum();
    let question = question(&names, disposition, count);
    confirm::require_confirmation(printer, &arguments.yes, &question)?;
    let cloud = Cloud {
        clients: session.clients.clone(),
        account,
        names: names.clone(),
        package: Arc::default(),
        wait_for_interfaces: arguments.wait_for_interfaces,
    };
    teardown(&cloud, &plan, disposition, printer).await
}

fn question(names: &Names, disposition: InstanceDisposition, instances: usize) -> String {
    let cluster = names.cluster();
    match disposition {
        InstanceDisposition::Terminate => {
            format!(
                "Destroy cluster {cluster} and terminate its {instances} instances? The data on them is lost."
            )
        }
        InstanceDisposition::Keep => {
            format!(
                "Delete the resources that wekactl created for cluster {cluster} and keep its {instances} instances running?"
            )
        }
    }
}

/// A destroy may end before it is complete. This is only for `cluster list`: a failure changes nothing else.
async fn mark_destroying(cloud: &Cloud, plan: &Plan) {
    let table = plan
        .steps
        .iter()
        .find(|step| step.id == StepId::Delete(ResourceId::Table));
    if let Some(table) = table
        && let Err(error) =
            aws::table::mark_destroying(&cloud.clients.dynamodb, &table.name, Timestamp::now()).await
    {
        tracing::warn!(%error, "the settings do not show that the destroy has started");
    }
}

async fn teardown(
    cloud: &Cloud,
    plan: &Plan,
    disposition: InstanceDisposition,
    printer: &Printer,
) -> Result<u8, Failure> {
    let (result, ()) = tokio::join!(execute(cloud, plan, printer), mark_destroying(cloud, plan));
    let result = result?;
    for line in &result.deferred {
        printer.line(&format!("Deferred to AWS: {line}"));
    }
    // After an incomplete run, some resources still exist: do not wait for them to disappear.
    let remaining = remaining_teardown(cloud, disposition, result.is_complete()).await;
    let remaining = remaining.map_err(|error| Failure::aws("checking for remaining resources", &error));
    let code = report::remaining(cloud, &remaining, disposition, printer);
    if printer.is_json() {
        let rows = remaining
            .as_ref()
            .map(|remaining| json!(plan_view::rows(remaining)));
        let left = json!({
            "left_to_aws": result.deferred,
            "left": rows.unwrap_or(Json::Null),
        });
        printer.json(&result.json(cloud, plan, [left, plan_view::remarks(plan)]));
    }
    if result.exit_code() == POSTPONED {
        let cluster = cloud.names.cluster();
        printer.line(&format!(
            "Cluster {cluster} is not yet destroyed. Rerun `wekactl cluster destroy --name {cluster}` in 20 to 45 minutes, or with \
             `--wait-for-interfaces 1h` to wait."
        ));
    }
    Ok(if result.is_complete() {
        code
    } else {
        result.exit_code()
    })
}
