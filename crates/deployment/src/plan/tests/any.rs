//! Plans for whatever may stand.

use super::*;
use crate::value::Value;
use proptest::prelude::*;

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
        Body::PreparedInstances(body) => drop(body.to_tag.insert(other())),
        Body::AttachedInstances(body) => drop(body.to_attach.insert(other())),
    }
    body
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InstanceDisposition {
    Absent,
    Altered,
    Untagged,
    AsMade,
}

fn fates() -> impl Strategy<Value = Vec<InstanceDisposition>> {
    let fate = prop_oneof![1 => Just(InstanceDisposition::Absent), 1 => Just(InstanceDisposition::Altered), 1 => Just(InstanceDisposition::Untagged), 3 => Just(InstanceDisposition::AsMade)];
    prop::collection::vec(fate, resources(&full()).len())
}

proptest! {
    #[test]
    fn a_plan_makes_what_is_absent_changes_what_differs_and_leaves_nothing_to_do(fates in fates()) {
        let desired = resources(&full());
        let mut observed = made(&desired);
        // The keys that stand are others than the new ones.
        for standing in observed.values_mut() {
            if let Body::Function(Function { seal_key: Some(key), .. }) = &mut standing.body {
                *key = Secret::new("standing");
            }
        }
        let fate: BTreeMap<_, _> = desired.iter().map(|resource| resource.id).zip(fates).collect();
        for (id, fate) in &fate {
            let standing = observed.get_mut(id).unwrap();
            match fate {
                InstanceDisposition::Absent => drop(observed.remove(id)),
                InstanceDisposition::Altered => standing.body = altered(&standing.body),
                InstanceDisposition::Untagged => if let Some(tags) = &mut standing.tags { tags.0.remove("env"); },
                InstanceDisposition::AsMade => {}
            }
        }
        let known = outputs(observed.keys().copied());
        let plan = plan(desired.clone(), observed.clone());
        for step in &plan.steps {
            let (id, desired) = (step.desired.id, &step.desired);
            let waits = {
                let mut body = desired.body.clone();
                body.resolve(&known);
                body.fields().to_string().contains("(known once")
            };
            let alone = match id {
                ResourceId::Function(group, FunctionType::Fetch | FunctionType::Scale) => {
                    [FunctionType::Fetch, FunctionType::Scale]
                        .iter().any(|&function| !observed.contains_key(&ResourceId::Function(group, function)))
                }
                _ => false,
            };
            let differs = fate[&id] == InstanceDisposition::Altered || fate[&id] == InstanceDisposition::Untagged && desired.tags.is_some();
            match &step.action {
                Action::Create => prop_assert_eq!(fate[&id], InstanceDisposition::Absent),
                Action::Update(changes) => {
                    prop_assert!(!changes.is_empty());
                    prop_assert!(observed.contains_key(&id) && (differs || waits || alone), "{:?} {:?}", id, changes);
                }
                Action::Unchanged => {
                    prop_assert!(observed.contains_key(&id) && !differs && !waits && !alone, "{:?}", id);
                }
            }
        }
        // Carried out, it leaves nothing to do, whatever keys the next run makes.
        let carried_out: Vec<_> = plan.steps.into_iter().map(|step| step.desired).collect();
        prop_assert!(Plan::new(&cluster(), desired, made(&carried_out)).unwrap().is_empty());
    }
}
