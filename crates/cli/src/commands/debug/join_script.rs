//! `debug get-join-params`: the script that the *join* function returns to a new instance, without the password.

use crate::failure::Failure;
use crate::flags::ClusterFlag;
use crate::printer::Printer;
use crate::session::Connect;
use clap::Args;
use deployment::{HostGroup, Names};
use instances::{BackendJoin, ClientJoin};
use serde_json::json;

/// Replaces the password.
const HIDDEN: &str = "(hidden)";

/// Print the join script of a host group; the password is hidden
#[derive(Debug, Args)]
pub(crate) struct GetJoinParams {
    #[command(flatten)]
    cluster: ClusterFlag,
    /// Host group (Backends or Clients), or the name of its Auto Scaling group
    #[arg(short = 'g', long, default_value = "Backends", value_name = "GROUP")]
    asg_name: String,
    /// DynamoDB table to read the credentials from, instead of the cluster's
    #[arg(short = 't', long, value_name = "TABLE")]
    table_name: Option<String>,
    /// Instance type to use instead of the host group's
    #[arg(long, value_name = "TYPE")]
    instance_type: Option<String>,
}

pub(super) async fn run(
    arguments: GetJoinParams,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let names = arguments.cluster.names()?;
    let group = host_group(&names, &arguments.asg_name)?;
    let session = connect.connect().await?;
    let settings = session.settings(&names).await?;
    let group_settings = settings
        .group(group)
        .ok_or_else(|| Failure::plain(format!("cluster '{}' has no host group {group}", names.cluster())))?;
    let table = arguments.table_name.unwrap_or_else(|| names.base());
    let credentials = async {
        match group {
            // A client needs no credentials.
            HostGroup::Clients => Ok(None),
            HostGroup::Backends => aws::table::credentials(&session.clients.dynamodb, &table)
                .await
                .map(Some),
        }
    };
    let (backends, credentials) = tokio::join!(
        aws::backends::running(&session.clients.ec2, names.cluster().as_str()),
        credentials,
    );
    let backends = backends.map_err(|error| Failure::aws("reading the running backends", &error))?;
    let credentials = credentials.map_err(|error| Failure::aws("reading the credentials", &error))?;
    if backends.is_empty() {
        return Err(Failure::plain(format!(
            "cluster '{}' has no running backend for an instance to join through",
            names.cluster()
        )));
    }
    let backends: Vec<_> = backends.into_iter().map(|backend| backend.private_ip).collect();
    let instance_type = arguments
        .instance_type
        .as_deref()
        .unwrap_or(&group_settings.instance_type);
    let mut document = json!({
        "cluster": names.cluster().as_str(),
        "host_group": group.name(),
        "instance_type": instance_type,
        "backends": backends,
    });
    let script = match credentials {
        None => {
            let mounts = settings.client_mounts();
            document["mounts"] = json!(mounts);
            ClientJoin { backends, mounts }.render()
        }
        Some(credentials) => {
            let profile = match &arguments.instance_type {
                Some(instance_type) => instances::profile_of(instance_type),
                None => group_settings.profile(),
            };
            let profile = profile.ok_or_else(|| {
                Failure::plain(format!(
                    "instance type '{instance_type}' is unknown, and import was run without --cores and --compute-memory"
                ))
            })?;
            document["username"] = json!(credentials.username);
            document["profile"] = json!(profile);
            BackendJoin {
                backends,
                username: credentials.username,
                password: HIDDEN.to_owned(),
                profile,
            }
            .render()
        }
    };
    if printer.is_json() {
        document["script"] = json!(script);
        printer.json(&document);
    } else {
        printer.data(&script);
    }
    Ok(0)
}

/// Finds a host group by its own name or by its Auto Scaling group's.
fn host_group(names: &Names, text: &str) -> Result<HostGroup, Failure> {
    let group = HostGroup::ALL
        .into_iter()
        .find(|group| text == names.of(*group) || text.eq_ignore_ascii_case(group.name()));
    group.ok_or_else(|| {
        let known = HostGroup::ALL.map(|group| format!("{group} ({})", names.of(group)));
        Failure::usage(format!(
            "'{text}' is not a host group of cluster '{}': the host groups are {}",
            names.cluster(),
            known.join(" and ")
        ))
    })
}
