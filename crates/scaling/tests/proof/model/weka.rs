//! The effects of calls in the model, and the checks of I2 and I3.

use super::state::{CONTAINERS, Down, Scaling, Slot, State};
use scaling::policy::MAX_UNHEALTHY_DRAINING;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveStatus, HostState};

/// Weka refuses to go below this number of machines.
const FAILURE_DOMAINS: usize = 4;

/// Applies a call and checks the invariants. Returns the reason if Weka refuses the call.
pub(super) fn call(state: &mut State, call: &Call, run: &Scaling) -> Result<(), &'static str> {
    let before: Vec<bool> = state.slots.iter().map(Slot::is_draining).collect();
    let healthy: Vec<bool> = state.slots.iter().map(is_healthy).collect();
    let accepted = apply(state, call);
    for (number, was_draining) in before.into_iter().enumerate() {
        if !was_draining && state.slots[number].is_draining() {
            check_started(state, run, healthy[number]);
        }
    }
    accepted
}

fn is_healthy(slot: &Slot) -> bool {
    slot.down == Down::No && slot.drive == Some(DriveStatus::Active)
}

/// Checks I2 and I3 when a run starts to drain a machine. What the run observed counts: a machine that failed after that does not
/// make the decision wrong.
fn check_started(state: &mut State, run: &Scaling, healthy: bool) {
    let limit = run.excess.max(MAX_UNHEALTHY_DRAINING);
    // A machine of the group counts until it is deregistered; any other machine until it has left.
    let counts = |slot: &&Slot| slot.is_draining() && (slot.is_in_group() || slot.is_occupied());
    let draining = state.slots.iter().filter(counts).count();
    if draining > limit {
        state.violation = state.violation.or(Some("I2"));
    }
    let remain = state
        .slots
        .iter()
        .filter(|slot| !slot.containers.is_empty() && !slot.is_draining())
        .count();
    if remain < run.min_remaining && healthy {
        state.violation = state.violation.or(Some("I3"));
    }
}

fn apply(state: &mut State, call: &Call) -> Result<(), &'static str> {
    let slot_of = |id: HostId| (id.0 / CONTAINERS) as usize;
    match call {
        Call::DeactivateDrives(uuids) => {
            for number in numbers(uuids) {
                state.slots[number].wanted = false;
            }
            Ok(())
        }
        Call::DeactivateHosts(ids) => {
            let target = slot_of(ids[0]);
            let active = |(number, slot): &(usize, &Slot)| {
                *number != target && slot.containers.contains(&HostState::Active)
            };
            if state.slots.iter().enumerate().filter(active).count() < FAILURE_DOMAINS {
                return Err("not enough failure domains");
            }
            state.slots[target].containers.fill(HostState::Deactivating);
            Ok(())
        }
        Call::RemoveHost(id) => {
            let slot = &mut state.slots[slot_of(*id)];
            let deregistered = CONTAINERS - u32::try_from(slot.containers.len()).unwrap();
            // The containers of a machine are deregistered in order, and each only once.
            if id.0 % CONTAINERS != deregistered || slot.containers.first() != Some(&HostState::Inactive) {
                return Err("refused");
            }
            slot.containers.remove(0);
            Ok(())
        }
        Call::RemoveDrives(uuids) => {
            let all = numbers(uuids);
            if all
                .iter()
                .any(|number| state.slots[*number].drive != Some(DriveStatus::Inactive))
            {
                return Err("refused");
            }
            for number in all {
                state.slots[number].drive = None;
            }
            Ok(())
        }
        Call::Event(_) | Call::DeleteInterfacePort { .. } => Ok(()),
    }
}

fn numbers(uuids: &[DriveUuid]) -> Vec<usize> {
    uuids
        .iter()
        .map(|uuid| uuid.as_str().rsplit_once('-').unwrap().1.parse().unwrap())
        .collect()
}
