use super::*;
use crate::example::{cluster, resources, settings};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::value::Output;
use serde_json::json;

mod strategies;

#[test]
fn partial_plan_requires_its_dependencies() {
    let desired = resources(&full());
    let functions = |id: ResourceId| matches!(id, ResourceId::Function(HostGroup::Backends, _));
    // If nothing exists, roles, key, log groups and the launch template, which join compares, are missing.
    let missing = plan(desired.clone(), Observed::new())
        .only(functions)
        .unwrap_err();
    let kinds: BTreeSet<_> = missing.iter().map(|(kind, _)| *kind).collect();
    let expected = [Kind::KmsKey, Kind::Role, Kind::LogGroup, Kind::LaunchTemplate];
    assert_eq!(kinds, BTreeSet::from(expected));
    // If only a function is missing, the plan creates it.
    let mut observed = created(&desired);
    observed.remove(&FETCH);
    observed.remove(&ResourceId::Rule(HostGroup::Backends));
    let part = plan(desired, observed).only(functions).unwrap();
    let created: Vec<_> = part
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Create(_)))
        .collect();
    assert_eq!(
        created.iter().map(|step| step.id.resource()).collect::<Vec<_>>(),
        [FETCH]
    );
    assert!(part.steps.iter().all(|step| functions(step.id.resource())));
}

#[test]
fn users_may_add_elements_to_some_lists_of_a_group() {
    let desired = resources(&full());
    let mut observed = created(&desired);
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
        .map(|actual| &mut actual.body)
    else {
        panic!("a group")
    };
    body.target_groups.pop();
    assert!(!plan(desired, observed).is_empty());
}

const JOIN: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Join);
const FETCH: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Fetch);
const SCALE: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Scale);
const TERMINATE: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Terminate);
const RULE: ResourceId = ResourceId::Rule(HostGroup::Backends);

fn full() -> Settings {
    Settings {
        dns_alias: Some("weka.example.com".into()),
        dns_zone_id: Some("Z1".into()),
        classic_load_balancer: Some("wk-elb".into()),
        ..settings()
    }
}

/// Every output, each with a unique value.
fn outputs_of(id: ResourceId) -> Vec<(Output, String)> {
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
        outputs.add(id, outputs_of(id));
    }
    outputs
}

/// The actual state after the resources were created.
fn created(desired: &[Desired]) -> Observed {
    let outputs = outputs(desired.iter().map(|resource| resource.id));
    let actual = |resource: &Desired| {
        let mut body = resource.body.clone();
        body.resolve(&outputs);
        let (name, tags) = (resource.name.clone(), resource.tags.clone());
        (
            resource.id,
            ActualResource {
                name,
                body,
                tags,
                outputs: outputs_of(resource.id),
            },
        )
    };
    desired.iter().map(actual).collect()
}

fn plan(desired: Vec<Desired>, observed: Observed) -> Plan {
    Plan::new(&cluster(), desired, observed).unwrap()
}

fn action(plan: &Plan, id: ResourceId) -> &Action {
    &plan
        .steps
        .iter()
        .find(|step| step.id == StepId::Apply(id))
        .unwrap()
        .action
}

fn changes_of(plan: &Plan, id: ResourceId) -> &[Change] {
    match action(plan, id) {
        Action::Update { changes, .. } => changes,
        other => panic!("{other:?}"),
    }
}

fn updated(plan: &Plan) -> Vec<(ResourceId, &[Change])> {
    let updated = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Update { changes, .. } => Some((step.id.resource(), changes.as_slice())),
        _ => None,
    });
    updated.collect()
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
fn first_plan_creates_everything_in_order_of_dependencies() {
    let plan = plan(resources(&full()), Observed::new());
    assert!(
        plan.steps
            .iter()
            .all(|step| matches!(step.action, Action::Create(_)))
    );
    assert!(plan.steps.is_sorted_by_key(|step| step.id));
    assert_eq!(plan.steps.len(), resources(&full()).len());
    assert!(!plan.is_empty());
}

#[test]
fn second_plan_is_empty() {
    let plan = plan(resources(&full()), created(&resources(&full())));
    assert_eq!(updated(&plan), []);
    assert!(plan.is_empty());
}

#[test]
fn existing_role_keeps_its_name() {
    let mut observed = created(&resources(&full()));
    let id = ResourceId::Role(HostGroup::Backends, crate::RoleUse::Rule);
    observed.get_mut(&id).unwrap().name = "of an earlier import".into();
    let plan = plan(resources(&full()), observed);
    assert!(plan.is_empty());
    let step = plan
        .steps
        .iter()
        .find(|step| step.id == StepId::Apply(id))
        .unwrap();
    assert_eq!(step.action.desired().unwrap().name, "of an earlier import");
    assert_eq!(step.name, "of an earlier import");
}

#[test]
fn only_differing_fields_change() {
    let mut observed = created(&resources(&full()));
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
fn user_tags_are_kept_and_wekactl_tags_are_restored() {
    let mut observed = created(&resources(&full()));
    for actual in observed.values_mut() {
        if let Some(tags) = &mut actual.tags {
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
fn foreign_resources_are_conflicts_and_all_are_reported() {
    let mut observed = created(&resources(&full()));
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
            "DynamoDB table 'wekactl-wk' exists and is not wekactl's (no tag wekactl.io/cluster_name): \
         remove or rename it, or import under another name",
            "Auto Scaling group 'wekactl-wk-Clients' exists and belongs to cluster 'other': \
         remove or rename it, or import under another name",
        ]
    );
    assert!(matches!(&conflicts[1], Conflict::Unowned { owner: Some(owner), .. } if owner == "other"));
}

#[test]
fn differing_immutable_field_is_a_conflict() {
    let mut observed = created(&resources(&full()));
    for actual in observed.values_mut() {
        match &mut actual.body {
            Body::Table(body) => body.hash_key = "Id".into(),
            Body::LoadBalancer(body) => body.scheme = "internet-facing".into(),
            // The path of the health check can change.
            Body::TargetGroup(body) => (body.port, body.health_check_path) = (80, "/".into()),
            _ => {}
        }
    }
    let conflicts = Plan::new(&cluster(), resources(&full()), observed).unwrap_err();
    let fields: Vec<_> = conflicts
        .iter()
        .map(|conflict| match conflict {
            Conflict::Fixed { kind, field, .. } => (*kind, field.as_str()),
            Conflict::Unowned { .. } => panic!("{conflict}"),
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
         resource and rerun the command"
    );
}

/// The state of the rule before and after each of its steps.
fn rule_states(plan: &Plan) -> Vec<(StepId, &str, &str)> {
    let rules = plan.steps.iter().filter(|step| step.id.resource() == RULE);
    let states = rules.filter_map(|step| match &step.action {
        Action::Update { desired, actual, .. } => match (&actual.body, &desired.body) {
            (Body::Rule(from), Body::Rule(to)) => Some((step.id, from.state.as_str(), to.state.as_str())),
            _ => panic!("{step:?}"),
        },
        _ => None,
    });
    states.collect()
}

#[test]
fn schedule_is_paused_while_functions_that_exchange_messages_change() {
    let desired = resources(&full());
    let (disable, enable) = (StepId::Disable(RULE), StepId::Apply(RULE));
    let transient = ResourceId::Function(HostGroup::Backends, FunctionType::Transient);
    for id in [FETCH, SCALE, TERMINATE, transient] {
        let mut observed = created(&desired);
        function(&mut observed, id).code_sha256 = "of the last version".into();
        let plan = plan(desired.clone(), observed.clone());
        assert_eq!(
            rule_states(&plan),
            [(disable, "ENABLED", "DISABLED"), (enable, "DISABLED", "ENABLED")]
        );
        let step = |id| plan.steps.iter().find(|step| step.id == id).unwrap();
        assert!(step(StepId::Apply(id)).depends_on.contains(&disable));
        assert!(step(enable).depends_on.contains(&disable));
        let machine = StepId::Apply(ResourceId::StateMachine(HostGroup::Backends));
        assert!(step(enable).depends_on.contains(&machine));
        assert!(step(machine).depends_on.contains(&StepId::Apply(id)));
        assert_eq!(updated(&plan).len(), 3, "the other host group is not affected");

        // An interrupted update has paused it.
        let Body::Rule(rule) = &mut observed.get_mut(&RULE).unwrap().body else {
            panic!("a rule")
        };
        rule.state = "DISABLED".into();
        let resumed = self::plan(desired.clone(), observed);
        assert_eq!(rule_states(&resumed), [(enable, "DISABLED", "ENABLED")]);
    }
}

#[test]
fn pause_keeps_the_targets_of_the_rule() {
    let desired = resources(&full());
    let mut observed = created(&desired);
    function(&mut observed, SCALE).code_sha256 = "of wekactl 1.x".into();
    let Body::Rule(rule) = &mut observed.get_mut(&RULE).unwrap().body else {
        panic!("a rule")
    };
    rule.other_targets = vec!["of wekactl 1.x".into()];
    rule.target_id.clear();
    let plan = plan(desired, observed);
    let steps = plan.steps.iter().filter(|step| step.id.resource() == RULE);
    let [disable, enable] = steps.collect::<Vec<_>>().try_into().unwrap();
    let bodies = |step: &Step| match &step.action {
        Action::Update { desired, actual, .. } => match (&actual.body, &desired.body) {
            (Body::Rule(from), Body::Rule(to)) => (from.clone(), to.clone()),
            _ => panic!("{step:?}"),
        },
        _ => panic!("{step:?}"),
    };
    // The call removes the other targets of its actual state.
    let (from, to) = bodies(disable);
    assert_eq!(from.other_targets, [""; 0]);
    assert_eq!(
        (&from.target_id, &from.target_arn),
        (&to.target_id, &to.target_arn)
    );
    let (from, _) = bodies(enable);
    assert_eq!(from.other_targets, ["of wekactl 1.x"]);
}

#[test]
fn part_of_a_plan_pauses_the_schedule_only_for_its_own_steps() {
    let desired = resources(&full());
    let mut observed = created(&desired);
    function(&mut observed, SCALE).code_sha256 = "of the last version".into();
    let part = |chosen: fn(ResourceId) -> bool| plan(desired.clone(), observed.clone()).only(chosen).unwrap();
    let rule = part(|id| id == RULE);
    assert!(rule.is_empty(), "{rule:?}");
    let functions = part(|id| id == SCALE);
    assert_eq!(updated(&functions).len(), 1);
    let both = part(|id| id == SCALE || id == RULE);
    assert_eq!(rule_states(&both).len(), 2);
}

#[test]
fn schedule_runs_on_while_messages_stay_the_same() {
    let desired = resources(&full());
    let mut observed = created(&desired);
    function(&mut observed, JOIN).code_sha256 = "of the last version".into();
    function(&mut observed, SCALE).memory_mib = 128;
    let plan = plan(desired, observed);
    assert_eq!(rule_states(&plan), []);
    assert_eq!(updated(&plan).len(), 2);
}

#[test]
fn seal_key_of_the_functions_is_kept_and_added_where_it_is_missing() {
    let mut observed = created(&resources(&full()));
    for id in [FETCH, SCALE, TERMINATE] {
        function(&mut observed, id).seal_key = Some(Secret::new("of an earlier import"));
    }
    // The last version had none there.
    let mut older = observed.clone();
    function(&mut older, TERMINATE).seal_key = None;
    let added = plan(resources(&full()), older);
    assert_eq!(
        changes_of(&added, TERMINATE),
        [change("seal_key", Json::Null, HIDDEN)]
    );
    let Body::Function(terminate) = &action(&added, TERMINATE).desired().unwrap().body else {
        panic!("a function")
    };
    assert_eq!(terminate.seal_key, Some(Secret::new("of an earlier import")));
    assert!(matches!(action(&added, FETCH), Action::Unchanged(_)));
    for id in [FETCH, SCALE] {
        function(&mut observed, id).seal_key = Some(Secret::new("of an earlier import"));
    }
    let plan = plan(resources(&full()), observed);
    assert!(plan.is_empty());
    for step in plan
        .steps
        .iter()
        .filter(|step| [FETCH, SCALE].contains(&step.id.resource()))
    {
        let Body::Function(function) = &step.action.desired().unwrap().body else {
            panic!("{step:?}")
        };
        assert_eq!(function.seal_key, Some(Secret::new("of an earlier import")));
    }
}

#[test]
fn differing_seal_keys_are_replaced_and_never_shown() {
    let mut observed = created(&resources(&full()));
    function(&mut observed, FETCH).seal_key = Some(Secret::new("one"));
    function(&mut observed, SCALE).seal_key = None;
    let plan = plan(resources(&full()), observed);
    let (hidden, absent) = (
        [change("seal_key", HIDDEN, HIDDEN)],
        [change("seal_key", Json::Null, HIDDEN)],
    );
    let functions: Vec<_> = updated(&plan).into_iter().filter(|(id, _)| *id != RULE).collect();
    assert_eq!(
        functions,
        [(FETCH, hidden.as_slice()), (SCALE, absent.as_slice())]
    );
    let keys: BTreeSet<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action.desired()?.body {
            Body::Function(Function {
                seal_key: Some(key), ..
            }) => Some((step.id.resource().group(), key.reveal())),
            _ => None,
        })
        .collect();
    assert_eq!(
        keys.len(),
        2,
        "a key for each host group, the same in its functions"
    );
}

#[test]
fn changed_password_is_a_change_without_its_value() {
    let mut observed = created(&resources(&full()));
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
fn unknown_value_names_the_resource_that_it_depends_on() {
    let mut observed = created(&resources(&full()));
    observed.remove(&ResourceId::TargetGroup);
    let plan = plan(resources(&full()), observed);
    assert!(matches!(
        action(&plan, ResourceId::TargetGroup),
        Action::Create(_)
    ));
    let to = "(known once the target group is created)";
    let changes = [change("forward_to", "Arn of TargetGroup", to)];
    assert_eq!(changes_of(&plan, ResourceId::Listener), changes);
    let changes = [change(
        "target_groups",
        json!(["Arn of TargetGroup"]),
        json!([to]),
    )];
    let group = ResourceId::AutoScalingGroup(HostGroup::Backends);
    assert_eq!(changes_of(&plan, group), changes);
}

#[test]
fn only_untagged_log_groups_of_functions_are_adopted() {
    let desired = resources(&full());
    let of_function = ResourceId::LogGroup(HostGroup::Backends, Some(FunctionType::Join));
    let of_state_machine = ResourceId::LogGroup(HostGroup::Backends, None);
    let tagged = |id: ResourceId, tags: Tags| {
        let mut observed = created(&desired);
        observed.get_mut(&id).unwrap().tags = Some(tags);
        Plan::new(&cluster(), desired.clone(), observed)
    };
    let plan = tagged(of_function, Tags::default()).unwrap();
    assert!(matches!(action(&plan, of_function), Action::Update { .. }));
    let others: Tags = [(CLUSTER_NAME.to_owned(), "wk-2".to_owned())]
        .into_iter()
        .collect();
    for (id, tags) in [(of_function, others), (of_state_machine, Tags::default())] {
        let conflicts = tagged(id, tags).unwrap_err();
        assert!(
            matches!(conflicts[..], [Conflict::Unowned { .. }]),
            "{conflicts:?}"
        );
    }
}

#[test]
fn boundary_of_an_administrator_is_kept_and_that_of_the_settings_is_restored() {
    let id = ResourceId::Role(HostGroup::Backends, crate::RoleUse::Rule);
    let bounded = |settings: &Settings, arn: Option<&str>| {
        let desired = resources(settings);
        let mut observed = created(&desired);
        let Body::Role(role) = &mut observed.get_mut(&id).unwrap().body else {
            panic!("{id:?}")
        };
        role.permissions_boundary = arn.map(str::to_owned);
        let steps = plan(desired, observed).steps.into_iter();
        let updates = steps.filter_map(|step| match step.action {
            Action::Update { changes, .. } => Some((step.id.resource(), changes)),
            _ => None,
        });
        updates.collect::<Vec<_>>()
    };
    let own = "arn:aws:iam::123456789012:policy/own";
    assert_eq!(
        bounded(&full(), Some("arn:aws:iam::123456789012:policy/admin")),
        Vec::new()
    );
    let settings = Settings {
        permissions_boundary: Some(own.to_owned()),
        ..full()
    };
    assert_eq!(bounded(&settings, Some(own)), Vec::new());
    for other in [None, Some("arn:aws:iam::123456789012:policy/admin")] {
        let change = Change {
            field: "permissions_boundary".to_owned(),
            from: json!(other),
            to: json!(own),
        };
        assert_eq!(bounded(&settings, other), [(id, vec![change])]);
    }
}
