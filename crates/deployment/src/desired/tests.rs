use super::*;
use crate::account::Account;
use crate::example::{PASSWORD, cluster, resources, resources_in, resources_with, seal_key, settings};
use crate::id::{Kind, ResourceId};
use crate::names::{FunctionType, RoleUse};
use crate::resource::Body;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::tags;
use crate::value::Output;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

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
        "depends_on": resource.depends_on.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>(),
        "body": resource.body.fields(),
    })
}

/// Settings with all optional features.
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
        let of_group = all.iter().filter(|resource| resource.id.group() == group);
        of_group
            .map(|resource| (format!("{:?}", resource.id), shown(resource)))
            .collect()
    };
    insta::assert_json_snapshot!("cluster", of(None));
    insta::assert_json_snapshot!("backends", of(Some(HostGroup::Backends)));
    insta::assert_json_snapshot!("clients", of(Some(HostGroup::Clients)));
}

#[test]
fn dependencies_exist_and_are_acyclic() {
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
            let mut waiting: BTreeMap<_, _> =
                resources.iter().map(|r| (r.id, r.depends_on.clone())).collect();
            assert_eq!(waiting.len(), resources.len(), "duplicate id");
            while !waiting.is_empty() {
                let ready: Vec<_> = waiting
                    .iter()
                    .filter(|(_, depends_on)| depends_on.is_empty())
                    .map(|(id, _)| *id)
                    .collect();
                assert!(!ready.is_empty(), "missing or circular: {waiting:?}");
                for id in ready {
                    waiting.remove(&id);
                    waiting.values_mut().for_each(|depends_on| {
                        depends_on.remove(&id);
                    });
                }
            }
        }
    }
}

/// A body's references must be direct dependencies: it is resolved as soon as those are done.
#[test]
fn every_reference_is_a_direct_dependency() {
    let all = resources(&full());
    for resource in &all {
        let mut outputs = crate::Outputs::default();
        for &dependency in &resource.depends_on {
            let values = [
                Output::Arn,
                Output::Id,
                Output::Url,
                Output::ExecuteArn,
                Output::ApiKey,
                Output::DnsName,
                Output::HostedZoneId,
            ];
            outputs.add(dependency, values.map(|output| (output, "known".to_owned())));
        }
        let mut body = resource.body.clone();
        body.resolve(&outputs);
        let fields = body.fields().to_string();
        assert!(!fields.contains("(known once"), "{:?}: {fields}", resource.id);
    }
}

#[test]
fn secrets_are_never_shown() {
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
fn only_functions_that_exchange_messages_have_the_seal_key_of_their_host_group() {
    for resource in resources(&settings()) {
        let (ResourceId::Function(group, function), Body::Function(body)) = (resource.id, resource.body)
        else {
            continue;
        };
        let sealing = [FunctionType::Fetch, FunctionType::Scale, FunctionType::Terminate].contains(&function);
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
fn private_subnet_changes_only_apis_launch_templates_and_join_functions() {
    let public = resources(&settings());
    let private = resources(&Settings {
        private_subnet: true,
        ..settings()
    });
    let differing: BTreeSet<_> = public
        .iter()
        .zip(&private)
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.id)
        .collect();
    let mut expected = BTreeSet::from([ResourceId::SettingsItem]);
    for group in HostGroup::ALL {
        expected.extend([
            ResourceId::RestApi(group),
            ResourceId::LaunchTemplate(group),
            ResourceId::Function(group, FunctionType::Join),
        ]);
    }
    assert_eq!(differing, expected);
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
fn alias_and_classic_load_balancer_add_one_resource_each() {
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
fn without_clients_the_other_resources_are_the_same() {
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
fn schedule_starts_after_the_instances_are_attached() {
    let resources = resources(&full());
    for group in HostGroup::ALL {
        let rule = find(&resources, ResourceId::Rule(group));
        assert!(rule.depends_on.contains(&ResourceId::AttachedInstances(group)));
        let before = |resource: &&Desired| resource.depends_on.contains(&rule.id);
        assert_eq!(resources.iter().find(before), None);
    }
}

#[test]
fn without_credentials_the_item_is_unchanged() {
    let resources = resources_with(&settings(), None);
    assert!(!ids(&resources).contains(&ResourceId::Credentials));
    for group in HostGroup::ALL {
        assert!(
            !find(&resources, ResourceId::AutoScalingGroup(group))
                .depends_on
                .contains(&ResourceId::Credentials)
        );
    }
}

#[test]
fn every_resource_of_a_kind_with_tags_has_the_tags_of_the_cluster() {
    for resource in resources(&full()) {
        let untagged = [
            Kind::Credentials,
            Kind::SettingsItem,
            Kind::InvokePermission,
            Kind::AliasRecord,
            Kind::ClassicHealthCheck,
            Kind::AttachedInstances,
        ];
        assert_eq!(
            resource.tags.is_none(),
            untagged.contains(&resource.id.kind()),
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
fn state_machine_runs_fetch_scale_and_terminate() {
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
        assert_eq!(states[state]["Catch"][0]["Next"], "Transient", "{state}");
    }
    assert_eq!(states["Transient"].get("Catch"), None);
    for state in ["HostGroupInfo", "Scale", "Terminate", "Transient"] {
        let parameters = &states[state]["Parameters"];
        assert_eq!(parameters["execution.$"], "$$.Execution.Id", "{state}");
        assert_eq!(parameters["message.$"], "$", "{state}");
    }
    assert_eq!(states["Transient"]["End"], true);
    assert_eq!(states["ErrorCheck"]["Default"], "Success");
}

#[test]
fn resources_of_other_partitions_have_their_arns_and_domains() {
    for (partition, region, domain) in [
        ("aws", "eu-west-1", "amazonaws.com"),
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
        ("aws-iso-b", "us-isob-east-1", "sc2s.sgov.gov"),
        ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
    ] {
        let account = Account {
            id: "123456789012".into(),
            region: region.into(),
            partition: partition.into(),
        };
        let mut arns = 0;
        let resources = resources_in(&account, &full(), None);
        // The settings have the ARNs of the imported instances.
        let copied = [Kind::SettingsItem, Kind::LaunchTemplate];
        for resource in resources
            .iter()
            .filter(|resource| !copied.contains(&resource.id.kind()))
        {
            let body = resource.body.fields().to_string();
            for arn in body.split("arn:").skip(1) {
                assert!(
                    arn.starts_with(&format!("{partition}:")),
                    "{:?}: {arn}",
                    resource.id
                );
                arns += 1;
            }
            let regional = format!(".{region}.");
            for suffix in body.split(&regional).skip(1) {
                assert!(
                    suffix.starts_with(&format!("{domain}\"")),
                    "{:?}: {suffix}",
                    resource.id
                );
            }
        }
        assert!(arns > 40, "{arns}");
        let role = find(
            &resources,
            ResourceId::Role(HostGroup::Backends, RoleUse::Function(FunctionType::Join)),
        );
        let via = format!("\"kms:ViaService\":\"dynamodb.{region}.{domain}\"");
        assert!(role.body.fields().to_string().contains(&via));
    }
}
