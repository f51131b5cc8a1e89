//! A cluster that follows its desired capacity, whatever happens to it.

use crate::scaled::Scaled;
use lab::InstanceState;
use lab::machine::Outcome;
use lab::weka_cluster::{Fault, FaultKind, Mode, RpcError};
use std::time::Duration;

/// How long what is left of a machine stays in the cluster that is no instance of the group any more.
const LEFT_OVER: Duration = Duration::from_secs(3 * 3600);

#[tokio::test]
async fn it_grows_and_shrinks() {
    let mut cluster = Scaled::start(41).await;
    let before = cluster.members().await;
    cluster.until_settled(6).await;
    cluster.scaling_loop.set_desired(8).await.unwrap();
    cluster.until_settled(8).await;
    let grown = cluster.members().await;
    assert!(before.iter().all(|id| grown.contains(id)), "{grown:?}");

    cluster.scaling_loop.set_desired(6).await.unwrap();
    let minutes = cluster.until_settled(6).await;
    let terminated: Vec<_> = minutes.iter().flat_map(|minute| &minute.terminated).collect();
    assert_eq!(terminated.len(), 2);
    for minute in &minutes {
        assert!(minute.healthy >= 6 && minute.draining <= 2, "{minute:?}");
        assert!(minute.errors().is_empty(), "{:?}", minute.errors());
    }
    let left = cluster.members().await;
    assert!(
        left.iter()
            .all(|id| grown.contains(id) && !terminated.contains(&id))
    );
    // The client is no business of the backends' functions.
    cluster.scaling_loop.weka().read(|model| {
        let clients = model.containers().filter(|one| one.mode == Mode::Client);
        assert_eq!(clients.count(), 1);
    });

    // And stays there.
    let requests = |cluster: &Scaled| cluster.scaling_loop.weka().read(|model| model.requests().len());
    for _ in 0..3 {
        let from = requests(&cluster);
        let minute = cluster.tick().await;
        assert_eq!((minute.in_group, minute.healthy, minute.draining), (6, 6, 0));
        let changes = changes(&cluster, from);
        assert_eq!(changes, [""; 0]);
    }
}

/// The requests since `from` that change something.
fn changes(cluster: &Scaled, from: usize) -> Vec<String> {
    cluster.scaling_loop.weka().read(|model| {
        let methods = model.requests()[from..]
            .iter()
            .map(|request| request.method.clone());
        let changing =
            methods.filter(|method| method.starts_with("cluster_") || method.starts_with("events_"));
        changing.collect()
    })
}

#[tokio::test]
async fn a_machine_that_dies_is_replaced() {
    let mut cluster = Scaled::start(42).await;
    let dying = cluster.members().await.remove(2);
    cluster
        .scaling_loop
        .fail_instance(&dying, InstanceState::Terminated)
        .await
        .unwrap();
    cluster.until(|minute| !minute.booted.is_empty()).await;
    cluster.scaling_loop.advance_time(LEFT_OVER).await.unwrap();
    cluster.until_settled(6).await;
    assert!(!cluster.members().await.contains(&dying));
}

#[tokio::test]
async fn a_machine_that_is_switched_off_is_replaced() {
    let mut cluster = Scaled::start(43).await;
    let stopping = cluster.members().await.remove(2);
    cluster
        .scaling_loop
        .fail_instance(&stopping, InstanceState::Stopped)
        .await
        .unwrap();
    cluster.until(|minute| !minute.booted.is_empty()).await;
    cluster.scaling_loop.advance_time(LEFT_OVER).await.unwrap();
    cluster.until_settled(6).await;
    assert!(!cluster.members().await.contains(&stopping));
}

#[tokio::test]
async fn a_machine_with_a_broken_drive_is_replaced() {
    let mut cluster = Scaled::start(44).await;
    let broken = cluster.members().await.remove(2);
    let address = cluster.scaling_loop.address_of(&broken).unwrap();
    let failed = cluster.scaling_loop.weka().update(|model| {
        let drive = model.drives_of(address).next().map(|drive| drive.uuid.clone());
        model.fail_drive(&drive.unwrap())
    });
    failed.await.unwrap().unwrap();
    let minutes = cluster.until(|minute| !minute.terminated.is_empty()).await;
    assert_eq!(minutes.last().unwrap().terminated, std::slice::from_ref(&broken));
    cluster.until_settled(6).await;
    assert!(!cluster.members().await.contains(&broken));
}

#[tokio::test]
async fn too_small_a_capacity_is_refused_and_changes_nothing() {
    let mut cluster = Scaled::start(45).await;
    let before = cluster.members().await;
    cluster.scaling_loop.set_desired(2).await.unwrap();
    let from = cluster.scaling_loop.weka().read(|model| model.requests().len());
    for _ in 0..3 {
        let minute = cluster.tick().await;
        assert_eq!((minute.desired, minute.in_group, minute.healthy), (2, 6, 6));
        let [error] = minute.errors().try_into().unwrap();
        assert!(
            error.contains("desired capacity 2 is below the minimum of 5 backends"),
            "{error}"
        );
    }
    assert_eq!(changes(&cluster, from), [""; 0]);
    assert_eq!(cluster.members().await, before);
}

#[tokio::test]
async fn what_weka_refuses_is_shown_by_the_failed_execution_and_tried_again() {
    let mut cluster = Scaled::start(46).await;
    cluster.scaling_loop.set_desired(7).await.unwrap();
    cluster.until_settled(7).await;
    let refusal = RpcError {
        code: RpcError::REJECTED,
        message: "a rebuild is running".to_owned(),
    };
    let refused = cluster.scaling_loop.weka().update(|model| {
        for address in model.serving() {
            let fault = Fault::new(FaultKind::Error(refusal.clone()));
            model.add_fault(address, fault.on("cluster_deactivate_drives"));
        }
    });
    refused.await.unwrap();
    cluster.scaling_loop.set_desired(6).await.unwrap();
    let execution = cluster.execution().await;
    assert_eq!(execution.status, "FAILED");
    assert!(
        execution
            .cause
            .as_deref()
            .unwrap()
            .contains("a rebuild is running"),
        "{execution:?}"
    );
    // The flow has gone on nevertheless: transient is the last of it.
    let terminated = execution.output_of("Terminate").unwrap();
    assert_eq!(
        terminated["TransientErrors"].as_array().unwrap().len(),
        1,
        "{terminated}"
    );

    well(&cluster).await;
    cluster.until_settled(6).await;
}

#[tokio::test]
async fn an_instance_that_cannot_join_makes_room_for_another() {
    let mut cluster = Scaled::start(47).await;
    let unwell = cluster.scaling_loop.weka().update(|model| {
        for address in model.serving() {
            let fault = Fault::new(FaultKind::Status(503));
            model.add_fault(address, fault.on("client_query_backend"));
        }
    });
    unwell.await.unwrap();
    cluster.scaling_loop.set_desired(7).await.unwrap();
    let minute = cluster.tick().await;
    let [(failed, boot)] = minute.booted.try_into().unwrap();
    assert_eq!(boot.outcome, Outcome::ShutDown, "{}", boot.log);

    well(&cluster).await;
    cluster.until_settled(7).await;
    assert!(!cluster.members().await.contains(&failed));
}

/// Takes away what a test has done to the backends' APIs.
async fn well(cluster: &Scaled) {
    let well = cluster.scaling_loop.weka().update(|model| {
        for address in model.serving() {
            model.clear_faults(address);
        }
    });
    well.await.unwrap();
}
