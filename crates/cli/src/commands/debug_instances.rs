//! `debug`: the single steps that look at instances or take them out of a group.

mod detach;
mod join_script;

use super::debug_create;
use super::join_params::{cluster_name, settings};
use crate::args::{Named, Support};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::{Connect, Session};
use aws::discover::{NotFound, stack_instances};
use aws::group::{HostGroupInstances, find_groups};
use deployment::Names;
use serde_json::json;

/// Runs the command.
pub(crate) async fn run(step: Support, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let part = debug_create::part_of(&step);
    match step {
        Support::CreateLambda(step)
        | Support::CreateLambdaEndpoint(step)
        | Support::CreateStateMachine(step)
        | Support::CreateCloudWatchEventRule(step)
        | Support::CreateAutoScalingGroup(step) => debug_create::run(step, part, connect, printer).await,
        Support::ListStackInstances(named) => of_stack(&named, connect, printer).await,
        Support::ListAsgInstances(of) => of_groups(&of.name, connect, printer).await,
        Support::GetBackendsPrivateIps(named) => backends(&named, connect, printer).await,
        Support::GetJoinParams(params) => join_script::run(params, connect, printer).await,
        Support::DetachAsgInstances(detach) => detach::run(detach, connect, printer).await,
    }
}

async fn of_stack(named: &Named, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let name = cluster_name(&named.name)?;
    let session = connect.connect().await?;
    let instances = stack_instances(&session.clients, &name).await;
    let instances = instances.map_err(|error| match error {
        NotFound::Aws(error) => Failure::aws("reading the stack's instances", &error),
        error @ NotFound::Stack(_) => Failure::plain(error.to_string()),
    })?;
    let rows = instances.iter().map(|instance| {
        let name = instance.tags().iter().find(|tag| tag.key() == Some("Name"));
        let state = instance.state().and_then(|state| state.name());
        [
            instance.instance_id(),
            name.and_then(|name| name.value()),
            instance.instance_type().map(|kind| kind.as_str()),
            state.map(|state| state.as_str()),
            instance.private_ip_address(),
        ]
    });
    rows_of(printer, ["id", "name", "type", "state", "private_ip"], rows);
    Ok(0)
}

async fn of_groups(name: &str, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let session = connect.connect().await?;
    let groups = groups(&session, name).await?;
    let rows = groups.iter().flat_map(|group| {
        group.instances.iter().map(|instance| {
            let protected = instance.protected_from_scale_in();
            [
                Some(group.group.as_str()),
                instance.instance_id(),
                instance.health_status(),
                instance.lifecycle_state().map(|state| state.as_str()),
                protected.map(|protected| if protected { "yes" } else { "no" }),
            ]
        })
    });
    rows_of(printer, ["group", "id", "health", "lifecycle", "protected"], rows);
    Ok(0)
}

/// The groups that are meant: at least one.
async fn groups(session: &Session, name: &str) -> Result<Vec<HostGroupInstances>, Failure> {
    let groups = find_groups(&session.clients.autoscaling, name).await;
    let groups = groups.map_err(|error| Failure::aws("reading the Auto Scaling groups", &error))?;
    if groups.is_empty() {
        return Err(Failure::plain(format!(
            "there is no imported cluster and no Auto Scaling group of one with the name '{name}' in {}: `wekactl cluster \
             list` shows the clusters",
            session.region
        )));
    }
    Ok(groups)
}

async fn backends(named: &Named, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let names = Names::new(cluster_name(&named.name)?);
    let session = connect.connect().await?;
    // A cluster that is not there has no backends either, and that is not the same.
    settings(&session, &names).await?;
    let running = aws::backends::running(&session.clients.ec2, names.cluster().as_str()).await;
    let running = running.map_err(|error| Failure::aws("reading the running backends", &error))?;
    let rows = running
        .iter()
        .map(|backend| [Some(backend.id.as_str()), Some(backend.private_ip.as_str())]);
    rows_of(printer, ["id", "private_ip"], rows);
    Ok(0)
}

/// A table, or a list of objects. What is not known is `-` in the one, and null in the other.
fn rows_of<'a, const N: usize>(
    printer: &Printer,
    heads: [&str; N],
    rows: impl Iterator<Item = [Option<&'a str>; N]>,
) {
    if printer.is_json() {
        let objects = rows.map(|row| {
            let fields = heads.iter().zip(row);
            let fields = fields.map(|(head, value)| ((*head).to_owned(), json!(value)));
            fields.collect::<serde_json::Map<_, _>>()
        });
        printer.json(&objects.collect::<Vec<_>>());
    } else {
        let words: Vec<_> = heads.iter().map(|head| head.replace('_', " ")).collect();
        let heads = std::array::from_fn(|place| words[place].as_str());
        let cell = |value: Option<&str>| value.unwrap_or("-").to_owned();
        printer.table(heads, rows.map(|row| row.map(cell)));
    }
}
