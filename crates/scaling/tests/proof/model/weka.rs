//! What Weka does with a call, and whether it may be asked for it.

use super::state::{CONTAINERS, Down, Scaling, Slot, State};
use scaling::policy::UNHEALTHY_AT_ONCE;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveStatus, HostState};

/// Weka refuses to go below this many machines.
const FAILURE_DOMAINS: usize = 4;

/// What Weka makes of a call; false if it refuses.
pub(super) fn weka(state: &mut State, call: &Call, run: &Scaling) -> bool {
    let before: Vec<bool> = state.slots.iter().map(Slot::is_under_way).collect();
    let well: Vec<bool> = state.slots.iter().map(is_well).collect();
    let carried_out = execute(state, call);
    for (number, was) in before.into_iter().enumerate() {
        if !was && state.slots[number].is_under_way() {
            begun(state, run, well[number]);
        }
    }
    carried_out
}

fn is_well(slot: &Slot) -> bool {
    slot.down == Down::No && slot.drive == Some(DriveStatus::Active)
}

/// A machine begins to leave because of the run (I2 and I3). A machine that died since the run looked is no reason to
/// take back what was right then; so what counts is what the run saw.
fn begun(state: &mut State, run: &Scaling, well: bool) {
    let limit = run.excess.max(UNHEALTHY_AT_ONCE);
    // Of the group until it is forgotten, of others until it has left.
    let counts = |slot: &&Slot| slot.is_under_way() && (slot.is_in_group() || slot.is_busy());
    let going = state.slots.iter().filter(counts).count();
    if going > limit {
        state.broken = state.broken.or(Some("I2"));
    }
    let remain = state
        .slots
        .iter()
        .filter(|slot| !slot.containers.is_empty() && !slot.is_under_way())
        .count();
    if remain < run.floor && well {
        state.broken = state.broken.or(Some("I3"));
    }
}

fn execute(state: &mut State, call: &Call) -> bool {
    let slot_of = |id: HostId| (id.0 / CONTAINERS) as usize;
    match call {
        Call::DeactivateDrives(uuids) => {
            for number in numbers(uuids) {
                state.slots[number].wanted = false;
            }
            true
        }
        Call::DeactivateHosts(ids) => {
            let leaving = slot_of(ids[0]);
            let active = |(number, slot): &(usize, &Slot)| {
                *number != leaving && slot.containers.contains(&HostState::Active)
            };
            if state.slots.iter().enumerate().filter(active).count() < FAILURE_DOMAINS {
                return false;
            }
            state.slots[leaving].containers.fill(HostState::Deactivating);
            true
        }
        Call::RemoveHost(id) => {
            let slot = &mut state.slots[slot_of(*id)];
            let gone = CONTAINERS - u32::try_from(slot.containers.len()).unwrap();
            // The containers of a machine go in order, and each once.
            if id.0 % CONTAINERS != gone || slot.containers.first() != Some(&HostState::Inactive) {
                return false;
            }
            slot.containers.remove(0);
            true
        }
        Call::RemoveDrives(uuids) => {
            let all = numbers(uuids);
            if all
                .iter()
                .any(|number| state.slots[*number].drive != Some(DriveStatus::Inactive))
            {
                return false;
            }
            for number in all {
                state.slots[number].drive = None;
            }
            true
        }
        Call::Event(_) => true,
    }
}

fn numbers(uuids: &[DriveUuid]) -> Vec<usize> {
    uuids
        .iter()
        .map(|uuid| uuid.as_str().rsplit_once('-').unwrap().1.parse().unwrap())
        .collect()
}
