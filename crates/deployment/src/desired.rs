//! Every resource that a cluster with given settings has, as it is to be.

mod definition;
mod group;

use crate::account::Account;
use crate::names::{ClusterName, HostGroup, Names, RoleUse};
use crate::plan::Desired;
use crate::resource::{
    AliasRecord, Body, ClassicHealthCheck, Credentials, KmsKey, Listener, LoadBalancer, ResourceId,
    SettingsItem, Table, TargetGroup,
};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::tags::{self, Tags};
use crate::value::{Output, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The port of Weka's management API.
const PORT: i32 = 14000;

/// The Lambda package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its SHA-256 in base64, as Lambda gives it.
    pub sha256: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
}

/// What the resources of a cluster follow from.
#[derive(Debug)]
pub struct Request<'a> {
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// Where it is.
    pub account: &'a Account,
    /// Its settings.
    pub settings: &'a Settings,
    /// The functions' code.
    pub package: &'a Package,
    /// User name and password for Weka; none leaves the item as it is.
    pub credentials: Option<(&'a str, &'a Secret)>,
    /// Random ids for new roles, as many as there are roles.
    pub uuids: &'a [Uuid],
    /// A new seal key for each host group, 32 bytes in base64.
    pub seal_keys: &'a BTreeMap<HostGroup, Secret>,
}

/// The number of random ids that [`desired`] takes at most.
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

/// The tags of an instance of a host group: those that its launch template gives to new ones.
pub fn instance_tags(cluster: &ClusterName, group: HostGroup, user: &Tags) -> Tags {
    let version = ResourceId::LaunchTemplate(group).kind().version();
    Tags::managed(cluster, Some(group), version, user)
}

struct Build<'a> {
    names: Names,
    request: &'a Request<'a>,
}

impl Build<'_> {
    fn settings(&self) -> &Settings {
        self.request.settings
    }

    fn resource(&self, id: ResourceId, name: String, body: impl Into<Body>, needs: &[ResourceId]) -> Desired {
        let user = &self.settings().tags_map;
        let version = match id {
            ResourceId::Function(..) => &self.settings().build_version,
            _ => id.kind().version(),
        };
        Desired {
            id,
            name,
            body: body.into(),
            tags: (version != "-").then(|| Tags::managed(self.names.cluster(), id.group(), version, user)),
            needs: needs.iter().copied().collect(),
        }
    }

    fn of_cluster(&self) -> Vec<Desired> {
        use ResourceId as Id;
        let settings = self.settings();
        let names = &self.names;
        let mut resources = vec![
            self.resource(
                Id::KmsKey,
                names.key_alias(),
                KmsKey {
                    state: "Enabled".to_owned(),
                    rotation: true,
                },
                &[],
            ),
            self.table(),
            self.resource(
                Id::SettingsItem,
                crate::settings::SETTINGS_KEY.to_owned(),
                SettingsItem {
                    attributes: settings.to_item(),
                },
                &[Id::Table],
            ),
            self.resource(
                Id::LoadBalancer,
                names.load_balancer(),
                LoadBalancer {
                    scheme: "internal".to_owned(),
                    subnets: [settings.subnet.clone(), settings.additional_subnet.clone()].into(),
                    security_groups: settings.backends.security_groups_ids.iter().cloned().collect(),
                },
                &[],
            ),
            self.resource(
                Id::TargetGroup,
                names.target_group(),
                TargetGroup {
                    protocol: "HTTP".to_owned(),
                    port: PORT,
                    vpc: settings.vpc_id.clone(),
                    health_check_protocol: "HTTP".to_owned(),
                    health_check_path: "/api/v2/healthcheck/".to_owned(),
                },
                &[],
            ),
            self.listener(),
        ];
        if let Some((username, password)) = self.request.credentials {
            let body = Credentials {
                username: username.to_owned(),
                password: password.clone(),
            };
            let name = crate::settings::CREDENTIALS_KEY.to_owned();
            resources.push(self.resource(Id::Credentials, name, body, &[Id::Table]));
        }
        if let (Some(alias), Some(zone)) = (&settings.dns_alias, &settings.dns_zone_id) {
            let body = AliasRecord {
                zone_id: zone.clone(),
                name: alias.trim_end_matches('.').to_owned(),
                target: Value::Of(Id::LoadBalancer, Output::DnsName),
                target_zone_id: Value::Of(Id::LoadBalancer, Output::HostedZoneId),
            };
            // The settings first: they alone know the zone, by which destroy finds the record.
            let needs = [Id::LoadBalancer, Id::SettingsItem];
            resources.push(self.resource(Id::AliasRecord, alias.clone(), body, &needs));
        }
        if let Some(name) = &settings.classic_load_balancer {
            let body = ClassicHealthCheck {
                target: format!("HTTP:{PORT}/ui"),
                interval_seconds: 30,
                timeout_seconds: 5,
                healthy_threshold: 3,
                unhealthy_threshold: 5,
            };
            resources.push(self.resource(Id::ClassicHealthCheck, name.clone(), body, &[]));
        }
        resources
    }

    fn table(&self) -> Desired {
        let body = Table {
            hash_key: "Key".to_owned(),
            billing_mode: "PAY_PER_REQUEST".to_owned(),
            kms_key: Value::Of(ResourceId::KmsKey, Output::Arn),
            point_in_time_recovery: true,
        };
        let mut table = self.resource(ResourceId::Table, self.names.base(), body, &[ResourceId::KmsKey]);
        if let (Some(tags), Some(stack)) = (&mut table.tags, &self.settings().stack_id) {
            tags.set(tags::STACK_ID, stack);
        }
        table
    }

    fn listener(&self) -> Desired {
        let body = Listener {
            load_balancer: Value::Of(ResourceId::LoadBalancer, Output::Arn),
            protocol: "HTTP".to_owned(),
            port: PORT,
            forward_to: Value::Of(ResourceId::TargetGroup, Output::Arn),
        };
        let needs = [ResourceId::LoadBalancer, ResourceId::TargetGroup];
        let name = format!("{}:{PORT}", self.names.load_balancer());
        let mut listener = self.resource(ResourceId::Listener, name, body, &needs);
        if let Some(tags) = &mut listener.tags {
            tags.set("wekactl.io/listener_type", "api");
        }
        listener
    }
}

#[cfg(test)]
mod tests;
