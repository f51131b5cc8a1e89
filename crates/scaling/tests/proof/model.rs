//! A small cluster searched whole: up to 7 machines, desired 5 to 7, faults of each kind and of each two. In every reachable state the
//! invariants hold, and from every one the target can still be reached.
//!
//! Time is what it does: a machine that is down is down for a short while or for long, an instance was launched just now
//! or long ago. The planners and the checker are the real ones; a machine has two containers and one drive.
//!
//! `WEKACTL_FAULTS=0,1,2` searches with a fault of each of these kinds at once, in the order of [`Faults`], in place of the usual ones.

mod state;
mod steps;
mod terminate;
mod weka;

use rustc_hash::FxHashMap;
use state::{Faults, State};
use stateright::{Checker, Model, Property};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use steps::Step;

/// The model: where it begins is its only parameter.
struct Cluster {
    machines: usize,
    desired: usize,
    faults: Faults,
    /// Whether machines with which all is well are the older ones.
    well_first: bool,
}

impl Model for Cluster {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.machines, self.desired, self.faults)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        steps::possible(state, actions);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        steps::take(&mut next, step);
        next.renumber(self.well_first);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I1: no member is terminated", |_, state: &State| {
                state.broken != Some("I1")
            }),
            Property::always(
                "I2: no more are on their way out than may be",
                |_, state: &State| state.broken != Some("I2"),
            ),
            Property::always("I3: as many remain as must", |_, state: &State| {
                state.broken != Some("I3")
            }),
            Property::always("the checker agrees", |_, state: &State| {
                state.broken != Some("check")
            }),
            Property::sometimes(
                "the target is reached after all the faults",
                |_, state: &State| state.is_settled() && state.faults.is_spent(),
            ),
        ]
    }
}

/// What is to be known of every state that is reached: by its number, in the order in which they are found.
struct Graph {
    settled: Vec<bool>,
    /// The steps that need no fault and no change of the target: what happens if one only waits.
    onward: Vec<(u32, u32)>,
}

/// Goes through all states, deepest first: there may be many, and so few wait at a time. A state is kept by its fingerprint alone, as
/// the checker does.
fn graph(model: &Cluster, mut look: impl FnMut(usize, &State)) -> Graph {
    let mut graph = Graph {
        settled: Vec::new(),
        onward: Vec::new(),
    };
    let mut numbers: FxHashMap<u64, u32> = FxHashMap::default();
    let mut open = Vec::new();
    for state in model.init_states() {
        numbers.insert(fingerprint(&state), 0);
        open.push((0, state));
        graph.settled.push(false);
    }
    let mut actions = Vec::new();
    while let Some((number, state)) = open.pop() {
        look(number as usize, &state);
        graph.settled[number as usize] = state.is_settled();
        model.actions(&state, &mut actions);
        for step in actions.drain(..) {
            let waits = step.is_onward();
            let Some(after) = model.next_state(&state, step) else {
                continue;
            };
            let new = u32::try_from(numbers.len()).unwrap();
            let other = *numbers.entry(fingerprint(&after)).or_insert_with(|| {
                open.push((new, after));
                graph.settled.push(false);
                new
            });
            if waits {
                graph.onward.push((number, other));
            }
        }
    }
    graph
}

impl Graph {
    /// A state from which the target cannot be reached any more by waiting, if there is one.
    fn stuck(&self) -> Option<usize> {
        // Where each state's own begin among the steps, ordered by the state that they lead to.
        let mut begin = vec![0_usize; self.settled.len() + 1];
        for (_, to) in &self.onward {
            begin[*to as usize + 1] += 1;
        }
        for number in 1..begin.len() {
            begin[number] += begin[number - 1];
        }
        let mut before = vec![0_u32; self.onward.len()];
        let mut free = begin.clone();
        for (from, to) in &self.onward {
            before[free[*to as usize]] = *from;
            free[*to as usize] += 1;
        }
        let mut reaches = self.settled.clone();
        let mut open: Vec<usize> = (0..reaches.len()).filter(|state| reaches[*state]).collect();
        while let Some(state) = open.pop() {
            for from in &before[begin[state]..begin[state + 1]] {
                if !std::mem::replace(&mut reaches[*from as usize], true) {
                    open.push(*from as usize);
                }
            }
        }
        reaches.iter().position(|reaches| !reaches)
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Searches all states, and tells how many there are: once for the properties, once for whether each leads to the target.
fn search(model: &impl Fn() -> Cluster) -> usize {
    let checker = model().checker().spawn_bfs().join();
    checker.assert_properties();
    let states = search_alone(model);
    assert_eq!(states, checker.unique_state_count());
    states
}

/// The same without the checker, whose queue takes more memory than a machine has where the faults are many.
fn search_alone(model: &impl Fn() -> Cluster) -> usize {
    let mut reached = false;
    let found = graph(&model(), |_, state| {
        assert_eq!(state.broken, None, "{state:#?}");
        reached |= state.is_settled() && state.faults.is_spent();
    });
    assert!(reached, "the target is never reached after all the faults");
    if let Some(stuck) = found.stuck() {
        graph(&model(), |number, state| {
            assert!(
                number != stuck,
                "the target cannot be reached any more from {state:#?}"
            );
        });
    }
    found.settled.len()
}

/// All states with this fault, and with this and one of each of the `others`. All five at once have 102 million.
fn faults(one: usize, others: Range<usize>) {
    let state = |well_first, faults| {
        move || Cluster {
            machines: 5,
            desired: 5,
            faults,
            well_first,
        }
    };
    if let Some(kinds) = crate::variable("WEKACTL_FAULTS") {
        let kinds: Vec<_> = kinds.split(',').map(|kind| kind.parse().unwrap()).collect();
        let faults = Faults::of(&kinds);
        println!("{faults:?}: {} states", search_alone(&state(true, faults)));
        return;
    }
    let alone = Faults::of(&[one]);
    println!("{alone:?}: {} states", search(&state(true, alone)));
    println!(
        "{alone:?}, the well ones younger: {} states",
        search(&state(false, alone))
    );
    for other in others {
        let both = Faults::of(&[one, other]);
        println!("{both:?}: {} states", search(&state(true, both)));
    }
}

#[test]
fn every_state_with_a_call_that_fails_is_safe_and_leads_to_the_target() {
    faults(0, 1..5);
}

#[test]
fn every_state_with_a_machine_that_dies_and_one_that_stops_is_safe_and_leads_to_the_target() {
    faults(1, 2..3);
}

#[test]
fn every_state_with_a_machine_that_dies_is_safe_and_leads_to_the_target() {
    faults(1, 3..5);
}

#[test]
fn every_state_with_a_machine_that_stops_is_safe_and_leads_to_the_target() {
    faults(2, 3..5);
}

#[test]
fn every_state_with_a_drive_that_breaks_is_safe_and_leads_to_the_target() {
    faults(3, 4..5);
}

#[test]
fn every_state_with_an_instance_that_never_joins_is_safe_and_leads_to_the_target() {
    faults(4, 0..0);
}
