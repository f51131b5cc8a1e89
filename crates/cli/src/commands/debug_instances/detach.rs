//! `debug detach-asg-instances`: takes instances out of their group and lowers its desired capacity by as many.

use super::groups;
use crate::args::DetachInstances;
use crate::confirm;
use crate::failure::{FAILED, Failure};
use crate::printer::Printer;
use crate::session::Connect;
use aws::group::HostGroupInstances;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Runs the command. Instances that are in none of the groups are an error, and then nothing is done.
pub(super) async fn run(
    arguments: DetachInstances,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let session = connect.connect().await?;
    let groups = groups(&session, &arguments.name).await?;
    let chosen = chosen(&arguments, &groups)?;
    for (group, ids) in &chosen {
        printer.line(&format!(
            "detach from {} of cluster '{}', whose desired capacity goes from {} to {}:",
            group.group,
            group.cluster,
            group.desired_capacity,
            group.desired_capacity - i32::try_from(ids.len()).unwrap_or(i32::MAX),
        ));
        for id in ids {
            printer.line(&format!("  {id}"));
        }
    }
    confirm::require_confirmation(printer, arguments.yes, "detach them?")?;
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for (group, ids) in &chosen {
        let autoscaling = &session.clients.autoscaling;
        let (detached, undone) = aws::termination::detach(autoscaling, &group.group, ids, true).await;
        rows.extend(detached.into_iter().map(|id| (group.group.clone(), id.0)));
        errors.extend(
            undone
                .into_iter()
                .flat_map(|undone| Failure::aws(&undone.to_string(), &undone.source).errors),
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

/// Which instances go from which group, each once.
fn chosen<'a>(
    arguments: &DetachInstances,
    groups: &'a [HostGroupInstances],
) -> Result<Vec<(&'a HostGroupInstances, Vec<String>)>, Failure> {
    let at: BTreeMap<&str, usize> = groups
        .iter()
        .enumerate()
        .flat_map(|(place, group)| {
            let ids = group
                .instances
                .iter()
                .filter_map(|instance| instance.instance_id());
            ids.map(move |id| (id, place))
        })
        .collect();
    let mut of: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut errors = Vec::new();
    for id in arguments.instance_ids.iter().collect::<BTreeSet<_>>() {
        match at.get(id.as_str()) {
            Some(&place) => of.entry(place).or_default().push(id.clone()),
            None => {
                let names: Vec<_> = groups.iter().map(|group| group.group.as_str()).collect();
                errors.push(format!("instance {id} is not in {}", names.join(" or ")));
            }
        }
    }
    if !errors.is_empty() {
        return Err(Failure::all(FAILED, errors));
    }
    Ok(of.into_iter().map(|(place, ids)| (&groups[place], ids)).collect())
}
