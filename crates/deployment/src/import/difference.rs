//! Differences between the imported instances that do not prevent the import: the launch template copies the first instance.

use super::error::{listed, plural};
use super::{DiscoveredCluster, Instance};
use crate::names::HostGroup;
use std::collections::BTreeMap;

/// The instances have different values of an attribute that the launch template copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    group: HostGroup,
    attribute: &'static str,
    /// The ids by value.
    values: BTreeMap<String, Vec<String>>,
    /// The value that new instances get.
    chosen: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the {} instances have different {}: {}; new instances get {}",
            self.group.role(),
            plural(self.attribute),
            listed(&self.values),
            self.chosen
        )
    }
}

/// All differences between the instances of these host groups.
pub fn differences(
    found: &DiscoveredCluster,
    groups: impl IntoIterator<Item = HostGroup>,
) -> Vec<Difference> {
    type Attribute = fn(&Instance) -> String;
    let attributes: [(&'static str, Attribute); 3] = [
        ("placement group", |i| shown(i.placement_group.as_ref())),
        ("capacity reservation", |i| shown(i.capacity_reservation.as_ref())),
        ("detailed monitoring setting", |i| {
            if i.detailed_monitoring {
                "enabled"
            } else {
                "disabled"
            }
            .to_owned()
        }),
    ];
    let mut differences = Vec::new();
    for group in groups {
        let members = found.of_group(group);
        let Some(&first) = members.first() else { continue };
        for (attribute, of) in attributes {
            let values = by_value(&members, of);
            if values.len() > 1 {
                differences.push(Difference {
                    group,
                    attribute,
                    values,
                    chosen: of(first),
                });
            }
        }
    }
    differences
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// The ids of the instances by value.
pub(super) fn by_value(
    members: &[&Instance],
    of: impl Fn(&Instance) -> String,
) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for member in members {
        values.entry(of(member)).or_default().push(member.id.clone());
    }
    values
}
