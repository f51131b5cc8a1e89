//! `debug create-...`: an update of some resources of one host group.

use crate::commands::cluster_update::{self, Update};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Connect;
use clap::Args;
use deployment::{HostGroup, ResourceId as Id, RoleUse};

#[derive(Debug, Args)]
pub(crate) struct UpdatePart {
    #[command(flatten)]
    update: Update,
    /// Host group (Backends or Clients)
    #[arg(short = 'g', long, default_value = "Backends", value_name = "GROUP")]
    host_group: String,
}

/// Updates the host group's resources that `part` selects.
pub(super) async fn run(
    arguments: UpdatePart,
    part: fn(Id) -> bool,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let group = HostGroup::ALL
        .into_iter()
        .find(|group| group.name() == arguments.host_group);
    let group = group.ok_or_else(|| {
        Failure::usage(format!(
            "'{}' is not a host group: the host groups are Backends and Clients",
            arguments.host_group
        ))
    })?;
    let selected = |id: Id| id.group() == Some(group) && part(id);
    cluster_update::run_part(arguments.update, connect, printer, selected).await
}

pub(super) fn functions(id: Id) -> bool {
    matches!(
        id,
        Id::Function(..) | Id::Role(_, RoleUse::Function(_)) | Id::LogGroup(_, Some(_))
    )
}

pub(super) fn join_api(id: Id) -> bool {
    matches!(id, Id::RestApi(_) | Id::InvokePermission(_))
}

pub(super) fn state_machine(id: Id) -> bool {
    matches!(
        id,
        Id::StateMachine(_) | Id::Role(_, RoleUse::StateMachine) | Id::LogGroup(_, None)
    )
}

pub(super) fn rule(id: Id) -> bool {
    matches!(id, Id::Rule(_) | Id::Role(_, RoleUse::Rule))
}

pub(super) fn auto_scaling_group(id: Id) -> bool {
    matches!(id, Id::LaunchTemplate(_) | Id::AutoScalingGroup(_))
}
