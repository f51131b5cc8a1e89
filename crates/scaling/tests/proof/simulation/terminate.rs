//! *terminate* in the simulated world: the real planner and checker, and one AWS call at a time.

use super::group::Ec2State;
use super::run::{Shared, aws_fault, step};
use super::world::Fault;
use crate::cluster::address;
use scaling::messages::ScaleResponse;
use scaling::terminate::{
    Action, Ec2, Lifecycle, Member, Reason, SkipReason, State, Step, StepResult, check, execute, plan,
};
use weka_types::ids::InstanceId;
use weka_types::lists::Hosts;

fn members(world: &Shared) -> Vec<Member> {
    let world = world.borrow();
    let member = |(id, member): (&String, &super::group::Member)| {
        let ec2 = &world.group.instances[id];
        Member {
            id: InstanceId::from(id.as_str()),
            healthy: member.healthy,
            lifecycle: Lifecycle::InService,
            protected: member.protected,
            recent: false,
            ec2: Some(Ec2 {
                state: match ec2.state {
                    Ec2State::Running => State::Running,
                    Ec2State::Stopped => State::Stopped,
                    Ec2State::Terminated => State::Terminated,
                },
                private_ip: (ec2.state != Ec2State::Terminated).then(|| address(ec2.number)),
                launch_time: Some(ec2.launched),
            }),
        }
    };
    world.group.members.iter().map(member).collect()
}

pub(super) async fn terminate(
    world: &Shared,
    response: &ScaleResponse,
    last_hosts: &Hosts,
) -> Result<(), String> {
    step().await;
    if aws_fault(world) != Fault::None {
        return Err("the group cannot be read".into());
    }
    let group = members(world);
    let now = world.borrow().now;
    let (plan, report) = plan(response, &group, now).map_err(|refusal| refusal.to_string())?;
    if let Err(violation) = check(&plan, response, &group, now) {
        world.borrow_mut().require(false, || {
            format!("the checker refuses the plan of terminate: {violation}")
        });
    }
    // After the faults have ended, an operator terminates the instances that the run reports as too many.
    for decision in &report.decisions {
        if !matches!(decision.action, Action::Skip(_, SkipReason::TooMany { .. })) {
            continue;
        }
        let mut world = world.borrow_mut();
        world.note(|| format!("{}: {}", decision.id, decision.action));
        if !world.faults {
            world.terminated_by_operator += 1;
            world.terminated(decision.id.as_str(), "an operator");
        }
    }
    // I8.
    let never_joined = plan
        .terminate
        .iter()
        .filter(|termination| termination.reason == Reason::NeverJoined)
        .count();
    let limit = (group.len() / 10).clamp(2, 50);
    world.borrow_mut().require(never_joined <= limit, || {
        format!("I8: {never_joined} instances are terminated because they never joined")
    });
    let result = execute(&plan, async |step, ids: Vec<InstanceId>| {
        let mut result = StepResult {
            done: Vec::new(),
            failed: Vec::new(),
        };
        for id in ids {
            match run_request(world, step, id.as_str(), last_hosts).await {
                Fault::None => result.done.push(id),
                Fault::Before | Fault::After => result.failed.push((vec![id], RequestFailed)),
            }
        }
        result
    })
    .await;
    for failed in &result.failed_steps {
        world.borrow_mut().note(|| failed.to_string());
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("the request failed")]
struct RequestFailed;

/// Sends the request of a step for one instance, unless its fault prevents that.
async fn run_request(world: &Shared, request: Step, id: &str, last_hosts: &Hosts) -> Fault {
    step().await;
    let fault = aws_fault(world);
    if fault == Fault::Before {
        return fault;
    }
    let mut world = world.borrow_mut();
    let address = address(world.group.instances[id].number);
    match request {
        Step::AllowTermination => world.group.instances.get_mut(id).unwrap().termination_protected = false,
        Step::AllowScaleIn => {
            world.check_may_terminate(id, address, last_hosts);
            world.set_protected(id, false);
        }
        Step::Terminate => {
            world.check_may_terminate(id, address, last_hosts);
            let protected = world.group.instances[id].termination_protected;
            world.require(!protected, || {
                format!("{id} is terminated while it has termination protection")
            });
            world.terminated(id, "terminate");
        }
        Step::ProtectAgain => world.set_protected(id, true),
        Step::Detach => {
            world.note(|| format!("{id} is detached"));
            world.group.members.remove(id);
        }
        Step::MarkHealthy => {
            if let Some(member) = world.group.members.get_mut(id) {
                member.healthy = true;
            }
        }
    }
    fault
}
