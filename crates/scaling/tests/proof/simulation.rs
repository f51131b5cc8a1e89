//! Simulation of the loop with faults: the real planners and executor, a simulated Weka cluster and a simulated group. A seed
//! determines the schedule. Calls fail before or after they take effect, machines fail or recover, drives break, instances
//! never join, the desired capacity changes at any time, runs overlap, and lists are stale or cannot be read.
//!
//! `WEKACTL_SEEDS=from..to` selects other seeds; `WEKACTL_SEED=n` runs one seed and prints its log.

mod group;
mod random;
mod run;
mod terminate;
mod world;

use group::Ec2State;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use world::World;

/// The seeds that the test runs.
const SEEDS: Range<u64> = 0..10_000;

type Run = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// The counters of a simulation.
#[derive(Debug, Default, Clone, Copy)]
struct Counters {
    changes: u32,
    terminated: u32,
    terminated_by_operator: u32,
}

struct Schedule {
    world: Rc<RefCell<World>>,
    runs: VecDeque<Run>,
    runs_overlap: bool,
}

impl Schedule {
    fn new(seed: u64, log: bool) -> Self {
        let mut world = World::new(seed);
        if log {
            world.log.reserve(1);
        }
        let runs_overlap = world.random.once_in(3);
        Self {
            world: Rc::new(RefCell::new(world)),
            runs: VecDeque::new(),
            runs_overlap,
        }
    }

    /// Starts a run, and advances the runs in progress: to their end, unless they overlap.
    fn tick(&mut self) {
        if self.runs.len() < 2 {
            self.runs.push_back(Box::pin(run::tick(Rc::clone(&self.world))));
        }
        let may_overlap = self.runs_overlap && self.world.borrow().faults;
        let mut steps = if may_overlap {
            self.world.borrow_mut().random.in_range(1..30)
        } else {
            u32::MAX
        };
        while steps > 0 && !self.runs.is_empty() {
            steps -= 1;
            let runs = u32::try_from(self.runs.len()).unwrap();
            let turn = {
                let mut world = self.world.borrow_mut();
                world.runs = runs;
                world.overlaps += u32::from(runs > 1);
                world.random.in_range(0..runs)
            } as usize;
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = self.runs[turn].as_mut().poll(&mut context) {
                drop(self.runs.remove(turn));
                if let Err(reason) = result {
                    self.world
                        .borrow_mut()
                        .note(|| format!("the run failed: {reason}"));
                }
            }
            let mut world = self.world.borrow_mut();
            world.check();
            if world.violation.is_none() && world.faults && world.random.once_in(60) {
                inject_fault(&mut world);
            }
        }
    }

    /// Advances the clock by one or more minutes.
    fn advance(&mut self) {
        let mut world = self.world.borrow_mut();
        // A run ends within minutes, whatever happens.
        let is_running = !self.runs.is_empty();
        let minutes = if is_running {
            1
        } else {
            *world.random.pick(&[1, 1, 1, 2, 5, 20, 60]).unwrap()
        };
        world.advance(minutes);
        world.check();
    }
}

/// Injects a random fault or change.
fn inject_fault(world: &mut World) {
    let numbers: Vec<u32> = world.group.instances.values().map(|ec2| ec2.number).collect();
    let Some(number) = world.random.pick(&numbers).copied() else {
        return;
    };
    world.injected_faults += 1;
    match world.random.in_range(0..10) {
        0 => world.power_off(number, Ec2State::Running),
        1 => world.power_off(number, Ec2State::Stopped),
        2 => {
            world.power_off(number, Ec2State::Terminated);
        }
        3..=5 => world.power_on(number),
        6 => {
            let uuids: Vec<_> = world.weka.drives().map(|drive| drive.uuid.clone()).collect();
            if let Some(uuid) = world.random.pick(&uuids) {
                world.note(|| format!("{uuid} breaks"));
                world.weka.fail_drive(uuid).unwrap();
            }
        }
        8 => world.start_maintenance(number),
        7 => {
            let desired = world.random.in_range(3..11);
            world.note(|| format!("desired capacity {desired}"));
            world.group.desired = desired;
        }
        _ => {
            // The amount of data changes.
            let drives = u64::from(world.random.in_range(0..12));
            world.weka.used_capacity = drives * world.weka.settings().drive_capacity;
        }
    }
}

fn simulate(seed: u64, log: bool) -> (Result<Counters, String>, Vec<String>) {
    let mut schedule = Schedule::new(seed, log);
    let faulty_minutes = schedule.world.borrow_mut().random.in_range(20..60);
    for _ in 0..faulty_minutes {
        if schedule.world.borrow_mut().random.once_in(4) {
            inject_fault(&mut schedule.world.borrow_mut());
        }
        schedule.tick();
        schedule.advance();
        if schedule.world.borrow().violation.is_some() {
            return finish(&schedule, None);
        }
    }
    // The faults end; failed machines stay failed.
    {
        let mut world = schedule.world.borrow_mut();
        world.faults = false;
        world.weka.used_capacity = 0;
        world.end_maintenance();
        world.group.desired = world.random.in_range(5..10);
        let desired = world.group.desired;
        world.note(|| format!("the faults end, desired capacity {desired}"));
    }
    for _ in 0..600 {
        schedule.tick();
        if schedule.world.borrow().is_settled() {
            return check_stable(schedule);
        }
        schedule.advance();
        if schedule.world.borrow().violation.is_some() {
            return finish(&schedule, None);
        }
    }
    let state = schedule.world.borrow().state();
    finish(
        &schedule,
        Some(format!("I6: the group does not reach its target: {state}")),
    )
}

/// I6: once the target is reached, nothing changes.
fn check_stable(mut schedule: Schedule) -> (Result<Counters, String>, Vec<String>) {
    let before = (
        schedule.world.borrow().changes,
        schedule.world.borrow().terminated,
    );
    for _ in 0..10 {
        schedule.advance();
        schedule.tick();
    }
    let after = (
        schedule.world.borrow().changes,
        schedule.world.borrow().terminated,
    );
    let settled = schedule.world.borrow().is_settled();
    let violation =
        (before != after || !settled).then(|| "I6: the group does not stay at its target".to_owned());
    finish(&schedule, violation)
}

fn finish(schedule: &Schedule, violation: Option<String>) -> (Result<Counters, String>, Vec<String>) {
    let world = schedule.world.borrow();
    let counters = Counters {
        changes: world.changes,
        terminated: world.terminated,
        terminated_by_operator: world.terminated_by_operator,
    };
    let result = match world.violation.clone().or(violation) {
        Some(violation) => Err(violation),
        None => Ok(counters),
    };
    (result, world.log.clone())
}

fn run_with_log(seed: u64) {
    let (result, log) = simulate(seed, true);
    assert!(
        result.is_ok(),
        "seed {seed}: {}\n{}",
        result.unwrap_err(),
        log.join("\n")
    );
}

/// Runs a share of the seeds: nextest runs each share in its own process.
fn run_share(index: u64, shares: u64) -> Counters {
    if let Some(seed) = crate::variable("WEKACTL_SEED") {
        run_with_log(seed.parse().unwrap());
        return Counters::default();
    }
    let seeds = crate::variable("WEKACTL_SEEDS").map_or(SEEDS, |range| {
        let (from, to) = range.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    });
    let mut total = Counters::default();
    for seed in seeds.filter(|seed| seed % shares == index) {
        match simulate(seed, false).0 {
            Ok(counters) => {
                total.changes += counters.changes;
                total.terminated += counters.terminated;
                total.terminated_by_operator += counters.terminated_by_operator;
            }
            // Again, with the log.
            Err(_) => run_with_log(seed),
        }
    }
    // A simulation in which nothing happens proves nothing.
    assert!(total.changes > 0 && total.terminated > 0, "{total:?}");
    total
}

#[test]
fn invariants_hold_for_the_first_quarter_of_the_seeds() {
    println!("{:?}", run_share(0, 4));
}

#[test]
fn invariants_hold_for_the_second_quarter_of_the_seeds() {
    println!("{:?}", run_share(1, 4));
}

#[test]
fn invariants_hold_for_the_third_quarter_of_the_seeds() {
    println!("{:?}", run_share(2, 4));
}

#[test]
fn invariants_hold_for_the_fourth_quarter_of_the_seeds() {
    println!("{:?}", run_share(3, 4));
}
