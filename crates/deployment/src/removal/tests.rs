use super::*;
use crate::names::{FunctionType, RoleUse};
use crate::tags::{self, CLUSTER_NAME, Tags};

mod any;

const B: HostGroup = HostGroup::Backends;

fn names() -> Names {
    Names::new("prod".parse().unwrap())
}

fn of(cluster: &str) -> Option<Tags> {
    let tags = [(CLUSTER_NAME.to_owned(), cluster.to_owned())];
    Some(tags.into_iter().collect())
}

fn ours(name: &str) -> Remnant {
    Remnant::named(name.to_owned(), of("prod"))
}

fn untagged(name: &str) -> Remnant {
    Remnant::named(name.to_owned(), Some(Tags::default()))
}

fn instance(id: &str, cluster: Option<&str>, member_of: Option<&str>) -> Instance {
    Instance {
        id: id.to_owned(),
        tags: cluster.and_then(of).unwrap_or_default(),
        member_of: member_of.map(str::to_owned),
        attached: Vec::new(),
    }
}

fn seen(remnants: impl IntoIterator<Item = (ResourceId, Remnant)>) -> Seen {
    let mut seen = Seen::default();
    for (id, remnant) in remnants {
        seen.remnants.entry(id).or_default().push(remnant);
    }
    seen
}

/// Everything that a cluster can have.
fn whole() -> Seen {
    let mut seen = seen(
        ResourceId::removable()
            .into_iter()
            .map(|id| (id, ours(&format!("{id:?}")))),
    );
    let record = Remnant::named("weka.example.com".into(), None);
    let record = record.with(Facts::Target("wekactl-prod-1.eu-west-1.elb.amazonaws.com".into()));
    seen.remnants.insert(ResourceId::AliasRecord, vec![record]);
    let balancer = ours("lb").with(Facts::DnsName(
        "wekactl-prod-1.eu-west-1.elb.amazonaws.com".into(),
    ));
    seen.remnants.insert(ResourceId::LoadBalancer, vec![balancer]);
    for group in HostGroup::ALL {
        for number in 0..3 {
            let id = format!("i-{group}-{number}");
            seen.instances
                .push(instance(&id, Some("prod"), Some(&names().of(group))));
        }
    }
    seen
}

fn removal(seen: &Seen, fate: InstanceDisposition) -> Removal {
    Removal::new(&names(), "eu-west-1", seen, fate)
}

/// The steps in an order in which they can be done; all of them, unless some wait for each other.
fn in_order(removal: &Removal) -> Vec<StepId> {
    let mut done: Vec<StepId> = Vec::new();
    while let Some(next) = removal
        .steps
        .iter()
        .find(|step| !done.contains(&step.id) && step.needs.iter().all(|need| done.contains(need)))
    {
        done.push(next.id);
    }
    done
}

/// All that comes before a step.
fn before(removal: &Removal, id: StepId) -> BTreeSet<StepId> {
    let of = |id: StepId| removal.steps.iter().find(move |step| step.id == id);
    let mut before = BTreeSet::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        for need in of(id).into_iter().flat_map(|step| &step.needs) {
            if before.insert(*need) {
                open.push(*need);
            }
        }
    }
    before
}

fn why(removal: &Removal) -> Vec<String> {
    removal.foreign.iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_cluster_goes_quiet_first_and_its_table_last() {
    let removal = removal(&whole(), InstanceDisposition::Terminate);
    assert_eq!(removal.foreign, []);
    assert_eq!(in_order(&removal).len(), removal.steps.len());
    // 7 roles, 6 log groups, 5 functions, 5 others, 2 switched off, the instances; key, table, load balancer in four parts.
    assert_eq!(removal.steps.len(), 2 * (7 + 6 + 5 + 5 + 2 + 1) + 6);
    let table = StepId::Remove(ResourceId::Table);
    let key = StepId::Remove(ResourceId::KmsKey);
    assert_eq!(before(&removal, table).len(), removal.steps.len() - 1);
    assert_eq!(before(&removal, key).len(), removal.steps.len() - 2);
    for step in &removal.steps {
        if let (StepId::Remove(id), Some(group)) = (step.id, step.id.resource().group()) {
            for quiet in [ResourceId::Rule(group), ResourceId::AutoScalingGroup(group)] {
                assert!(
                    before(&removal, step.id).contains(&StepId::SwitchOff(quiet)),
                    "{id:?}"
                );
            }
        }
    }
    let shown: Vec<_> = removal.steps.iter().map(|step| step.id).collect();
    assert_eq!(shown.last(), Some(&table));
    assert!(matches!(shown[0], StepId::SwitchOff(_)));
}

#[test]
fn kept_instances_leave_the_group_before_it_goes_and_are_never_terminated() {
    let removal = removal(&whole(), InstanceDisposition::Keep);
    assert!(removal.steps.iter().all(|step| step.verb != Verb::Terminate));
    assert!(
        removal
            .steps
            .iter()
            .all(|step| step.fate == InstanceDisposition::Keep)
    );
    let group = StepId::Remove(ResourceId::AutoScalingGroup(B));
    let before = before(&removal, group);
    assert!(before.contains(&StepId::Remove(ResourceId::AttachedInstances(B))));
    let step = |id| {
        removal
            .steps
            .iter()
            .find(|step| step.id == StepId::Remove(id))
            .unwrap()
    };
    let detach = step(ResourceId::AttachedInstances(B));
    assert_eq!(
        (detach.verb, detach.name.as_str()),
        (Verb::Detach, "wekactl-prod-Backends: 3 instances")
    );
    assert_eq!(step(ResourceId::PreparedInstances(B)).verb, Verb::Release);
}

#[test]
fn nothing_that_stands_is_nothing_to_do() {
    let removal = removal(&Seen::default(), InstanceDisposition::Terminate);
    assert!(removal.is_empty() && removal.foreign.is_empty());
}

#[test]
fn what_bears_the_name_without_the_tag_or_another_clusters_is_left_alone_and_the_rest_goes() {
    let seen = seen([
        (ResourceId::LoadBalancer, untagged("wekactl-prod")),
        (
            ResourceId::Table,
            Remnant::named("wekactl-prod".into(), of("prod-2")),
        ),
        (ResourceId::RestApi(B), ours("api").with(Facts::Api)),
        (
            ResourceId::RestApi(B),
            untagged("api of somebody's").with(Facts::Api),
        ),
    ]);
    let removal = removal(&seen, InstanceDisposition::Terminate);
    assert_eq!(removal.steps.len(), 1);
    assert_eq!(removal.steps[0].remnants, [ours("api").with(Facts::Api)]);
    assert_eq!(
        why(&removal),
        [
            "DynamoDB table 'wekactl-prod' belongs to cluster 'prod-2': it is left alone",
            "REST API 'api of somebody's' is not wekactl's (no tag wekactl.io/cluster_name): it is left alone",
            "load balancer 'wekactl-prod' is not wekactl's (no tag wekactl.io/cluster_name): it is left alone",
        ]
    );
}

#[test]
fn an_untagged_log_group_is_its_functions_and_goes_before_it() {
    let function = ResourceId::Function(B, FunctionType::Join);
    let logs = ResourceId::LogGroup(B, Some(FunctionType::Join));
    let with = seen([(function, ours("f")), (logs, untagged("logs"))]);
    let with = removal(&with, InstanceDisposition::Terminate);
    assert_eq!(with.foreign, []);
    assert!(before(&with, StepId::Remove(function)).contains(&StepId::Remove(logs)));
    let tagged = removal(
        &seen([(function, ours("f")), (logs, ours("logs"))]),
        InstanceDisposition::Terminate,
    );
    assert!(before(&tagged, StepId::Remove(logs)).contains(&StepId::Remove(function)));
    for seen in [
        seen([(logs, untagged("logs"))]),
        seen([(logs, untagged("logs")), (function, untagged("f"))]),
        seen([
            (logs, Remnant::named("logs".into(), of("other"))),
            (function, ours("f")),
        ]),
    ] {
        let removal = removal(&seen, InstanceDisposition::Terminate);
        assert!(
            removal
                .foreign
                .iter()
                .any(|foreign| foreign.kind == Kind::LogGroup),
            "{seen:?}"
        );
    }
}

#[test]
fn an_untagged_plan_is_ours_where_it_covers_our_api_alone() {
    let api = (ResourceId::RestApi(B), ours("api").by("a1").with(Facts::Api));
    let plan = |apis: &[&str]| {
        let stages = apis.iter().map(|api| ((*api).to_owned(), "default".to_owned()));
        let plan = untagged("plan").by("p1").with(Facts::Plan(stages.collect()));
        removal(
            &seen([api.clone(), (ResourceId::RestApi(B), plan)]),
            InstanceDisposition::Terminate,
        )
    };
    assert_eq!(plan(&["a1"]).steps[0].remnants.len(), 2);
    for other in [&["a1", "b1"][..], &["b1"], &[]] {
        assert_eq!(
            (plan(other).steps[0].remnants.len(), plan(other).foreign.len()),
            (1, 1),
            "{other:?}"
        );
    }
}

#[test]
fn a_record_is_known_by_the_load_balancer_that_it_points_at() {
    let record = |target: &str, balancer: Option<Remnant>| {
        let record = Remnant::named("weka.example.com".into(), None).with(Facts::Target(target.into()));
        let balancer = balancer.map(|balancer| (ResourceId::LoadBalancer, balancer));
        let seen = seen([(ResourceId::AliasRecord, record)].into_iter().chain(balancer));
        removal(&seen, InstanceDisposition::Terminate)
            .foreign
            .iter()
            .all(|one| one.kind != Kind::AliasRecord)
    };
    let dns = "internal-wekactl-prod-12.eu-west-1.elb.amazonaws.com";
    let balancer = |tags| Some(Remnant::named("lb".into(), tags).with(Facts::DnsName(dns.into())));
    assert!(record(dns, balancer(of("prod"))));
    assert!(record(
        &format!("dualstack.{}.", dns.to_uppercase()),
        balancer(of("prod"))
    ));
    assert!(!record(dns, balancer(Some(Tags::default()))));
    assert!(!record("other.eu-west-1.elb.amazonaws.com", balancer(of("prod"))));
    for (target, is_ours) in [
        (dns, true),
        ("wekactl-prod-12.eu-west-1.elb.amazonaws.com", true),
        ("internal-wekactl-prod-2-12.eu-west-1.elb.amazonaws.com", false),
        ("internal-wekactl-prod-.eu-west-1.elb.amazonaws.com", false),
        ("internal-wekactl-prod-12.us-east-1.elb.amazonaws.com", false),
        ("wekactl-prod-12.example.com", false),
        ("", false),
    ] {
        assert_eq!(record(target, None), is_ours, "{target}");
    }
}

#[test]
fn instances_are_the_groups_members_and_those_that_are_tagged() {
    let group = names().of(B);
    let mut seen = seen([(ResourceId::AutoScalingGroup(B), ours(&group))]);
    seen.instances = vec![
        instance("member", Some("prod"), Some(&group)),
        instance("put-in-by-hand", None, Some(&group)),
        instance("never-attached", Some("prod"), None),
        instance("guest", Some("prod-2"), Some(&group)),
        instance("moved", Some("prod"), Some("another-tools")),
        instance("other", Some("prod-2"), None),
    ];
    let found = instances(&names(), &seen);
    let ids: Vec<_> = found.of(B).map(|instance| instance.id.as_str()).collect();
    assert_eq!(ids, ["member", "put-in-by-hand", "never-attached"]);
    assert_eq!(
        found.leaving(B, InstanceDisposition::Terminate),
        BTreeSet::from(["guest".to_owned()])
    );
    let leaving: Vec<_> = found.leaving(B, InstanceDisposition::Keep).into_iter().collect();
    assert_eq!(leaving, ["guest", "member", "put-in-by-hand"]);
    let why: Vec<_> = found.foreign.iter().map(ToString::to_string).collect();
    assert_eq!(
        why,
        [
            "instance 'guest' belongs to cluster 'prod-2': it is left alone",
            "instance 'moved' is a member of the Auto Scaling group another-tools, which is not the cluster's: it is left alone",
        ]
    );
    // A group that is not ours: its members are not, even where they are tagged so.
    seen.remnants
        .insert(ResourceId::AutoScalingGroup(B), vec![untagged(&group)]);
    let found = instances(&names(), &seen);
    let ids: Vec<_> = found.of(B).map(|instance| instance.id.as_str()).collect();
    assert_eq!(ids, ["never-attached"]);
}

#[test]
fn a_role_is_told_by_its_tags_or_by_its_name() {
    let tagged = |pairs: &[(&str, &str)]| -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let full = tagged(&[(tags::HOSTGROUP_NAME, "Clients"), (tags::USE, "scale")]);
    let scale = RoleUse::Function(FunctionType::Scale);
    assert_eq!(
        role_id(&names(), "x", &full),
        ResourceId::Role(HostGroup::Clients, scale)
    );
    let named = "wekactl-prod-Clients-sm-0f1e";
    assert_eq!(
        role_id(&names(), named, &Tags::default()),
        ResourceId::Role(HostGroup::Clients, RoleUse::StateMachine)
    );
    assert_eq!(
        role_id(&names(), "cut", &Tags::default()),
        ResourceId::Role(B, RoleUse::Rule)
    );
}

#[test]
fn what_aws_is_removing_already_is_told_and_not_asked_for_again() {
    let seen = seen([(
        ResourceId::Table,
        Remnant {
            going: true,
            ..ours("wekactl-prod")
        },
    )]);
    let removal = removal(&seen, InstanceDisposition::Terminate);
    assert!(removal.is_empty());
    assert_eq!(removal.going, [(Kind::Table, "wekactl-prod".to_owned())]);
}

#[test]
fn settings_that_cannot_be_read_are_told() {
    let seen = Seen {
        unreadable: Some("the key is gone".into()),
        ..Seen::default()
    };
    let unknown = removal(&seen, InstanceDisposition::Terminate).unknown;
    assert!(
        unknown[0].contains("(the key is gone): if import made a DNS alias"),
        "{unknown:?}"
    );
}
