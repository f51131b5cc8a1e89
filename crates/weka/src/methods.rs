//! The methods of the Weka management API that wekactl uses.

use crate::client::{Client, Kind};
use crate::error::Error;
use crate::response::METHOD_NOT_FOUND;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use weka_types::calls::Call;
use weka_types::lists::{
    Drives, Hosts, InterfaceGroups, Lists, Nodes, Optional, Overrides, ServingHosts, Status,
};

impl Client {
    /// Reads all lists that a run needs, concurrently. Including the login, these are ten requests.
    ///
    /// # Errors
    /// A list cannot be read that is not [`Optional`]. Then the run has no lists at all (invariant I4).
    pub async fn snapshot(&self) -> Result<Lists, Error> {
        let required = async {
            tokio::try_join!(
                self.status(),
                self.hosts(),
                self.drives(),
                self.nodes(),
                self.overrides()
            )
        };
        let optional = async {
            tokio::join!(
                self.read_optional("filesystems_list", None),
                self.read_optional("interface_group_list", Some(InterfaceGroups::default())),
                // Both names are in weka/tools, `protocol_backup` (commented out for S3); their fields are not documented.
                self.read_optional("samba_get_cluster_info", Some(ServingHosts::default())),
                self.read_optional("s3_get_cluster_info", Some(ServingHosts::default())),
            )
        };
        let (required, optional) = tokio::join!(required, optional);
        let (status, hosts, drives, nodes, overrides) = required?;
        let (filesystems, interface_groups, smb, s3) = optional;
        Ok(Lists {
            status,
            hosts,
            drives,
            nodes,
            overrides,
            filesystems,
            interface_groups,
            smb,
            s3,
        })
    }

    /// Reads a list that is not needed by every run. `if_unknown` is the result if the cluster does not have the method.
    async fn read_optional<T: DeserializeOwned>(&self, method: &str, if_unknown: Option<T>) -> Optional<T> {
        let result = self.request_as(method, &json!({}), Kind::OptionalRead).await;
        match (result, if_unknown) {
            (Ok(result), _) => Optional::Read(result),
            (Err(Error::Refused { code, .. }), Some(result)) if code == METHOD_NOT_FOUND => {
                Optional::Read(result)
            }
            (Err(error), _) => Optional::Failed(error.to_string()),
        }
    }

    /// `status`: whether the cluster serves I/O, and the upgrade in progress.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn status(&self) -> Result<Status, Error> {
        self.read("status").await
    }

    /// `hosts_list`: the containers.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn hosts(&self) -> Result<Hosts, Error> {
        self.read("hosts_list").await
    }

    /// `disks_list`: the drives.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn drives(&self) -> Result<Drives, Error> {
        self.read("disks_list").await
    }

    /// `nodes_list`: the processes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn nodes(&self) -> Result<Nodes, Error> {
        self.read("nodes_list").await
    }

    /// `manual_override_list`: the keys of the manual overrides.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn overrides(&self) -> Result<Overrides, Error> {
        self.read("manual_override_list").await
    }

    /// `client_query_backend`: the software release of the cluster. Requires no login.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn software_release(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Backend {
            software_release: String,
        }
        let backend: Backend = self
            .request_as("client_query_backend", &json!({}), Kind::PublicRead)
            .await?;
        Ok(backend.software_release)
    }

    /// Sends a call that changes the cluster, once. A call with an empty list of drives or containers is not sent: there is
    /// nothing to do, and Weka does not document the meaning of an empty list.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::OutcomeUnknown`], the call may have been executed. A [best effort](Call::is_best_effort)
    /// call returns errors like any other; the caller may ignore them.
    pub async fn call(&self, call: &Call) -> Result<(), Error> {
        let Some(params) = params(call) else {
            return Ok(());
        };
        let kind = if call.is_best_effort() {
            Kind::BestEffort
        } else {
            Kind::Change
        };
        self.request_as::<IgnoredAny>(call.method(), &params, kind)
            .await?;
        Ok(())
    }

    /// Calls any method. It may change the cluster, so it is sent only once, like [`call`](Self::call).
    ///
    /// # Errors
    /// [`Error`].
    pub async fn request(&self, method: &str, params: &Value) -> Result<Value, Error> {
        self.request_as(method, params, Kind::Change).await
    }

    async fn read<T: DeserializeOwned>(&self, method: &str) -> Result<T, Error> {
        self.request_as(method, &json!({}), Kind::Read).await
    }
}

/// The parameters of a call; `None` if its list is empty.
fn params(call: &Call) -> Option<Value> {
    let drives = |drives: &Vec<_>| (!drives.is_empty()).then(|| json!({ "drive_uuids": drives }));
    match call {
        Call::DeleteInterfacePort { group, port } => {
            Some(json!({ "name": group, "host_id": port.host_id, "port": port.port }))
        }
        Call::DeactivateDrives(uuids) | Call::RemoveDrives(uuids) => drives(uuids),
        // Weka must check that the remaining resources suffice: this is the last protection against draining too much.
        Call::DeactivateHosts(hosts) => {
            (!hosts.is_empty()).then(|| json!({ "host_ids": hosts, "skip_resource_validation": false }))
        }
        Call::RemoveHost(host) => Some(json!({ "host_id": host.0, "no_wait": true })),
        Call::Event(message) => Some(json!({ "message": message })),
    }
}
