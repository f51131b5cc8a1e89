//! The loop under faults: planners and executor as they are, with a simulated Weka and a simulated group, under a schedule
//! that a seed gives. Calls fail before or after they took effect, machines die or come back, drives break, instances
//! never join, the target changes at any time, runs overlap, lists are old or refused.
//!
//! `WEKACTL_SEEDS=from..to` runs others than the usual ones; `WEKACTL_SEED=n` runs one and prints what happened.

mod group;
mod random;
mod run;
mod terminate;
mod weka;
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

/// How many seeds the test runs.
const SEEDS: Range<u64> = 0..10_000;

type Run = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// What became of a seed.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    changes: u32,
    terminated: u32,
    operated: u32,
}

struct Schedule {
    world: Rc<RefCell<World>>,
    runs: VecDeque<Run>,
    overlap: bool,
}

impl Schedule {
    fn new(seed: u64, log: bool) -> Self {
        let mut world = World::new(seed);
        if log {
            world.log.reserve(1);
        }
        let overlap = world.random.once_in(3);
        Self {
            world: Rc::new(RefCell::new(world)),
            runs: VecDeque::new(),
            overlap,
        }
    }

    /// Begins a run, and lets those under way go on for a while: to their end, unless they overlap.
    fn minute(&mut self) {
        if self.runs.len() < 2 {
            self.runs.push_back(Box::pin(run::minute(Rc::clone(&self.world))));
        }
        let stays = self.overlap && self.world.borrow().faults;
        let mut steps = if stays {
            self.world.borrow_mut().random.of(1..30)
        } else {
            u32::MAX
        };
        while steps > 0 && !self.runs.is_empty() {
            steps -= 1;
            let runs = u32::try_from(self.runs.len()).unwrap();
            let turn = {
                let mut world = self.world.borrow_mut();
                world.runs = runs;
                world.random.of(0..runs)
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
            if world.broken.is_none() && world.faults && world.random.once_in(60) {
                strike(&mut world);
            }
        }
    }

    /// The minute passes, or some of them.
    fn pass(&mut self) {
        let mut world = self.world.borrow_mut();
        // A run ends within minutes, whatever goes wrong.
        let under_way = !self.runs.is_empty();
        let minutes = if under_way {
            1
        } else {
            *world.random.pick(&[1, 1, 1, 2, 5, 20, 60]).unwrap()
        };
        world.pass(minutes);
        world.check();
    }
}

/// Something happens to the cluster.
fn strike(world: &mut World) {
    let numbers: Vec<u32> = world.group.instances.values().map(|ec2| ec2.number).collect();
    let Some(number) = world.random.pick(&numbers).copied() else {
        return;
    };
    match world.random.of(0..9) {
        0 => world.power_off(number, Ec2State::Running),
        1 => world.power_off(number, Ec2State::Stopped),
        2 => {
            world.power_off(number, Ec2State::Terminated);
        }
        3..=5 => world.power_on(number),
        6 => {
            let uuids: Vec<_> = world
                .weka
                .lists
                .drives
                .0
                .iter()
                .map(|drive| drive.uuid.clone())
                .collect();
            if let Some(uuid) = world.random.pick(&uuids).cloned() {
                world.note(|| format!("{uuid} breaks"));
                let now = world.now;
                world.weka.break_drive(&uuid, now);
            }
        }
        7 => {
            let desired = world.random.of(3..11);
            world.note(|| format!("desired capacity {desired}"));
            world.group.desired = desired;
        }
        _ => {
            // The data grows or shrinks.
            world.weka.used = world.random.of(0..12) as usize;
        }
    }
}

fn simulate(seed: u64, log: bool) -> (Result<Told, String>, Vec<String>) {
    let mut schedule = Schedule::new(seed, log);
    let faulty_minutes = schedule.world.borrow_mut().random.of(20..60);
    for _ in 0..faulty_minutes {
        if schedule.world.borrow_mut().random.once_in(4) {
            strike(&mut schedule.world.borrow_mut());
        }
        schedule.minute();
        schedule.pass();
        if schedule.world.borrow().broken.is_some() {
            return end(&schedule, None);
        }
    }
    // The faults end; what is dead stays dead.
    {
        let mut world = schedule.world.borrow_mut();
        world.faults = false;
        world.weka.used = 0;
        world.group.desired = world.random.of(5..10);
        let desired = world.group.desired;
        world.note(|| format!("the faults end, desired capacity {desired}"));
    }
    for _ in 0..600 {
        schedule.minute();
        if schedule.world.borrow().is_settled() {
            return stays(schedule);
        }
        schedule.pass();
        if schedule.world.borrow().broken.is_some() {
            return end(&schedule, None);
        }
    }
    let state = schedule.world.borrow().state();
    end(
        &schedule,
        Some(format!("I6: the group does not reach its target: {state}")),
    )
}

/// I6: what has been reached stays as it is.
fn stays(mut schedule: Schedule) -> (Result<Told, String>, Vec<String>) {
    let before = (
        schedule.world.borrow().changes,
        schedule.world.borrow().terminated,
    );
    for _ in 0..10 {
        schedule.pass();
        schedule.minute();
    }
    let after = (
        schedule.world.borrow().changes,
        schedule.world.borrow().terminated,
    );
    let settled = schedule.world.borrow().is_settled();
    let broken =
        (before != after || !settled).then(|| "I6: the group does not stay at its target".to_owned());
    end(&schedule, broken)
}

fn end(schedule: &Schedule, broken: Option<String>) -> (Result<Told, String>, Vec<String>) {
    let world = schedule.world.borrow();
    let told = Told {
        changes: world.changes,
        terminated: world.terminated,
        operated: world.operated,
    };
    let result = match world.broken.clone().or(broken) {
        Some(broken) => Err(broken),
        None => Ok(told),
    };
    (result, world.log.clone())
}

fn one(seed: u64) {
    let (result, log) = simulate(seed, true);
    assert!(
        result.is_ok(),
        "seed {seed}: {}\n{}",
        result.unwrap_err(),
        log.join("\n")
    );
}

/// Runs a part of the seeds: nextest gives each part a process of its own.
fn part(number: u64, of: u64) -> Told {
    if let Some(seed) = crate::variable("WEKACTL_SEED") {
        one(seed.parse().unwrap());
        return Told::default();
    }
    let seeds = crate::variable("WEKACTL_SEEDS").map_or(SEEDS, |range| {
        let (from, to) = range.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    });
    let mut all = Told::default();
    for seed in seeds.filter(|seed| seed % of == number) {
        match simulate(seed, false).0 {
            Ok(told) => {
                all.changes += told.changes;
                all.terminated += told.terminated;
                all.operated += told.operated;
            }
            // Once more, to tell how.
            Err(_) => one(seed),
        }
    }
    // A simulation in which nothing happens proves nothing.
    assert!(all.changes > 0 && all.terminated > 0, "{all:?}");
    all
}

#[test]
fn first_half_of_the_seeds() {
    println!("{:?}", part(0, 2));
}

#[test]
fn second_half_of_the_seeds() {
    println!("{:?}", part(1, 2));
}
