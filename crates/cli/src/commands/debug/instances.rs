//! `debug list-stack-instances`, `list-asg-instances` and `get-backends-private-ips`.

use crate::failure::Failure;
use crate::flags::ClusterFlag;
use crate::printer::Printer;
use crate::session::{Connect, Session};
use aws::discover::{NotFound, stack_instances};
use aws::group::{HostGroupInstances, find_groups};
use clap::Args;
use serde_json::json;

/// List the instances of a cluster's Auto Scaling groups, or of one group
#[derive(Debug, Args)]
pub(crate) struct ListGroupInstances {
    /// Name of the cluster, or of one of its Auto Scaling groups
    #[arg(short, long)]
    name: String,
}

pub(super) async fn list_stack(
    cluster: &ClusterFlag,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let name = cluster.cluster()?;
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
    print(printer, ["id", "name", "type", "state", "private_ip"], rows);
    Ok(0)
}

pub(super) async fn list_groups(
    arguments: &ListGroupInstances,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let session = connect.connect().await?;
    let groups = groups(&session, &arguments.name).await?;
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
    print(printer, ["group", "id", "health", "lifecycle", "protected"], rows);
    Ok(0)
}

/// The Auto Scaling groups of the cluster, or the one group, with this name.
///
/// # Errors
/// There is no such group.
pub(super) async fn groups(session: &Session, name: &str) -> Result<Vec<HostGroupInstances>, Failure> {
    let groups = find_groups(&session.clients.autoscaling, name).await;
    let groups = groups.map_err(|error| Failure::aws("reading the Auto Scaling groups", &error))?;
    if groups.is_empty() {
        return Err(Failure::plain(format!(
            "'{name}' is neither an imported cluster nor the Auto Scaling group of one in {}: `wekactl cluster list` lists \
             the imported clusters",
            session.region
        )));
    }
    Ok(groups)
}

pub(super) async fn list_backends(
    cluster: &ClusterFlag,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let names = cluster.names()?;
    let session = connect.connect().await?;
    // A missing cluster is an error, never a cluster without backends.
    session.settings(&names).await?;
    let running = aws::backends::running(&session.clients.ec2, names.cluster().as_str()).await;
    let running = running.map_err(|error| Failure::aws("reading the running backends", &error))?;
    let rows = running
        .iter()
        .map(|backend| [Some(backend.id.as_str()), Some(backend.private_ip.as_str())]);
    print(printer, ["id", "private_ip"], rows);
    Ok(0)
}

/// A table, or a list of JSON objects. A missing value is `-` in the table and null in JSON.
fn print<'a, const N: usize>(
    printer: &Printer,
    fields: [&str; N],
    rows: impl Iterator<Item = [Option<&'a str>; N]>,
) {
    if printer.is_json() {
        let objects = rows.map(|row| {
            let object = fields.iter().zip(row);
            let object = object.map(|(field, value)| ((*field).to_owned(), json!(value)));
            object.collect::<serde_json::Map<_, _>>()
        });
        printer.json(&objects.collect::<Vec<_>>());
    } else {
        let titles: Vec<_> = fields.iter().map(|field| field.replace('_', " ")).collect();
        let titles = std::array::from_fn(|column| titles[column].as_str());
        let cell = |value: Option<&str>| value.unwrap_or("-").to_owned();
        printer.table(titles, rows.map(|row| row.map(cell)));
    }
}
