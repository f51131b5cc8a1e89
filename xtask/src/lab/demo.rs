//! The demo: a cluster follows its desired capacity out and in, an instance is lost, a drive fails, addresses are used again, backends
//! serve NFS, and a capacity that is too small is refused. It prints one line per run of the loop.

use crate::process::{Error, log, print};
use lab::weka_cluster::{Model, NewBackend, NewClient};
use lab::{InstanceState, ScalingLoop, Tick};
use std::net::IpAddr;
use std::time::Duration;

/// The longest step, in ticks. A tick is one minute of the cluster's time.
const MAX_TICKS: u32 = 60;

/// After this time the loop removes a lost instance's containers from the cluster.
const CLEANUP_DELAY: Duration = Duration::from_secs(3 * 3600);

/// The time between two ticks in a lab that keeps running.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs the demo on an imported cluster with this number of backends.
pub(super) async fn run(scaling_loop: &mut ScalingLoop, backends: u32) -> Result<(), Error> {
    let more = backends + 2;
    step(&format!("scale out: desired capacity {more}"));
    scaling_loop.set_desired(more).await.map_err(Error::Lab)?;
    settle(scaling_loop, more).await?;

    step(&format!("scale in: desired capacity {backends}"));
    scaling_loop.set_desired(backends).await.map_err(Error::Lab)?;
    settle(scaling_loop, backends).await?;

    let lost = running_member(scaling_loop).await?;
    step(&format!("an instance is lost: {lost}"));
    scaling_loop
        .fail_instance(&lost, InstanceState::Terminated)
        .await
        .map_err(Error::Lab)?;
    wait_for_replacement(scaling_loop, &lost).await?;
    log("three hours later, its containers are removed from the cluster:");
    scaling_loop
        .advance_time(CLEANUP_DELAY)
        .await
        .map_err(Error::Lab)?;
    settle(scaling_loop, backends).await?;

    let broken = running_member(scaling_loop).await?;
    step(&format!("a drive fails: {broken}"));
    fail_drive(scaling_loop, &broken).await?;
    settle(scaling_loop, backends).await?;

    reused_addresses_and_nfs(scaling_loop, backends).await?;

    step("too few backends: desired capacity 2 is refused");
    scaling_loop.set_desired(2).await.map_err(Error::Lab)?;
    let refused = tick(scaling_loop).await?;
    if refused.errors().is_empty() || refused.in_group != usize::try_from(backends).unwrap_or_default() {
        return Err(Error::Other("a desired capacity of 2 was not refused".to_owned()));
    }
    scaling_loop.set_desired(backends).await.map_err(Error::Lab)?;
    settle(scaling_loop, backends).await
}

/// Scales out to two addresses of which Weka still lists earlier machines, and in while all backends serve NFS.
async fn reused_addresses_and_nfs(scaling_loop: &mut ScalingLoop, backends: u32) -> Result<(), Error> {
    step(&format!(
        "scale out to addresses of a dead backend and a dead client, which Weka still lists: desired capacity {}",
        backends + 2
    ));
    let known = members(scaling_loop).await?;
    scaling_loop.set_desired(backends + 2).await.map_err(Error::Lab)?;
    let mut new = members(scaling_loop)
        .await?
        .into_iter()
        .filter(|(id, _)| known.iter().all(|(other, _)| other != id));
    let (Some((_, of_backend)), Some((_, of_client))) = (new.next(), new.next()) else {
        return Err(Error::Other("the group did not launch two instances".to_owned()));
    };
    update(scaling_loop, |model| {
        model.join_backend(&NewBackend::new(of_backend, "i-0000000000000dead"));
        model.machine_down(of_backend);
        model.join_client(&NewClient {
            address: of_client,
            instance_id: "i-0000000000000c1e0".to_owned(),
            auto_remove: Some(CLEANUP_DELAY * 8),
        });
        model.machine_down(of_client);
    })
    .await?;
    tick(scaling_loop).await?;
    log(
        "three hours later, the containers of the dead backend are removed; the client, which Weka removes itself, is in nobody's way:",
    );
    scaling_loop
        .advance_time(CLEANUP_DELAY)
        .await
        .map_err(Error::Lab)?;
    settle(scaling_loop, backends + 2).await?;

    update(scaling_loop, |model| {
        let frontends: Vec<_> = model
            .containers()
            .filter(|container| container.name == "frontend0")
            .map(|container| container.id)
            .collect();
        for id in frontends {
            model.add_nfs_port("nfs", id, "eth1");
        }
    })
    .await?;
    let ports = |scaling_loop: &ScalingLoop| scaling_loop.weka().read(|model| model.nfs_ports().count());
    step(&format!(
        "scale in while {} containers serve NFS: desired capacity {backends}",
        ports(scaling_loop)
    ));
    scaling_loop.set_desired(backends).await.map_err(Error::Lab)?;
    settle(scaling_loop, backends).await?;
    log(&format!(
        "{} containers serve NFS: the others left their interface group before they were drained",
        ports(scaling_loop)
    ));
    Ok(())
}

/// Runs the loop until this process is stopped.
pub(super) async fn run_until_interrupted(scaling_loop: &mut ScalingLoop) -> Result<(), Error> {
    log("the loop runs every five seconds; change the group's desired capacity to see it scale");
    let mut last_error = String::new();
    loop {
        tokio::time::sleep(PAUSE).await;
        // The loop fails once the user has destroyed the cluster. The account can still be inspected.
        let error = tick(scaling_loop).await.err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        if !error.is_empty() && error != last_error {
            log(&format!("the loop failed: {error}"));
        }
        last_error = error;
    }
}

fn step(heading: &str) {
    log(&format!("== {heading}"));
}

/// Runs the loop until the group and the cluster have the wanted size and nothing is in progress.
async fn settle(scaling_loop: &mut ScalingLoop, wanted: u32) -> Result<(), Error> {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut errors = Vec::new();
    for _ in 0..MAX_TICKS {
        let now = tick(scaling_loop).await?;
        let cluster = (now.healthy, now.unhealthy, now.draining);
        errors = now.errors();
        if now.in_group == wanted && cluster == (wanted, 0, 0) && errors.is_empty() {
            return Ok(());
        }
    }
    let last = errors
        .first()
        .map_or("the last run had no errors", String::as_str);
    Err(Error::Other(format!(
        "the cluster did not reach {wanted} healthy backends within {MAX_TICKS} minutes: {last}"
    )))
}

/// Runs the loop until the group has launched a replacement and it has booted.
async fn wait_for_replacement(scaling_loop: &mut ScalingLoop, lost: &str) -> Result<(), Error> {
    for _ in 0..MAX_TICKS {
        if !tick(scaling_loop).await?.booted.is_empty() {
            return Ok(());
        }
    }
    Err(Error::Other(format!(
        "instance {lost} was not replaced within {MAX_TICKS} minutes"
    )))
}

async fn tick(scaling_loop: &mut ScalingLoop) -> Result<Tick, Error> {
    let tick = scaling_loop.tick().await.map_err(Error::Lab)?;
    print(&line(&tick));
    Ok(tick)
}

fn line(tick: &Tick) -> String {
    let errors = tick.errors();
    let errors = if errors.is_empty() {
        "-".to_owned()
    } else {
        // An error may have several lines; a tick has one.
        errors.join("; ").replace('\n', " | ")
    };
    let moved = tick
        .moved
        .map_or_else(|| "   -".to_owned(), |percent| format!("{percent:2.0} %"));
    format!(
        "minute {:3}  desired {:2}  in group {:2}  healthy {:2}  unhealthy {:2}  draining {:2}  moved {moved}  terminated {:2}  errors {errors}\n",
        tick.number,
        tick.desired,
        tick.in_group,
        tick.healthy,
        tick.unhealthy,
        tick.draining,
        tick.terminated.len(),
    )
}

/// The running members of the group with their addresses, ordered by id.
async fn members(scaling_loop: &ScalingLoop) -> Result<Vec<(String, IpAddr)>, Error> {
    let instances = scaling_loop.control().instances().await.map_err(Error::Lab)?;
    let members = instances.into_iter().filter(|instance| {
        instance.group.as_deref() == Some(scaling_loop.group()) && instance.state == "running"
    });
    let mut members: Vec<_> = members
        .filter_map(|instance| Some((instance.id, instance.address?)))
        .collect();
    members.sort();
    Ok(members)
}

/// Returns a running member of the group, the first by id.
async fn running_member(scaling_loop: &ScalingLoop) -> Result<String, Error> {
    let first = members(scaling_loop).await?.into_iter().next();
    first
        .map(|(id, _)| id)
        .ok_or_else(|| Error::Other("the group has no running instance".to_owned()))
}

async fn update<T>(scaling_loop: &ScalingLoop, change: impl FnOnce(&mut Model) -> T) -> Result<T, Error> {
    let changed = scaling_loop.weka().update(change).await;
    changed.map_err(|source| Error::Lab(lab::Error::WekaCluster { source }))
}

async fn fail_drive(scaling_loop: &ScalingLoop, instance: &str) -> Result<(), Error> {
    let address = scaling_loop.address_of(instance);
    let failed = update(scaling_loop, |model| {
        let drive =
            address.and_then(|address| model.drives_of(address).next().map(|drive| drive.uuid.clone()));
        drive.is_some_and(|drive| model.fail_drive(&drive).is_ok())
    });
    if failed.await? {
        Ok(())
    } else {
        Err(Error::Other(format!("instance {instance} has no drive")))
    }
}
