//! `cluster join-params`.

use crate::failure::Failure;
use crate::flags::ClusterFlag;
use crate::printer::Printer;
use crate::session::{Connect, Session};
use aws::inventory::Inventory;
use aws::observe::{Request, observe};
use clap::Args;
use deployment::{HostName, Names, Output, ResourceId};
use instances::MountScript;
use serde_json::json;

/// Print the mount script for stateless clients
#[derive(Debug, Args)]
pub(crate) struct JoinParams {
    #[command(flatten)]
    cluster: ClusterFlag,
    /// DNS name to mount from [default: the one given at import, else the load balancer's]
    #[arg(short = 'l', long)]
    dns_alias: Option<String>,
}

pub(crate) async fn run(arguments: JoinParams, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let names = arguments.cluster.names()?;
    let session = connect.connect().await?;
    let host = match arguments.dns_alias {
        Some(alias) => host_name(&alias)?,
        None => match session.settings(&names).await?.dns_alias {
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

fn host_name(name: &str) -> Result<String, Failure> {
    let name = name.parse::<HostName>();
    name.map(|name| name.to_string())
        .map_err(|error| Failure::usage(format!("--dns-alias: {error}")))
}

/// The DNS name of the cluster's load balancer.
async fn load_balancer(session: &Session, names: &Names) -> Result<String, Failure> {
    let inventory = Inventory::new(&session.clients, names, &session.region);
    let load_balancer = Request {
        ids: vec![ResourceId::LoadBalancer],
        ..Request::default()
    };
    let actual = observe(&inventory, &load_balancer).await;
    let actual = actual.map_err(|error| Failure::aws("reading the load balancer", &error))?;
    let load_balancer = actual.get(&ResourceId::LoadBalancer);
    let name = load_balancer.map(|load_balancer| load_balancer.output(Output::DnsName).to_owned());
    let name = name.filter(|name| !name.is_empty());
    name.ok_or_else(|| {
        Failure::plain(format!(
            "cluster '{}' has no load balancer: rerun `wekactl cluster import` to create what is missing",
            names.cluster()
        ))
    })
}
