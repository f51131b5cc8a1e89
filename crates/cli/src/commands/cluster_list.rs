//! `cluster list`: the Weka stacks and imported clusters of the region.

use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Connect;
use aws::clusters::{ClusterSummary, list};

pub(crate) async fn run(connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let session = connect.connect().await?;
    let clusters = list(&session.clients)
        .await
        .map_err(|error| Failure::aws("listing the clusters", &error))?;
    if printer.is_json() {
        printer.json(&clusters);
        return Ok(0);
    }
    let rows = clusters.into_iter().map(
        |ClusterSummary {
             name,
             source,
             state,
             backends,
             version,
             created,
         }| {
            let backends =
                backends.map_or_else(|| "-".to_owned(), |b| format!("{}/{}", b.in_group, b.desired));
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            [
                name,
                source.to_owned(),
                state,
                backends,
                or_dash(version),
                or_dash(created),
            ]
        },
    );
    printer.table(
        ["name", "source", "state", "backends", "version", "created"],
        rows,
    );
    Ok(0)
}
