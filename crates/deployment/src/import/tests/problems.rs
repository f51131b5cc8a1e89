use super::*;

/// A way to spoil a good cluster or a good wish, and the one line that it gives.
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
        "stack 'wk' is UPDATE_IN_PROGRESS: it must be complete, such as CREATE_COMPLETE; wait for it or repair it first",
        |_, found| stack(found, "UPDATE_IN_PROGRESS", "[WekaIO]"),
    ),
    (
        "stack 'wk' is ROLLBACK_COMPLETE: it must be complete, such as CREATE_COMPLETE; wait for it or repair it first",
        |_, found| stack(found, "ROLLBACK_COMPLETE", "[WekaIO]"),
    ),
    (
        "stack 'wk' is UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: it must be complete, such as CREATE_COMPLETE; wait for it \
         or repair it first",
        |_, found| stack(found, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "[WekaIO]"),
    ),
    (
        "i-9 is gone or never existed: leave it out of --instance-ids",
        |_, found| {
            let there = found.instances.iter().map(|instance| instance.id.clone());
            found.source = Source::InstanceIds(there.chain(["i-9".to_owned()]).collect());
        },
    ),
    (
        "i-8, i-9 are gone or never existed: leave them out of --instance-ids",
        |_, found| {
            let there = found.instances.iter().map(|instance| instance.id.clone());
            found.source = Source::InstanceIds(there.chain(["i-8".to_owned(), "i-9".to_owned()]).collect());
        },
    ),
    ("4 backend instances found, minimum is 5", |_, found| {
        drop(found.instances.drain(..2))
    }),
    (
        "the backend instances are of several instance types: i3en.2xlarge (i-Backend-0, i-Backend-1 and 3 more), \
         i3en.3xlarge (i-Backend-5); import only instances that are alike (--instance-ids)",
        |_, found| found.instances[5].instance_type = "i3en.3xlarge".into(),
    ),
    (
        "the client instances are of several security groups: sg-1 (i-Client-0), sg-1+sg-2 (i-Client-1); import only \
         instances that are alike (--instance-ids)",
        |_, found| found.instances[7].security_groups.push("sg-2".into()),
    ),
    (
        "instance i-Backend-1 is in the Auto Scaling group 'other' already: detach it first, or leave it out",
        |_, found| found.instances[1].auto_scaling_group = Some("other".into()),
    ),
    (
        "instance i-Backend-1 is tagged as cluster 'other' (wekactl.io/cluster_name): import it under that name, or \
         leave it out",
        |_, found| found.instances[1].tags.set(crate::tags::CLUSTER_NAME, "other"),
    ),
    (
        "i-Backend-0, i-Backend-3 not running: a group takes only running instances; start or leave out",
        |_, found| {
            [0, 3]
                .into_iter()
                .for_each(|n| found.instances[n].state = "stopped".into())
        },
    ),
    (
        "instance i-Backend-0 has no instance profile: new instances need the one that Weka's stack makes",
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
        "--dns-alias and --dns-zone-id go together: give both or neither",
        |wish, _| {
            wish.dns_alias = Some("weka.example.com".parse().unwrap());
        },
    ),
    (
        "--dns-alias and --dns-zone-id go together: give both or neither",
        |wish, _| wish.dns_zone_id = Some("Z1".into()),
    ),
    (
        "no second subnet for the load balancer: none in vpc-1 in another availability zone than subnet-a1 shares its \
         route table; name one with --additional-alb-subnet",
        |_, found| found.network.subnets.truncate(1),
    ),
    (
        "--additional-alb-subnet subnet-a2 is in the backends' own availability zone a: a load balancer needs two",
        |wish, found| {
            found.network.subnets.push(subnet("subnet-a2", "a"));
            wish.additional_subnet = Some("subnet-a2".into());
        },
    ),
    (
        "--additional-alb-subnet subnet-x is no subnet of the backends' VPC vpc-1",
        |wish, _| {
            wish.additional_subnet = Some("subnet-x".into());
        },
    ),
    (
        "--private-subnet needs an interface endpoint for com.amazonaws.eu-west-1.execute-api in vpc-1: there is none; \
         create it (VPC > Endpoints)",
        |wish, _| wish.private_subnet = true,
    ),
    (
        "--private-subnet needs an interface endpoint for com.amazonaws.eu-west-1.execute-api in vpc-1: vpce-1 does not \
         let port 443 in from sg-1 or the whole VPC; allow it in its security groups",
        |wish, found| {
            wish.private_subnet = true;
            endpoint(found, "Interface", "execute-api");
        },
    ),
    (
        "--use-dynamodb-endpoint needs an endpoint for com.amazonaws.eu-west-1.dynamodb in vpc-1: there is none; create \
         it (VPC > Endpoints)",
        |wish, _| wish.use_dynamodb_endpoint = true,
    ),
    (
        "--use-dynamodb-endpoint needs an endpoint for com.amazonaws.eu-west-1.dynamodb in vpc-1: it is not on the \
         route table of the backends' subnet subnet-a1; add rtb-main to it",
        |wish, found| {
            wish.use_dynamodb_endpoint = true;
            endpoint(found, "Gateway", "dynamodb");
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
fn each_problem_is_one_line_that_says_what_to_do() {
    for (line, spoil) in CASES {
        let (mut wish, mut found) = (wish(), good(2));
        spoil(&mut wish, &mut found);
        assert_eq!(problems(&wish, &found), [*line]);
        assert!(!line.contains('\n'));
    }
}

#[test]
fn an_unknown_instance_type_names_the_known_ones_and_the_way_out() {
    let mut found = good(0);
    for instance in &mut found.instances {
        instance.instance_type = "x9.huge".into();
    }
    let lines = problems(&wish(), &found);
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
            ..wish()
        },
        &found,
    );
    assert_eq!(settings.backends.profile(), profile);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let (mut wish, mut found) = (wish(), good(2));
    wish.dns_alias = Some("weka.example.com".parse().unwrap());
    wish.private_subnet = true;
    wish.use_dynamodb_endpoint = true;
    stack(&mut found, "UPDATE_FAILED", "A web shop");
    found.instances.drain(..2);
    found.instances[0].state = "stopped".into();
    found.instances[1].image_id = "ami-2".into();
    found.network.subnets.truncate(1);
    let lines = problems(&wish, &found);
    let parts = [
        "is not a Weka stack",
        "is UPDATE_FAILED",
        "4 backend instances",
        "of several images",
        "not running",
        "go together",
        "no second subnet",
        "--private-subnet needs",
        "--use-dynamodb-endpoint needs",
    ];
    assert_eq!(lines.len(), parts.len(), "{lines:#?}");
    for (line, part) in lines.iter().zip(parts) {
        assert!(line.contains(part), "{line}: {part}");
    }
}
