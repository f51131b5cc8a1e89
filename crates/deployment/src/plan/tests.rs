use super::*;
use crate::example::{cluster, resources, settings};
use crate::secret::Secret;
use crate::settings::Settings;
use serde_json::json;

mod any;

#[test]
fn a_part_of_a_plan_needs_what_it_does_not_make() {
    let desired = resources(&full());
    let functions = |id: ResourceId| matches!(id, ResourceId::Function(HostGroup::Backends, _));
    // Of nothing that stands, it lacks the roles, the key and the log groups.
    let absent = plan(desired.clone(), Observed::new())
        .only(functions)
        .unwrap_err();
    let kinds: BTreeSet<_> = absent.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, BTreeSet::from([Kind::KmsKey, Kind::Role, Kind::LogGroup]));
    // Of a whole cluster but a function, it is that function.
    let mut observed = made(&desired);
    observed.remove(&FETCH);
    observed.remove(&ResourceId::Rule(HostGroup::Backends));
    let part = plan(desired, observed).only(functions).unwrap();
    let made: Vec<_> = part
        .steps
        .iter()
        .filter(|step| step.action == Action::Create)
        .collect();
    assert_eq!(
        made.iter().map(|step| step.desired.id).collect::<Vec<_>>(),
        [FETCH]
    );
    assert!(part.steps.iter().all(|step| functions(step.desired.id)));
}

#[test]
fn users_may_add_to_some_lists_of_a_group() {
    let desired = resources(&full());
    let mut observed = made(&desired);
    let group = observed
        .get_mut(&ResourceId::AutoScalingGroup(HostGroup::Backends))
        .unwrap();
    let Body::AutoScalingGroup(body) = &mut group.body else {
        panic!("a group")
    };
    body.suspended.push("AZRebalance".into());
    body.target_groups
        .insert(0, crate::value::Value::from("arn:of-a-user"));
    assert!(plan(desired.clone(), observed.clone()).is_empty());
    let Some(Body::AutoScalingGroup(body)) = observed
        .get_mut(&ResourceId::AutoScalingGroup(HostGroup::Backends))
        .map(|standing| &mut standing.body)
    else {
        panic!("a group")
    };
    body.target_groups.pop();
    assert!(!plan(desired, observed).is_empty());
}

const JOIN: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Join);
const FETCH: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Fetch);
const SCALE: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Scale);

fn full() -> Settings {
    Settings {
        dns_alias: Some("weka.example.com".into()),
        dns_zone_id: Some("Z1".into()),
        classic_load_balancer: Some("wk-elb".into()),
        ..settings()
    }
}

/// What a resource gives once it stands: every output, each with a value of its own.
fn given(id: ResourceId) -> Vec<(Output, String)> {
    let all = [
        Output::Arn,
        Output::Id,
        Output::Url,
        Output::ExecuteArn,
        Output::ApiKey,
        Output::DnsName,
        Output::HostedZoneId,
    ];
    all.map(|output| (output, format!("{output:?} of {id:?}"))).into()
}

fn outputs(ids: impl IntoIterator<Item = ResourceId>) -> Outputs {
    let mut outputs = Outputs::default();
    for id in ids {
        outputs.add(id, given(id));
    }
    outputs
}

/// The resources as they stand after they were made.
fn made(desired: &[Desired]) -> Observed {
    let outputs = outputs(desired.iter().map(|resource| resource.id));
    let standing = |resource: &Desired| {
        let mut body = resource.body.clone();
        body.resolve(&outputs);
        let (name, tags) = (resource.name.clone(), resource.tags.clone());
        (
            resource.id,
            ActualResource {
                name,
                body,
                tags,
                outputs: given(resource.id),
            },
        )
    };
    desired.iter().map(standing).collect()
}

fn plan(desired: Vec<Desired>, observed: Observed) -> Plan {
    Plan::new(&cluster(), desired, observed).unwrap()
}

fn action(plan: &Plan, id: ResourceId) -> &Action {
    &plan
        .steps
        .iter()
        .find(|step| step.desired.id == id)
        .unwrap()
        .action
}

fn updated(plan: &Plan) -> Vec<(ResourceId, &[Change])> {
    let update = |step| match step {
        &Step {
            ref desired,
            action: Action::Update(ref changes),
            ..
        } => Some((desired.id, changes.as_slice())),
        _ => None,
    };
    plan.steps.iter().filter_map(update).collect()
}

fn change(field: &str, from: impl Into<Json>, to: impl Into<Json>) -> Change {
    Change {
        field: field.to_owned(),
        from: from.into(),
        to: to.into(),
    }
}

fn function(observed: &mut Observed, id: ResourceId) -> &mut Function {
    match &mut observed.get_mut(&id).unwrap().body {
        Body::Function(function) => function,
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_nothing_stands_everything_is_made_and_what_others_need_is_shown_first() {
    let plan = plan(resources(&full()), Observed::new());
    assert!(
        plan.steps
            .iter()
            .all(|step| step.action == Action::Create && step.actual.is_none())
    );
    assert!(plan.steps.is_sorted_by_key(|step| step.desired.id));
    assert_eq!(plan.steps.len(), resources(&full()).len());
    assert!(!plan.is_empty());
}

#[test]
fn a_second_plan_is_empty() {
    let plan = plan(resources(&full()), made(&resources(&full())));
    assert_eq!(updated(&plan), []);
    assert!(plan.is_empty());
}

#[test]
fn a_role_that_stands_keeps_its_name() {
    let mut observed = made(&resources(&full()));
    let id = ResourceId::Role(HostGroup::Backends, crate::RoleUse::Rule);
    observed.get_mut(&id).unwrap().name = "of an earlier import".into();
    let plan = plan(resources(&full()), observed);
    assert!(plan.is_empty());
    let step = plan.steps.iter().find(|step| step.desired.id == id).unwrap();
    assert_eq!(step.desired.name, "of an earlier import");
}

#[test]
fn a_field_that_differs_is_the_one_change() {
    let mut observed = made(&resources(&full()));
    let join = function(&mut observed, JOIN);
    join.timeout_seconds = 3;
    join.environment.insert("ROLE".into(), "client".into());
    join.environment.insert("OLD".into(), "1".into());
    let plan = plan(resources(&full()), observed);
    let changes = [
        change("environment.OLD", "1", Json::Null),
        change("environment.ROLE", "client", "backend"),
        change("timeout_seconds", 3, 15),
    ];
    assert_eq!(updated(&plan), [(JOIN, changes.as_slice())]);
}

#[test]
fn the_users_own_tags_are_left_alone_and_ours_are_put_back() {
    let mut observed = made(&resources(&full()));
    for standing in observed.values_mut() {
        if let Some(tags) = &mut standing.tags {
            tags.set("cost-centre", "42");
        }
    }
    assert!(plan(resources(&full()), observed.clone()).is_empty());
    let tags = observed
        .get_mut(&ResourceId::KmsKey)
        .unwrap()
        .tags
        .as_mut()
        .unwrap();
    tags.0.remove("wekactl.io/managed");
    tags.set("team", "network");
    let plan = plan(resources(&full()), observed);
    let changes = [
        change("tags.team", "network", "storage"),
        change("tags.wekactl.io/managed", Json::Null, "true"),
    ];
    assert_eq!(updated(&plan), [(ResourceId::KmsKey, changes.as_slice())]);
}

#[test]
fn what_is_not_the_clusters_is_a_conflict_and_each_one_is_said() {
    let mut observed = made(&resources(&full()));
    observed.get_mut(&ResourceId::Table).unwrap().tags = Some(Tags::default());
    let group = ResourceId::AutoScalingGroup(HostGroup::Clients);
    observed
        .get_mut(&group)
        .unwrap()
        .tags
        .as_mut()
        .unwrap()
        .set(CLUSTER_NAME, "other");
    let conflicts = Plan::new(&cluster(), resources(&full()), observed).unwrap_err();
    let lines: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "DynamoDB table 'wekactl-wk' exists and is not wekactl's (no tag wekactl.io/cluster_name): it is left alone; \
         remove or rename it, or import under another name",
            "Auto Scaling group 'wekactl-wk-Clients' exists and belongs to cluster 'other': it is left alone; \
         remove or rename it, or import under another name",
        ]
    );
    assert!(matches!(&conflicts[1], Conflict::Foreign { owner: Some(owner), .. } if owner == "other"));
}

#[test]
fn a_field_that_cannot_change_is_a_conflict() {
    let mut observed = made(&resources(&full()));
    for standing in observed.values_mut() {
        match &mut standing.body {
            Body::Table(body) => body.hash_key = "Id".into(),
            Body::LoadBalancer(body) => body.scheme = "internet-facing".into(),
            // The path of the health check can be changed: no conflict.
            Body::TargetGroup(body) => (body.port, body.health_check_path) = (80, "/".into()),
            _ => {}
        }
    }
    let conflicts = Plan::new(&cluster(), resources(&full()), observed).unwrap_err();
    let fields: Vec<_> = conflicts
        .iter()
        .map(|conflict| match conflict {
            Conflict::Fixed { kind, field, .. } => (*kind, field.as_str()),
            Conflict::Foreign { .. } => panic!("{conflict}"),
        })
        .collect();
    assert_eq!(
        fields,
        [
            (Kind::Table, "hash_key"),
            (Kind::LoadBalancer, "scheme"),
            (Kind::TargetGroup, "port")
        ]
    );
    assert_eq!(
        conflicts[2].to_string(),
        "target group 'wekactl-wk-api' has port 80, wekactl needs 14000, and AWS cannot change it: remove the \
         resource, then run again"
    );
}

#[test]
fn a_seal_key_that_both_functions_have_is_kept() {
    let mut observed = made(&resources(&full()));
    for id in [FETCH, SCALE] {
        function(&mut observed, id).seal_key = Some(Secret::new("of an earlier import"));
    }
    let plan = plan(resources(&full()), observed);
    assert!(plan.is_empty());
    for step in plan
        .steps
        .iter()
        .filter(|step| [FETCH, SCALE].contains(&step.desired.id))
    {
        let Body::Function(function) = &step.desired.body else {
            panic!("{step:?}")
        };
        assert_eq!(function.seal_key, Some(Secret::new("of an earlier import")));
    }
}

#[test]
fn seal_keys_that_differ_are_both_set_anew_and_never_shown() {
    let mut observed = made(&resources(&full()));
    function(&mut observed, FETCH).seal_key = Some(Secret::new("one"));
    function(&mut observed, SCALE).seal_key = None;
    let plan = plan(resources(&full()), observed);
    let (hidden, absent) = (
        [change("seal_key", HIDDEN, HIDDEN)],
        [change("seal_key", Json::Null, HIDDEN)],
    );
    assert_eq!(
        updated(&plan),
        [(FETCH, hidden.as_slice()), (SCALE, absent.as_slice())]
    );
    let keys: BTreeSet<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.desired.body {
            Body::Function(Function {
                seal_key: Some(key), ..
            }) => Some((step.desired.id.group(), key.reveal())),
            _ => None,
        })
        .collect();
    assert_eq!(
        keys.len(),
        2,
        "a key for each host group, the same in both of its functions"
    );
}

#[test]
fn a_changed_password_is_a_change_without_its_value() {
    let mut observed = made(&resources(&full()));
    let body = crate::resource::Credentials {
        username: "admin".into(),
        password: Secret::new("old"),
    };
    observed.get_mut(&ResourceId::Credentials).unwrap().body = body.into();
    let plan = plan(resources(&full()), observed);
    let changes = [change("password", HIDDEN, HIDDEN)];
    assert_eq!(updated(&plan), [(ResourceId::Credentials, changes.as_slice())]);
    assert!(!format!("{plan:?}").contains(crate::example::PASSWORD));
}

#[test]
fn what_is_not_known_yet_says_on_what_it_waits() {
    let mut observed = made(&resources(&full()));
    observed.remove(&ResourceId::TargetGroup);
    let plan = plan(resources(&full()), observed);
    assert_eq!(action(&plan, ResourceId::TargetGroup), &Action::Create);
    let to = "(known once the target group is made)";
    let changes = [change("forward_to", "Arn of TargetGroup", to)];
    assert_eq!(
        action(&plan, ResourceId::Listener),
        &Action::Update(changes.into())
    );
    let changes = [change(
        "target_groups",
        json!(["Arn of TargetGroup"]),
        json!([to]),
    )];
    let group = ResourceId::AutoScalingGroup(HostGroup::Backends);
    assert_eq!(action(&plan, group), &Action::Update(changes.into()));
}

#[test]
fn a_log_group_that_lambda_made_is_taken_in_and_nothing_else_without_a_tag() {
    let desired = resources(&full());
    let of_function = ResourceId::LogGroup(HostGroup::Backends, Some(FunctionType::Join));
    let of_state_machine = ResourceId::LogGroup(HostGroup::Backends, None);
    let tagged = |id: ResourceId, tags: Tags| {
        let mut observed = made(&desired);
        observed.get_mut(&id).unwrap().tags = Some(tags);
        Plan::new(&cluster(), desired.clone(), observed)
    };
    let plan = tagged(of_function, Tags::default()).unwrap();
    assert!(matches!(action(&plan, of_function), Action::Update(_)));
    let others: Tags = [(CLUSTER_NAME.to_owned(), "wk-2".to_owned())]
        .into_iter()
        .collect();
    for (id, tags) in [(of_function, others), (of_state_machine, Tags::default())] {
        let conflicts = tagged(id, tags).unwrap_err();
        assert!(
            matches!(conflicts[..], [Conflict::Foreign { .. }]),
            "{conflicts:?}"
        );
    }
}
