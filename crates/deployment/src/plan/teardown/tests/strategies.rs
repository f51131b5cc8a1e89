//! Teardowns of random inventories.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
enum Existing {
    Not,
    Ours,
    Untagged,
    Anothers,
    Twice,
}

fn inventories() -> impl Strategy<Value = (TeardownInventory, bool)> {
    let existing = prop_oneof![
        1 => Just(Existing::Not),
        4 => Just(Existing::Ours),
        1 => Just(Existing::Untagged),
        1 => Just(Existing::Anothers),
        1 => Just(Existing::Twice),
    ];
    let each = prop::collection::vec(existing, ResourceId::removable().len());
    let cluster = prop_oneof![Just(None), Just(Some("prod")), Just(Some("prod-2"))];
    let group = prop_oneof![
        Just(None),
        Just(Some("wekactl-prod-Backends")),
        Just(Some("wekactl-prod-Clients")),
        Just(Some("other"))
    ];
    let instances = prop::collection::vec((cluster, group), 0..12);
    (each, instances, any::<bool>()).prop_map(|(each, instances, keep)| {
        let mut found: BTreeMap<ResourceId, Vec<FoundResource>> = BTreeMap::new();
        for (id, existing) in ResourceId::removable().into_iter().zip(each) {
            let name = format!("{id:?}");
            let resources = match existing {
                Existing::Not => continue,
                Existing::Ours => vec![ours(&name)],
                Existing::Untagged => vec![untagged(&name)],
                Existing::Anothers => vec![FoundResource::named(name, of("prod-2"))],
                Existing::Twice => vec![ours(&name), ours(&name)],
            };
            found.insert(id, resources);
        }
        let instances = instances.into_iter().enumerate();
        let instances = instances.map(|(n, (cluster, group))| instance(&format!("i-{n}"), cluster, group));
        let seen = TeardownInventory {
            found,
            instances: instances.collect(),
            unreadable: None,
        };
        (seen, keep)
    })
}

proptest! {
    #[test]
    fn only_resources_of_the_cluster_are_deleted_and_all_of_them((seen, keep) in inventories()) {
        let disposition = if keep { InstanceDisposition::Keep } else { InstanceDisposition::Terminate };
        let plan = teardown(&seen, disposition);
        // It can be executed.
        prop_assert_eq!(in_order(&plan).len(), plan.steps.len());
        let ids: BTreeSet<_> = plan.steps.iter().map(|step| step.id).collect();
        for step in &plan.steps {
            prop_assert!(step.depends_on.is_subset(&ids));
            for resource in &teardown_of(step).found {
                let bound = matches!(step.id.resource(), ResourceId::LogGroup(..) | ResourceId::Listener);
                prop_assert_ne!(&resource.tags, &of("prod-2"));
                prop_assert!(bound || resource.tags == of("prod"));
            }
            prop_assert!(!(keep && teardown_of(step).action == TeardownAction::Terminate));
        }
        // Each resource with the cluster's tag has a step.
        for (id, found) in &seen.found {
            if found.iter().any(|resource| resource.tags == of("prod")) {
                prop_assert!(ids.contains(&StepId::Delete(*id)), "{id:?}");
            }
        }
        // An instance is terminated, kept or skipped, or does not belong to the cluster.
        let instances = instances(&names(), &seen);
        for instance in &seen.instances {
            let is_ours = HostGroup::ALL.iter().any(|&group| instances.of(group).any(|one| one.id == instance.id));
            let is_skipped = instances.skipped.iter().any(|skipped| skipped.name == instance.id);
            prop_assert!(!(is_ours && is_skipped));
            prop_assert!(!is_ours || instance.tags.get(CLUSTER_NAME) != Some("prod-2"));
            if instance.tags.get(CLUSTER_NAME) == Some("prod") {
                prop_assert!(is_ours || is_skipped);
            }
        }
    }
}
