//! A run of the loop in the simulated world: the real planners and executor, one step at a time.

use super::world::{Fault, Observed, World};
use scaling::cluster_view::{ClusterView, MachineState};
use scaling::drain::{CallFailure, ExecutionResult, check, execute, finish, plan};
use scaling::messages::{Role, ScaleResponse};
use scaling::policy::{GracePeriods, Group};
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use weka_types::calls::Call;
use weka_types::lists::{Hosts, Lists, Percent, RebuildStatus};

pub(super) type Shared = Rc<RefCell<World>>;

/// Yields to the other runs: between two steps of a run, anything may happen.
pub(super) async fn step() {
    let mut has_yielded = false;
    poll_fn(move |_| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        Poll::Pending
    })
    .await;
}

/// What a run observed.
fn observe(lists: &Lists, group: &Group, is_current: bool, world: &World) -> Observed {
    let cluster_view = ClusterView::new(lists, group, world.now);
    let managed = || {
        cluster_view
            .machines
            .iter()
            .filter(|m| m.instance.is_some() && m.skip.is_none())
    };
    let in_group = cluster_view.machines.iter().filter(|m| m.instance.is_some());
    let size = in_group.filter(|m| m.skip.is_none() || !m.is_removed()).count();
    let floor = group.floor(&lists.status);
    let desired = group.desired as usize;
    let is_protected = match &lists.status.rebuild {
        RebuildStatus::Known(rebuild) => {
            let mut levels = rebuild.protection.iter();
            levels.all(|level| level.num_failures == 0 || level.percent == Percent::ZERO)
        }
        _ => false,
    };
    Observed {
        target: if desired < floor { floor.max(size) } else { desired },
        size,
        is_protected,
        is_current,
        overlaps: world.overlaps,
        injected_faults: world.injected_faults,
        not_healthy: managed()
            .filter(|machine| machine.state != MachineState::Healthy)
            .map(|machine| machine.address)
            .collect(),
    }
}

/// *fetch*, *scale* and *terminate*, each up to its first error. Returns the reason if the run failed.
pub(super) async fn tick(world: Shared) -> Result<(), String> {
    let (response, last_hosts) = scale(&world).await?;
    super::terminate::terminate(&world, &response, &last_hosts).await
}

async fn scale(world: &Shared) -> Result<(ScaleResponse, Hosts), String> {
    let group = {
        let world = world.borrow();
        Group {
            role: Role::Backend,
            desired: world.group.desired,
            instances: world.group.with_address(),
            grace_periods: GracePeriods::default(),
        }
    };
    step().await;
    let (lists, is_current) = world
        .borrow_mut()
        .snapshot()
        .map_err(|()| "a list cannot be read".to_owned())?;
    let now = world.borrow().now;
    let (plan, _report) = plan(&lists, &group, now).map_err(|refusal| refusal.to_string())?;
    if let Err(violation) = check(&plan, &lists, &group, now) {
        world
            .borrow_mut()
            .require(false, || format!("the checker refuses the plan: {violation}"));
        return Err(violation.to_string());
    }
    // A run without tasks sends nothing. Repeated on the same lists, it decides the same.
    if plan.tasks.is_empty() {
        let (response, _) = finish(&group, ExecutionResult::default(), &lists.hosts);
        return Ok((as_read(&response)?, lists.hosts));
    }
    let observed = observe(&lists, &group, is_current, &world.borrow());
    let started_at = world.borrow().now;
    let result = execute(
        &plan,
        || true,
        async |call| {
            step().await;
            let result = world.borrow_mut().call(&call, &observed);
            result.map_err(CallFailure::new)
        },
    )
    .await;
    // Deregistering a machine makes room for another one.
    let has_deregistered = plan
        .tasks
        .iter()
        .flat_map(|task| &task.calls)
        .any(|call| matches!(call, Call::RemoveHost(_)));
    if result.errors.is_empty() && !has_deregistered && world.borrow().now == started_at {
        check_idempotent(world, &group, &observed);
    }
    let hosts = read_hosts_again(world)
        .await
        .ok_or("the last list cannot be read")?;
    let (response, _) = finish(&group, result, &hosts);
    Ok((as_read(&response)?, hosts))
}

/// The message as *terminate* reads it.
fn as_read(response: &ScaleResponse) -> Result<ScaleResponse, String> {
    let text = serde_json::to_value(response).map_err(|error| error.to_string())?;
    scaling::messages::read(text).map_err(|error| error.to_string())
}

/// As the function does: it retries while there is time.
async fn read_hosts_again(world: &Shared) -> Option<Hosts> {
    for _ in 0..2 {
        step().await;
        if let Ok(hosts) = world.borrow_mut().hosts() {
            return Some(hosts);
        }
    }
    None
}

/// I5: a run that succeeded, repeated on its own result, drains no more machines.
fn check_idempotent(world: &Shared, group: &Group, observed: &Observed) {
    let mut world = world.borrow_mut();
    let has_changed = world.injected_faults != observed.injected_faults;
    if !observed.is_current || has_changed || world.has_overlapped(observed) {
        return;
    }
    let lists = world.weka.lists();
    let Ok((plan, _)) = plan(&lists, group, world.now) else {
        return;
    };
    let draining = world.draining();
    let starts = |task: &&scaling::drain::Task| {
        task.address
            .is_some_and(|ip| !draining.contains(&ip) && !task.calls.is_empty())
    };
    let started: Vec<_> = plan
        .tasks
        .iter()
        .filter(starts)
        .filter_map(|task| task.address)
        .collect();
    world.require(started.is_empty(), || {
        format!("I5: the repeated run drains {started:?} as well")
    });
}

/// The fault of the next AWS call.
pub(super) fn aws_fault(world: &Shared) -> Fault {
    world.borrow_mut().fault()
}
