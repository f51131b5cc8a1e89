//! `cluster destroy`: observe, plan, confirm, execute, verify.

mod plan_view;
mod report;

use crate::confirm;
use crate::execute::{ExecutionResult, run_interruptible};
use crate::failure::{self, Failure};
use crate::flags::{ClusterFlag, DryRunFlags, YesFlag};
use crate::printer::Printer;
use crate::progress::{Progress, Row};
use crate::session::Connect;
use aws::cloud::Cloud;
use aws::inventory::Inventory;
use aws::remove::{look_again, remove};
use clap::Args;
use deployment::removal::{InstanceDisposition, Removal, StepId, Verb, instances};
use deployment::{HostGroup, Names};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
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
    let (account, seen) = tokio::try_join!(inventory.account(), inventory.remains()).map_err(failed)?;
    let account = account.clone();
    let removal = Removal::new(&names, &session.region, &seen, disposition);
    plan_view::show(&removal, printer);
    if removal.is_empty() {
        printer.line(&format!(
            "No resources of cluster {} exist in {}: nothing to do.",
            names.cluster(),
            session.region
        ));
    }
    if arguments.dry_run.dry_run || removal.is_empty() {
        if printer.is_json() {
            let mut document = json!({
                "cluster": names.cluster().as_str(),
                "dry_run": arguments.dry_run.dry_run,
                "plan": plan_view::rows(&removal),
            });
            extend(&mut document, plan_view::remarks(&removal));
            printer.json(&document);
        }
        let changes = arguments.dry_run.detailed_exitcode && !removal.is_empty();
        return Ok(if changes { failure::CHANGES } else { 0 });
    }
    let members = instances(&names, &seen);
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
    execute(&cloud, &removal, disposition, printer).await
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

async fn execute(
    cloud: &Cloud,
    removal: &Removal,
    disposition: InstanceDisposition,
    printer: &Printer,
) -> Result<u8, Failure> {
    let rows = removal.steps.iter().map(|step| {
        let row = Row {
            kind: step.label(),
            name: step.name.clone(),
            done: step.verb.done(),
            counts: if step.verb == Verb::SwitchOff {
                "stopped"
            } else {
                "removed"
            },
        };
        (step.id, row)
    });
    let progress = RefCell::new(Progress::new(printer, rows, &["stopped", "removed"]));
    let deferred = run_interruptible(printer, &progress, |interrupted| {
        let report = |event| progress.borrow_mut().event(event);
        let waiting = |id: StepId, error: &aws::Error| progress.borrow_mut().waits(id, &error.to_string());
        remove(cloud, removal, interrupted, report, waiting)
    })
    .await?;
    let result = ExecutionResult::of(progress.into_inner(), printer);
    for line in &deferred {
        printer.line(&format!("Deferred to AWS: {line}"));
    }
    // After an incomplete run, some resources still exist: do not wait for them to disappear.
    let remaining = look_again(cloud, disposition, result.is_complete()).await;
    let remaining = remaining.map_err(|error| Failure::aws("checking for remaining resources", &error));
    let code = report::remaining(cloud, &remaining, disposition, printer);
    if printer.is_json() {
        let rows = remaining
            .as_ref()
            .map(|remaining| json!(plan_view::rows(remaining)));
        let mut more = json!({
            "left_to_aws": deferred,
            "left": rows.unwrap_or(Json::Null),
        });
        extend(&mut more, plan_view::remarks(removal));
        printer.json(&result.json_of(cloud, json!(plan_view::rows(removal)), more));
    }
    Ok(if result.is_complete() {
        code
    } else {
        result.exit_code()
    })
}

fn extend(document: &mut Json, more: Json) {
    if let (Json::Object(document), Json::Object(more)) = (document, more) {
        document.extend(more);
    }
}
