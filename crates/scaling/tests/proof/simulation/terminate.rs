//! *terminate* in the simulated world: the real planner and checker, the steps of AWS one by one.

use super::group::Ec2State;
use super::run::{Shared, aws_fails, step};
use super::world::Fault;
use crate::cluster::address;
use scaling::messages::ScaleResponse;
use scaling::termination::{Action, Ec2, Lifecycle, Member, Reason, SkipReason, State, check, plan};
use weka_types::ids::InstanceId;
use weka_types::lists::Hosts;

fn facts(world: &Shared) -> Vec<Member> {
    let world = world.borrow();
    let member = |(id, member): (&String, &super::group::Member)| {
        let ec2 = &world.group.instances[id];
        Member {
            id: InstanceId::from(id.as_str()),
            healthy: member.healthy,
            lifecycle: Lifecycle::InService,
            protected: member.protected,
            ec2: Some(Ec2 {
                state: match ec2.state {
                    Ec2State::Running => State::Running,
                    Ec2State::Stopped => State::Stopped,
                    Ec2State::Terminated => State::Terminated,
                },
                private_ip: (ec2.state != Ec2State::Terminated).then(|| address(ec2.number)),
                launched: Some(ec2.launched),
            }),
        }
    };
    world.group.members.iter().map(member).collect()
}

pub(super) async fn terminate(world: &Shared, response: &ScaleResponse, last: &Hosts) -> Result<(), String> {
    step().await;
    if aws_fails(world) != Fault::None {
        return Err("the group cannot be read".into());
    }
    let group = facts(world);
    let now = world.borrow().now;
    let (plan, report) = plan(response, &group, now).map_err(|refusal| refusal.to_string())?;
    if let Err(violation) = check(&plan, response, &group, now) {
        world.borrow_mut().promise(false, || {
            format!("the checker refuses the plan of terminate: {violation}")
        });
    }
    // What the run says is too much for it an operator looks after, once things go well again.
    for decision in &report.decisions {
        if !matches!(
            decision.verdict,
            Action::SkipReason(_, SkipReason::TooMany { .. })
        ) {
            continue;
        }
        let mut world = world.borrow_mut();
        world.note(|| format!("{}: {}", decision.id, decision.verdict));
        if !world.faults {
            world.operated += 1;
            world.terminated(decision.id.as_str(), "an operator");
        }
    }
    // I8.
    let never = plan
        .terminate
        .iter()
        .filter(|termination| termination.why == Reason::NeverJoined)
        .count();
    let limit = (group.len() / 10).clamp(2, 50);
    world.borrow_mut().promise(never <= limit, || {
        format!("I8: {never} terminated for never having joined")
    });
    let mut failed = Vec::new();
    for termination in &plan.terminate {
        if !one(world, termination.id.as_str(), last).await {
            failed.push(&termination.id);
        }
    }
    for id in plan.detach.iter().filter(|id| !failed.contains(id)) {
        step().await;
        let fault = aws_fails(world);
        if fault != Fault::Before {
            let mut world = world.borrow_mut();
            world.note(|| format!("{id} is detached"));
            world.group.members.remove(id.as_str());
        }
    }
    Ok(())
}

/// Termination protection off, scale-in protection off, terminated: the first that fails leaves it for the next run.
async fn one(world: &Shared, id: &str, last: &Hosts) -> bool {
    for part in 0..3 {
        step().await;
        let fault = aws_fails(world);
        if fault == Fault::Before {
            return false;
        }
        let mut world = world.borrow_mut();
        let address = address(world.group.instances[id].number);
        match part {
            0 => world.group.instances.get_mut(id).unwrap().termination_protected = false,
            1 => {
                world.may_go(id, address, last);
                if let Some(member) = world.group.members.get_mut(id) {
                    member.protected = false;
                }
            }
            _ => {
                world.may_go(id, address, last);
                let protected = world.group.instances[id].termination_protected;
                world.promise(!protected, || format!("{id} is terminated while it is protected"));
                world.terminated(id, "terminate");
            }
        }
        if fault == Fault::After {
            return false;
        }
    }
    true
}
