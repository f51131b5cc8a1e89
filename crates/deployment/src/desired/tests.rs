use super::*;
use crate::example::{PASSWORD, cluster, resources, resources_with, seal_key, settings};
use crate::names::FunctionType;
use crate::resource::Kind;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

fn ids(resources: &[Desired]) -> BTreeSet<ResourceId> {
    resources.iter().map(|resource| resource.id).collect()
}

fn find(resources: &[Desired], id: ResourceId) -> &Desired {
    resources.iter().find(|resource| resource.id == id).unwrap()
}

fn shown(resource: &Desired) -> Json {
    json!({
        "name": resource.name,
        "tags": resource.tags,
        "needs": resource.needs.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>(),
        "body": resource.body.fields(),
    })
}

/// The settings with everything that a user may ask for beside the usual.
fn full() -> Settings {
    Settings {
        private_subnet: true,
        stack_id: Some("arn:aws:cloudformation:eu-west-1:123456789012:stack/wk/1".into()),
        dns_alias: Some("weka.example.com.".into()),
        dns_zone_id: Some("Z1".into()),
        classic_load_balancer: Some("wk-elb".into()),
        ..settings()
    }
}

#[test]
fn every_resource_by_snapshot() {
    let mut all = resources(&settings());
    all.sort_by_key(|resource| resource.id);
    let of = |group: Option<HostGroup>| -> BTreeMap<String, Json> {
        let those = all.iter().filter(|resource| resource.id.group() == group);
        those
            .map(|resource| (format!("{:?}", resource.id), shown(resource)))
            .collect()
    };
    insta::assert_json_snapshot!("cluster", of(None));
    insta::assert_json_snapshot!("backends", of(Some(HostGroup::Backends)));
    insta::assert_json_snapshot!("clients", of(Some(HostGroup::Clients)));
}

#[test]
fn every_need_is_there_and_none_goes_in_a_circle() {
    for settings in [
        settings(),
        full(),
        Settings {
            clients: None,
            ..settings()
        },
    ] {
        for credentials in [None, Some(("admin", &Secret::new(PASSWORD)))] {
            let resources = resources_with(&settings, credentials);
            let mut waiting: BTreeMap<_, _> = resources.iter().map(|r| (r.id, r.needs.clone())).collect();
            assert_eq!(waiting.len(), resources.len(), "an id stands twice");
            while !waiting.is_empty() {
                let ready: Vec<_> = waiting
                    .iter()
                    .filter(|(_, needs)| needs.is_empty())
                    .map(|(id, _)| *id)
                    .collect();
                assert!(!ready.is_empty(), "absent or circular: {waiting:?}");
                for id in ready {
                    waiting.remove(&id);
                    waiting.values_mut().for_each(|needs| {
                        needs.remove(&id);
                    });
                }
            }
        }
    }
}

/// What a body refers to must be made before it, directly: its output is read as soon as its needs are done.
#[test]
fn whatever_is_referred_to_is_needed() {
    let all = resources(&full());
    for resource in &all {
        let mut outputs = crate::Outputs::default();
        for &need in &resource.needs {
            let of_need = [
                Output::Arn,
                Output::Id,
                Output::Url,
                Output::ExecuteArn,
                Output::ApiKey,
                Output::DnsName,
                Output::HostedZoneId,
            ];
            outputs.add(need, of_need.map(|output| (output, "known".to_owned())));
        }
        let mut body = resource.body.clone();
        body.resolve(&outputs);
        let fields = body.fields().to_string();
        assert!(!fields.contains("(known once"), "{:?}: {fields}", resource.id);
    }
}

#[test]
fn no_secret_is_in_what_is_shown() {
    for resource in resources(&full()) {
        let shown = format!("{}{resource:?}", shown(&resource));
        for secret in [
            PASSWORD,
            seal_key(HostGroup::Backends).reveal(),
            seal_key(HostGroup::Clients).reveal(),
        ] {
            assert!(!shown.contains(secret), "{:?}: {shown}", resource.id);
        }
    }
}

#[test]
fn the_seal_key_is_that_of_the_host_group_and_only_where_it_is_used() {
    for resource in resources(&settings()) {
        let (ResourceId::Function(group, function), Body::Function(body)) = (resource.id, resource.body)
        else {
            continue;
        };
        let sealing = matches!(function, FunctionType::Fetch | FunctionType::Scale);
        assert_eq!(
            body.seal_key,
            sealing.then(|| seal_key(group)),
            "{group} {function}"
        );
        assert_eq!(
            body.vpc.is_some(),
            function == FunctionType::Scale,
            "{group} {function}"
        );
    }
}

#[test]
fn a_private_subnet_changes_the_apis_and_the_launch_templates_alone() {
    let public = resources(&settings());
    let private = resources(&Settings {
        private_subnet: true,
        ..settings()
    });
    let differing: BTreeSet<_> = public
        .iter()
        .zip(&private)
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.id.kind())
        .collect();
    assert_eq!(
        differing,
        [Kind::SettingsItem, Kind::RestApi, Kind::LaunchTemplate].into()
    );
    for group in HostGroup::ALL {
        let api = find(&private, ResourceId::RestApi(group)).body.fields();
        assert_eq!(api["endpoint_type"], "PRIVATE");
        assert!(
            api["policy"].to_string().contains("vpc-f8dd915da7baa8953"),
            "{api}"
        );
        let template =
            |of| find(of, ResourceId::LaunchTemplate(group)).body.fields()["public_address"].clone();
        assert_eq!(
            (template(&public), template(&private)),
            (json!(true), json!(false))
        );
    }
}

#[test]
fn an_alias_and_a_classic_load_balancer_add_a_resource_each() {
    let (plain, full) = (resources(&settings()), resources(&full()));
    let added: BTreeSet<_> = ids(&full).difference(&ids(&plain)).copied().collect();
    assert_eq!(
        added,
        [ResourceId::AliasRecord, ResourceId::ClassicHealthCheck].into()
    );
    let alias = find(&full, ResourceId::AliasRecord);
    assert_eq!(alias.body.fields()["name"], "weka.example.com");
    assert_eq!(
        (alias.body.fields()["zone_id"].clone(), &alias.tags),
        (json!("Z1"), &None)
    );
    let check = find(&full, ResourceId::ClassicHealthCheck);
    assert_eq!(check.name, "wk-elb");
    insta::assert_json_snapshot!("classic_health_check", check.body.fields());
    for (group, attached) in [
        (HostGroup::Backends, json!(["wk-elb"])),
        (HostGroup::Clients, json!([])),
    ] {
        let body = find(&full, ResourceId::AutoScalingGroup(group)).body.fields();
        assert_eq!(body["classic_load_balancers"], attached, "{group}");
    }
    let table = find(&full, ResourceId::Table).tags.as_ref().unwrap();
    assert_eq!(
        table.get(tags::STACK_ID),
        Some("arn:aws:cloudformation:eu-west-1:123456789012:stack/wk/1")
    );
    assert_eq!(
        find(&plain, ResourceId::Table)
            .tags
            .as_ref()
            .unwrap()
            .get(tags::STACK_ID),
        None
    );
}

#[test]
fn without_clients_all_else_is_the_same() {
    let (with, without) = (
        resources(&settings()),
        resources(&Settings {
            clients: None,
            ..settings()
        }),
    );
    let rest: Vec<_> = with
        .into_iter()
        .filter(|resource| {
            resource.id.group() != Some(HostGroup::Clients) && resource.id != ResourceId::SettingsItem
        })
        .collect();
    let without: Vec<_> = without
        .into_iter()
        .filter(|resource| resource.id != ResourceId::SettingsItem)
        .collect();
    assert_eq!(rest, without);
}

#[test]
fn without_credentials_the_item_is_left_as_it_is() {
    let resources = resources_with(&settings(), None);
    assert!(!ids(&resources).contains(&ResourceId::Credentials));
    for group in HostGroup::ALL {
        assert!(
            !find(&resources, ResourceId::AutoScalingGroup(group))
                .needs
                .contains(&ResourceId::Credentials)
        );
    }
}

#[test]
fn each_resource_is_tagged_as_the_clusters_unless_its_kind_bears_no_tags() {
    for resource in resources(&full()) {
        let bare = [
            Kind::Credentials,
            Kind::SettingsItem,
            Kind::InvokePermission,
            Kind::AliasRecord,
            Kind::ClassicHealthCheck,
            Kind::AttachedInstances,
        ];
        assert_eq!(
            resource.tags.is_none(),
            bare.contains(&resource.id.kind()),
            "{:?}",
            resource.id
        );
        let Some(tags) = &resource.tags else { continue };
        assert!(tags.are_of(&cluster()), "{:?}", resource.id);
        assert_eq!(tags.get("team"), Some("storage"), "{:?}", resource.id);
        assert_eq!(
            tags.get(tags::HOSTGROUP_NAME),
            resource.id.group().map(HostGroup::name),
            "{:?}",
            resource.id
        );
        assert!(
            tags.get(tags::VERSION).is_some_and(|version| !version.is_empty()),
            "{:?}",
            resource.id
        );
    }
}

#[test]
fn the_state_machine_is_the_one_of_the_specification() {
    let all = resources(&settings());
    let definition = find(&all, ResourceId::StateMachine(HostGroup::Backends))
        .body
        .fields()["definition"]
        .clone();
    let states = &definition["States"];
    assert_eq!(definition["StartAt"], "HostGroupInfo");
    for (state, next) in [
        ("HostGroupInfo", "Scale"),
        ("Scale", "Terminate"),
        ("Terminate", "ErrorCheck"),
    ] {
        assert_eq!(states[state]["Next"], next, "{state}");
    }
    assert_eq!(states["Transient"]["End"], true);
    assert_eq!(states["ErrorCheck"]["Default"], "Success");
}
