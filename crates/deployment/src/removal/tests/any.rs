//! Removals of whatever may stand.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
enum There {
    Not,
    Ours,
    Untagged,
    Anothers,
    Twice,
}

fn anything() -> impl Strategy<Value = (Seen, bool)> {
    let there = prop_oneof![
        1 => Just(There::Not),
        4 => Just(There::Ours),
        1 => Just(There::Untagged),
        1 => Just(There::Anothers),
        1 => Just(There::Twice),
    ];
    let each = prop::collection::vec(there, ResourceId::removable().len());
    let cluster = prop_oneof![Just(None), Just(Some("prod")), Just(Some("prod-2"))];
    let group = prop_oneof![
        Just(None),
        Just(Some("wekactl-prod-Backends")),
        Just(Some("wekactl-prod-Clients")),
        Just(Some("other"))
    ];
    let instances = prop::collection::vec((cluster, group), 0..12);
    (each, instances, any::<bool>()).prop_map(|(each, instances, keep)| {
        let mut remnants: BTreeMap<ResourceId, Vec<Remnant>> = BTreeMap::new();
        for (id, there) in ResourceId::removable().into_iter().zip(each) {
            let name = format!("{id:?}");
            let stands = match there {
                There::Not => continue,
                There::Ours => vec![ours(&name)],
                There::Untagged => vec![untagged(&name)],
                There::Anothers => vec![Remnant::named(name, of("prod-2"))],
                There::Twice => vec![ours(&name), ours(&name)],
            };
            remnants.insert(id, stands);
        }
        let instances = instances.into_iter().enumerate();
        let instances = instances.map(|(n, (cluster, group))| instance(&format!("i-{n}"), cluster, group));
        let seen = Seen {
            remnants,
            instances: instances.collect(),
            unreadable: None,
        };
        (seen, keep)
    })
}

proptest! {
    #[test]
    fn whatever_stands_only_the_clusters_own_goes_and_all_of_it((seen, keep) in anything()) {
        let fate = if keep { InstanceDisposition::Keep } else { InstanceDisposition::Terminate };
        let removal = removal(&seen, fate);
        // It can be carried out.
        prop_assert_eq!(in_order(&removal).len(), removal.steps.len());
        let ids: BTreeSet<_> = removal.steps.iter().map(|step| step.id).collect();
        for step in &removal.steps {
            prop_assert!(step.needs.is_subset(&ids));
            for remnant in &step.remnants {
                let bound = matches!(step.id.resource(), ResourceId::LogGroup(..) | ResourceId::Listener);
                prop_assert_ne!(&remnant.tags, &of("prod-2"));
                prop_assert!(bound || remnant.tags == of("prod"));
            }
            prop_assert!(!(keep && step.verb == Verb::Terminate));
        }
        // What is tagged as the cluster's has its step, whatever of the rest is there.
        for (id, remnants) in &seen.remnants {
            if remnants.iter().any(|remnant| remnant.tags == of("prod")) {
                prop_assert!(ids.contains(&StepId::Remove(*id)), "{id:?}");
            }
        }
        // An instance is terminated, released or told of, or none of the cluster's business.
        let instances = instances(&names(), &seen);
        for instance in &seen.instances {
            let is_ours = HostGroup::ALL.iter().any(|&group| instances.of(group).any(|one| one.id == instance.id));
            let is_told = instances.foreign.iter().any(|foreign| foreign.name == instance.id);
            prop_assert!(!(is_ours && is_told));
            prop_assert!(!is_ours || instance.tags.get(CLUSTER_NAME) != Some("prod-2"));
            if instance.tags.get(CLUSTER_NAME) == Some("prod") {
                prop_assert!(is_ours || is_told);
            }
        }
    }
}
