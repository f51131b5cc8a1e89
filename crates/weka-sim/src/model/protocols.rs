//! Containers that serve NFS, SMB and S3. Weka does not deactivate them.

use super::{Model, RpcError};
use serde_json::{Value, json};
use std::net::IpAddr;
use weka_types::ids::HostId;
use weka_types::lists::{InterfaceGroup, InterfaceGroups, InterfacePort, Optional, ServingHosts};

impl Model {
    /// Adds a port of a container to an NFS interface group, which is created if it does not exist.
    pub fn add_nfs_port(&mut self, group: &str, container: u32, port: &str) {
        let port = InterfacePort {
            host_id: HostId(container),
            port: port.to_owned(),
        };
        match self
            .interface_groups
            .iter_mut()
            .find(|existing| existing.name == group)
        {
            Some(existing) => existing.ports.push(port),
            None => self.interface_groups.push(InterfaceGroup {
                name: group.to_owned(),
                kind: "NFS".to_owned(),
                ports: vec![port],
            }),
        }
    }

    /// The ports of the NFS interface groups.
    pub fn nfs_ports(&self) -> impl Iterator<Item = &InterfacePort> {
        self.interface_groups.iter().flat_map(|group| &group.ports)
    }

    /// Makes the container a member of the S3 cluster.
    pub fn add_s3_container(&mut self, container: u32) {
        self.s3.insert(container);
    }

    /// Makes the container a member of the SMB cluster.
    pub fn add_smb_container(&mut self, container: u32) {
        self.smb.insert(container);
    }

    /// `interface_group_delete_port`.
    ///
    /// # Errors
    /// The group or the port does not exist.
    pub fn delete_interface_port(&mut self, group: &str, host: u32, port: &str) -> Result<(), RpcError> {
        let found = self
            .interface_groups
            .iter_mut()
            .find(|existing| existing.name == group);
        let ports = found.map(|group| &mut group.ports);
        let is_same = |existing: &InterfacePort| existing.host_id.0 == host && existing.port == port;
        let position = ports.as_ref().and_then(|ports| ports.iter().position(is_same));
        match (ports, position) {
            (Some(ports), Some(position)) => {
                ports.remove(position);
                Ok(())
            }
            _ => Err(RpcError::rejected(format!(
                "port {port} not found in interface group {group}"
            ))),
        }
    }

    pub(super) fn check_serves_nothing(&self, container: u32) -> Result<(), RpcError> {
        let protocol = if self.nfs_ports().any(|port| port.host_id.0 == container) {
            "an NFS interface group"
        } else if self.s3.contains(&container) {
            "the S3 cluster"
        } else if self.smb.contains(&container) {
            "the SMB cluster"
        } else {
            return Ok(());
        };
        Err(RpcError::rejected(format!(
            "HostId<{container}> is a member of {protocol}"
        )))
    }

    pub(super) fn typed_interface_groups(&self) -> Optional<InterfaceGroups> {
        Optional::Read(InterfaceGroups(self.interface_groups.clone()))
    }

    pub(super) fn s3_hosts(&self) -> Optional<ServingHosts> {
        Optional::Read(ServingHosts(self.s3.iter().copied().map(HostId).collect()))
    }

    pub(super) fn smb_hosts(&self) -> Optional<ServingHosts> {
        Optional::Read(ServingHosts(self.smb.iter().copied().map(HostId).collect()))
    }

    pub(crate) fn interface_group_list(&self) -> Value {
        let address = |id: HostId| -> Option<IpAddr> {
            let container = self.containers.get(&id.0)?;
            Some(self.machines[container.machine].address)
        };
        let groups = self.interface_groups.iter().map(|group| {
            let ports = group.ports.iter().map(|port| {
                json!({
                    "host_id": port.host_id,
                    "host_uid": format!("{:032x}", port.host_id.0),
                    "port": port.port,
                    "status": "OK",
                })
            });
            let ips = group.ports.iter().filter_map(|port| address(port.host_id));
            json!({
                "name": group.name,
                "type": group.kind,
                "status": "OK",
                "subnet_mask": "255.255.255.0",
                "gateway": "",
                "allow_manage_gids": true,
                "ips": ips.map(|ip| ip.to_string()).collect::<Vec<_>>(),
                "ports": ports.collect::<Vec<_>>(),
            })
        });
        groups.collect()
    }

    pub(crate) fn samba_cluster_info(&self) -> Value {
        let hosts: Vec<_> = self.smb.iter().copied().map(HostId).collect();
        let name = (!hosts.is_empty()).then_some("smb");
        json!({ "name": name, "sambaHosts": hosts, "sambaIps": [], "domainName": null })
    }

    pub(crate) fn s3_cluster_info(&self) -> Value {
        let hosts: Vec<_> = self.s3.iter().copied().map(HostId).collect();
        json!({ "active": !hosts.is_empty(), "hosts": hosts, "port": 9000 })
    }
}
