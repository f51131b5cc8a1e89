//! Valid and invalid responses of Weka.

use crate::fleet::{Fleet, Reply, empty};
use serde_json::Value;
use std::path::Path;
use weka_types::ids::{DiskId, HostId, InstanceId, NodeId};
use weka_types::lists::{
    DriveHost, DriveStatus, HostState, HostStatus, Lists, Mode, NodeStatus, Optional, Overrides,
    SKIP_SCALE_DOWN,
};

/// Backends that reply with the files in `tests/responses`, but to one method with `replaced`.
async fn fleet(replaced: Option<(&'static str, &'static str)>) -> Fleet {
    Fleet::http(2, move |request| match request.method.as_str() {
        method if replaced.is_some_and(|(name, _)| name == method) => {
            Reply::Bytes(replaced.unwrap().1.as_bytes().to_vec())
        }
        "user_login" => empty(request),
        method => {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/responses/{method}.json"));
            Reply::Bytes(std::fs::read(path).unwrap())
        }
    })
    .await
}

async fn read() -> Lists {
    fleet(None).await.client().snapshot().await.unwrap()
}

#[tokio::test]
async fn status_and_overrides_are_parsed() {
    let lists = read().await;
    assert_eq!(
        (lists.status.io_status.as_str(), lists.status.upgrade),
        ("STARTED", None)
    );
    assert_eq!(
        lists.overrides,
        Overrides(vec![SKIP_SCALE_DOWN.to_owned(), "other".to_owned()])
    );
}

#[tokio::test]
async fn upgrade_is_detected_in_the_status_of_each_release() {
    for (response, upgrade, is_unknown) in [
        // Up to 4.3: `upgrade`.
        (r#"{"result":{"io_status":"STARTED","upgrade":""}}"#, None, false),
        (
            r#"{"result":{"io_status":"STARTED","upgrade":"4.3"}}"#,
            Some("4.3"),
            false,
        ),
        // 4.4: `upgrade_info`. `upgrade_type` is set on an idle cluster too.
        (
            r#"{"result":{"io_status":"STARTED","upgrade_info":{"upgrade_paused":false,"upgrade_phase":"","upgrade_type":"agent-driven"}}}"#,
            None,
            false,
        ),
        (
            r#"{"result":{"io_status":"STARTED","upgrade_info":{"upgrade_paused":false,"upgrade_phase":"DrivePhase"}}}"#,
            Some("DrivePhase"),
            false,
        ),
        (
            r#"{"result":{"io_status":"STARTED","upgrade_info":{"upgrade_paused":true,"upgrade_phase":null}}}"#,
            Some("paused"),
            false,
        ),
        (
            r#"{"result":{"io_status":"STARTED","upgrade_info":null}}"#,
            None,
            false,
        ),
        (
            r#"{"result":{"io_status":"STARTED","upgrade_info":[7]}}"#,
            None,
            true,
        ),
        (r#"{"result":{"io_status":"STARTED"}}"#, None, true),
    ] {
        let status = fleet(Some(("status", response)))
            .await
            .client()
            .status()
            .await
            .unwrap();
        assert_eq!(
            (status.upgrade.as_deref(), status.is_upgrade_unknown),
            (upgrade, is_unknown),
            "{response}"
        );
    }
}

#[tokio::test]
async fn complete_and_incomplete_containers_are_parsed() {
    let hosts = read().await.hosts.0;
    let complete = &hosts[0];
    assert_eq!((complete.id, complete.mode), (HostId(0), Mode::Backend));
    assert_eq!(
        (complete.state, complete.status),
        (HostState::Active, HostStatus::Up)
    );
    assert_eq!(complete.host_ip, Some("10.0.1.20".parse().unwrap()));
    assert_eq!(
        complete.instance_id,
        Some(InstanceId::from("i-0a1b2c3d4e5f60718"))
    );
    assert_eq!(complete.container_name.as_deref(), Some("drives0"));
    assert_eq!(
        complete.machine_identifier.as_deref(),
        Some("7b8f6f0e-0d58-4b52-94f4-6c02d2f3c1aa")
    );
    assert_eq!(
        complete.added_time,
        Some("2026-01-30T09:12:44.120482Z".parse().unwrap())
    );
    assert_eq!(
        complete.state_changed_time,
        Some("2026-01-30T09:13:02Z".parse().unwrap())
    );
    let incomplete = &hosts[1];
    assert_eq!((incomplete.id, incomplete.mode), (HostId(1), Mode::Client));
    assert_eq!(
        (incomplete.state, incomplete.status),
        (HostState::Unknown, HostStatus::Down)
    );
    assert_eq!(
        (
            &incomplete.host_ip,
            &incomplete.instance_id,
            &incomplete.added_time
        ),
        (&None, &None, &None)
    );
    assert_eq!(hosts.len(), 3);
}

#[tokio::test]
async fn drives_with_and_without_a_container_are_parsed() {
    let drives = read().await.drives.0;
    let hosts: Vec<_> = drives
        .iter()
        .map(|drive| (drive.id, drive.host, drive.status))
        .collect();
    assert_eq!(
        hosts,
        [
            (DiskId(0), DriveHost::Host(HostId(0)), DriveStatus::Active),
            (DiskId(7), DriveHost::None, DriveStatus::Inactive),
            (DiskId(8), DriveHost::Unknown, DriveStatus::Unknown),
        ]
    );
    let should_be_active: Vec<_> = drives.iter().map(|drive| drive.should_be_active).collect();
    assert_eq!(should_be_active, [Some(true), Some(false), None]);
    assert_eq!(drives[0].uuid.as_str(), "0c9e2b74-6a7d-4f9e-8e0c-1f0f8b3a5d11");
}

#[tokio::test]
async fn processes_with_and_without_times_are_parsed() {
    let nodes = read().await.nodes.0;
    assert_eq!(
        (nodes[0].id, nodes[0].host, nodes[0].status),
        (NodeId(0), Some(HostId(0)), NodeStatus::Up)
    );
    assert_eq!(nodes[0].up_since, Some("2026-01-30T09:13:01.5Z".parse().unwrap()));
    assert_eq!((nodes[0].last_fencing_time, nodes[1].host), (None, None));
    assert_eq!(
        nodes[1].last_fencing_time,
        Some("2026-01-30T09:13:01.000001Z".parse().unwrap())
    );
}

#[tokio::test]
async fn optional_lists_are_read_and_may_fail() {
    let lists = fleet(None).await.client().snapshot().await.unwrap();
    let tib = 1 << 40;
    assert_eq!(lists.filesystems.read().unwrap().required_ssd(), Some(12 * tib));
    let group = &lists.interface_groups.read().unwrap().0[0];
    assert!(group.is_nfs());
    assert_eq!(
        (group.ports[0].host_id, group.ports[0].port.as_str()),
        (HostId(2), "eth1")
    );
    assert_eq!(lists.s3.read().unwrap().0, [HostId(5)]);
    assert_eq!(lists.smb.read().unwrap().0, []);
    // A refusal is the reason. A cluster without the method has no such protocol.
    let refused = r#"{"error":{"code":-32000,"message":"no"}}"#;
    let lists = fleet(Some(("s3_get_cluster_info", refused)))
        .await
        .client()
        .snapshot()
        .await
        .unwrap();
    assert!(matches!(lists.s3, Optional::Failed(reason) if reason.contains("rejected the request: no")));
    let unknown = r#"{"error":{"code":-32601,"message":"Method not found"}}"#;
    let fleet = fleet(Some(("interface_group_list", unknown))).await;
    let lists = fleet.client().snapshot().await.unwrap();
    assert_eq!(lists.interface_groups, Optional::default());
    assert!(fleet.requests().iter().all(|request| request.backend == 0));
}

#[tokio::test]
async fn invalid_response_names_the_field_and_fails_without_another_backend() {
    for (method, response, expected) in [
        (
            "status",
            r#"{"result":{"upgrade":null}}"#,
            "result has a missing field `io_status`",
        ),
        ("status", r#"{"result":null}"#, "result is not struct Status"),
        (
            "hosts_list",
            r#"{"result":{"HostId<1>":{"mode":7}}}"#,
            "result.HostId<1>.mode is not a string",
        ),
        (
            "hosts_list",
            r#"{"result":{"HostId<1>":{"host_ip":"10.0.0"}}}"#,
            "result.HostId<1>.host_ip is not an IP address",
        ),
        (
            "hosts_list",
            r#"{"result":{"HostId<1>":{"aws":{"instance_id":1}}}}"#,
            "result.HostId<1>.aws.instance_id is not a string",
        ),
        (
            "hosts_list",
            r#"{"result":{"HostId<INVALID>":{}}}"#,
            "cannot be read",
        ),
        (
            "disks_list",
            r#"{"result":{"DiskId<1>":{"host_id":4}}}"#,
            "result.DiskId<1>.host_id is not HostId<number>",
        ),
        (
            "nodes_list",
            r#"{"result":{"NodeId<1>":{"up_since":"yesterday"}}}"#,
            "result.NodeId<1>.up_since is not a time",
        ),
        (
            "nodes_list",
            r#"{"result":{"NodeId<1>":{"#,
            "the response is truncated",
        ),
        (
            "manual_override_list",
            r#"{"result":[]}"#,
            "result is not a map keyed by id",
        ),
        ("manual_override_list", "", "the response is truncated"),
    ] {
        let fleet = fleet(Some((method, response))).await;
        let error = fleet.client().snapshot().await.unwrap_err();
        assert_eq!(error.name(), "WekaBadAnswer", "{response}");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("{method}: the response of 127.0.0.1 cannot be read: ")),
            "{text}"
        );
        assert!(text.contains(expected), "{text}");
        assert!(fleet.requests().iter().all(|request| request.backend == 0));
    }
}

#[tokio::test]
async fn long_list_is_read_completely() {
    let mut example: Value = serde_json::from_str(include_str!("../responses/hosts_list.json")).unwrap();
    let host = example["result"]["HostId<0>"].take();
    let many: serde_json::Map<_, _> = (0..5000)
        .map(|n| (format!("HostId<{n}>"), host.clone()))
        .collect();
    let response = serde_json::json!({ "result": many }).to_string().into_bytes();
    let fleet = Fleet::http(1, move |request| match request.method.as_str() {
        "hosts_list" => Reply::Bytes(response.clone()),
        _ => empty(request),
    })
    .await;
    assert_eq!(fleet.client().hosts().await.unwrap().0.len(), 5000);
}
