//! Checks whether the cluster can use a DNS alias.

use super::error::ImportError;
use super::request::ImportRequest;
use crate::actual::Observed;
use crate::host_name::HostName;
use crate::id::ResourceId;
use crate::resource::{AliasRecord, Body};
use crate::settings::Settings;
use crate::value::Output;

/// An error if the alias record exists and is not this cluster's. A record has no tags: it belongs to the cluster if the
/// stored settings name it (they are written before it is created), or if it points at the cluster's load balancer.
pub fn alias_ownership(
    request: &ImportRequest,
    stored: Option<&Settings>,
    observed: &Observed,
) -> Option<ImportError> {
    let Body::AliasRecord(record) = &observed.get(&ResourceId::AliasRecord)?.body else {
        return None;
    };
    let is_stored = stored.is_some_and(|stored| {
        let alias = request.dns_alias.as_ref().map(HostName::as_str);
        (stored.dns_alias.as_deref(), &stored.dns_zone_id) == (alias, &request.dns_zone_id)
    });
    let load_balancer = observed.get(&ResourceId::LoadBalancer).and_then(|actual| {
        let name = actual
            .outputs
            .iter()
            .find(|(output, _)| *output == Output::DnsName);
        name.map(|(_, name)| name.as_str())
    });
    let target = record.target.resolved().unwrap_or_default();
    let points_at_cluster =
        load_balancer.is_some_and(|name| AliasRecord::comparable(name) == AliasRecord::comparable(target));
    (!is_stored && !points_at_cluster).then(|| ImportError::AliasTaken {
        alias: record.name.clone(),
        target: if target.is_empty() {
            "something else".to_owned()
        } else {
            target.to_owned()
        },
    })
}

/// An error if the hosted zone cannot contain the alias. `zone` is the name of the zone, `None` if it does not exist.
pub fn alias_outside_zone(request: &ImportRequest, zone: Option<&str>) -> Option<ImportError> {
    let (alias, zone_id) = request.dns_alias.as_ref().zip(request.dns_zone_id.clone())?;
    match zone {
        None => Some(ImportError::NoZone { zone_id }),
        Some(zone) if alias.is_within(zone) => None,
        Some(zone) => Some(ImportError::AliasOutsideZone {
            alias: alias.to_string(),
            zone_id,
            zone: AliasRecord::comparable(zone),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actual::ActualResource;
    use crate::import::tests::request;
    use crate::resource::LoadBalancer;
    use std::collections::BTreeSet;

    fn actual(body: Body, outputs: Vec<(Output, String)>) -> ActualResource {
        ActualResource {
            name: "any".into(),
            body,
            tags: None,
            outputs,
        }
    }

    #[test]
    fn alias_must_be_within_its_zone() {
        let request = ImportRequest {
            dns_alias: Some("weka.example.com".parse().unwrap()),
            dns_zone_id: Some("Z1".into()),
            ..request()
        };
        assert_eq!(alias_outside_zone(&request, Some("example.com.")), None);
        assert_eq!(
            alias_outside_zone(
                &ImportRequest {
                    dns_alias: None,
                    ..request.clone()
                },
                None
            ),
            None
        );
        let error = |zone| alias_outside_zone(&request, zone).unwrap().to_string();
        assert_eq!(
            error(None),
            "hosted zone Z1 does not exist: --dns-zone-id is the id of a hosted zone of this account, as Route 53 shows it"
        );
        assert_eq!(
            error(Some("example.org.")),
            "--dns-alias weka.example.com is not within example.org, the domain of hosted zone Z1: use a name within it, or another --dns-zone-id"
        );
    }

    #[test]
    fn record_belongs_to_the_cluster_if_settings_or_target_match() {
        let request = ImportRequest {
            dns_alias: Some("weka.example.com".parse().unwrap()),
            dns_zone_id: Some("Z1".into()),
            ..request()
        };
        let record = AliasRecord {
            zone_id: "Z1".into(),
            name: "weka.example.com".into(),
            target: "www.example.com".into(),
            target_zone_id: "Z2".into(),
        };
        let mut observed = Observed::new();
        assert_eq!(alias_ownership(&request, None, &observed), None);
        observed.insert(ResourceId::AliasRecord, actual(record.clone().into(), Vec::new()));
        let taken = alias_ownership(&request, None, &observed).unwrap().to_string();
        assert_eq!(
            taken,
            "weka.example.com already points at www.example.com: remove that record, or choose another --dns-alias"
        );
        let other = Settings {
            dns_alias: Some("other.example.com".into()),
            dns_zone_id: Some("Z1".into()),
            ..Settings::default()
        };
        assert!(alias_ownership(&request, Some(&other), &observed).is_some());
        let same = Settings {
            dns_alias: Some("weka.example.com".into()),
            ..other
        };
        assert_eq!(alias_ownership(&request, Some(&same), &observed), None);
        let load_balancer = LoadBalancer {
            scheme: "internal".into(),
            subnets: BTreeSet::new(),
            security_groups: BTreeSet::new(),
        };
        let name = vec![(Output::DnsName, "WWW.example.com.".to_owned())];
        observed.insert(ResourceId::LoadBalancer, actual(load_balancer.into(), name));
        assert_eq!(alias_ownership(&request, None, &observed), None);
    }
}
