//! Every step of a join fails once, in turn. The user data tries again, and the machine ends as a member. The steps are those of
//! a boot without a fault; the layouts share them.

use crate::setup::{Lab, assert_joined, backend_join, boot_with_join_api as boot, new_ip, profile};
use instances::ClientJoin;
use lab::machine::{
    AMAZON_LINUX_2, AMAZON_LINUX_2023, CallFault, LAYOUTS, Layout, Outcome, ROCKY_9, UBUNTU_24_04,
};
use lab::weka_cluster::{HostStatus, Mode};
use tokio::task::JoinSet;

/// The number of boots that run concurrently.
const CONCURRENT: usize = 4;

/// Whether a lost answer differs from a call that failed: the call changes something.
fn has_effect(call: &str) -> bool {
    let reads = [
        "curl",
        "dnf",
        "blkid",
        "mountpoint",
        "systemctl",
        "ip -o",
        "weka debug",
        "weka cluster container --json",
    ];
    !reads.iter().any(|read| call.starts_with(read)) && !call.starts_with("weka local run")
        || call.contains("https://ec2.")
}

/// Each step of a boot: the number of the call and whether it changes something. Of calls that differ only in numbers, such as
/// those of each network interface, the first and the last are steps.
fn steps(calls: &[String]) -> Vec<(usize, &str)> {
    let masked = |call: &str| -> String { call.chars().filter(|c| !c.is_ascii_digit()).collect() };
    // The name of the machine's folder and of temporary files is random.
    let random = |word: &&str| !word.contains("/tmp");
    let kind = |call: &str| masked(&call.split(' ').filter(random).collect::<Vec<_>>().join(" "));
    let kinds: Vec<_> = calls.iter().map(|call| kind(call)).collect();
    let is_step = |index: usize| {
        let same = |kind: &&String| **kind == kinds[index];
        !kinds[..index].iter().any(|kind| same(&kind)) || !kinds[index + 1..].iter().any(|kind| same(&kind))
    };
    let calls = calls.iter().enumerate();
    calls
        .filter(|(index, _)| is_step(*index))
        .map(|(index, call)| (index + 1, call.as_str()))
        .collect()
}

/// Boots once without a fault, and then once for each of its faults. `part` of `parts` selects faults, so that the layouts share
/// them.
async fn every_step_fails_once(
    layout: Layout,
    io_cores: u32,
    script: String,
    (part, parts): (usize, usize),
    assert_member: fn(&Lab, &str),
) {
    let (lab, complete) = boot(layout, io_cores, script.clone(), None).await;
    assert_joined(&complete, layout);
    assert_member(&lab, layout.name);
    let mut faults = Vec::new();
    for (number, call) in steps(&complete.calls) {
        faults.push((CallFault::Before(number), call.to_owned()));
        if has_effect(call) {
            faults.push((CallFault::After(number), call.to_owned()));
        }
    }
    assert!(faults.len() > 10, "{faults:?}");
    let mut boots = JoinSet::new();
    for (fault, call) in faults.into_iter().skip(part).step_by(parts) {
        while boots.len() >= CONCURRENT {
            boots.join_next().await.unwrap().unwrap();
        }
        let script = script.clone();
        boots.spawn(async move {
            let (lab, boot) = boot(layout, io_cores, script, Some(fault)).await;
            let context = format!("{}: {fault:?} {call}:\n{}", layout.name, boot.log);
            assert_eq!(boot.outcome, Outcome::Joined, "{context}");
            assert!(
                boot.log.contains("failed on purpose") || is_silent(&call),
                "{context}"
            );
            assert_member(&lab, &context);
        });
    }
    boots.join_all().await;
}

/// Whether the script discards the error messages of this call.
fn is_silent(call: &str) -> bool {
    ["systemctl", "weka debug", "blkid -p -s PART_ENTRY_TYPE", "dnf"]
        .iter()
        .any(|silent| call.starts_with(silent))
}

async fn backend(layout: Layout) {
    let script = backend_join(profile()).render();
    let part = LAYOUTS.iter().position(|other| *other == layout).unwrap();
    every_step_fails_once(layout, 3, script, (part, LAYOUTS.len()), Lab::assert_member).await;
}

#[tokio::test]
async fn backend_joins_after_a_failure_of_any_step_on_amazon_linux_2() {
    backend(AMAZON_LINUX_2).await;
}

#[tokio::test]
async fn backend_joins_after_a_failure_of_any_step_on_amazon_linux_2023() {
    backend(AMAZON_LINUX_2023).await;
}

#[tokio::test]
async fn backend_joins_after_a_failure_of_any_step_on_ubuntu() {
    backend(UBUNTU_24_04).await;
}

#[tokio::test]
async fn backend_joins_after_a_failure_of_any_step_on_rocky() {
    backend(ROCKY_9).await;
}

#[tokio::test]
async fn client_joins_after_a_failure_of_any_step() {
    let join = ClientJoin {
        backends: vec![crate::setup::ip(1).to_string(), crate::setup::ip(2).to_string()],
        mounts: vec![
            "home=/mnt/home".parse().unwrap(),
            "work=/data/work".parse().unwrap(),
        ],
    };
    every_step_fails_once(UBUNTU_24_04, 0, join.render(), (0, 1), |lab, context| {
        lab.cluster.read(|model| {
            let containers: Vec<_> = model
                .containers_of(new_ip())
                .map(|container| (container.mode, container.status()))
                .collect();
            assert_eq!(containers, [(Mode::Client, HostStatus::Up)], "{context}");
        });
        let fstab = lab.read("root/etc/fstab");
        assert_eq!(fstab.lines().count(), 3, "{context}:\n{fstab}");
        assert_eq!(lab.read("mounted").lines().count(), 3, "{context}");
    })
    .await;
}
