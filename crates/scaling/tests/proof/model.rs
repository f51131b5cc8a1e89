//! An exhaustive search of a small cluster: up to 7 machines, a desired capacity of 5 to 7, and one or two faults of different
//! kinds. The invariants hold in every reachable state, and the target can be reached from each of them.
//!
//! Time is abstract: a machine has been down for a short or a long time, and an instance was launched recently or long ago.
//! The planners and the checkers are the real ones. A machine has two containers and one drive.
//!
//! The model has its own Weka instead of the simulator's: a state must be small and comparable, without clocks and ids, so
//! that equal states are found again and the search ends.
//!
//! `WEKACTL_FAULTS=0,1,2` searches with one fault of each of these kinds, in the order of [`Faults`], instead of the default.

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

/// The model. Its parameters are the initial state.
struct Cluster {
    machines: usize,
    desired: usize,
    faults: Faults,
    /// Whether healthy machines are older than others.
    healthy_first: bool,
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
        next.renumber(self.healthy_first);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I1: no member is terminated", |_, state: &State| {
                state.violation != Some("I1")
            }),
            Property::always(
                "I2: the number of draining machines is limited",
                |_, state: &State| state.violation != Some("I2"),
            ),
            Property::always("I3: enough machines remain", |_, state: &State| {
                state.violation != Some("I3")
            }),
            Property::always("the checker accepts every plan", |_, state: &State| {
                state.violation != Some("check")
            }),
            Property::sometimes("the target is reached after all faults", |_, state: &State| {
                state.is_settled() && state.faults.is_spent()
            }),
        ]
    }
}

/// The reachable states. They are numbered in the order in which they are found.
struct Graph {
    settled: Vec<bool>,
    /// The steps without a fault and without a change of the desired capacity: what happens by waiting.
    progress: Vec<(u32, u32)>,
}

/// Visits all states depth-first, which keeps the queue short. Only the fingerprint of a state is kept, as the checker does.
fn explore(model: &Cluster, mut visit: impl FnMut(usize, &State)) -> Graph {
    let mut graph = Graph {
        settled: Vec::new(),
        progress: Vec::new(),
    };
    let mut numbers: FxHashMap<u64, u32> = FxHashMap::default();
    let mut queue = Vec::new();
    for state in model.init_states() {
        numbers.insert(fingerprint(&state), 0);
        queue.push((0, state));
        graph.settled.push(false);
    }
    let mut actions = Vec::new();
    while let Some((number, state)) = queue.pop() {
        visit(number as usize, &state);
        graph.settled[number as usize] = state.is_settled();
        model.actions(&state, &mut actions);
        for step in actions.drain(..) {
            let is_progress = step.is_progress();
            let Some(next) = model.next_state(&state, step) else {
                continue;
            };
            let new = u32::try_from(numbers.len()).unwrap();
            let other = *numbers.entry(fingerprint(&next)).or_insert_with(|| {
                queue.push((new, next));
                graph.settled.push(false);
                new
            });
            if is_progress {
                graph.progress.push((number, other));
            }
        }
    }
    graph
}

impl Graph {
    /// A state from which waiting no longer leads to the target, if there is one.
    fn stuck(&self) -> Option<usize> {
        // The index of each state's first predecessor, with the steps sorted by the state that they lead to.
        let mut first = vec![0_usize; self.settled.len() + 1];
        for (_, to) in &self.progress {
            first[*to as usize + 1] += 1;
        }
        for number in 1..first.len() {
            first[number] += first[number - 1];
        }
        let mut predecessors = vec![0_u32; self.progress.len()];
        let mut free = first.clone();
        for (from, to) in &self.progress {
            predecessors[free[*to as usize]] = *from;
            free[*to as usize] += 1;
        }
        let mut reaches = self.settled.clone();
        let mut queue: Vec<usize> = (0..reaches.len()).filter(|state| reaches[*state]).collect();
        while let Some(state) = queue.pop() {
            for from in &predecessors[first[state]..first[state + 1]] {
                if !std::mem::replace(&mut reaches[*from as usize], true) {
                    queue.push(*from as usize);
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

/// Searches all states and returns their number: once for the properties, and once for whether each leads to the target.
fn search(model: &impl Fn() -> Cluster) -> usize {
    let checker = model().checker().spawn_bfs().join();
    checker.assert_properties();
    let states = search_without_checker(model);
    assert_eq!(states, checker.unique_state_count());
    states
}

/// The same without the checker, whose queue needs too much memory with many faults.
fn search_without_checker(model: &impl Fn() -> Cluster) -> usize {
    let mut reached = false;
    let graph = explore(&model(), |_, state| {
        assert_eq!(state.violation, None, "{state:#?}");
        reached |= state.is_settled() && state.faults.is_spent();
    });
    assert!(reached, "the target is never reached after all faults");
    if let Some(stuck) = graph.stuck() {
        explore(&model(), |number, state| {
            assert!(
                number != stuck,
                "the target can no longer be reached from {state:#?}"
            );
        });
    }
    graph.settled.len()
}

/// Searches all states with this fault, and with this fault and one of the `others`. All five together have 102 million states.
fn search_faults(kind: usize, others: Range<usize>) {
    let state = |healthy_first, faults| {
        move || Cluster {
            machines: 5,
            desired: 5,
            faults,
            healthy_first,
        }
    };
    if let Some(kinds) = crate::variable("WEKACTL_FAULTS") {
        let kinds: Vec<_> = kinds.split(',').map(|kind| kind.parse().unwrap()).collect();
        let faults = Faults::new(&kinds);
        println!(
            "{faults:?}: {} states",
            search_without_checker(&state(true, faults))
        );
        return;
    }
    let single = Faults::new(&[kind]);
    println!("{single:?}: {} states", search(&state(true, single)));
    println!(
        "{single:?}, healthy machines younger: {} states",
        search(&state(false, single))
    );
    for other in others {
        let both = Faults::new(&[kind, other]);
        println!("{both:?}: {} states", search(&state(true, both)));
    }
}

#[test]
fn states_with_a_failed_call_are_safe_and_lead_to_the_target() {
    search_faults(0, 1..5);
}

#[test]
fn states_with_a_dead_and_a_stopped_machine_are_safe_and_lead_to_the_target() {
    search_faults(1, 2..3);
}

#[test]
fn states_with_a_dead_machine_are_safe_and_lead_to_the_target() {
    search_faults(1, 3..5);
}

#[test]
fn states_with_a_stopped_machine_are_safe_and_lead_to_the_target() {
    search_faults(2, 3..5);
}

#[test]
fn states_with_a_broken_drive_are_safe_and_lead_to_the_target() {
    search_faults(3, 4..5);
}

#[test]
fn states_with_an_instance_that_never_joins_are_safe_and_lead_to_the_target() {
    search_faults(4, 0..0);
}
