//! The cluster follows its desired capacity in spite of failures.

use crate::scaled_cluster::ScaledCluster;
use lab::InstanceState;
use lab::machine::Outcome;
use lab::weka_cluster::{Fault, FaultKind, Mode, RpcError};
use std::time::Duration;

/// For how long the containers of a removed instance stay in the cluster.
pub(crate) const CONTAINER_RETENTION: Duration = Duration::from_secs(3 * 3600);

#[tokio::test]
async fn cluster_scales_out_and_in() {
    let mut cluster = ScaledCluster::start(41).await;
    let before = cluster.members().await;
    cluster.until_settled(6).await;
    cluster.scaling_loop.set_desired(8).await.unwrap();
    cluster.until_settled(8).await;
    let grown = cluster.members().await;
    assert!(before.iter().all(|id| grown.contains(id)), "{grown:?}");

    cluster.scaling_loop.set_desired(6).await.unwrap();
    let ticks = cluster.until_settled(6).await;
    let terminated: Vec<_> = ticks.iter().flat_map(|tick| &tick.terminated).collect();
    assert_eq!(terminated.len(), 2);
    for tick in &ticks {
        assert!(tick.healthy >= 6 && tick.draining <= 2, "{tick:?}");
        assert!(tick.errors().is_empty(), "{:?}", tick.errors());
    }
    let left = cluster.members().await;
    assert!(
        left.iter()
            .all(|id| grown.contains(id) && !terminated.contains(&id))
    );
    // The functions of the backends do not touch the client.
    cluster.scaling_loop.weka().read(|model| {
        let clients = model.containers().filter(|item| item.mode == Mode::Client);
        assert_eq!(clients.count(), 1);
    });

    // Further ticks change nothing.
    let requests = |cluster: &ScaledCluster| cluster.scaling_loop.weka().read(|model| model.requests().len());
    for _ in 0..3 {
        let from = requests(&cluster);
        let tick = cluster.tick().await;
        assert_eq!((tick.in_group, tick.healthy, tick.draining), (6, 6, 0));
        let changes = changes(&cluster, from);
        assert_eq!(changes, [""; 0]);
    }
}

/// Mutating requests since `from`.
fn changes(cluster: &ScaledCluster, from: usize) -> Vec<String> {
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
async fn terminated_instance_is_replaced() {
    assert_replaced(42, InstanceState::Terminated).await;
}

#[tokio::test]
async fn stopped_instance_is_replaced() {
    assert_replaced(43, InstanceState::Stopped).await;
}

/// Puts an instance of a cluster in this network into a state, and asserts that another replaces it.
async fn assert_replaced(network: u8, state: InstanceState) {
    let mut cluster = ScaledCluster::start(network).await;
    let failing = cluster.members().await.remove(2);
    let failed = cluster.scaling_loop.fail_instance(&failing, state).await;
    failed.unwrap();
    cluster.until(|tick| !tick.booted.is_empty()).await;
    let advanced = cluster.scaling_loop.advance_time(CONTAINER_RETENTION).await;
    advanced.unwrap();
    cluster.until_settled(6).await;
    assert!(!cluster.members().await.contains(&failing));
}

#[tokio::test]
async fn instance_with_a_failed_drive_is_replaced() {
    let mut cluster = ScaledCluster::start(44).await;
    let failing = cluster.members().await.remove(2);
    let address = cluster.scaling_loop.address_of(&failing).unwrap();
    let failed = cluster.scaling_loop.weka().update(|model| {
        let drive = model.drives_of(address).next().map(|drive| drive.uuid.clone());
        model.fail_drive(&drive.unwrap())
    });
    failed.await.unwrap().unwrap();
    let ticks = cluster.until(|tick| !tick.terminated.is_empty()).await;
    assert_eq!(ticks.last().unwrap().terminated, std::slice::from_ref(&failing));
    cluster.until_settled(6).await;
    assert!(!cluster.members().await.contains(&failing));
}

#[tokio::test]
async fn desired_capacity_below_the_minimum_is_refused() {
    let mut cluster = ScaledCluster::start(45).await;
    let before = cluster.members().await;
    cluster.scaling_loop.set_desired(2).await.unwrap();
    let from = cluster.scaling_loop.weka().read(|model| model.requests().len());
    for _ in 0..3 {
        let tick = cluster.tick().await;
        assert_eq!((tick.desired, tick.in_group, tick.healthy), (2, 6, 6));
        let [error] = tick.errors().try_into().unwrap();
        assert!(
            error.contains("desired capacity 2 is below the minimum of 5 backends"),
            "{error}"
        );
    }
    assert_eq!(changes(&cluster, from), [""; 0]);
    assert_eq!(cluster.members().await, before);
}

#[tokio::test]
async fn refused_weka_call_fails_the_execution_and_is_retried() {
    let mut cluster = ScaledCluster::start(46).await;
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
    // The execution still runs its later states; transient is the last. Each drive has a call of its own.
    let terminated = execution.output_of("Terminate").unwrap();
    assert_eq!(
        terminated["TransientErrors"].as_array().unwrap().len(),
        2,
        "{terminated}"
    );

    clear_faults(&cluster).await;
    cluster.until_settled(6).await;
}

#[tokio::test]
async fn instance_that_cannot_join_is_replaced() {
    let mut cluster = ScaledCluster::start(47).await;
    let faulty = cluster.scaling_loop.weka().update(|model| {
        for address in model.serving() {
            let fault = Fault::new(FaultKind::Status(503));
            model.add_fault(address, fault.on("client_query_backend"));
        }
    });
    faulty.await.unwrap();
    cluster.scaling_loop.set_desired(7).await.unwrap();
    let tick = cluster.tick().await;
    let [(failed, boot)] = tick.booted.try_into().unwrap();
    assert_eq!(boot.outcome, Outcome::ShutDown, "{}", boot.log);

    clear_faults(&cluster).await;
    cluster.until_settled(7).await;
    assert!(!cluster.members().await.contains(&failed));
}

/// Removes the faults from the backends' APIs.
async fn clear_faults(cluster: &ScaledCluster) {
    let cleared = cluster.scaling_loop.weka().update(|model| {
        for address in model.serving() {
            model.clear_faults(address);
        }
    });
    cleared.await.unwrap();
}
