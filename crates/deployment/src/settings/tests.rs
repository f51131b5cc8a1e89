use super::*;
use proptest::prelude::*;

/// The item that wekactl 1.x (Go) wrote for six backends and two clients.
const GO_ITEM: &str = include_str!("go_item.json");

fn go_item() -> Map<String, Json> {
    serde_json::from_str(GO_ITEM).unwrap()
}

#[test]
fn item_of_wekactl_1x_is_read() {
    let settings = Settings::from_item(&go_item()).unwrap();
    assert_eq!(settings.backends.instance_type, "i3en.2xlarge");
    assert_eq!(settings.backends.max_size, 42);
    assert_eq!(settings.backends.key_name, None);
    assert_eq!(settings.backends.volumes_info[1].size, 100);
    assert_eq!(settings.clients.as_ref().unwrap().max_size, 500);
    assert_eq!(settings.tags_map.get("team"), Some("storage"));
    assert_eq!(
        (settings.stack_id.as_deref(), settings.dns_alias.as_deref()),
        (None, None)
    );
    assert!(!settings.use_dynamodb_endpoint);
    assert_eq!(settings.groups().collect::<Vec<_>>(), HostGroup::ALL);
}

#[test]
fn item_of_wekactl_1x_is_written_back_unchanged() {
    assert_eq!(Settings::from_item(&go_item()).unwrap().to_item(), go_item());
}

#[test]
fn missing_fields_of_an_older_version_get_defaults() {
    let mut item = go_item();
    for field in [
        "Clients",
        "PrivateSubnet",
        "DnsAlias",
        "DnsZoneId",
        "UseDynamoDBEndpoint",
        "TagsMap",
    ] {
        item.remove(field);
    }
    let settings = Settings::from_item(&item).unwrap();
    assert_eq!(settings.groups().collect::<Vec<_>>(), [HostGroup::Backends]);
    assert!(!settings.private_subnet && settings.tags_map.is_empty());
}

#[test]
fn unknown_fields_of_a_newer_version_are_kept() {
    let mut item = go_item();
    item.insert(
        "Future".to_owned(),
        json!({ "M": { "Deep": { "L": [{ "N": "7" }] } } }),
    );
    assert_eq!(Settings::from_item(&item).unwrap().to_item(), item);
}

#[test]
fn attributes_of_instances_round_trip() {
    let mut settings = Settings::from_item(&go_item()).unwrap();
    let backends = &mut settings.backends;
    backends.placement_group = Some(PlacementGroup::Id("pg-1".into()));
    backends.capacity_reservation = Some(CapacityReservation::Preference("none".into()));
    backends.detailed_monitoring = true;
    backends.stop_protection = true;
    backends.volumes_info[0] = Volume {
        encrypted: true,
        kms_key: Some("arn:k".into()),
        iops: Some(6000),
        throughput: Some(500),
        ..backends.volumes_info[0].clone()
    };
    let item = settings.to_item();
    assert_eq!(
        item["Backends"]["M"]["PlacementGroup"],
        json!({ "M": { "Id": { "S": "pg-1" } } })
    );
    assert_eq!(Settings::from_item(&item).unwrap(), settings);
}

#[test]
fn weka_protocol_is_https_by_default() {
    let read = |fields: Json| {
        let mut item = go_item();
        item.extend(fields.as_object().unwrap().clone());
        (Settings::from_item(&item), item)
    };
    let (settings, _) = read(json!({ "WekaProtocol": { "NULL": true }, "WekaCA": { "NULL": true } }));
    let settings = settings.unwrap();
    assert_eq!(
        (settings.weka_protocol, &settings.weka_ca),
        (WekaProtocol::Https, &None)
    );
    assert_eq!(settings.to_item(), go_item());
    let (settings, item) = read(json!({ "WekaProtocol": { "S": "http" } }));
    let settings = settings.unwrap();
    assert_eq!(
        (settings.weka_protocol, settings.to_item()),
        (WekaProtocol::Http, item)
    );
    let (settings, item) = read(json!({ "WekaCA": { "S": "-----BEGIN CERTIFICATE-----\n" } }));
    assert_eq!(settings.unwrap().to_item(), item);
    let error = read(json!({ "WekaProtocol": { "S": "ftp" } }))
        .0
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected `https` or `http`"), "{error}");
}

#[test]
fn error_names_the_unreadable_field() {
    let mut item = go_item();
    item.insert("VpcId".to_owned(), json!({ "B": "AA==" }));
    let error = Settings::from_item(&item).unwrap_err().to_string();
    assert!(error.contains("VpcId"), "{error}");
    item.remove("Backends");
    item.remove("VpcId");
    assert!(
        Settings::from_item(&item)
            .unwrap_err()
            .to_string()
            .contains("Backends")
    );
}

fn text() -> impl Strategy<Value = String> {
    "[ -~]{1,20}"
}

prop_compose! {
    fn group()(groups in prop::collection::vec(text(), 0..3), image_id in text(), key_name in prop::option::of(text()),
               size in 1_u32..10_000, max_size in any::<u32>()) -> GroupSettings {
        GroupSettings {
            security_groups_ids: groups,
            image_id,
            key_name,
            max_size,
            volumes_info: vec![Volume { name: "/dev/sda1".into(), r#type: "gp3".into(), size, ..Volume::default() }],
            ..GroupSettings::default()
        }
    }
}

proptest! {
    #[test]
    fn settings_round_trip(backends in group(), clients in prop::option::of(group()),
            alias in prop::option::of(text()), private_subnet: bool, use_dynamodb_endpoint: bool,
            tags in prop::collection::btree_map(text(), "[ -~]{0,20}", 0..4),
            mounts in prop::collection::vec("[a-z]{1,9}=/mnt/[a-z]{1,9}", 0..3)) {
        let settings = Settings {
            client_mounts: mounts.iter().map(|mount| mount.parse().unwrap()).collect(),
            backends, clients, private_subnet, use_dynamodb_endpoint,
            dns_alias: alias.clone(), dns_zone_id: alias, tags_map: crate::Tags(tags),
            ..Settings::default()
        };
        prop_assert_eq!(Settings::from_item(&settings.to_item()).unwrap(), settings);
    }
}
