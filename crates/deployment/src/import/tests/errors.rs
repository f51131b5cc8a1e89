use super::*;

/// An invalid cluster or request, and its error.
type Case = (&'static str, fn(&mut ImportRequest, &mut DiscoveredCluster));

fn stack(found: &mut DiscoveredCluster, new_status: &str, new_description: &str) {
    let Source::Stack {
        status, description, ..
    } = &mut found.source
    else {
        panic!("{found:?}")
    };
    new_status.clone_into(status);
    new_description.clone_into(description);
}

const CASES: &[Case] = &[
    (
        "stack 'wk' is not a Weka stack (its description does not begin with '[WekaIO]'): `wekactl cluster list` \
         shows those that are",
        |_, found| stack(found, "CREATE_COMPLETE", "A web shop"),
    ),
    (
        "stack 'wk' is UPDATE_IN_PROGRESS: it must be complete, such as CREATE_COMPLETE; wait for it or fix it first",
        |_, found| stack(found, "UPDATE_IN_PROGRESS", "[WekaIO]"),
    ),
    (
        "stack 'wk' is ROLLBACK_COMPLETE: it must be complete, such as CREATE_COMPLETE; wait for it or fix it first",
        |_, found| stack(found, "ROLLBACK_COMPLETE", "[WekaIO]"),
    ),
    (
        "stack 'wk' is UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: it must be complete, such as CREATE_COMPLETE; wait for it \
         or fix it first",
        |_, found| stack(found, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "[WekaIO]"),
    ),
    (
        "i-9 is gone or never existed: omit it from --instance-ids",
        |_, found| {
            let ids = found.instances.iter().map(|instance| instance.id.clone());
            found.source = Source::InstanceIds(ids.chain(["i-9".to_owned()]).collect());
        },
    ),
    (
        "i-8, i-9 are gone or never existed: omit them from --instance-ids",
        |_, found| {
            let ids = found.instances.iter().map(|instance| instance.id.clone());
            found.source = Source::InstanceIds(ids.chain(["i-8".to_owned(), "i-9".to_owned()]).collect());
        },
    ),
    (
        "--client-mount: no client is imported, so nothing would be mounted; omit the option",
        |request, found| {
            request.client_mounts = vec!["default=/mnt/weka".parse().unwrap()];
            found
                .instances
                .retain(|instance| instance.host_group() == Some(HostGroup::Backends));
        },
    ),
    ("4 backend instances found, minimum is 5", |_, found| {
        drop(found.instances.drain(..2))
    }),
    (
        "the backend instances have different instance types: i3en.2xlarge (i-Backend-0, i-Backend-1 and 3 more), \
         i3en.3xlarge (i-Backend-5); import only instances with the same settings (--instance-ids)",
        |_, found| found.instances[5].instance_type = "i3en.3xlarge".into(),
    ),
    (
        "the client instances have different security groups: sg-1 (i-Client-0), sg-1+sg-2 (i-Client-1); import only \
         instances with the same settings (--instance-ids)",
        |_, found| found.instances[7].security_groups.push("sg-2".into()),
    ),
    (
        "instance i-Backend-1 is in the Auto Scaling group 'other' already: detach it first, or omit it",
        |_, found| found.instances[1].auto_scaling_group = Some("other".into()),
    ),
    (
        "instance i-Backend-1 is tagged as cluster 'other' (wekactl.io/cluster_name): import it under that name, or \
         omit it",
        |_, found| found.instances[1].tags.set(crate::tags::CLUSTER_NAME, "other"),
    ),
    (
        "i-Backend-0, i-Backend-3 not running: only running instances can be attached to a group; start or omit them",
        |_, found| {
            [0, 3]
                .into_iter()
                .for_each(|n| found.instances[n].state = "stopped".into())
        },
    ),
    (
        "instance i-Backend-0 has no instance profile: new instances need the instance profile that Weka's stack creates",
        |_, found| {
            let ids = found
                .instances
                .iter()
                .map(|instance| instance.id.clone())
                .collect();
            found.source = Source::InstanceIds(ids);
            found.instances[0].profile_arn = None;
        },
    ),
    (
        "--dns-alias and --dns-zone-id require each other: use both or neither",
        |request, _| {
            request.dns_alias = Some("weka.example.com".parse().unwrap());
        },
    ),
    (
        "--dns-alias and --dns-zone-id require each other: use both or neither",
        |request, _| request.dns_zone_id = Some("Z1".into()),
    ),
    (
        "no second subnet for the load balancer: no subnet of vpc-1 in another availability zone has the \
         route table of subnet-a1; set one with --additional-alb-subnet",
        |_, found| found.network.subnets.truncate(1),
    ),
    (
        "--additional-alb-subnet subnet-a2 is in the backends' own availability zone a: a load balancer needs two",
        |request, found| {
            found.network.subnets.push(subnet("subnet-a2", "a"));
            request.additional_subnet = Some("subnet-a2".into());
        },
    ),
    (
        "--additional-alb-subnet subnet-x is not a subnet of the backends' VPC vpc-1",
        |request, _| {
            request.additional_subnet = Some("subnet-x".into());
        },
    ),
    (
        "--private-subnet needs an interface endpoint for com.amazonaws.eu-west-1.execute-api in vpc-1: there is none; \
         create it (VPC > Endpoints)",
        |request, _| request.private_subnet = true,
    ),
    (
        "--private-subnet needs an interface endpoint for com.amazonaws.eu-west-1.execute-api in vpc-1: vpce-1 does not \
         let port 443 in from sg-1 or subnet-a1; allow it in its security groups",
        |request, found| {
            request.private_subnet = true;
            endpoint(found, "Interface", "execute-api");
        },
    ),
    (
        "--private-subnet needs an interface endpoint for com.amazonaws.eu-west-1.execute-api in vpc-1: vpce-1 has no private \
         DNS name, so the name of the API cannot be resolved; set it with `aws ec2 modify-vpc-endpoint \
         --private-dns-enabled --vpc-endpoint-id vpce-1`",
        |request, found| {
            request.private_subnet = true;
            endpoint(found, "Interface", "execute-api");
            found.network.endpoints[0].private_dns = false;
        },
    ),
    (
        "vpce-1 in vpc-1 has a private DNS name for execute-api, so new instances could not reach a regional join API: use \
         --private-subnet, or remove the name with `aws ec2 modify-vpc-endpoint --no-private-dns-enabled \
         --vpc-endpoint-id vpce-1`",
        |_, found| endpoint(found, "Interface", "execute-api"),
    ),
    (
        "--use-dynamodb-endpoint needs an endpoint for com.amazonaws.eu-west-1.dynamodb in vpc-1: there is none; create \
         it (VPC > Endpoints)",
        |request, _| request.use_dynamodb_endpoint = true,
    ),
    (
        "--use-dynamodb-endpoint needs an endpoint for com.amazonaws.eu-west-1.dynamodb in vpc-1: it is not on the \
         route table of the backends' subnet subnet-a1; add rtb-main to it",
        |request, found| {
            request.use_dynamodb_endpoint = true;
            endpoint(found, "Gateway", "dynamodb");
        },
    ),
    (
        "ami-1, the AMI of the backend instances, does not exist in this region, or is not shared with this account: set \
         one for new instances with --image-id AMI",
        |request, found| {
            request.clients = false;
            found.images.clear();
        },
    ),
    (
        "ami-3, the AMI of the client instances, is deregistered, not available: set one for new instances with --image-id AMI",
        |_, found| {
            for client in &mut found.instances[6..] {
                client.image_id = "ami-3".into();
            }
            found
                .images
                .insert("ami-3".into(), image("deregistered", "x86_64"));
        },
    ),
    (
        "--image-id ami-2 does not exist in this region, or is not shared with this account: use another AMI",
        |request, _| {
            request.clients = false;
            request.image_id = Some("ami-2".into());
        },
    ),
    (
        "--image-id ami-2 is pending, not available: use another AMI",
        |request, found| {
            request.clients = false;
            request.image_id = Some("ami-2".into());
            found.images.insert("ami-2".into(), image("pending", "x86_64"));
        },
    ),
    (
        "--image-id ami-2 is for arm64, and the backend instances (i3en.2xlarge) are x86_64: use another AMI",
        |request, found| {
            request.clients = false;
            request.image_id = Some("ami-2".into());
            found.images.insert("ami-2".into(), image("available", "arm64"));
        },
    ),
    (
        "key pair 'key' of the backend instances does not exist, so EC2 would launch no new instance: import a public key \
         under this name with `aws ec2 import-key-pair`",
        |request, found| {
            request.clients = false;
            found.key_pairs.clear();
        },
    ),
    (
        "arn:key, which encrypts the volumes of the backend instances, does not let EC2 Auto Scaling use it, so it would launch \
         no new instance: allow AWSServiceRoleForAutoScaling in the key policy or by a grant, see docs/permissions.md",
        |request, found| {
            request.clients = false;
            encrypt(found);
            let access = KeyAccess::Read {
                policy: r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*"}}"#
                    .into(),
                grantees: BTreeSet::new(),
            };
            found.keys.insert("arn:key".into(), access);
        },
    ),
    (
        "vpc-1 has dedicated instance tenancy, which Lambda functions cannot be attached to: change it with `aws ec2 \
         modify-vpc-tenancy --instance-tenancy default --vpc-id vpc-1`; it does not affect running instances",
        |_, found| {
            found.network.dedicated_vpcs.insert("vpc-1".into());
        },
    ),
    (
        "--permissions-boundary arn:aws:iam::210987654321:policy/limit is not a policy of account 123456789012 or of AWS in \
         its partition: use one that is",
        |request, _| {
            request.permissions_boundary = Some("arn:aws:iam::210987654321:policy/limit".into());
        },
    ),
    (
        "the stack has several classic load balancers (wk-elb, second): wekactl attaches one",
        |_, found| {
            found.classic_load_balancers.push("second".into());
        },
    ),
];

#[test]
fn each_error_is_one_line_that_says_what_to_do() {
    for (line, invalidate) in CASES {
        let (mut request, mut found) = (request(), good(2));
        invalidate(&mut request, &mut found);
        assert_eq!(errors(&request, &found), [*line]);
        assert!(!line.contains('\n'));
    }
}

#[test]
fn region_without_certificate_needs_one_that_is_given() {
    let unknown = Account {
        region: "eu-west-9".into(),
        ..account()
    };
    assert_eq!(check_identity_certificate(None, &account()), Ok(()));
    assert_eq!(check_identity_certificate(Some("pem"), &unknown), Ok(()));
    assert_eq!(
        check_identity_certificate(None, &unknown)
            .unwrap_err()
            .to_string(),
        "wekactl has no certificate for the instance identity documents of region eu-west-9: use --identity-cert FILE \
         with the region's RSA-2048 certificate from the EC2 User Guide"
    );
}

#[test]
fn unknown_instance_type_error_lists_known_types_and_options() {
    let mut found = good(0);
    for instance in &mut found.instances {
        instance.instance_type = "x9.huge".into();
    }
    let lines = errors(&request(), &found);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in [
        "instance type x9.huge is unknown",
        "i3en.2xlarge",
        "--cores compute=N",
        "--compute-memory",
    ] {
        assert!(lines[0].contains(part), "{lines:?}");
    }
    let profile = instances::profile_of("i3en.2xlarge");
    assert!(profile.is_some());
    let settings = import(
        &ImportRequest {
            profile: profile.clone(),
            ..request()
        },
        &found,
    );
    assert_eq!(settings.backends.profile(), profile);
}

#[test]
fn all_errors_are_reported_together() {
    let (mut request, mut found) = (request(), good(2));
    request.dns_alias = Some("weka.example.com".parse().unwrap());
    request.private_subnet = true;
    request.use_dynamodb_endpoint = true;
    stack(&mut found, "UPDATE_FAILED", "A web shop");
    found.instances.drain(..2);
    found.instances[0].state = "stopped".into();
    found.instances[1].image_id = "ami-2".into();
    found.network.subnets.truncate(1);
    let lines = errors(&request, &found);
    let parts = [
        "is not a Weka stack",
        "is UPDATE_FAILED",
        "4 backend instances",
        "have different images",
        "not running",
        "require each other",
        "no second subnet",
        "--private-subnet needs",
        "--use-dynamodb-endpoint needs",
    ];
    assert_eq!(lines.len(), parts.len(), "{lines:#?}");
    for (line, part) in lines.iter().zip(parts) {
        assert!(line.contains(part), "{line}: {part}");
    }
}
