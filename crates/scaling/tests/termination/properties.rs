use crate::any::{Scene, any_scene, now};
use crate::oracle::{expected, is_free, qualifies};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use scaling::termination::{
    Action, Member, Plan, Reason, Report, SkipReason, State, Termination, Violation, check,
    never_joined_limit, plan,
};
use std::collections::{BTreeMap, BTreeSet};
use weka_types::ids::InstanceId;

const WHYS: [Reason; 3] = [Reason::Left, Reason::Stopped, Reason::NeverJoined];

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
    after.group.retain(|member| !plan.detach.contains(&member.id));
    after.response.to_terminate.retain(|asked| {
        !plan
            .terminate
            .iter()
            .any(|termination| termination.id.0 == asked.id)
    });
    after
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, ..ProptestConfig::default() })]

    #[test]
    fn the_planner_does_what_the_oracle_says(scene in any_scene()) {
        let planned = planned(&scene);
        let expected = expected(&scene);
        prop_assert_eq!(planned.is_some(), expected.is_some());
        let (Some((plan, report)), Some(expected)) = (planned, expected) else { return Ok(()) };
        let terminated: Vec<_> = plan.terminate.iter().map(|one| (one.id.clone(), one.why)).collect();
        prop_assert_eq!(terminated, expected.terminate);
        prop_assert_eq!(plan.detach.iter().cloned().collect::<BTreeSet<_>>(), expected.detach);
        let too_many = report.decisions.iter().any(|decision| decision.verdict.is_error());
        prop_assert_eq!(too_many, expected.too_many);
        prop_assert_eq!(report.errors().iter().any(|error| error.contains("something else is wrong")), too_many);
    }

    #[test]
    fn what_the_planner_plans_the_checker_lets_through(scene in any_scene()) {
        if let Some((plan, _)) = planned(&scene) {
            prop_assert_eq!(check(&plan, &scene.response, &scene.group, now()), Ok(()));
        }
    }

    #[test]
    fn nothing_with_a_container_is_terminated_and_never_too_much(scene in any_scene()) {
        let Some((plan, _)) = planned(&scene) else { return Ok(()) };
        for termination in &plan.terminate {
            prop_assert!(is_free(&scene, member(&scene, &termination.id)), "{}", termination.id);
        }
        prop_assert!(plan.terminate.len() <= 50);
        let never = plan.terminate.iter().filter(|termination| termination.why == Reason::NeverJoined).count();
        prop_assert!(never <= never_joined_limit(scene.group.len()));
    }

    #[test]
    fn the_order_of_what_is_given_does_not_matter(scene in any_scene(), by: usize) {
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

    /// Every instance that something is done with is reported as that, and of every other with which not all is well it
    /// is said why nothing is done.
    #[test]
    fn the_report_says_it_all(scene in any_scene()) {
        let Some((plan, report)) = planned(&scene) else { return Ok(()) };
        let said = |id: &InstanceId, what: fn(&Action) -> bool| {
            report.decisions.iter().filter(|decision| decision.id == *id && what(&decision.verdict)).count()
        };
        for termination in &plan.terminate {
            prop_assert_eq!(said(&termination.id, |verdict| matches!(verdict, Action::Terminate(_))), 1);
            prop_assert_eq!(said(&termination.id, |verdict| matches!(verdict, Action::SkipReason(..))), 0);
        }
        for asked in &scene.response.to_terminate {
            let id = InstanceId(asked.id.clone());
            prop_assert!(said(&id, |verdict| !matches!(verdict, Action::Detach(_))) == 1, "{}", id);
        }
        for member in scene.group.iter().filter(|member| !member.healthy) {
            prop_assert!(said(&member.id, |_| true) >= 1, "{:?}", member);
        }
        let waiting = report.decisions.iter().filter(|d| matches!(d.verdict, Action::NextRun(_))).count();
        prop_assert!(waiting == 0 || plan.terminate.len() == 50);
        prop_assert!(report.decisions.is_sorted_by_key(|decision| &decision.id));
        for decision in &report.decisions {
            prop_assert!(!decision.verdict.to_string().is_empty());
        }
    }

    /// Runs that follow each other come to an end, and none takes up again what one before it has done.
    #[test]
    fn runs_come_to_an_end(scene in any_scene()) {
        let mut scene = scene;
        let mut done = BTreeSet::new();
        for _ in 0..10 {
            let Some((plan, report)) = planned(&scene) else { return Ok(()) };
            if plan == Plan::default() {
                let waits = report.decisions.iter().any(|d| matches!(d.verdict, Action::NextRun(_)));
                prop_assert!(!waits);
                return Ok(());
            }
            for termination in &plan.terminate {
                prop_assert!(done.insert(termination.id.clone()), "{} again", termination.id);
            }
            scene = after(&scene, &plan);
        }
        prop_assert!(false, "there is no end to it");
    }

    /// The checker judges each instance by itself as the oracle does.
    #[test]
    fn the_checker_lets_through_who_qualifies_and_nobody_else(scene in any_scene(), why in select(&WHYS)) {
        let Some((_, report)) = planned(&scene) else { return Ok(()) };
        for member in &scene.group {
            let plan = Plan {
                detach: vec![],
                terminate: vec![Termination {
                    id: member.id.clone(),
                    launched: member.ec2.as_ref().and_then(|ec2| ec2.launched),
                    why,
                }],
            };
            let let_through = check(&plan, &scene.response, &scene.group, now()).is_ok();
            // The planner gives the first reason, and nothing to who is asked for by two addresses; the checker asks
            // whether the given one holds.
            let qualifies = qualifies(&scene, member, why);
            prop_assert!(let_through || !qualifies, "{:?} of {:?}", why, member);
            if let_through {
                prop_assert!(is_free(&scene, member));
                let refused = report.decisions.iter().any(|decision| {
                    decision.id == member.id
                        && matches!(decision.verdict, Action::SkipReason(_, SkipReason::Container { .. } | SkipReason::Lifecycle(_) | SkipReason::DetachReason))
                });
                prop_assert!(!refused, "{:?} of {:?}", why, member);
            }
        }
    }

    #[test]
    fn the_checker_refuses_what_is_added_to_a_plan(scene in any_scene(), which: prop::sample::Index) {
        let Some((plan, _)) = planned(&scene) else { return Ok(()) };
        if scene.group.is_empty() {
            return Ok(());
        }
        let member = which.get(&scene.group);
        let mut more = plan.clone();
        more.detach.push(member.id.clone());
        let allowed = check(&more, &scene.response, &scene.group, now()).is_ok();
        let gone = member.ec2.as_ref().is_none_or(|ec2| ec2.state == State::Terminated);
        let may = !member.healthy && (gone || !member.protected) && !plan.detach.contains(&member.id);
        prop_assert!(!allowed || may, "{:?}", member);
        let mut more = plan.clone();
        more.terminate.push(Termination { id: InstanceId::from("i-other"), launched: None, why: Reason::Left });
        let refused = check(&more, &scene.response, &scene.group, now());
        prop_assert_eq!(refused, Err(Violation::Foreign(InstanceId::from("i-other"))));
        if let Some(first) = plan.terminate.first() {
            let mut more = plan.clone();
            more.terminate.push(first.clone());
            let refused = check(&more, &scene.response, &scene.group, now());
            prop_assert_eq!(refused, Err(Violation::Twice(first.id.clone())));
        }
    }
}

/// The scenes are worth something only if they reach all that can be said.
#[test]
fn every_verdict_is_reached() {
    let mut runner = TestRunner::deterministic();
    let mut said = BTreeMap::new();
    for _ in 0..600 {
        let scene = any_scene().new_tree(&mut runner).unwrap().current();
        let reached = match plan(&scene.response, &scene.group, now()) {
            Err(refusal) => vec![format!("{refusal:?}")],
            Ok((_, report)) => report
                .decisions
                .iter()
                .map(|decision| match &decision.verdict {
                    Action::SkipReason(why, leave) => {
                        let leave = format!("{leave:?}");
                        let leave = leave.split([' ', '(']).next().unwrap().to_owned();
                        format!("{why:?} {leave}")
                    }
                    other => format!("{other:?}"),
                })
                .collect(),
        };
        for verdict in reached {
            *said.entry(verdict).or_insert(0) += 1;
        }
    }
    for verdict in [
        "NoMembers",
        "NoMember",
        "Detach(Unprotected)",
        "Detach(Unknown)",
        "Detach(Terminated)",
        "Terminate(Left)",
        "Terminate(Stopped)",
        "Terminate(NeverJoined)",
        "NextRun(Left)",
        "NextRun(Stopped)",
        "NextRun(NeverJoined)",
        "Some(Left) Container",
        "Some(Stopped) Container",
        "Some(NeverJoined) Container",
        "Some(Stopped) Member",
        "Some(Left) Unplaced",
        "Some(NeverJoined) Unplaced",
        "Some(Left) NotInGroup",
        "Some(Left) OtherAddress",
        "Some(Left) Lifecycle",
        "None Lifecycle",
        "Some(Left) Gone",
        "None Gone",
        "None Unhealthy",
        "Some(Left) State",
        "None State",
        "Some(Left) NoAddress",
        "Some(NeverJoined) NoAddress",
        "Some(NeverJoined) NoLaunchTime",
        "Some(NeverJoined) TooMany",
    ] {
        assert!(said.contains_key(verdict), "{verdict} in {said:#?}");
    }
}
