//! Plans for random actual states.

use super::*;
use crate::value::Value;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A body of the same kind in which one field that can be changed differs.
fn altered(body: &Body) -> Body {
    let mut body = body.clone();
    let other = || "other".to_owned();
    match &mut body {
        Body::KmsKey(body) => body.rotation = false,
        Body::Table(body) => body.billing_mode = other(),
        Body::Credentials(body) => body.password = Secret::new("other"),
        Body::SettingsItem(body) => drop(body.attributes.remove("VpcId")),
        Body::Role(body) => body.trust = crate::policy::Policy::empty(),
        Body::LogGroup(body) => body.retention_days = 1,
        Body::Function(body) => body.memory_mib = 128,
        Body::RestApi(body) => body.throttle = None,
        Body::InvokePermission(body) => body.others.push(other()),
        Body::LaunchTemplate(body) => body.tagged.clear(),
        Body::StateMachine(body) => body.log_level = other(),
        Body::Rule(body) => body.state = other(),
        Body::LoadBalancer(body) => body.subnets.clear(),
        Body::TargetGroup(body) => body.health_check_path = other(),
        Body::Listener(body) => body.load_balancer = Value::from("other"),
        Body::AliasRecord(body) => body.target_zone_id = Value::from("other"),
        Body::ClassicHealthCheck(body) => body.interval_seconds = 1,
        Body::AutoScalingGroup(body) => body.min_size = 1,
        Body::PreparedInstances(body) => drop(body.tagged.insert(other())),
        Body::AttachedInstances(body) => drop(body.attached.insert(other())),
    }
    body
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Missing,
    Altered,
    Untagged,
    Unchanged,
}

fn states() -> impl Strategy<Value = Vec<State>> {
    let state = prop_oneof![1 => Just(State::Missing), 1 => Just(State::Altered), 1 => Just(State::Untagged), 3 => Just(State::Unchanged)];
    prop::collection::vec(state, resources(&full()).len())
}

proptest! {
    #[test]
    fn plan_creates_the_missing_updates_the_different_and_leaves_nothing_to_do(states in states()) {
        let desired = resources(&full());
        let mut observed = created(&desired);
        // The actual keys differ from the new ones.
        for actual in observed.values_mut() {
            if let Body::Function(Function { seal_key: Some(key), .. }) = &mut actual.body {
                *key = Secret::new("actual");
            }
        }
        let state: BTreeMap<_, _> = desired.iter().map(|resource| resource.id).zip(states).collect();
        for (id, state) in &state {
            let actual = observed.get_mut(id).unwrap();
            match state {
                State::Missing => drop(observed.remove(id)),
                State::Altered => actual.body = altered(&actual.body),
                State::Untagged => if let Some(tags) = &mut actual.tags { tags.0.remove("env"); },
                State::Unchanged => {}
            }
        }
        let known = outputs(observed.keys().copied());
        let plan = plan(desired.clone(), observed.clone());
        // The schedule is paused and then continued.
        let paused = |id| plan.steps.iter().any(|step| step.id == StepId::Disable(id));
        for step in plan.steps.iter().filter(|step| matches!(step.id, StepId::Apply(_))) {
            let (id, desired) = (step.id.resource(), step.action.desired().unwrap());
            let waits = {
                let mut body = desired.body.clone();
                body.resolve(&known);
                body.fields().to_string().contains("(known once")
            };
            let alone = match id {
                ResourceId::Function(group, function) if function.has_seal_key() => {
                    [FunctionType::Fetch, FunctionType::Scale]
                        .iter().any(|&function| !observed.contains_key(&ResourceId::Function(group, function)))
                }
                _ => false,
            };
            let differs = paused(id) || state[&id] == State::Altered || state[&id] == State::Untagged && desired.tags.is_some();
            match &step.action {
                Action::Create(_) => prop_assert_eq!(state[&id], State::Missing),
                Action::Update { changes, .. } => {
                    prop_assert!(!changes.is_empty());
                    prop_assert!(observed.contains_key(&id) && (differs || waits || alone), "{:?} {:?}", id, changes);
                }
                Action::Unchanged(_) => {
                    prop_assert!(observed.contains_key(&id) && !differs && !waits && !alone, "{:?}", id);
                }
                Action::Teardown(_) => prop_assert!(false, "{:?}", id),
            }
        }
        // After its execution nothing is left to do, whatever keys the next run generates.
        let executed: Vec<_> = plan.steps.iter().filter(|step| matches!(step.id, StepId::Apply(_))).map(|step| step.action.desired().unwrap().clone()).collect();
        prop_assert!(Plan::new(&cluster(), desired, created(&executed)).unwrap().is_empty());
    }
}
