//! The story of a cluster that follows its desired capacity: out, in, a machine dies, a drive fails, and a capacity that
//! is refused. A line tells a minute.

use crate::run::{Error, print, say};
use lab::{InstanceState, Loop, Tick};
use std::time::Duration;

/// The longest that a chapter may take, in minutes of the loop.
const LONGEST: u32 = 60;

/// How long what is left of a machine stays in the cluster that is no instance of the group any more.
const LEFT_OVER: Duration = Duration::from_secs(3 * 3600);

/// How often a minute comes in a lab that stays up.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells it, of a cluster that has been imported with this many backends.
pub(super) async fn tell(minutes: &mut Loop, backends: u32) -> Result<(), Error> {
    let more = backends + 2;
    step_heading(&format!("out: desired capacity {more}"));
    minutes.set_desired(more).await.map_err(Error::Lab)?;
    settle(minutes, more).await?;

    step_heading(&format!("in: desired capacity {backends}"));
    minutes.set_desired(backends).await.map_err(Error::Lab)?;
    settle(minutes, backends).await?;

    let dying = a_member(minutes).await?;
    step_heading(&format!("a machine dies: {dying}"));
    minutes
        .fail(&dying, InstanceState::Terminated)
        .await
        .map_err(Error::Lab)?;
    replace(minutes, &dying).await?;
    say("three hours later, when what is left of it in the cluster is given up:");
    minutes.pass(LEFT_OVER).await.map_err(Error::Lab)?;
    settle(minutes, backends).await?;

    let broken = a_member(minutes).await?;
    step_heading(&format!("a drive of {broken} fails"));
    fail_a_drive(minutes, &broken).await?;
    settle(minutes, backends).await?;

    step_heading("too few: desired capacity 2");
    minutes.set_desired(2).await.map_err(Error::Lab)?;
    let refused = tick(minutes).await?;
    if refused.errors().is_empty() || refused.in_group != usize::try_from(backends).unwrap_or_default() {
        return Err(Error::Other("a desired capacity of 2 was not refused".to_owned()));
    }
    minutes.set_desired(backends).await.map_err(Error::Lab)?;
    settle(minutes, backends).await
}

/// Tick after minute, until somebody stops this process.
pub(super) async fn go_on(minutes: &mut Loop) -> Result<(), Error> {
    say("a minute passes every five seconds; change the group's desired capacity and see");
    let mut told = String::new();
    loop {
        tokio::time::sleep(PAUSE).await;
        // Whoever destroys the cluster has no minutes any more, but still the account to look at.
        let error = tick(minutes).await.err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        if !error.is_empty() && error != told {
            say(&format!("no minute can pass: {error}"));
        }
        told = error;
    }
}

fn step_heading(heading: &str) {
    say(&format!("== {heading}"));
}

/// Lets minutes pass until the group and the cluster are as large as wanted and nothing is under way.
async fn settle(minutes: &mut Loop, wanted: u32) -> Result<(), Error> {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut errors = Vec::new();
    for _ in 0..LONGEST {
        let now = tick(minutes).await?;
        let cluster = (now.healthy, now.unhealthy, now.draining);
        errors = now.errors();
        if now.in_group == wanted && cluster == (wanted, 0, 0) && errors.is_empty() {
            return Ok(());
        }
    }
    let last = errors
        .first()
        .map_or("there were no errors at last", String::as_str);
    Err(Error::Other(format!(
        "the cluster has not come to {wanted} healthy backends in {LONGEST} minutes: {last}"
    )))
}

/// Lets minutes pass until the group has another instance in place of one that died, and that has booted.
async fn replace(minutes: &mut Loop, dead: &str) -> Result<(), Error> {
    for _ in 0..LONGEST {
        if !tick(minutes).await?.booted.is_empty() {
            return Ok(());
        }
    }
    Err(Error::Other(format!(
        "instance {dead} was not replaced in {LONGEST} minutes"
    )))
}

async fn tick(minutes: &mut Loop) -> Result<Tick, Error> {
    let minute = minutes.tick().await.map_err(Error::Lab)?;
    print(&line(&minute));
    Ok(minute)
}

fn line(minute: &Tick) -> String {
    let errors = minute.errors();
    let errors = if errors.is_empty() {
        "-".to_owned()
    } else {
        // One line a minute, though an error has one for each of its parts.
        errors.join("; ").replace('\n', " | ")
    };
    format!(
        "minute {:3}  desired {:2}  in group {:2}  healthy {:2}  unhealthy {:2}  draining {:2}  terminated {:2}  errors {errors}\n",
        minute.number,
        minute.desired,
        minute.in_group,
        minute.healthy,
        minute.unhealthy,
        minute.draining,
        minute.terminated.len(),
    )
}

/// One that runs, the first by its id.
async fn a_member(minutes: &Loop) -> Result<String, Error> {
    let instances = minutes.control().instances().await.map_err(Error::Lab)?;
    let members = instances
        .into_iter()
        .filter(|instance| instance.group.as_deref() == Some(minutes.group()) && instance.state == "running");
    members
        .map(|instance| instance.id)
        .min()
        .ok_or_else(|| Error::Other("no member of the group runs".to_owned()))
}

async fn fail_a_drive(minutes: &Loop, instance: &str) -> Result<(), Error> {
    let address = minutes.address_of(instance);
    let failed = minutes.weka().update(|model| {
        let drive =
            address.and_then(|address| model.drives_of(address).next().map(|drive| drive.uuid.clone()));
        drive.is_some_and(|drive| model.fail_drive(&drive).is_ok())
    });
    let failed = failed
        .await
        .map_err(|source| Error::Lab(lab::Error::WekaCluster { source }))?;
    if failed {
        Ok(())
    } else {
        Err(Error::Other(format!("instance {instance} has no drive")))
    }
}
