use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

fn names(cluster: &str) -> Names {
    Names::new(cluster.parse().unwrap())
}

#[test]
fn hash_equals_that_of_wekactl_1x() {
    assert_eq!(elf_hash("wekactl"), 230_783_708);
    assert_eq!(elf_hash("wekactl-wk"), 128_796_875);
    assert_eq!(elf_hash(""), 0);
}

#[test]
fn truncated_names_equal_those_of_wekactl_1x() {
    assert_eq!(
        truncate_with_hash("wekactl-production-storage-cluster-01", 32),
        "wekactl-production-sto-229331185"
    );
    assert_eq!(
        truncate_with_hash("wekactl-exactly-thirty-two-chars", 32),
        "wekactl-exactly-thirty-100587939"
    );
    assert_eq!(truncate_with_hash("wekactl-wk", 32), "wekactl-wk");
}

#[test]
fn names_of_a_cluster() {
    let names = names("wk");
    let group = HostGroup::Backends;
    assert_eq!(names.key_alias(), "alias/wekactl-wk");
    assert_eq!(
        names.function(group, FunctionType::Join),
        "wekactl-wk-join-Backends"
    );
    assert_eq!(
        names.function_log_group(group, FunctionType::Join),
        "/aws/lambda/wekactl-wk-join-Backends"
    );
    assert_eq!(
        names.policy(group, RoleUse::StateMachine),
        "wekactl-wk-sm-Backends"
    );
    assert_eq!(names.role_path(), "/wekactl/wk/");
    assert_eq!(names.target_group(), "wekactl-wk-api");
    assert_eq!(names.state_machine(HostGroup::Clients), "wekactl-wk-Clients");
}

#[test]
fn truncated_role_name_keeps_use_and_uuid() {
    let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    for cluster in ["wk", "a", &"c".repeat(128)] {
        for group in HostGroup::ALL {
            for user in RoleUse::ALL {
                let role = names(cluster).role(group, user, uuid);
                assert!(role.len() <= 64, "{role} has {}", role.len());
                assert!(role.starts_with("wekactl"), "{role}");
                assert!(role.ends_with(&format!("-{user}-{uuid}")), "{role}");
            }
        }
    }
}

#[test]
fn invalid_cluster_name_is_rejected_with_a_reason() {
    for (name, reason) in [
        ("", "is empty"),
        ("1wk", "begin with a letter"),
        ("-wk", "begin with a letter"),
        ("wk_1", "other than letters, digits and hyphens"),
        ("wk é", "other than letters"),
        ("wk-", "ends with a hyphen"),
        (&"w".repeat(129), "longer than 128"),
    ] {
        let error = name.parse::<ClusterName>().unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

/// Realistic names of a few words, so that long names share prefixes.
fn cluster() -> impl Strategy<Value = String> {
    "[a-zA-Z](prod|test|storage|-|[a-z0-9]){0,30}[a-z0-9]".prop_filter("too long", |name| name.len() <= 128)
}

proptest! {
    #[test]
    fn truncated_name_keeps_its_beginning_and_limit(name in "[a-z-]{1,200}", limit in 24_usize..130) {
        let fitted = truncate_with_hash(&name, limit);
        prop_assert!(fitted.len() <= limit);
        if name.len() < limit {
            prop_assert_eq!(&fitted, &name);
        } else {
            let (kept, hash) = fitted.rsplit_once('-').unwrap();
            prop_assert!(name.starts_with(kept));
            prop_assert_eq!(hash, elf_hash(&name).to_string());
        }
    }

    #[test]
    fn names_are_within_the_limits_of_their_services(cluster in cluster()) {
        let names = names(&cluster);
        prop_assert!(names.load_balancer().len() <= 32);
        prop_assert!(names.target_group().len() <= 32);
        prop_assert!(names.key_alias().len() <= 256);
        prop_assert!(names.base().len() <= 255);
        for group in HostGroup::ALL {
            prop_assert!(names.launch_template(group).len() <= 128);
            prop_assert!(names.state_machine(group).len() <= 80);
            prop_assert!(names.rule(group).len() <= 64);
            for function in FunctionType::ALL {
                prop_assert!(names.function(group, function).len() <= 64);
            }
        }
    }
}

#[test]
fn different_clusters_get_different_names() {
    // Numbered clusters of one organization.
    let mut seen = HashMap::new();
    for team in [
        "storage",
        "genomics",
        "rendering-farm",
        "machine-learning-platform",
    ] {
        for stage in ["production", "staging", "development"] {
            for number in 0..200 {
                let cluster = format!("{team}-{stage}-weka-cluster-{number:03}");
                let name = names(&cluster).load_balancer();
                if let Some(other) = seen.insert(name.clone(), cluster.clone()) {
                    panic!("{cluster} and {other} are both called {name}");
                }
            }
        }
    }
}
