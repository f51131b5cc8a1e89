use super::*;
use crate::example::{account, cluster};
use crate::placement::PlacementGroup;
use crate::settings::Volume;
use std::collections::BTreeMap;
use weka_types::WekaProtocol;

mod errors;

const GROUP: &str = "sg-1";

pub(super) fn request() -> ImportRequest {
    ImportRequest {
        cluster: cluster(),
        tags: [("team".to_owned(), "storage".to_owned())].into_iter().collect(),
        private_subnet: false,
        additional_subnet: None,
        dns_alias: None,
        dns_zone_id: None,
        use_dynamodb_endpoint: false,
        weka_protocol: WekaProtocol::Https,
        weka_ca: None,
        clients: true,
        client_mounts: Vec::new(),
        profile: None,
        image_id: None,
        permissions_boundary: None,
        identity_certificate: None,
        http_tokens: "required".into(),
        build_version: "2.0.0".into(),
    }
}

fn instance(role: &str, number: usize) -> Instance {
    let volume = |name: &str, size| Volume {
        name: name.into(),
        r#type: "gp2".into(),
        size,
        ..Volume::default()
    };
    Instance {
        id: format!("i-{role}-{number}"),
        state: "running".into(),
        image_id: "ami-1".into(),
        instance_type: if role == "Backend" {
            "i3en.2xlarge"
        } else {
            "c5.2xlarge"
        }
        .into(),
        architecture: "x86_64".into(),
        key_name: Some("key".into()),
        profile_arn: Some(format!(
            "arn:aws:iam::123456789012:instance-profile/wk-InstanceProfile{role}-X1"
        )),
        security_groups: vec![GROUP.into()],
        subnet: "subnet-a1".into(),
        vpc: "vpc-1".into(),
        volumes: vec![volume("/dev/sda1", 8), volume("/dev/sdp", 100)],
        ..Instance::default()
    }
}

fn subnet(id: &str, zone: &str) -> Subnet {
    Subnet {
        id: id.into(),
        vpc: "vpc-1".into(),
        zone: zone.into(),
        cidr: "10.0.1.0/24".into(),
    }
}

fn main_table() -> RouteTable {
    RouteTable {
        id: "rtb-main".into(),
        vpc: "vpc-1".into(),
        main: true,
        subnets: BTreeSet::new(),
    }
}

fn image(state: &str, architecture: &str) -> Image {
    Image {
        state: state.into(),
        architecture: architecture.into(),
    }
}

/// A valid cluster with six backends.
fn good(clients: usize) -> DiscoveredCluster {
    DiscoveredCluster {
        source: Source::Stack {
            id: "arn:aws:cloudformation:eu-west-1:123456789012:stack/wk/1".into(),
            status: "CREATE_COMPLETE".into(),
            description: "[WekaIO] 3.10".into(),
        },
        instances: (0..6)
            .map(|number| instance("Backend", number))
            .chain((0..clients).map(|number| instance("Client", number)))
            .collect(),
        classic_load_balancers: vec!["wk-elb".into()],
        network: Network {
            subnets: vec![
                subnet("subnet-a1", "a"),
                subnet("subnet-b2", "b"),
                subnet("subnet-b1", "b"),
            ],
            route_tables: vec![main_table()],
            endpoints: Vec::new(),
            dedicated_vpcs: BTreeSet::new(),
        },
        images: [("ami-1".to_owned(), image("available", "x86_64"))].into(),
        keys: BTreeMap::new(),
        key_pairs: ["key".to_owned()].into(),
    }
}

fn endpoint(found: &mut DiscoveredCluster, kind: &str, service: &str) {
    found.network.endpoints.push(Endpoint {
        id: "vpce-1".into(),
        vpc: "vpc-1".into(),
        service: format!("com.amazonaws.eu-west-1.{service}"),
        kind: kind.into(),
        state: "available".into(),
        route_tables: ["rtb-other".to_owned()].into(),
        private_dns: true,
        https_from: ["10.1.0.0/16".to_owned()].into(),
    });
}

fn import(request: &ImportRequest, found: &DiscoveredCluster) -> Settings {
    Settings::from_import(request, found, &account(), None).unwrap()
}

/// All errors, one line each.
fn errors(request: &ImportRequest, found: &DiscoveredCluster) -> Vec<String> {
    let errors = Settings::from_import(request, found, &account(), None).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn settings_of_a_good_cluster() {
    let settings = import(&request(), &good(2));
    let volume = |name: &str, size| Volume {
        name: name.into(),
        r#type: "gp3".into(),
        size,
        ..Volume::default()
    };
    let backends = GroupSettings {
        security_groups_ids: vec![GROUP.into()],
        image_id: "ami-1".into(),
        key_name: Some("key".into()),
        iam_arn: "arn:aws:iam::123456789012:instance-profile/wk-InstanceProfileBackend-X1".into(),
        instance_type: "i3en.2xlarge".into(),
        subnet: "subnet-a1".into(),
        volumes_info: vec![volume("/dev/sda1", 16), volume("/dev/sdp", 100)],
        max_size: 42,
        http_tokens: "required".into(),
        ..GroupSettings::default()
    };
    let clients = GroupSettings {
        iam_arn: "arn:aws:iam::123456789012:instance-profile/wk-InstanceProfileClient-X1".into(),
        instance_type: "c5.2xlarge".into(),
        max_size: 500,
        ..backends.clone()
    };
    assert_eq!(
        settings,
        Settings {
            backends,
            clients: Some(clients),
            subnet: "subnet-a1".into(),
            additional_subnet: "subnet-b1".into(),
            vpc_id: "vpc-1".into(),
            tags_map: request().tags,
            stack_id: Some("arn:aws:cloudformation:eu-west-1:123456789012:stack/wk/1".into()),
            build_version: "2.0.0".into(),
            classic_load_balancer: Some("wk-elb".into()),
            ..Settings::default()
        }
    );
}

#[test]
fn maximum_size_of_clients_is_a_multiple_of_500() {
    for (clients, max_size) in [(1, 500), (500, 500), (501, 1000)] {
        assert_eq!(
            import(&request(), &good(clients)).clients.unwrap().max_size,
            max_size,
            "{clients}"
        );
    }
    assert_eq!(import(&request(), &good(0)).clients, None);
    assert_eq!(
        import(
            &ImportRequest {
                clients: false,
                ..request()
            },
            &good(2)
        )
        .clients,
        None
    );
}

#[test]
fn large_root_volume_keeps_its_size_and_isolated_partitions_get_gp2() {
    let mut found = good(0);
    for instance in &mut found.instances {
        instance.volumes[0].size = 48;
    }
    assert_eq!(import(&request(), &found).backends.volumes_info[0].size, 48);
    let isolated = Account {
        partition: "aws-iso".into(),
        ..account()
    };
    let settings = Settings::from_import(&request(), &found, &isolated, None).unwrap();
    assert!(
        settings
            .backends
            .volumes_info
            .iter()
            .all(|volume| volume.r#type == "gp2")
    );
}

#[test]
fn root_volume_of_a_client_without_another_volume_has_room_for_weka() {
    let mut found = good(2);
    let root = |found: &DiscoveredCluster| import(&request(), found).clients.unwrap().volumes_info[0].size;
    assert_eq!(root(&found), 16);
    for instance in &mut found.instances {
        instance.volumes.truncate(1);
    }
    assert_eq!(root(&found), 48);
    assert_eq!(import(&request(), &found).backends.volumes_info[0].size, 16);
}

#[test]
fn mounts_of_clients_are_those_of_the_last_import_that_names_some() {
    let mounts = |paths: &[&str]| -> Vec<instances::ClientMount> {
        paths.iter().map(|path| path.parse().unwrap()).collect()
    };
    let named = |paths: &[&str]| ImportRequest {
        client_mounts: mounts(paths),
        ..request()
    };
    let default = import(&request(), &good(2));
    assert!(default.client_mounts.is_empty());
    assert_eq!(default.client_mounts(), mounts(&["default=/mnt/weka"]));
    let first = import(&named(&["home=/mnt/home", "work=/data"]), &good(2));
    assert_eq!(first.client_mounts(), mounts(&["home=/mnt/home", "work=/data"]));
    let again = |request: &ImportRequest| Settings::from_import(request, &good(2), &account(), Some(&first));
    assert_eq!(again(&request()).unwrap(), first);
    let other = again(&named(&["work=/work"])).unwrap();
    assert_eq!(other.client_mounts(), mounts(&["work=/work"]));
}

#[test]
fn settings_of_an_earlier_import_are_kept() {
    let bounded = ImportRequest {
        permissions_boundary: Some("arn:aws:iam::123456789012:policy/limit".into()),
        identity_certificate: Some("pem".into()),
        ..request()
    };
    let mut stored = import(&bounded, &good(2));
    assert_eq!(stored.permissions_boundary, bounded.permissions_boundary);
    assert_eq!(stored.identity_certificate, bounded.identity_certificate);
    stored.backends.max_size = 70;
    stored.additional_subnet = "subnet-b2".into();
    stored.other.insert("Future".into(), true.into());
    let mut found = good(2);
    found.instances.remove(0);
    let again = Settings::from_import(&request(), &found, &account(), Some(&stored)).unwrap();
    assert_eq!(again, stored);
    // A maximum that is too small grows.
    stored.backends.max_size = 7;
    let again = Settings::from_import(&request(), &found, &account(), Some(&stored)).unwrap();
    assert_eq!(again.backends.max_size, 35);
}

#[test]
fn instances_by_id_are_backends_unless_their_profile_is_that_of_clients() {
    let mut found = good(2);
    for instance in &mut found.instances[..6] {
        instance.profile_arn = Some("arn:aws:iam::123456789012:instance-profile/own".into());
    }
    let ids = found
        .instances
        .iter()
        .map(|instance| instance.id.clone())
        .collect();
    let of_stack = errors(&request(), &found);
    assert_eq!(of_stack, ["0 backend instances found, minimum is 5"]);
    found.source = Source::InstanceIds(ids);
    let settings = import(&request(), &found);
    assert_eq!(
        (settings.backends.max_size, settings.clients.unwrap().max_size),
        (42, 500)
    );
    assert_eq!(settings.stack_id, None);
}

#[test]
fn terminated_instances_are_not_members() {
    let mut found = good(0);
    found.instances[0].state = "terminated".into();
    found.instances[0].instance_type = "other".into();
    assert_eq!(import(&request(), &found).backends.max_size, 35);
}

#[test]
fn second_subnet_has_the_route_table_of_the_backends() {
    let own = |subnets: &[&str]| RouteTable {
        id: "rtb-own".into(),
        vpc: "vpc-1".into(),
        main: false,
        subnets: subnets.iter().map(|id| (*id).to_owned()).collect(),
    };
    for (tables, second) in [
        // All use the main table: the first by id.
        (vec![main_table()], Some("subnet-b1")),
        // The first by id has its own table.
        (vec![own(&["subnet-b1"]), main_table()], Some("subnet-b2")),
        // The backends' subnet has its own table, and one other subnet uses it.
        (
            vec![main_table(), own(&["subnet-a1", "subnet-b2"])],
            Some("subnet-b2"),
        ),
        (vec![main_table(), own(&["subnet-a1"])], None),
        (vec![], None),
    ] {
        let mut found = good(0);
        found.network.route_tables = tables;
        let settings = Settings::from_import(&request(), &found, &account(), None);
        assert_eq!(
            settings
                .ok()
                .map(|settings| settings.additional_subnet)
                .as_deref(),
            second,
            "{found:?}"
        );
    }
    // A requested subnet may have another table.
    let mut found = good(0);
    found.network.route_tables = vec![main_table(), own(&["subnet-b2"])];
    let named = ImportRequest {
        additional_subnet: Some("subnet-b2".into()),
        ..request()
    };
    assert_eq!(import(&named, &found).additional_subnet, "subnet-b2");
}

#[test]
fn private_api_endpoint_must_be_open_to_a_group_or_the_subnet() {
    let request = ImportRequest {
        private_subnet: true,
        ..request()
    };
    for (from, open) in [
        (GROUP, true),
        ("10.0.0.0/16", true),
        ("10.0.1.0/24", true),
        ("0.0.0.0/0", true),
        ("pl-1", true),
        ("10.0.0.0/24", false),
        ("10.0.1.0/25", false),
        ("sg-2", false),
    ] {
        let mut found = good(0);
        endpoint(&mut found, "Interface", "execute-api");
        found.network.endpoints[0].https_from = [from.to_owned()].into();
        assert_eq!(
            Settings::from_import(&request, &found, &account(), None).is_ok(),
            open,
            "{from}"
        );
        for invalidate in [
            |endpoint: &mut Endpoint| endpoint.state = "pending".into(),
            |endpoint: &mut Endpoint| endpoint.vpc = "vpc-2".into(),
            |endpoint: &mut Endpoint| endpoint.service = "com.amazonaws.eu-west-1.ec2".into(),
        ] {
            let mut found = found.clone();
            invalidate(&mut found.network.endpoints[0]);
            assert!(errors(&request, &found)[0].contains("there is none"), "{found:?}");
        }
    }
}

#[test]
fn table_endpoint_is_a_gateway_on_the_route_table_or_an_interface() {
    let request = ImportRequest {
        use_dynamodb_endpoint: true,
        ..request()
    };
    let mut found = good(0);
    endpoint(&mut found, "Gateway", "dynamodb");
    found.network.endpoints[0].route_tables.insert("rtb-main".into());
    assert!(import(&request, &found).use_dynamodb_endpoint);
    found.network.endpoints[0].kind = "Interface".into();
    found.network.endpoints[0].route_tables.clear();
    assert!(import(&request, &found).use_dynamodb_endpoint);
}

#[test]
fn only_pending_changes_of_instances_are_planned() {
    let mut found = good(2);
    let tags = instance_tags(&cluster(), HostGroup::Backends, &request().tags);
    for done in &mut found.instances[..3] {
        done.tags = tags.clone();
        done.auto_scaling_group = Some("wekactl-wk-Backends".into());
        done.protected_from_scale_in = true;
    }
    // Attached but not protected: import was interrupted.
    found.instances[2].protected_from_scale_in = false;
    // Tagged but not attached: import was interrupted earlier.
    found.instances[3].tags = tags;
    let [(_, prepared), (_, attached)] =
        actual_instances(&cluster(), HostGroup::Backends, &request().tags, &found);
    let ids = |numbers: &[usize]| {
        numbers
            .iter()
            .map(|n| format!("i-Backend-{n}"))
            .collect::<BTreeSet<_>>()
    };
    let body = PreparedInstances {
        tagged: ids(&[0, 1, 2, 3]),
        protected: Some(ids(&[0, 1, 2])),
    };
    assert_eq!(prepared.body, body.into());
    assert_eq!(
        attached.body,
        AttachedInstances {
            attached: ids(&[0, 1, 2]),
            protected_from_scale_in: ids(&[0, 1]),
        }
        .into()
    );
    // A member of the cluster's own group is not a conflict.
    assert_eq!(import(&request(), &found).backends.max_size, 42);
}

#[test]
fn launch_template_copies_the_first_instance_and_differences_are_listed() {
    let mut found = good(0);
    let group = PlacementGroup::Name("close".into());
    found.instances[0].placement_group = Some(group.clone());
    found.instances[0].stop_protection = true;
    found.instances[1].detailed_monitoring = true;
    let backends = import(&request(), &found).backends;
    assert_eq!(
        (
            backends.placement_group,
            backends.stop_protection,
            backends.detailed_monitoring
        ),
        (Some(group), true, false)
    );
    let differences: Vec<_> = differences(&found, [HostGroup::Backends])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        differences,
        [
            "the backend instances have different placement groups: close (i-Backend-0), none (i-Backend-1, i-Backend-2 and 3 \
             more); new instances get close",
            "the backend instances have different detailed monitoring settings: disabled (i-Backend-0, i-Backend-2 and 3 \
             more), enabled (i-Backend-1); new instances get disabled",
        ]
    );
}

#[test]
fn requested_image_replaces_that_of_imported_instances() {
    let request = ImportRequest {
        image_id: Some("ami-2".into()),
        ..request()
    };
    let mut found = good(2);
    found.images.insert("ami-2".into(), image("available", "x86_64"));
    // Instances that import with --image-id launched have another AMI than the first ones.
    found.instances[5].image_id = "ami-2".into();
    let settings = import(&request, &found);
    assert_eq!(settings.backends.image_id, "ami-2");
    assert_eq!(settings.clients.unwrap().image_id, "ami-2");
    assert_eq!(launch_warnings(&request, &found), [""; 0]);
    // An unknown architecture decides nothing.
    found.images.insert("ami-2".into(), image("available", ""));
    import(&request, &found);
    found.images.remove("ami-1");
    import(&request, &found);
    let warning = |role| {
        format!(
            "ami-1, the AMI of the {role} instances, does not exist in this region, or is not shared with this account: EC2 \
             Auto Scaling may refuse to attach them"
        )
    };
    assert_eq!(
        launch_warnings(&request, &found),
        [warning("backend"), warning("client")]
    );
}

#[test]
fn endpoint_without_private_dns_does_not_affect_a_regional_api() {
    let mut found = good(0);
    endpoint(&mut found, "Interface", "execute-api");
    found.network.endpoints[0].private_dns = false;
    import(&request(), &found);
}

#[test]
fn unreadable_key_policy_is_a_warning() {
    let mut found = good(0);
    encrypt(&mut found);
    found
        .keys
        .insert("arn:key".into(), KeyAccess::Unknown("access denied".into()));
    import(&request(), &found);
    assert_eq!(
        launch_warnings(&request(), &found),
        [
            "arn:key, which encrypts the volumes of the backend instances, must allow EC2 Auto Scaling to use it; its policy \
             cannot be read: access denied"
        ]
    );
}

fn encrypt(found: &mut DiscoveredCluster) {
    for instance in &mut found.instances {
        instance.volumes[1].encrypted = true;
        instance.volumes[1].kms_key = Some("arn:key".into());
    }
}
