//! The lists that the management API returns: typed, and as JSON in Weka's format.

use super::{Container, Model, PROCESS_IDS_PER_CONTAINER, Process};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use weka_types::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use weka_types::lists::{
    Drive, DriveHost, Drives, Host, Hosts, Lists, Node, NodeStatus, Nodes, Overrides, Status,
};

impl Model {
    /// The typed lists of a scaling run. The same as parsing the JSON of all lists, but cheaper.
    pub fn lists(&self) -> Lists {
        let status = Status {
            io_status: self.io_status.clone(),
            upgrade: self.upgrade.clone(),
            is_upgrade_unknown: false,
        };
        let hosts = self.containers.values().map(|container| self.host(container));
        let drives = self.drives.values().map(|drive| Drive {
            id: DiskId(drive.id),
            host: drive
                .container
                .map_or(DriveHost::None, |id| DriveHost::Host(HostId(id))),
            status: drive.status,
            uuid: DriveUuid(drive.uuid.clone()),
            should_be_active: Some(drive.should_be_active),
        });
        let nodes = self.processes().map(|(id, host, process)| Node {
            id,
            host: Some(host),
            status: if process.up {
                NodeStatus::Up
            } else {
                NodeStatus::Down
            },
            last_fencing_time: process.fenced.map(|time| self.displayed(time)),
            up_since: process.up_since.map(|time| self.displayed(time)),
        });
        Lists {
            status,
            hosts: Hosts(hosts.collect()),
            drives: Drives(drives.collect()),
            nodes: Nodes(nodes.collect()),
            overrides: Overrides(self.overrides.clone()),
        }
    }

    fn host(&self, container: &Container) -> Host {
        let machine = &self.machines[container.machine];
        Host {
            id: HostId(container.id),
            state: container.state,
            status: container.status(),
            mode: container.mode,
            host_ip: Some(machine.address),
            instance_id: Some(InstanceId(machine.instance_id.clone())),
            container_name: Some(container.name.clone()),
            machine_identifier: Some(machine.identifier.clone()),
            added_time: Some(self.displayed(container.added)),
            state_changed_time: Some(self.displayed(container.state_changed)),
        }
    }

    fn processes(&self) -> impl Iterator<Item = (NodeId, HostId, &Process)> {
        self.containers.values().flat_map(|container| {
            let ids = container.id * PROCESS_IDS_PER_CONTAINER..;
            ids.zip(&container.processes)
                .map(|(id, process)| (NodeId(id), HostId(container.id), process))
        })
    }

    /// The time as the lists show it. See [`set_displayed_time`](Self::set_displayed_time).
    fn displayed(&self, time: Timestamp) -> Timestamp {
        time + self.display_offset
    }

    pub(crate) fn status(&self) -> Value {
        // As Weka 4.4 reports it: without `upgrade`, and with `upgrade_type` on an idle cluster too.
        json!({
            "io_status": self.io_status,
            "upgrade_info": {
                "upgrade_paused": false,
                "upgrade_phase": self.upgrade.as_deref().unwrap_or_default(),
                "upgrade_type": "agent-driven",
            },
        })
    }

    pub(crate) fn hosts_list(&self) -> Value {
        let entries = self
            .containers
            .values()
            .map(|container| (HostId(container.id).to_string(), self.host_json(container)));
        Value::Object(entries.collect())
    }

    /// The containers as `weka cluster container --json` lists them.
    pub(crate) fn container_list(&self) -> Value {
        let entries = self.containers.values().map(|container| {
            let mut fields = self.host_json(container);
            fields["host_id"] = HostId(container.id).to_string().into();
            fields
        });
        Value::Array(entries.collect())
    }

    fn host_json(&self, container: &Container) -> Value {
        let machine = &self.machines[container.machine];
        json!({
            "added_time": self.displayed(container.added),
            "state_changed_time": self.displayed(container.state_changed),
            "state": container.state.as_str(),
            "status": container.status().as_str(),
            "host_ip": machine.address.to_string(),
            "hostname": format!("ip-{}", machine.address.to_string().replace(['.', ':'], "-")),
            "aws": { "instance_id": machine.instance_id },
            "container_name": container.name,
            "mode": container.mode.as_str(),
            "machine_identifier": machine.identifier,
            "auto_remove_timeout": container.auto_remove.map(|time| time.as_secs()),
        })
    }

    pub(crate) fn disks_list(&self) -> Value {
        let entries = self.drives.values().map(|drive| {
            let fields = json!({
                "host_id": drive
                    .container
                    .map_or_else(|| "HostId<INVALID>".to_owned(), |id| HostId(id).to_string()),
                "status": drive.status.as_str(),
                "uuid": drive.uuid,
                "should_be_active": drive.should_be_active,
            });
            (DiskId(drive.id).to_string(), fields)
        });
        Value::Object(entries.collect())
    }

    pub(crate) fn nodes_list(&self) -> Value {
        let mut list = Map::new();
        for (id, host, process) in self.processes() {
            let fields = json!({
                "host_id": host,
                "status": if process.up { "UP" } else { "DOWN" },
                "last_fencing_time": process.fenced.map(|time| self.displayed(time)),
                "up_since": process.up_since.map(|time| self.displayed(time)),
            });
            list.insert(id.to_string(), fields);
        }
        Value::Object(list)
    }

    pub(crate) fn manual_override_list(&self) -> Value {
        let entries = self.overrides.iter().enumerate();
        let entries = entries.map(|(number, key)| {
            (
                format!("ManualOverrideId<{number}>"),
                json!({ "key": key, "value": true, "enabled": true }),
            )
        });
        Value::Object(entries.collect())
    }
}
