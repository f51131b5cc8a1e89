//! `debug create-...`: a part of an update, for support.

use super::cluster_update;
use crate::args::{CreateStep, Support};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Connect;
use deployment::{HostGroup, ResourceId, RoleUse};

/// Runs the command.
pub(super) async fn run(
    step: CreateStep,
    part: fn(ResourceId) -> bool,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let named = HostGroup::ALL
        .into_iter()
        .find(|group| group.name() == step.host_group);
    let group = named.ok_or_else(|| {
        Failure::usage(format!(
            "there is no host group '{}': there are Backends and Clients",
            step.host_group
        ))
    })?;
    let chosen = |id: ResourceId| id.group() == Some(group) && part(id);
    cluster_update::run_part(step.update, connect, printer, chosen).await
}

/// Whether a resource is part of what the step makes.
pub(super) fn part_of(step: &Support) -> fn(ResourceId) -> bool {
    use ResourceId as Id;
    match step {
        Support::CreateLambda(_) => |id| {
            matches!(
                id,
                Id::Function(..) | Id::Role(_, RoleUse::Function(_)) | Id::LogGroup(_, Some(_))
            )
        },
        Support::CreateLambdaEndpoint(_) => |id| matches!(id, Id::RestApi(_) | Id::InvokePermission(_)),
        Support::CreateStateMachine(_) => |id| {
            matches!(
                id,
                Id::StateMachine(_) | Id::Role(_, RoleUse::StateMachine) | Id::LogGroup(_, None)
            )
        },
        Support::CreateCloudWatchEventRule(_) => |id| matches!(id, Id::Rule(_) | Id::Role(_, RoleUse::Rule)),
        Support::CreateAutoScalingGroup(_) => {
            |id| matches!(id, Id::LaunchTemplate(_) | Id::AutoScalingGroup(_))
        }
        _ => |_| false,
    }
}
