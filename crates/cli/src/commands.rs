//! The commands, a file each.

pub(crate) mod about;
pub(crate) mod cluster_change_credentials;
pub(crate) mod cluster_destroy;
pub(crate) mod cluster_import;
pub(crate) mod cluster_list;
pub(crate) mod cluster_update;
mod debug_create;
pub(crate) mod debug_instances;
pub(crate) mod debug_jrpc;
pub(crate) mod hostgroup_list;
pub(crate) mod join_params;
