//! A minute of scaling in the simulated world: the real planners and the real executor, one step at a time.

use super::world::{Fault, Seen, World, under_way};
use scaling::check::check;
use scaling::cluster_view::{ClusterView, MachineState};
use scaling::execute::{conclude, execute};
use scaling::messages::{Role, ScaleResponse};
use scaling::plan::plan;
use scaling::policy::{GracePeriods, Group};
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use weka_types::calls::Call;
use weka_types::lists::{Hosts, Lists};

pub(super) type Shared = Rc<RefCell<World>>;

/// Lets the others go on: between two steps of a run anything may happen.
pub(super) async fn step() {
    let mut waited = false;
    poll_fn(move |_| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        Poll::Pending
    })
    .await;
}

/// What a run saw.
fn seen(lists: &Lists, group: &Group, fresh: bool, world: &World) -> Seen {
    let cluster_view = ClusterView::new(lists, group, world.now);
    let ours = || {
        cluster_view
            .machines
            .iter()
            .filter(|m| m.instance.is_some() && m.anomaly.is_none())
    };
    Seen {
        desired: group.desired,
        size: ours().count(),
        fresh,
        ailing: ours()
            .filter(|machine| machine.state != MachineState::Healthy)
            .map(|machine| machine.address)
            .collect(),
    }
}

/// *fetch*, *scale* and *terminate*, each up to its first error. Gives back why the run did nothing, if it did not.
pub(super) async fn minute(world: Shared) -> Result<(), String> {
    let response = scale(&world).await?;
    let (response, last) = response;
    super::terminate::terminate(&world, &response, &last).await
}

async fn scale(world: &Shared) -> Result<(ScaleResponse, Hosts), String> {
    let group = {
        let world = world.borrow();
        Group {
            role: Role::Backend,
            desired: world.group.desired,
            instances: world.group.addressed(),
            patience: GracePeriods::default(),
        }
    };
    step().await;
    let (lists, fresh) = world
        .borrow_mut()
        .snapshot()
        .map_err(|()| "a list was refused".to_owned())?;
    let now = world.borrow().now;
    let (plan, _report) = plan(&lists, &group, now).map_err(|refusal| refusal.to_string())?;
    if let Err(violation) = check(&plan, &lists, &group, now) {
        world
            .borrow_mut()
            .promise(false, || format!("the checker refuses the plan: {violation}"));
        return Err(violation.to_string());
    }
    let seen = seen(&lists, &group, fresh, &world.borrow());
    let began = world.borrow().now;
    let outcome = execute(
        &plan,
        || true,
        async |call| {
            step().await;
            world.borrow_mut().call(&call, &seen)
        },
    )
    .await;
    // Forgetting a machine that left makes room for another.
    let forgot = plan
        .tasks
        .iter()
        .flat_map(|task| &task.calls)
        .any(|call| matches!(call, Call::RemoveHost(_)));
    if outcome.errors.is_empty() && !forgot && world.borrow().now == began {
        again(world, &group, &seen);
    }
    let hosts = if plan.tasks.is_empty() {
        lists.hosts
    } else {
        last_look(world).await.ok_or("the last list was refused")?
    };
    let (response, _) = conclude(&group, outcome, &hosts);
    // The other function reads what was written.
    let text = serde_json::to_value(&response).map_err(|error| error.to_string())?;
    Ok((
        scaling::messages::read(text).map_err(|error| error.to_string())?,
        hosts,
    ))
}

/// As the function does: again and again while there is time.
async fn last_look(world: &Shared) -> Option<Hosts> {
    for _ in 0..2 {
        step().await;
        if let Ok(hosts) = world.borrow_mut().hosts() {
            return Some(hosts);
        }
    }
    None
}

/// I5: a run that succeeded, repeated on what it left behind, goes no further.
fn again(world: &Shared, group: &Group, seen: &Seen) {
    let mut world = world.borrow_mut();
    if !seen.fresh || world.runs > 1 {
        return;
    }
    let lists = world.weka.lists.clone();
    let Ok((plan, _)) = plan(&lists, group, world.now) else {
        return;
    };
    let under_way = under_way(&lists);
    let begins = |task: &&scaling::plan::Task| {
        task.address
            .is_some_and(|ip| !under_way.contains(&ip) && !task.calls.is_empty())
    };
    let further: Vec<_> = plan
        .tasks
        .iter()
        .filter(begins)
        .filter_map(|task| task.address)
        .collect();
    world.promise(further.is_empty(), || {
        format!("I5: the run repeated goes on to {further:?}")
    });
}

/// Whether a fault strikes a step of AWS.
pub(super) fn aws_fails(world: &Shared) -> Fault {
    world.borrow_mut().fault()
}
