//! Whether a DNS name is free for the cluster.

use super::{ImportError, ImportRequest};
use crate::host_name::HostName;
use crate::plan::Observed;
use crate::resource::{AliasRecord, Body, ResourceId};
use crate::settings::Settings;
use crate::value::Output;

/// The alias record that stands where the wish has one, if it is not this cluster's: a record bears no tag. It is the cluster's
/// where the stored settings name it, which are written before it is made, or where it points at the cluster's load balancer.
pub fn alias_ownership(
    wish: &ImportRequest,
    stored: Option<&Settings>,
    observed: &Observed,
) -> Option<ImportError> {
    let Body::AliasRecord(record) = &observed.get(&ResourceId::AliasRecord)?.body else {
        return None;
    };
    let is_stored = stored.is_some_and(|stored| {
        let alias = wish.dns_alias.as_ref().map(HostName::as_str);
        (stored.dns_alias.as_deref(), &stored.dns_zone_id) == (alias, &wish.dns_zone_id)
    });
    let load_balancer = observed.get(&ResourceId::LoadBalancer).and_then(|standing| {
        let name = standing
            .outputs
            .iter()
            .find(|(output, _)| *output == Output::DnsName);
        name.map(|(_, name)| name.as_str())
    });
    let target = record.target.known().unwrap_or_default();
    let is_ours =
        load_balancer.is_some_and(|name| AliasRecord::comparable(name) == AliasRecord::comparable(target));
    (!is_stored && !is_ours).then(|| ImportError::AliasTaken {
        alias: record.name.clone(),
        target: if target.is_empty() {
            "something else".to_owned()
        } else {
            target.to_owned()
        },
    })
}

/// Why there can be no record of the alias in its hosted zone, of which `zone` is the name if there is such a zone.
pub fn alias_outside_zone(wish: &ImportRequest, zone: Option<&str>) -> Option<ImportError> {
    let (alias, zone_id) = wish.dns_alias.as_ref().zip(wish.dns_zone_id.clone())?;
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
    use crate::import::tests::wish;
    use crate::plan::ActualResource;
    use crate::resource::LoadBalancer;
    use std::collections::BTreeSet;

    fn standing(body: Body, outputs: Vec<(Output, String)>) -> ActualResource {
        ActualResource {
            name: "any".into(),
            body,
            tags: None,
            outputs,
        }
    }

    #[test]
    fn an_alias_stands_in_its_zone() {
        let wish = ImportRequest {
            dns_alias: Some("weka.example.com".parse().unwrap()),
            dns_zone_id: Some("Z1".into()),
            ..wish()
        };
        assert_eq!(alias_outside_zone(&wish, Some("example.com.")), None);
        assert_eq!(
            alias_outside_zone(
                &ImportRequest {
                    dns_alias: None,
                    ..wish.clone()
                },
                None
            ),
            None
        );
        let problem = |zone| alias_outside_zone(&wish, zone).unwrap().to_string();
        assert_eq!(
            problem(None),
            "there is no hosted zone Z1: --dns-zone-id takes the id of one of this account's, as Route 53 shows it"
        );
        assert_eq!(
            problem(Some("example.org.")),
            "--dns-alias weka.example.com is not within example.org, of which hosted zone Z1 is: give a name within it, or another --dns-zone-id"
        );
    }

    #[test]
    fn a_record_is_the_clusters_where_it_points_at_it_or_the_settings_name_it() {
        let wish = ImportRequest {
            dns_alias: Some("weka.example.com".parse().unwrap()),
            dns_zone_id: Some("Z1".into()),
            ..wish()
        };
        let record = AliasRecord {
            zone_id: "Z1".into(),
            name: "weka.example.com".into(),
            target: "www.example.com".into(),
            target_zone_id: "Z2".into(),
        };
        let mut observed = Observed::new();
        assert_eq!(alias_ownership(&wish, None, &observed), None);
        observed.insert(
            ResourceId::AliasRecord,
            standing(record.clone().into(), Vec::new()),
        );
        let taken = alias_ownership(&wish, None, &observed).unwrap().to_string();
        assert_eq!(
            taken,
            "weka.example.com points at www.example.com already: remove that record, or choose another --dns-alias"
        );
        let other = Settings {
            dns_alias: Some("other.example.com".into()),
            dns_zone_id: Some("Z1".into()),
            ..Settings::default()
        };
        assert!(alias_ownership(&wish, Some(&other), &observed).is_some());
        let same = Settings {
            dns_alias: Some("weka.example.com".into()),
            ..other
        };
        assert_eq!(alias_ownership(&wish, Some(&same), &observed), None);
        let load_balancer = LoadBalancer {
            scheme: "internal".into(),
            subnets: BTreeSet::new(),
            security_groups: BTreeSet::new(),
        };
        let name = vec![(Output::DnsName, "WWW.example.com.".to_owned())];
        observed.insert(ResourceId::LoadBalancer, standing(load_balancer.into(), name));
        assert_eq!(alias_ownership(&wish, None, &observed), None);
    }
}
