//! `debug detach-asg-instances`: detaches instances from their group and decreases its desired capacity by their number.

use super::instances::groups;
use crate::confirm;
use crate::failure::{FAILED, Failure};
use crate::flags::YesFlag;
use crate::printer::Printer;
use crate::session::Connect;
use aws::group::HostGroupInstances;
use clap::Args;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Detach instances from a cluster's Auto Scaling groups
///
/// The instances keep running. The desired capacity of each group decreases by the number of its detached instances. Without a
/// terminal, --yes is required.
#[derive(Debug, Args)]
pub(crate) struct DetachInstances {
    /// Name of the cluster, or of one of its Auto Scaling groups
    #[arg(short, long)]
    name: String,
    /// Instances to detach
    #[arg(required = true, value_name = "ID")]
    instance_ids: Vec<String>,
    #[command(flatten)]
    yes: YesFlag,
}

/// Changes nothing if an instance is not in one of the groups.
pub(super) async fn run(
    arguments: DetachInstances,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let session = connect.connect().await?;
    let groups = groups(&session, &arguments.name).await?;
    let selected = select(&arguments, &groups)?;
    for (group, ids) in &selected {
        printer.line(&format!(
            "Detach from {} of cluster '{}'; the desired capacity decreases from {} to {}:",
            group.group,
            group.cluster,
            group.desired_capacity,
            group.desired_capacity - i32::try_from(ids.len()).unwrap_or(i32::MAX),
        ));
        for id in ids {
            printer.line(&format!("  {id}"));
        }
    }
    confirm::require_confirmation(printer, &arguments.yes, "Detach these instances?")?;
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for (group, ids) in &selected {
        let autoscaling = &session.clients.autoscaling;
        let (detached, failures) = aws::termination::detach(autoscaling, &group.group, ids, true).await;
        rows.extend(detached.into_iter().map(|id| (group.group.clone(), id.0)));
        errors.extend(
            failures
                .into_iter()
                .flat_map(|failure| Failure::aws(&failure.to_string(), &failure.source).errors),
        );
    }
    if printer.is_json() {
        let rows = rows.iter().map(|(group, id)| json!({ "group": group, "id": id }));
        let detached: Vec<_> = rows.collect();
        printer.json(&json!({ "detached": detached, "errors": errors }));
        return Ok(if errors.is_empty() { 0 } else { FAILED });
    }
    printer.table(
        ["group", "detached"],
        rows.into_iter().map(|(group, id)| [group, id]),
    );
    if errors.is_empty() {
        Ok(0)
    } else {
        Err(Failure::all(FAILED, errors))
    }
}

/// The instances to detach from each group, without duplicates.
fn select<'a>(
    arguments: &DetachInstances,
    groups: &'a [HostGroupInstances],
) -> Result<Vec<(&'a HostGroupInstances, Vec<String>)>, Failure> {
    let group_of: BTreeMap<&str, usize> = groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| {
            let ids = group
                .instances
                .iter()
                .filter_map(|instance| instance.instance_id());
            ids.map(move |id| (id, index))
        })
        .collect();
    let mut selected: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut errors = Vec::new();
    for id in arguments.instance_ids.iter().collect::<BTreeSet<_>>() {
        match group_of.get(id.as_str()) {
            Some(&index) => selected.entry(index).or_default().push(id.clone()),
            None => {
                let names: Vec<_> = groups.iter().map(|group| group.group.as_str()).collect();
                errors.push(format!("instance {id} is not in {}", names.join(" or ")));
            }
        }
    }
    if !errors.is_empty() {
        return Err(Failure::all(FAILED, errors));
    }
    Ok(selected
        .into_iter()
        .map(|(index, ids)| (&groups[index], ids))
        .collect())
}
