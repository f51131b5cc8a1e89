//! `cluster destroy`: observe, plan, confirm, execute, verify.

mod report;

use crate::execute::execute;
use crate::failure::Failure;
use crate::flags::{ClusterFlag, DryRunFlags, YesFlag};
use crate::printer::Printer;
use crate::session::Connect;
use crate::{confirm, plan_view};
use aws::cloud::Cloud;
use aws::inventory::Inventory;
use aws::observe::{owned_resources, remaining_teardown};
use clap::Args;
use deployment::ownership::{InstanceDisposition, instances};
use deployment::plan::Plan;
use deployment::{HostGroup, Names};
use serde_json::{Value as Json, json};
use std::sync::Arc;

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
    #[command(flatten)]
    dry_run: DryRunFlags,
    #[command(flatten)]
    yes: YesFlag,
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

async fn teardown(
    cloud: &Cloud,
    plan: &Plan,
    disposition: InstanceDisposition,
    printer: &Printer,
) -> Result<u8, Failure> {
    let result = execute(cloud, plan, printer).await?;
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
    Ok(if result.is_complete() {
        code
    } else {
        result.exit_code()
    })
}
