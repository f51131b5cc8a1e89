//! The methods of Weka that wekactl uses.

use crate::client::{Client, Kind};
use crate::error::Error;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use weka_types::calls::Call;
use weka_types::lists::{Drives, Hosts, Lists, Nodes, Overrides, Status};

impl Client {
    /// Reads everything that a run looks at, side by side: with the login six requests.
    ///
    /// # Errors
    /// One of the lists could not be read: then there is no picture at all (invariant I4).
    pub async fn snapshot(&self) -> Result<Lists, Error> {
        let (status, hosts, drives, nodes, overrides) = tokio::try_join!(
            self.status(),
            self.hosts(),
            self.drives(),
            self.nodes(),
            self.overrides()
        )?;
        Ok(Lists {
            status,
            hosts,
            drives,
            nodes,
            overrides,
        })
    }

    /// `status`: whether the cluster serves, and whether it is upgraded.
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

    /// `client_query_backend`: the release of the software that the cluster runs. Needs no login.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn software_release(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Backend {
            software_release: String,
        }
        let backend: Backend = self.ask("client_query_backend", &json!({}), Kind::Open).await?;
        Ok(backend.software_release)
    }

    /// Sends a call that changes something, once. One that names no drive or no container is not sent: there is nothing
    /// to do, and what Weka takes an empty list for is not known.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::OutcomeUnknown`] it may have been carried out. A call that is
    /// [best effort](Call::is_best_effort) fails like any other; what that means is the caller's to say.
    pub async fn call(&self, call: &Call) -> Result<(), Error> {
        let Some(params) = params(call) else {
            return Ok(());
        };
        let kind = if call.is_best_effort() {
            Kind::BestEffort
        } else {
            Kind::Change
        };
        self.ask::<IgnoredAny>(call.method(), &params, kind).await?;
        Ok(())
    }

    /// Calls any method. It may change something: it is sent once, as in [`call`](Self::call).
    ///
    /// # Errors
    /// [`Error`].
    pub async fn request(&self, method: &str, params: &Value) -> Result<Value, Error> {
        self.ask(method, params, Kind::Change).await
    }

    async fn read<T: DeserializeOwned>(&self, method: &str) -> Result<T, Error> {
        self.ask(method, &json!({}), Kind::Read).await
    }
}

/// The parameters of a call; none if it is about nothing.
fn params(call: &Call) -> Option<Value> {
    let drives = |drives: &Vec<_>| (!drives.is_empty()).then(|| json!({ "drive_uuids": drives }));
    match call {
        Call::DeactivateDrives(uuids) | Call::RemoveDrives(uuids) => drives(uuids),
        // Weka is to check that what is left suffices: the last of the guards against going too far.
        Call::DeactivateHosts(hosts) => {
            (!hosts.is_empty()).then(|| json!({ "host_ids": hosts, "skip_resource_validation": false }))
        }
        Call::RemoveHost(host) => Some(json!({ "host_id": host.0, "no_wait": true })),
        Call::Event(message) => Some(json!({ "message": message })),
    }
}
