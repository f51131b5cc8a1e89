//! The lists that the management API returns, in Weka's format.

use super::{Container, Model, PROCESS_IDS_PER_CONTAINER};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

impl Model {
    /// The result of `status`.
    pub fn status(&self) -> Value {
        json!({ "io_status": self.io_status, "upgrade": self.upgrade })
    }

    /// The result of `hosts_list`.
    pub fn hosts_list(&self) -> Value {
        let entries = self
            .containers
            .values()
            .map(|container| (host_id(container.id), self.host(container)));
        Value::Object(entries.collect())
    }

    /// The containers as `weka cluster container --json` lists them.
    pub(crate) fn container_list(&self) -> Value {
        let entries = self.containers.values().map(|container| {
            let mut fields = self.host(container);
            fields["host_id"] = host_id(container.id).into();
            fields
        });
        Value::Array(entries.collect())
    }

    fn displayed(&self, time: Timestamp) -> String {
        (time + self.display_offset).to_string()
    }

    fn host(&self, container: &Container) -> Value {
        let machine = &self.machines[container.machine];
        json!({
            "added_time": self.displayed(container.added),
            "state_changed_time": self.displayed(container.state_changed),
            "state": container.state,
            "status": container.status(),
            "host_ip": machine.address.to_string(),
            "hostname": format!("ip-{}", machine.address.to_string().replace(['.', ':'], "-")),
            "aws": { "instance_id": machine.instance_id },
            "container_name": container.name,
            "mode": container.mode,
            "machine_identifier": machine.identifier,
            "auto_remove_timeout": container.auto_remove.map(|time| time.as_secs()),
        })
    }

    /// The result of `disks_list`.
    pub fn disks_list(&self) -> Value {
        let entries = self.drives.values().map(|drive| {
            let fields = json!({
                "host_id": drive.container.map_or_else(|| "HostId<INVALID>".to_owned(), host_id),
                "status": drive.status,
                "uuid": drive.uuid,
                "should_be_active": drive.should_be_active,
            });
            (format!("DiskId<{}>", drive.id), fields)
        });
        Value::Object(entries.collect())
    }

    /// The result of `nodes_list`.
    pub fn nodes_list(&self) -> Value {
        let mut list = Map::new();
        for container in self.containers.values() {
            let ids = container.id * PROCESS_IDS_PER_CONTAINER..;
            for (id, process) in ids.zip(&container.processes) {
                let fields = json!({
                    "host_id": host_id(container.id),
                    "status": if process.up { "UP" } else { "DOWN" },
                    "last_fencing_time": process.fenced.map(|time| self.displayed(time)),
                    "up_since": process.up_since.map(|time| self.displayed(time)),
                });
                list.insert(format!("NodeId<{id}>"), fields);
            }
        }
        Value::Object(list)
    }

    /// The result of `manual_override_list`.
    pub fn manual_override_list(&self) -> Value {
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

fn host_id(id: u32) -> String {
    format!("HostId<{id}>")
}
