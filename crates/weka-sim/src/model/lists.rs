//! The lists that the management API returns: typed, and as JSON in Weka's format.

use super::{ApiVersion, Container, Model, PROCESS_IDS_PER_CONTAINER, Process};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use weka_types::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use weka_types::lists::{
    Capacity, Drive, DriveHost, DriveStatus, Drives, Filesystem, Filesystems, Host, HostStatus, Hosts, Lists,
    Node, NodeStatus, Nodes, Optional, Overrides, Status,
};

impl Model {
    /// The typed lists of a scaling run. The same as parsing the JSON of all lists, but cheaper.
    pub fn lists(&self) -> Lists {
        let drives = self.drives.values().map(|drive| Drive {
            id: DiskId(drive.id),
            host: drive
                .container
                .map_or(DriveHost::None, |id| DriveHost::Host(HostId(id))),
            status: drive.status,
            uuid: DriveUuid(drive.uuid.clone()),
            should_be_active: Some(drive.should_be_active),
            size_bytes: Some(self.settings.drive_capacity),
            unknown_values: Vec::new(),
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
            unknown_values: Vec::new(),
        });
        Lists {
            status: self.typed_status(),
            hosts: self.hosts(),
            drives: Drives(drives.collect()),
            nodes: Nodes(nodes.collect()),
            overrides: Overrides(self.overrides.clone()),
            filesystems: Optional::Read(Filesystems(vec![Filesystem {
                ssd_budget: Some(self.used_capacity),
                used_ssd: Some(self.used_capacity),
                is_thinly_provisioned: Some(false),
                thin_provisioning_min_ssd: None,
            }])),
            interface_groups: self.typed_interface_groups(),
            smb: self.smb_hosts(),
            s3: self.s3_hosts(),
        }
    }

    /// The typed list of containers.
    pub fn hosts(&self) -> Hosts {
        Hosts(
            self.containers
                .values()
                .map(|container| self.host(container))
                .collect(),
        )
    }

    fn typed_status(&self) -> Status {
        let settings = &self.settings;
        let total = self.capacity();
        Status {
            io_status: self.io_status.clone(),
            upgrade: self.upgrade.clone().filter(|upgrade| !upgrade.is_empty()),
            is_upgrade_unknown: false,
            release: Some(settings.release().to_owned()),
            hot_spare: Some(settings.hot_spare),
            stripe_data_drives: Some(settings.stripe_data_drives),
            stripe_protection_drives: Some(settings.stripe_protection_drives),
            capacity: Capacity {
                total_bytes: Some(total),
                unprovisioned_bytes: Some(total.saturating_sub(self.used_capacity)),
            },
            rebuild: self.typed_rebuild(),
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
            state_changed_time: container.state_changed.map(|time| self.displayed(time)),
            start_time: Some(self.displayed(container.started)),
            last_failure_time: None,
            auto_remove_timeout: container.auto_remove.map(|time| time.as_secs()),
            unknown_values: Vec::new(),
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
        let total = self.capacity();
        let settings = &self.settings;
        let mut fields = json!({
            "io_status": self.io_status,
            "name": "weka",
            "release": settings.release(),
            "status": "OK",
            "is_cluster": true,
            "init_stage": "INITIALIZED",
            "capacity": {
                "total_bytes": total,
                "hot_spare_bytes": 0,
                "unavailable_bytes": 0,
                "unprovisioned_bytes": total.saturating_sub(self.used_capacity),
            },
            "hot_spare": settings.hot_spare,
            "stripe_data_drives": settings.stripe_data_drives,
            "stripe_protection_drives": settings.stripe_protection_drives,
            "active_alerts_count": 0,
            "buckets_info": { "reportedRaidFillLevelSeverity": "Normal" },
            "rebuild": self.rebuild(),
        });
        match settings.api {
            ApiVersion::V4_2 => fields["upgrade"] = self.upgrade.as_deref().unwrap_or_default().into(),
            // `upgrade_type` is set on an idle cluster too.
            ApiVersion::V4_4 => {
                fields["upgrade_info"] = json!({
                    "upgrade_paused": false,
                    "upgrade_phase": self.upgrade.as_deref().unwrap_or_default(),
                    "upgrade_type": "agent-driven",
                });
            }
        }
        fields
    }

    pub(crate) fn filesystems_list(&self) -> Value {
        json!({ "FSId<0>": {
            "name": "default",
            "is_ready": true,
            "is_creating": false,
            "is_removing": false,
            "is_thinly_provisioned": false,
            "ssd_budget": self.used_capacity,
            "total_budget": self.used_capacity,
            "used_ssd": self.used_capacity,
            "used_total": self.used_capacity,
        } })
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
        let status = match container.status() {
            HostStatus::Drained => format!("DRAINED ({})", container.process_status()),
            status => status.to_string(),
        };
        let cores = container.processes.len() - 1;
        json!({
            "added_time": self.displayed(container.added),
            "state_changed_time": container.state_changed.map(|time| self.displayed(time)),
            "start_time": self.displayed(container.started),
            "last_failure_time": null,
            "state": container.state.as_str(),
            "status": status,
            "cores": cores,
            "cores_ids": (1..=cores).collect::<Vec<_>>(),
            "drives_dedicated_cores": if container.name.starts_with("drives") { cores } else { 0 },
            "frontend_dedicated_cores": if container.name.starts_with("frontend") { cores } else { 0 },
            "memory": 1_491_075_072_u64,
            "sw_version": self.settings.release(),
            "ips": [machine.address.to_string()],
            "leadership_role": null,
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
            let status = match drive.status {
                DriveStatus::Failed if self.settings.lists_failed_flag => DriveStatus::Active,
                status => status,
            };
            let fields = json!({
                "host_id": drive
                    .container
                    .map_or_else(|| "HostId<INVALID>".to_owned(), |id| HostId(id).to_string()),
                "status": status.as_str(),
                "isFailed": drive.status == DriveStatus::Failed,
                "uuid": drive.uuid,
                "should_be_active": drive.should_be_active,
                "size_bytes": self.settings.drive_capacity,
                "attachment": "OK",
                "removed_time": null,
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
