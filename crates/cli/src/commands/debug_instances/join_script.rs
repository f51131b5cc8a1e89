//! `debug get-join-params`: what the *join* function hands to a new instance, the password left out.

use crate::args::GetJoinParams;
use crate::commands::join_params::{cluster_name, settings};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Connect;
use deployment::{HostGroup, Names};
use instances::{BackendJoin, ClientJoin};
use serde_json::json;

/// What stands in the place of the password.
const HIDDEN: &str = "(hidden)";

/// Runs the command.
pub(super) async fn run(
    arguments: GetJoinParams,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let names = Names::new(cluster_name(&arguments.name)?);
    let group = host_group(&names, &arguments.asg_name)?;
    let session = connect.connect().await?;
    let settings = settings(&session, &names).await?;
    let of_group = settings
        .group(group)
        .ok_or_else(|| Failure::plain(format!("cluster '{}' has no host group {group}", names.cluster())))?;
    let table = arguments.table_name.unwrap_or_else(|| names.base());
    let (backends, credentials) = tokio::join!(
        aws::backends::running(&session.clients.ec2, names.cluster().as_str()),
        aws::table::credentials(&session.clients.dynamodb, &table),
    );
    let backends = backends.map_err(|error| Failure::aws("reading the running backends", &error))?;
    let credentials = credentials.map_err(|error| Failure::aws("reading the credentials", &error))?;
    if backends.is_empty() {
        return Err(Failure::plain(format!(
            "cluster '{}' has no running backends that an instance could join by",
            names.cluster()
        )));
    }
    let backends: Vec<_> = backends.into_iter().map(|backend| backend.private_ip).collect();
    let (username, password) = (credentials.username, HIDDEN.to_owned());
    let instance_type = arguments
        .instance_type
        .as_deref()
        .unwrap_or(&of_group.instance_type);
    let mut document = json!({
        "cluster": names.cluster().as_str(),
        "host_group": group.name(),
        "instance_type": instance_type,
        "backends": backends,
        "username": username,
    });
    let script = match group {
        HostGroup::Clients => ClientJoin {
            backends,
            username,
            password,
        }
        .render(),
        HostGroup::Backends => {
            let profile = match &arguments.instance_type {
                Some(instance_type) => instances::profile_of(instance_type),
                None => of_group.profile(),
            };
            let profile = profile.ok_or_else(|| {
                Failure::plain(format!(
                    "instance type '{instance_type}' is not known, and no cores and memory were given for it at import"
                ))
            })?;
            document["profile"] = json!(profile);
            BackendJoin {
                backends,
                username,
                password,
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

/// The host group that is meant, by its own name or its Auto Scaling group's.
fn host_group(names: &Names, text: &str) -> Result<HostGroup, Failure> {
    let group = HostGroup::ALL
        .into_iter()
        .find(|group| text == names.of(*group) || text.eq_ignore_ascii_case(group.name()));
    group.ok_or_else(|| {
        let known = HostGroup::ALL.map(|group| format!("{group} ({})", names.of(group)));
        Failure::usage(format!(
            "'{text}' is no host group of cluster '{}': there are {}",
            names.cluster(),
            known.join(" and ")
        ))
    })
}
