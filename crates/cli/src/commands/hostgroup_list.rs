//! `hostgroup list`.

use crate::failure::Failure;
use crate::flags::ClusterFlag;
use crate::printer::Printer;
use crate::session::Connect;
use aws::clusters::group_sizes;
use serde_json::json;

pub(crate) async fn run(cluster: &ClusterFlag, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let names = cluster.names()?;
    let session = connect.connect().await?;
    let settings = session.settings(&names).await?;
    let groups: Vec<_> = settings.groups().map(|group| names.of(group)).collect();
    let sizes = group_sizes(&session.clients.autoscaling, &groups)
        .await
        .map_err(|error| Failure::aws("reading the Auto Scaling groups", &error))?;
    let rows: Vec<_> = settings
        .groups()
        .map(|group| {
            let name = names.of(group);
            let instance_type = settings
                .group(group)
                .map(|s| s.instance_type.clone())
                .unwrap_or_default();
            let sizes = sizes.get(&name).copied();
            (group, name, instance_type, sizes)
        })
        .collect();
    if printer.is_json() {
        let rows = rows.iter().map(|(group, name, instance_type, sizes)| {
            json!({
                "name": group.name(),
                "role": group.role(),
                "group": name,
                "instance_type": instance_type,
                "min": sizes.map(|s| s.min),
                "desired": sizes.map(|s| s.desired),
                "max": sizes.map(|s| s.max),
                "in_service": sizes.map(|s| s.in_service),
            })
        });
        printer.json(&rows.collect::<Vec<_>>());
        return Ok(0);
    }
    let rows = rows.into_iter().map(|(group, name, instance_type, sizes)| {
        let (limits, in_service) = sizes.map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |s| {
                (
                    format!("{}/{}/{}", s.min, s.desired, s.max),
                    s.in_service.to_string(),
                )
            },
        );
        [
            group.name().to_owned(),
            group.role().to_owned(),
            name,
            instance_type,
            limits,
            in_service,
        ]
    });
    printer.table(
        ["name", "role", "group", "type", "min/desired/max", "in service"],
        rows,
    );
    Ok(0)
}
