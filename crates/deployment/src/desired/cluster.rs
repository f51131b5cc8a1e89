//! The resources of the whole cluster.

use super::build::Build;
use crate::id::ResourceId;
use crate::plan::Desired;
use crate::resource::{
    AliasRecord, ClassicHealthCheck, Credentials, KmsKey, Listener, LoadBalancer, SettingsItem, Table,
    TargetGroup,
};
use crate::tags;
use crate::value::{Output, Value};

/// The port of Weka's management API.
const PORT: i32 = 14000;

impl Build<'_> {
    pub(super) fn of_cluster(&self) -> Vec<Desired> {
        use ResourceId as Id;
        let settings = self.settings();
        let names = &self.names;
        let mut resources = vec![
            self.resource(
                Id::KmsKey,
                names.key_alias(),
                KmsKey {
                    alias: names.key_alias(),
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
            // The settings come first: only they have the zone, which destroy needs to find the record.
            let depends_on = [Id::LoadBalancer, Id::SettingsItem];
            resources.push(self.resource(Id::AliasRecord, alias.clone(), body, &depends_on));
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
        let depends_on = [ResourceId::LoadBalancer, ResourceId::TargetGroup];
        let name = format!("{}:{PORT}", self.names.load_balancer());
        let mut listener = self.resource(ResourceId::Listener, name, body, &depends_on);
        if let Some(tags) = &mut listener.tags {
            tags.set("wekactl.io/listener_type", "api");
        }
        listener
    }
}
