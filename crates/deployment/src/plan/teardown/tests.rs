use super::*;
use crate::found::{Instance, role_key};
use crate::id::Kind;
use crate::names::{FunctionType, RoleUse};
use crate::tags::{self, CLUSTER_NAME, Tags};

mod strategies;

const B: HostGroup = HostGroup::Backends;

fn names() -> Names {
    Names::new("prod".parse().unwrap())
}

fn of(cluster: &str) -> Option<Tags> {
    let tags = [(CLUSTER_NAME.to_owned(), cluster.to_owned())];
    Some(tags.into_iter().collect())
}

fn ours(name: &str) -> FoundResource {
    FoundResource::named(name.to_owned(), of("prod"))
}

fn untagged(name: &str) -> FoundResource {
    FoundResource::named(name.to_owned(), Some(Tags::default()))
}

fn instance(id: &str, cluster: Option<&str>, member_of: Option<&str>) -> Instance {
    Instance {
        id: id.to_owned(),
        tags: cluster.and_then(of).unwrap_or_default(),
        member_of: member_of.map(str::to_owned),
        attached: Vec::new(),
    }
}

fn seen(found: impl IntoIterator<Item = (ResourceId, FoundResource)>) -> TeardownInventory {
    let mut seen = TeardownInventory::default();
    for (id, resource) in found {
        seen.found.entry(id).or_default().push(resource);
    }
    seen
}

/// Everything that a cluster can have.
fn whole() -> TeardownInventory {
    let mut seen = seen(
        ResourceId::removable()
            .into_iter()
            .map(|id| (id, ours(&format!("{id:?}")))),
    );
    let record = FoundResource::named("weka.example.com".into(), None);
    let record = record.with(Details::Target(
        "wekactl-prod-1.eu-west-1.elb.amazonaws.com".into(),
    ));
    seen.found.insert(ResourceId::AliasRecord, vec![record]);
    let balancer = ours("lb").with(Details::DnsName(
        "wekactl-prod-1.eu-west-1.elb.amazonaws.com".into(),
    ));
    seen.found.insert(ResourceId::LoadBalancer, vec![balancer]);
    for group in HostGroup::ALL {
        for number in 0..3 {
            let id = format!("i-{group}-{number}");
            seen.instances
                .push(instance(&id, Some("prod"), Some(&names().of(group))));
        }
    }
    seen
}

fn teardown(seen: &TeardownInventory, disposition: InstanceDisposition) -> Plan {
    Plan::teardown(&names(), "eu-west-1", seen, disposition)
}

/// The steps in a possible order of execution; all of them, unless dependencies are circular.
fn in_order(plan: &Plan) -> Vec<StepId> {
    let mut done: Vec<StepId> = Vec::new();
    while let Some(next) = plan
        .steps
        .iter()
        .find(|step| !done.contains(&step.id) && step.depends_on.iter().all(|need| done.contains(need)))
    {
        done.push(next.id);
    }
    done
}

/// All direct and indirect dependencies of a step.
fn before(plan: &Plan, id: StepId) -> BTreeSet<StepId> {
    let of = |id: StepId| plan.steps.iter().find(move |step| step.id == id);
    let mut before = BTreeSet::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        for need in of(id).into_iter().flat_map(|step| &step.depends_on) {
            if before.insert(*need) {
                open.push(*need);
            }
        }
    }
    before
}

fn teardown_of(step: &Step) -> &Teardown {
    match &step.action {
        Action::Teardown(teardown) => teardown,
        other => panic!("{other:?}"),
    }
}

fn why(plan: &Plan) -> Vec<String> {
    plan.skipped.iter().map(ToString::to_string).collect()
}

#[test]
fn cluster_is_disabled_first_and_its_table_deleted_last() {
    let plan = teardown(&whole(), InstanceDisposition::Terminate);
    assert_eq!(plan.skipped, []);
    assert_eq!(in_order(&plan).len(), plan.steps.len());
    // 7 roles, 6 log groups, 5 functions, 5 others, 2 switched off, the instances; key, table, load balancer in four parts.
    assert_eq!(plan.steps.len(), 2 * (7 + 6 + 5 + 5 + 2 + 1) + 6);
    let table = StepId::Delete(ResourceId::Table);
    let key = StepId::Delete(ResourceId::KmsKey);
    assert_eq!(before(&plan, table).len(), plan.steps.len() - 1);
    assert_eq!(before(&plan, key).len(), plan.steps.len() - 2);
    for step in &plan.steps {
        if let (StepId::Delete(id), Some(group)) = (step.id, step.id.resource().group()) {
            for quiet in [ResourceId::Rule(group), ResourceId::AutoScalingGroup(group)] {
                assert!(before(&plan, step.id).contains(&StepId::Disable(quiet)), "{id:?}");
            }
        }
    }
    let shown: Vec<_> = plan.steps.iter().map(|step| step.id).collect();
    assert_eq!(shown.last(), Some(&table));
    assert!(matches!(shown[0], StepId::Disable(_)));
}

#[test]
fn kept_instances_are_detached_before_their_group_is_deleted() {
    let plan = teardown(&whole(), InstanceDisposition::Keep);
    assert!(
        plan.steps
            .iter()
            .all(|step| teardown_of(step).action != TeardownAction::Terminate)
    );
    assert!(
        plan.steps
            .iter()
            .all(|step| teardown_of(step).instances == InstanceDisposition::Keep)
    );
    let group = StepId::Delete(ResourceId::AutoScalingGroup(B));
    let before = before(&plan, group);
    assert!(before.contains(&StepId::Delete(ResourceId::AttachedInstances(B))));
    let step = |id| {
        plan.steps
            .iter()
            .find(|step| step.id == StepId::Delete(id))
            .unwrap()
    };
    let detach = step(ResourceId::AttachedInstances(B));
    assert_eq!(
        (teardown_of(detach).action, detach.name.as_str()),
        (TeardownAction::Detach, "wekactl-prod-Backends: 3 instances")
    );
    assert_eq!(
        teardown_of(step(ResourceId::PreparedInstances(B))).action,
        TeardownAction::Untag
    );
}

#[test]
fn empty_inventory_gives_an_empty_plan() {
    let plan = teardown(&TeardownInventory::default(), InstanceDisposition::Terminate);
    assert!(plan.is_empty() && plan.skipped.is_empty());
}

#[test]
fn resources_without_the_tag_are_skipped_and_the_rest_is_deleted() {
    let seen = seen([
        (ResourceId::LoadBalancer, untagged("wekactl-prod")),
        (
            ResourceId::Table,
            FoundResource::named("wekactl-prod".into(), of("prod-2")),
        ),
        (ResourceId::RestApi(B), ours("api").with(Details::Api)),
        (
            ResourceId::RestApi(B),
            untagged("api of somebody's").with(Details::Api),
        ),
    ]);
    let plan = teardown(&seen, InstanceDisposition::Terminate);
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(
        teardown_of(&plan.steps[0]).found,
        [ours("api").with(Details::Api)]
    );
    assert_eq!(
        why(&plan),
        [
            "DynamoDB table 'wekactl-prod' belongs to cluster 'prod-2': skipped",
            "REST API 'api of somebody's' is not wekactl's (no tag wekactl.io/cluster_name): skipped",
            "load balancer 'wekactl-prod' is not wekactl's (no tag wekactl.io/cluster_name): skipped",
        ]
    );
}

#[test]
fn untagged_log_group_is_deleted_before_its_function() {
    let function = ResourceId::Function(B, FunctionType::Join);
    let logs = ResourceId::LogGroup(B, Some(FunctionType::Join));
    let with = seen([(function, ours("f")), (logs, untagged("logs"))]);
    let with = teardown(&with, InstanceDisposition::Terminate);
    assert_eq!(with.skipped, []);
    assert!(before(&with, StepId::Delete(function)).contains(&StepId::Delete(logs)));
    let tagged = teardown(
        &seen([(function, ours("f")), (logs, ours("logs"))]),
        InstanceDisposition::Terminate,
    );
    assert!(before(&tagged, StepId::Delete(logs)).contains(&StepId::Delete(function)));
    for seen in [
        seen([(logs, untagged("logs"))]),
        seen([(logs, untagged("logs")), (function, untagged("f"))]),
        seen([
            (logs, FoundResource::named("logs".into(), of("other"))),
            (function, ours("f")),
        ]),
    ] {
        let plan = teardown(&seen, InstanceDisposition::Terminate);
        assert!(
            plan.skipped.iter().any(|skipped| skipped.kind == Kind::LogGroup),
            "{seen:?}"
        );
    }
}

#[test]
fn untagged_usage_plan_is_owned_if_it_covers_only_the_clusters_api() {
    let api = (
        ResourceId::RestApi(B),
        ours("api").with_handle("a1").with(Details::Api),
    );
    let plan = |apis: &[&str]| {
        let stages = apis.iter().map(|api| ((*api).to_owned(), "default".to_owned()));
        let plan = untagged("plan")
            .with_handle("p1")
            .with(Details::UsagePlan(stages.collect()));
        teardown(
            &seen([api.clone(), (ResourceId::RestApi(B), plan)]),
            InstanceDisposition::Terminate,
        )
    };
    assert_eq!(teardown_of(&plan(&["a1"]).steps[0]).found.len(), 2);
    for other in [&["a1", "b1"][..], &["b1"], &[]] {
        assert_eq!(
            (
                teardown_of(&plan(other).steps[0]).found.len(),
                plan(other).skipped.len()
            ),
            (1, 1),
            "{other:?}"
        );
    }
}

#[test]
fn record_is_identified_by_its_target() {
    let record = |target: &str, balancer: Option<FoundResource>| {
        let record =
            FoundResource::named("weka.example.com".into(), None).with(Details::Target(target.into()));
        let balancer = balancer.map(|balancer| (ResourceId::LoadBalancer, balancer));
        let seen = seen([(ResourceId::AliasRecord, record)].into_iter().chain(balancer));
        teardown(&seen, InstanceDisposition::Terminate)
            .skipped
            .iter()
            .all(|one| one.kind != Kind::AliasRecord)
    };
    let dns = "internal-wekactl-prod-12.eu-west-1.elb.amazonaws.com";
    let balancer = |tags| Some(FoundResource::named("lb".into(), tags).with(Details::DnsName(dns.into())));
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
fn instances_are_members_of_the_groups_and_tagged_ones() {
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
        found.to_detach(B, InstanceDisposition::Terminate),
        BTreeSet::from(["guest".to_owned()])
    );
    let leaving: Vec<_> = found
        .to_detach(B, InstanceDisposition::Keep)
        .into_iter()
        .collect();
    assert_eq!(leaving, ["guest", "member", "put-in-by-hand"]);
    let why: Vec<_> = found.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        why,
        [
            "instance 'guest' belongs to cluster 'prod-2': skipped",
            "instance 'moved' is a member of the Auto Scaling group another-tools, which is not the cluster's: skipped",
        ]
    );
    // A group that is not ours: its members are not, even where they are tagged so.
    seen.found
        .insert(ResourceId::AutoScalingGroup(B), vec![untagged(&group)]);
    let found = instances(&names(), &seen);
    let ids: Vec<_> = found.of(B).map(|instance| instance.id.as_str()).collect();
    assert_eq!(ids, ["never-attached"]);
}

#[test]
fn role_is_identified_by_its_tags_or_its_name() {
    let tagged = |pairs: &[(&str, &str)]| -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let full = tagged(&[(tags::HOSTGROUP_NAME, "Clients"), (tags::USE, "scale")]);
    let scale = RoleUse::Function(FunctionType::Scale);
    assert_eq!(role_key(&names(), "x", &full), (HostGroup::Clients, scale));
    let named = "wekactl-prod-Clients-sm-0f1e";
    assert_eq!(
        role_key(&names(), named, &Tags::default()),
        (HostGroup::Clients, RoleUse::StateMachine)
    );
    assert_eq!(role_key(&names(), "cut", &Tags::default()), (B, RoleUse::Rule));
}

#[test]
fn resource_that_is_already_being_deleted_is_skipped() {
    let seen = seen([(
        ResourceId::Table,
        FoundResource {
            is_deleting: true,
            ..ours("wekactl-prod")
        },
    )]);
    let plan = teardown(&seen, InstanceDisposition::Terminate);
    assert!(plan.is_empty());
    let skipped = Skipped {
        kind: Kind::Table,
        name: "wekactl-prod".to_owned(),
        reason: SkipReason::Deleting,
    };
    assert_eq!(plan.skipped, [skipped]);
}

#[test]
fn unreadable_settings_are_reported() {
    let seen = TeardownInventory {
        unreadable: Some("the key is gone".into()),
        ..TeardownInventory::default()
    };
    let unknown = teardown(&seen, InstanceDisposition::Terminate).unknown;
    assert!(
        unknown[0].contains("(the key is gone): if import created a DNS alias"),
        "{unknown:?}"
    );
}
