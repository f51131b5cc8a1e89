//! One file or folder per command, with its options, its steps and its output.

pub(crate) mod cluster_change_credentials;
pub(crate) mod cluster_destroy;
pub(crate) mod cluster_import;
pub(crate) mod cluster_join_params;
pub(crate) mod cluster_list;
pub(crate) mod cluster_update;
pub(crate) mod completion;
pub(crate) mod debug;
pub(crate) mod hostgroup_list;
pub(crate) mod version;
