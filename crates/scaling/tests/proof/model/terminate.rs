//! The decisions of *terminate* in the model: the real planner and checker, on the hosts that were read last.

use super::state::{Power, State, Terminating, time};
use crate::cluster::{address, ago, instance};
use scaling::drain::{ExecutionResult, finish};
use scaling::terminate::{Ec2, Lifecycle, Member, State as Ec2State, check, plan};
use weka_types::ids::InstanceId;

/// Builds the message of *scale* and returns what *terminate* does.
pub(super) fn decide(state: &mut State, removed: &[usize]) -> Terminating {
    let lists = state.lists();
    let mut occupied: Vec<usize> = (0..state.slots.len())
        .filter(|number| state.slots[*number].is_occupied())
        .collect();
    occupied.sort_unstable();
    let result = ExecutionResult {
        removed: removed
            .iter()
            .map(|number| instance(u32::try_from(*number).unwrap()))
            .collect(),
        ..ExecutionResult::default()
    };
    let (response, _) = finish(&state.group(), result, &lists.hosts);
    let group: Vec<Member> = state
        .members()
        .map(|(number, ec2)| member(number, *ec2))
        .collect();
    let none = Terminating {
        detach: Vec::new(),
        terminate: Vec::new(),
        occupied: Vec::new(),
    };
    let Ok((plan, _)) = plan(&response, &group, time()) else {
        return none;
    };
    if check(&plan, &response, &group, time()).is_err() {
        state.violation = state.violation.or(Some("check"));
        return none;
    }
    let number = |id: &InstanceId| id.as_str().trim_start_matches("i-").parse().unwrap();
    let detach: Vec<usize> = plan.detach.iter().map(number).collect();
    let terminate: Vec<usize> = plan
        .terminate
        .iter()
        .map(|termination| number(&termination.id))
        .collect();
    let occupied = if terminate.is_empty() {
        Vec::new()
    } else {
        occupied
    };
    Terminating {
        detach,
        terminate,
        occupied,
    }
}

fn member(number: usize, ec2: super::state::Ec2) -> Member {
    let number = u32::try_from(number).unwrap();
    Member {
        id: instance(number).id.into(),
        healthy: !ec2.unhealthy,
        lifecycle: Lifecycle::InService,
        protected: ec2.protected,
        recent: false,
        ec2: Some(Ec2 {
            state: match ec2.power {
                Power::Running => Ec2State::Running,
                Power::Stopped => Ec2State::Stopped,
                Power::Terminated => Ec2State::Terminated,
            },
            private_ip: (ec2.power != Power::Terminated).then(|| address(number)),
            launch_time: Some(ago(if ec2.old { 60 } else { 1 })),
        }),
    }
}
