//! `cluster destroy`: look, show, ask, carry out, look again.

use super::join_params::cluster_name;
use crate::args::Destroy;
use crate::execute::{ExecutionResult, run_interruptible};
use crate::failure::{self, FAILED, Failure};
use crate::printer::{Printer, style};
use crate::progress::{Progress, Row};
use crate::session::Connect;
use crate::{confirm, removal_view};
use aws::cloud::Cloud;
use aws::inventory::Inventory;
use aws::remove::{look_again, remove};
use deployment::removal::{InstanceDisposition, Removal, StepId, Verb, instances};
use deployment::{HostGroup, Names, ResourceId};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::sync::Arc;

/// Runs the command.
pub(crate) async fn run(arguments: Destroy, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let names = Names::new(cluster_name(&arguments.name)?);
    let fate = if arguments.keep_instances {
        InstanceDisposition::Keep
    } else {
        InstanceDisposition::Terminate
    };
    let session = connect.connect().await?;
    let asking = |error: aws::Error| Failure::aws("looking at the account", &error);
    let inventory = Inventory::new(&session.clients, &names, &session.region);
    let (account, seen) = tokio::try_join!(inventory.account(), inventory.remains()).map_err(asking)?;
    let account = account.clone();
    let removal = Removal::new(&names, &session.region, &seen, fate);
    removal_view::show(&removal, printer);
    if removal.is_empty() {
        printer.line(&format!(
            "Nothing of cluster {} stands in {}: there is nothing to do.",
            names.cluster(),
            session.region
        ));
    }
    if arguments.dry_run || removal.is_empty() {
        if printer.is_json() {
            let mut document = json!({
                "cluster": names.cluster().as_str(),
                "dry_run": arguments.dry_run,
                "plan": removal_view::rows(&removal),
            });
            extend(&mut document, removal_view::remarks(&removal));
            printer.json(&document);
        }
        let changes = arguments.detailed_exitcode && !removal.is_empty();
        return Ok(if changes { failure::CHANGES } else { 0 });
    }
    let ours = instances(&names, &seen);
    let many: usize = HostGroup::ALL.iter().map(|&group| ours.of(group).count()).sum();
    confirm::require_confirmation(printer, arguments.yes, &question(&names, fate, many))?;
    let cloud = Cloud {
        clients: session.clients.clone(),
        account,
        names: names.clone(),
        package: Arc::default(),
    };
    execute(&cloud, &removal, fate, printer).await
}

fn question(names: &Names, fate: InstanceDisposition, instances: usize) -> String {
    let cluster = names.cluster();
    match fate {
        InstanceDisposition::Terminate => {
            format!(
                "Destroy cluster {cluster} and terminate its {instances} instances, with the data on them?"
            )
        }
        InstanceDisposition::Keep => {
            format!(
                "Remove what wekactl made for cluster {cluster} and leave its {instances} instances running?"
            )
        }
    }
}

async fn execute(
    cloud: &Cloud,
    removal: &Removal,
    fate: InstanceDisposition,
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
    let left = run_interruptible(printer, &progress, |interrupted| {
        let report = |event| progress.borrow_mut().event(event);
        let waiting = |id: StepId, error: &aws::Error| progress.borrow_mut().waits(id, &error.to_string());
        remove(cloud, removal, interrupted, report, waiting)
    })
    .await?;
    let carried = ExecutionResult::of(progress.into_inner(), printer);
    for line in &left {
        printer.line(&format!("Left to AWS: {line}"));
    }
    // What was not done stands: only what was all done is worth waiting for.
    let rest = look_again(cloud, fate, carried.is_whole()).await;
    let rest = rest.map_err(|error| Failure::aws("looking whether anything is left", &error));
    let code = say_what_is_left(cloud, &rest, fate, printer);
    if printer.is_json() {
        let rest_rows = rest.as_ref().map(|rest| json!(removal_view::rows(rest)));
        let mut more = json!({
            "left_to_aws": left,
            "left": rest_rows.unwrap_or(Json::Null),
        });
        extend(&mut more, removal_view::remarks(removal));
        printer.json(&carried.json_of(cloud, json!(removal_view::rows(removal)), more));
    }
    Ok(if carried.is_whole() {
        code
    } else {
        carried.exit_code()
    })
}

/// What a last look found, and the exit status that follows from it.
fn say_what_is_left(
    cloud: &Cloud,
    rest: &Result<Removal, Failure>,
    fate: InstanceDisposition,
    printer: &Printer,
) -> u8 {
    let cluster = cloud.names.cluster();
    let rest = match rest {
        Ok(rest) => rest,
        Err(failure) => {
            for error in &failure.errors {
                printer.warn(error);
            }
            return FAILED;
        }
    };
    for (kind, name) in &rest.going {
        printer.line(&format!("Left to AWS: {} {name} is being removed", kind.label()));
    }
    if rest.is_empty() {
        let head = style::HEAD;
        let instances = match fate {
            InstanceDisposition::Terminate => "",
            InstanceDisposition::Keep => " Its instances run on.",
        };
        printer.line(&format!(
            "{head}Nothing of cluster {cluster} is left.{head:#}{instances} The CloudFormation stack it came from, with its classic load balancer, stays."
        ));
        return 0;
    }
    printer.line(&format!("Of cluster {cluster} is left:"));
    for step in rest.steps.iter().filter(|step| step.verb != Verb::SwitchOff) {
        printer.line(&format!("  {} {}", step.label(), step.name));
        // Who changes his mind and imports again: which processes are suspended is the user's, import leaves it.
        if let StepId::Remove(ResourceId::AutoScalingGroup(_)) = step.id {
            printer.line(&format!(
                "    it may be suspended; to use it on: aws autoscaling resume-processes --auto-scaling-group-name {}",
                step.name
            ));
        }
    }
    FAILED
}

fn extend(document: &mut Json, more: Json) {
    if let (Json::Object(document), Json::Object(more)) = (document, more) {
        document.extend(more);
    }
}
