//! `cluster join-params`: the mount script for stateless clients.

use crate::args::JoinParams;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::{Connect, Session};
use aws::inventory::Inventory;
use deployment::{ClusterName, HostName, Names, Output, ResourceId, Settings};
use instances::MountScript;
use serde_json::json;

/// Runs the command.
pub(crate) async fn run(arguments: JoinParams, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let names = Names::new(cluster_name(&arguments.name)?);
    let session = connect.connect().await?;
    let host = match arguments.dns_alias {
        Some(alias) => host_name(&alias)?,
        None => match settings(&session, &names).await?.dns_alias {
            Some(alias) => alias,
            None => load_balancer(&session, &names).await?,
        },
    };
    let script = MountScript { host: host.clone() }.render();
    if printer.is_json() {
        printer.json(&json!({ "cluster": names.cluster().as_str(), "host": host, "mount_script": script }));
    } else {
        printer.data(&script);
    }
    Ok(0)
}

/// The cluster's name as given.
pub(super) fn cluster_name(name: &str) -> Result<ClusterName, Failure> {
    name.parse()
        .map_err(|error: deployment::names::InvalidClusterName| Failure::usage(error.to_string()))
}

/// A host's name as given.
fn host_name(name: &str) -> Result<String, Failure> {
    let name = name.parse::<HostName>();
    name.map(|name| name.to_string())
        .map_err(|error| Failure::usage(format!("--dns-alias: {error}")))
}

/// The settings of an imported cluster.
pub(super) async fn settings(session: &Session, names: &Names) -> Result<Settings, Failure> {
    let key = deployment::settings::SETTINGS_KEY;
    let not_imported = || {
        Failure::plain(format!(
            "cluster '{}' is not imported in {}: `wekactl cluster list` shows those that are",
            names.cluster(),
            session.region
        ))
    };
    match aws::table::item(&session.clients.dynamodb, &names.base(), key).await {
        Ok(Some(item)) => Settings::from_item(&item)
            .map_err(|error| Failure::failed("reading the cluster's settings", &error)),
        Ok(None) => Err(not_imported()),
        Err(error) if error.is(&["ResourceNotFoundException"]) => Err(not_imported()),
        Err(error) => Err(Failure::aws("reading the cluster's settings", &error)),
    }
}

async fn load_balancer(session: &Session, names: &Names) -> Result<String, Failure> {
    let inventory = Inventory::new(&session.clients, names, &session.region);
    let standing = inventory.at([ResourceId::LoadBalancer]).await;
    let mut standing = standing.map_err(|error| Failure::aws("reading the load balancer", &error))?;
    let outputs = standing
        .remove(&ResourceId::LoadBalancer)
        .map(|s| s.outputs)
        .unwrap_or_default();
    let name = outputs
        .into_iter()
        .find(|(output, _)| *output == Output::DnsName)
        .map(|(_, name)| name);
    name.ok_or_else(|| {
        Failure::plain(format!(
            "cluster '{}' has no load balancer: run `wekactl cluster import` again to make what is missing",
            names.cluster()
        ))
    })
}
