use crate::oracle::{expected, is_active_member, is_free, qualifies};
use crate::strategies::{Scene, any_scene, now};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use scaling::policy::never_joined_limit;
use scaling::terminate::{
    Action, Member, Plan, Reason, Report, SkipReason, State, Termination, Violation, check, plan,
};
use std::collections::{BTreeMap, BTreeSet};
use weka_types::ids::InstanceId;

const REASONS: [Reason; 3] = [Reason::LeftCluster, Reason::Stopped, Reason::NeverJoined];

fn planned(scene: &Scene) -> Option<(Plan, Report)> {
    plan(&scene.response, &scene.group, now()).ok()
}

fn member<'a>(scene: &'a Scene, id: &InstanceId) -> &'a Member {
    scene.group.iter().find(|member| member.id == *id).unwrap()
}

fn shuffled<T: Clone>(items: &[T], by: usize) -> Vec<T> {
    let mut items = items.to_vec();
    items.reverse();
    let middle = by % items.len().max(1);
    items.rotate_left(middle);
    items
}

/// The group after a run that succeeded in everything.
fn after(scene: &Scene, plan: &Plan) -> Scene {
    let mut after = scene.clone();
    for termination in &plan.terminate {
        let member = after.group.iter_mut().find(|member| member.id == termination.id);
        let member = member.unwrap();
        member.protected = false;
        member.ec2.as_mut().unwrap().state = State::ShuttingDown;
    }
    for member in &mut after.group {
        member.healthy |= plan.mark_healthy.contains(&member.id);
    }
    after.group.retain(|member| !plan.detach.contains(&member.id));
    after.response.to_terminate.retain(|requested| {
        !plan
            .terminate
            .iter()
            .any(|termination| termination.id.0 == requested.id)
    });
    after
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, ..ProptestConfig::default() })]

    #[test]
    fn planner_matches_the_oracle(scene in any_scene()) {
        let planned = planned(&scene);
        let expected = expected(&scene);
        prop_assert_eq!(planned.is_some(), expected.is_some());
        let (Some((plan, report)), Some(expected)) = (planned, expected) else { return Ok(()) };
        let terminated: Vec<_> = plan.terminate.iter().map(|termination| (termination.id.clone(), termination.reason)).collect();
        prop_assert_eq!(terminated, expected.terminate);
        prop_assert_eq!(plan.detach.iter().cloned().collect::<BTreeSet<_>>(), expected.detach);
        prop_assert_eq!(plan.mark_healthy.iter().cloned().collect::<BTreeSet<_>>(), expected.mark_healthy);
        let too_many = report.decisions.iter().any(|decision| decision.action.is_error());
        prop_assert_eq!(too_many, expected.too_many);
        prop_assert_eq!(report.errors().iter().any(|error| error.contains("there must be another cause")), too_many);
    }

    #[test]
    fn checker_accepts_every_plan(scene in any_scene()) {
        if let Some((plan, _)) = planned(&scene) {
            prop_assert_eq!(check(&plan, &scene.response, &scene.group, now()), Ok(()));
        }
    }

    #[test]
    fn members_are_never_terminated_and_limits_hold(scene in any_scene()) {
        let Some((plan, _)) = planned(&scene) else { return Ok(()) };
        for termination in &plan.terminate {
            prop_assert!(is_free(&scene, member(&scene, &termination.id)), "{}", termination.id);
        }
        prop_assert!(plan.terminate.len() <= 50);
        let never = plan.terminate.iter().filter(|termination| termination.reason == Reason::NeverJoined).count();
        prop_assert!(never <= never_joined_limit(scene.group.len()));
    }

    #[test]
    fn plan_does_not_depend_on_the_order_of_the_input(scene in any_scene(), by: usize) {
        let other = Scene {
            response: scaling::messages::ScaleResponse {
                hosts: shuffled(&scene.response.hosts, by),
                to_terminate: shuffled(&scene.response.to_terminate, by),
                members: scene.response.members.as_ref().map(|members| shuffled(members, by)),
                ..scene.response.clone()
            },
            group: shuffled(&scene.group, by),
        };
        prop_assert_eq!(planned(&scene), planned(&other));
    }

    /// Every action is reported, and for every other instance with a problem there is a reason why nothing is done.
    #[test]
    fn report_is_complete(scene in any_scene()) {
        let Some((plan, report)) = planned(&scene) else { return Ok(()) };
        let count = |id: &InstanceId, predicate: fn(&Action) -> bool| {
            report.decisions.iter().filter(|decision| decision.id == *id && predicate(&decision.action)).count()
        };
        for termination in &plan.terminate {
            prop_assert_eq!(count(&termination.id, |action| matches!(action, Action::Terminate(_))), 1);
            prop_assert_eq!(count(&termination.id, |action| matches!(action, Action::Skip(..))), 0);
        }
        for requested in &scene.response.to_terminate {
            let id = InstanceId(requested.id.clone());
            prop_assert!(count(&id, |action| !matches!(action, Action::Detach(_))) == 1, "{}", id);
        }
        for member in scene.group.iter().filter(|member| !member.healthy) {
            prop_assert!(count(&member.id, |_| true) >= 1, "{:?}", member);
        }
        let waiting = report.decisions.iter().filter(|d| matches!(d.action, Action::NextRun(_))).count();
        prop_assert!(waiting == 0 || plan.terminate.len() == 50);
        prop_assert!(report.decisions.is_sorted_by_key(|decision| &decision.id));
        for decision in &report.decisions {
            prop_assert!(!decision.action.to_string().is_empty());
        }
    }

    /// Consecutive runs come to an end, and none repeats what an earlier one has done.
    #[test]
    fn consecutive_runs_converge(scene in any_scene()) {
        let mut scene = scene;
        let mut done = BTreeSet::new();
        for _ in 0..10 {
            let Some((plan, report)) = planned(&scene) else { return Ok(()) };
            if plan == Plan::default() {
                let is_waiting = report.decisions.iter().any(|d| matches!(d.action, Action::NextRun(_)));
                prop_assert!(!is_waiting);
                return Ok(());
            }
            for termination in &plan.terminate {
                prop_assert!(done.insert(termination.id.clone()), "{} is terminated again", termination.id);
            }
            scene = after(&scene, &plan);
        }
        prop_assert!(false, "the runs do not come to an end");
    }

    /// The checker agrees with the oracle about each single instance.
    #[test]
    fn checker_accepts_only_qualifying_instances(scene in any_scene(), reason in select(&REASONS)) {
        let Some((_, report)) = planned(&scene) else { return Ok(()) };
        for member in &scene.group {
            let plan = Plan {
                detach: vec![],
                mark_healthy: vec![],
                terminate: vec![Termination {
                    id: member.id.clone(),
                    launch_time: member.ec2.as_ref().and_then(|ec2| ec2.launch_time),
                    reason,
                }],
            };
            let is_accepted = check(&plan, &scene.response, &scene.group, now()).is_ok();
            // The planner uses the first reason that matches, and skips an instance that is requested with two addresses. The
            // checker only verifies the given reason.
            let qualifies = qualifies(&scene, member, reason);
            prop_assert!(is_accepted || !qualifies, "{:?} of {:?}", reason, member);
            if is_accepted {
                prop_assert!(is_free(&scene, member));
                let refused = report.decisions.iter().any(|decision| {
                    decision.id == member.id
                        && matches!(decision.action, Action::Skip(_, SkipReason::Container { .. } | SkipReason::Lifecycle(_) | SkipReason::NotInEc2))
                });
                prop_assert!(!refused, "{:?} of {:?}", reason, member);
            }
        }
    }

    #[test]
    fn checker_accepts_only_active_members_as_healthy(scene in any_scene()) {
        for member in &scene.group {
            let plan = Plan { mark_healthy: vec![member.id.clone()], ..Plan::default() };
            let is_accepted = check(&plan, &scene.response, &scene.group, now()).is_ok();
            let is_running = member.ec2.as_ref().is_some_and(|ec2| ec2.state == State::Running);
            prop_assert!(!is_accepted || (is_running && !member.healthy), "{:?}", member);
            prop_assert!(is_accepted || member.healthy || !is_active_member(&scene, member), "{:?}", member);
        }
    }

    #[test]
    fn checker_refuses_additions_to_a_plan(scene in any_scene(), which: prop::sample::Index) {
        let Some((plan, _)) = planned(&scene) else { return Ok(()) };
        if scene.group.is_empty() {
            return Ok(());
        }
        let member = which.get(&scene.group);
        let mut more = plan.clone();
        more.detach.push(member.id.clone());
        let is_accepted = check(&more, &scene.response, &scene.group, now()).is_ok();
        let may_be_detached = match &member.ec2 {
            None => !member.recent,
            Some(ec2) => ec2.state == State::Terminated || !member.protected,
        };
        let is_allowed = !member.healthy && may_be_detached && !plan.detach.contains(&member.id);
        prop_assert!(!is_accepted || is_allowed, "{:?}", member);
        let mut more = plan.clone();
        more.terminate.push(Termination { id: InstanceId::from("i-other"), launch_time: None, reason: Reason::LeftCluster });
        let refused = check(&more, &scene.response, &scene.group, now());
        prop_assert_eq!(refused, Err(Violation::NotInGroup(InstanceId::from("i-other"))));
        if let Some(first) = plan.terminate.first() {
            let mut more = plan.clone();
            more.terminate.push(first.clone());
            let refused = check(&more, &scene.response, &scene.group, now());
            prop_assert_eq!(refused, Err(Violation::Duplicate(first.id.clone())));
        }
    }
}

/// The strategies must reach every action and reason.
#[test]
fn strategies_reach_every_action() {
    let mut runner = TestRunner::deterministic();
    let mut counts = BTreeMap::new();
    for _ in 0..600 {
        let scene = any_scene().new_tree(&mut runner).unwrap().current();
        let reached = match plan(&scene.response, &scene.group, now()) {
            Err(refusal) => vec![format!("{refusal:?}")],
            Ok((_, report)) => report
                .decisions
                .iter()
                .map(|decision| match &decision.action {
                    Action::Skip(reason, skip_reason) => {
                        let skip_reason = format!("{skip_reason:?}");
                        let skip_reason = skip_reason.split([' ', '(']).next().unwrap();
                        format!("{reason:?} {skip_reason}")
                    }
                    other => format!("{other:?}"),
                })
                .collect(),
        };
        for action in reached {
            *counts.entry(action).or_insert(0) += 1;
        }
    }
    for action in [
        "MembersMissing",
        "NoMembers",
        "MarkHealthy",
        "Detach(Unprotected)",
        "Detach(NotInEc2)",
        "Detach(Terminated)",
        "Terminate(LeftCluster)",
        "Terminate(Stopped)",
        "Terminate(NeverJoined)",
        "NextRun(LeftCluster)",
        "NextRun(Stopped)",
        "NextRun(NeverJoined)",
        "Some(LeftCluster) Container",
        "Some(Stopped) Container",
        "Some(NeverJoined) Container",
        "Some(Stopped) Member",
        "Some(LeftCluster) InvalidMemberAddress",
        "Some(NeverJoined) InvalidMemberAddress",
        "Some(LeftCluster) NotInGroup",
        "Some(LeftCluster) OtherAddress",
        "Some(LeftCluster) Lifecycle",
        "None Lifecycle",
        "Some(LeftCluster) NotInEc2",
        "None NotInEc2",
        "None Unhealthy",
        "Some(LeftCluster) State",
        "None State",
        "Some(LeftCluster) NoAddress",
        "Some(NeverJoined) NoAddress",
        "Some(NeverJoined) NoLaunchTime",
        "Some(NeverJoined) TooMany",
    ] {
        assert!(counts.contains_key(action), "{action} in {counts:#?}");
    }
}
