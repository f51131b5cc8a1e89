//! The desired state: every resource of a cluster with given settings.

mod build;
mod cluster;
mod definition;
mod group;
mod identity;

pub use build::{InstanceIds, Package, Request, instance_tags};
pub(crate) use identity::keep_deadlines;

use crate::names::{HostGroup, Names, RoleUse};
use crate::plan::Desired;
use build::Build;

/// The maximum number of random ids that [`desired`] uses.
pub const MAX_ROLES: usize = RoleUse::ALL.len() * HostGroup::ALL.len();

/// Every resource of the cluster.
pub fn desired(request: &Request<'_>) -> Vec<Desired> {
    let build = Build {
        names: Names::new(request.cluster.clone()),
        request,
    };
    let mut resources = build.of_cluster();
    let mut uuids = request.uuids.iter().copied();
    for group in request.settings.groups() {
        if let Some(settings) = request.settings.group(group) {
            resources.extend(build.of_group(group, settings, &mut uuids));
        }
    }
    resources
}

#[cfg(test)]
mod tests;
