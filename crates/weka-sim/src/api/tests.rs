use super::*;
use crate::{ApiVersion, Credentials, Fault, NewBackend, Settings};
use weka_types::lists::{Drives, Hosts, Lists, Nodes, Optional, Overrides, Status};

const TO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 10, 0, 1));

fn cluster() -> Model {
    let mut model = Model::new(Settings::default());
    for last in 1..=6 {
        model.add_backend(&NewBackend::new(
            std::net::Ipv4Addr::new(127, 10, 0, last).into(),
            &format!("i-{last}"),
        ));
    }
    model
}

/// Returns the HTTP status and the body of the response.
fn call(model: &mut Model, token: Option<&str>, method: &str, params: Value) -> (u16, Value) {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
    match handle(model, TO, token, body.as_bytes()) {
        Response::Http { status, body, delay } if delay.is_zero() => {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!(7)));
            (status, body)
        }
        other => panic!("{other:?}"),
    }
}

fn result(model: &mut Model, token: &str, method: &str, params: Value) -> Value {
    let (status, mut body) = call(model, Some(token), method, params);
    assert_eq!((status, &body["error"]), (200, &Value::Null), "{method}");
    body["result"].take()
}

fn log_in(model: &mut Model) -> String {
    let Credentials { username, password } = Credentials::default();
    let (_, body) = call(model, None, "user_login", json!([username, password]));
    assert_eq!(body["result"]["expires_in"], 300);
    body["result"]["access_token"].as_str().unwrap().to_owned()
}

fn code(response: &(u16, Value)) -> (u16, i64) {
    (response.0, response.1["error"]["code"].as_i64().unwrap())
}

#[test]
fn json_lists_parse_to_the_typed_lists() {
    for api in [ApiVersion::V4_2, ApiVersion::V4_4] {
        check_typed_lists(api);
    }
}

fn check_typed_lists(api: ApiVersion) {
    let mut model = cluster();
    model.settings_mut().api = api;
    model.set_override("skip_scale_down");
    model.upgrade = Some("4.3".to_owned());
    model.machine_down("127.10.0.6".parse().unwrap());
    let moving = model.drives_of("127.10.0.4".parse().unwrap()).next().unwrap();
    let moving = vec![moving.uuid.clone()];
    model.deactivate_drives(&moving).unwrap();
    // Half of its data has been moved.
    model.settings_mut().phase_out *= 2;
    model.start_maintenance("127.10.0.5".parse().unwrap());
    model.add_nfs_port("group", 2, "eth1");
    model.add_s3_container(5);
    model.add_smb_container(8);
    model.used_capacity = 1;
    let token = log_in(&mut model);
    let token = token.as_str();
    let mut read = |method| result(&mut model, token, method, json!({}));
    let lists = Lists {
        status: serde_json::from_value::<Status>(read("status")).unwrap(),
        hosts: serde_json::from_value::<Hosts>(read("hosts_list")).unwrap(),
        drives: serde_json::from_value::<Drives>(read("disks_list")).unwrap(),
        nodes: serde_json::from_value::<Nodes>(read("nodes_list")).unwrap(),
        overrides: serde_json::from_value::<Overrides>(read("manual_override_list")).unwrap(),
        filesystems: Optional::Read(serde_json::from_value(read("filesystems_list")).unwrap()),
        interface_groups: Optional::Read(serde_json::from_value(read("interface_group_list")).unwrap()),
        smb: Optional::Read(serde_json::from_value(read("samba_get_cluster_info")).unwrap()),
        s3: Optional::Read(serde_json::from_value(read("s3_get_cluster_info")).unwrap()),
    };
    assert_eq!(lists, model.lists());
    assert_eq!(lists.status.io_status, "STARTED");
    assert_eq!(lists.status.release.as_deref(), Some(api.release()));
    assert_eq!(lists.status.upgrade.as_deref(), Some("4.3"));
    assert_eq!(lists.overrides.0, ["skip_scale_down"]);
    assert_eq!(
        (lists.hosts.0.len(), lists.drives.0.len(), lists.nodes.0.len()),
        (18, 6, 36)
    );
    let host = &lists.hosts.0[15];
    assert_eq!(host.host_ip, Some("127.10.0.6".parse().unwrap()));
    assert_eq!(host.instance_id, Some("i-6".into()));
    assert_eq!(host.status.as_str(), "DOWN");
    assert_eq!(host.state.as_str(), "ACTIVE");
    assert_eq!(host.mode.as_str(), "backend");
    assert_eq!(host.container_name.as_deref(), Some("drives0"));
    assert_eq!(host.added_time, Some(model.now()));
    assert_eq!(host.machine_identifier, lists.hosts.0[16].machine_identifier);
    assert_ne!(host.machine_identifier, lists.hosts.0[0].machine_identifier);
    let managing: Vec<_> = lists
        .nodes
        .0
        .iter()
        .filter(|node| node.id.is_management())
        .collect();
    assert_eq!(managing.len(), 18);
    assert_eq!(managing[15].last_fencing_time, Some(model.now()));
    assert_eq!(managing[15].host, Some(host.id));
    assert_eq!(managing[0].up_since, Some(model.now()));
    let counts = model.request_counts();
    assert_eq!(counts.values().sum::<usize>(), 10, "{counts:?}");
}

#[test]
fn calls_need_a_valid_access_token() {
    let mut model = cluster();
    let not_logged_in = (401, RpcError::NOT_LOGGED_IN);
    assert_eq!(code(&call(&mut model, None, "status", json!({}))), not_logged_in);
    assert_eq!(
        code(&call(&mut model, Some("x"), "status", json!({}))),
        not_logged_in
    );
    let wrong = call(&mut model, None, "user_login", json!(["admin", "x"]));
    assert_eq!(code(&wrong), (200, RpcError::INVALID_CREDENTIALS));
    let (_, body) = call(&mut model, None, "client_query_backend", json!({}));
    assert_eq!(body["result"], json!({ "software_release": "4.4.2" }));

    let token = log_in(&mut model);
    result(&mut model, &token, "status", json!({}));
    model.advance(Duration::from_secs(299));
    result(&mut model, &token, "status", json!({}));
    model.advance(Duration::from_secs(1));
    assert_eq!(
        code(&call(&mut model, Some(&token), "status", json!({}))),
        not_logged_in
    );
    let token = log_in(&mut model);
    model.revoke_tokens();
    assert_eq!(
        code(&call(&mut model, Some(&token), "status", json!({}))),
        not_logged_in
    );
}

#[test]
fn refresh_token_works_once_and_expires() {
    let mut model = cluster();
    let Credentials { username, password } = Credentials::default();
    let (_, body) = call(&mut model, None, "user_login", json!([username, password]));
    let first = body["result"]["refresh_token"].clone();
    let (_, body) = call(&mut model, None, "user_refresh_token", json!([first]));
    let token = body["result"]["access_token"].as_str().unwrap().to_owned();
    result(&mut model, &token, "status", json!({}));
    let second = body["result"]["refresh_token"].clone();
    let again = call(&mut model, None, "user_refresh_token", json!([first]));
    assert_eq!(code(&again), (200, RpcError::INVALID_CREDENTIALS));
    model.advance(Duration::from_secs(24 * 3600));
    let late = call(&mut model, None, "user_refresh_token", json!([second]));
    assert_eq!(code(&late), (200, RpcError::INVALID_CREDENTIALS));
}

#[test]
fn calls_remove_a_machine() {
    let mut model = cluster();
    let token = log_in(&mut model);
    let uuids: Vec<_> = model
        .drives_of("127.10.0.6".parse().unwrap())
        .map(|drive| drive.uuid.clone())
        .collect();
    result(
        &mut model,
        &token,
        "cluster_deactivate_drives",
        json!({ "drive_uuids": uuids }),
    );
    let hosts =
        json!({ "host_ids": ["HostId<15>", "HostId<16>", "HostId<17>"], "skip_resource_validation": false });
    result(&mut model, &token, "cluster_deactivate_hosts", hosts);
    result(
        &mut model,
        &token,
        "events_trigger_custom",
        json!({ "message": "6 -> 5" }),
    );
    assert_eq!(model.events()[0].message, "6 -> 5");
    model.advance(Duration::from_secs(3600));
    let token = log_in(&mut model);
    for id in 15..18 {
        result(
            &mut model,
            &token,
            "cluster_remove_host",
            json!({ "host_id": id, "no_wait": true }),
        );
    }
    let removal = model.settings().removal;
    model.advance(removal);
    let drives = result(&mut model, &token, "disks_list", json!({}));
    assert_eq!(drives["DiskId<5>"]["host_id"], "HostId<INVALID>");
    result(
        &mut model,
        &token,
        "cluster_remove_drives",
        json!({ "drive_uuids": uuids }),
    );
    assert_eq!(model.containers().count(), 15);
    assert_eq!(model.drives().count(), 5);
}

#[test]
fn invalid_requests_return_json_rpc_errors() {
    let mut model = cluster();
    let token = log_in(&mut model);
    let mut error_code = |method, params| code(&call(&mut model, Some(&token), method, params)).1;
    assert_eq!(error_code("no_such_method", json!({})), METHOD_NOT_FOUND);
    for (method, params) in [
        ("cluster_remove_host", json!({ "host_id": "HostId<1>" })),
        ("cluster_deactivate_hosts", json!({ "host_ids": [1] })),
        ("cluster_deactivate_hosts", json!({ "host_ids": ["1"] })),
        ("cluster_deactivate_drives", json!({ "uuids": [] })),
        ("cluster_remove_drives", json!({})),
        ("user_login", json!({ "username": "admin" })),
    ] {
        assert_eq!(error_code(method, params), INVALID_PARAMS, "{method}");
    }
    assert_eq!(
        error_code("cluster_remove_host", json!({ "host_id": 1 })),
        RpcError::REJECTED
    );
    for (body, expected) in [("{", PARSE_ERROR), ("[]", INVALID_REQUEST)] {
        let Response::Http { body, .. } = handle(&mut model, TO, None, body.as_bytes()) else {
            panic!("no HTTP response")
        };
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["code"], expected);
    }
}

#[test]
fn faults_apply_to_their_method_and_backend_and_requests_are_recorded() {
    let mut model = cluster();
    let token = log_in(&mut model);
    let event =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "events_trigger_custom", "params": { "message": "x" } });
    let event = event.to_string();
    let send = |fault: FaultKind| {
        let mut model = cluster();
        let token = log_in(&mut model);
        model.add_fault(TO, Fault::new(fault).on("events_trigger_custom").times(1));
        result(&mut model, &token, "status", json!({}));
        let response = handle(&mut model, TO, Some(&token), event.as_bytes());
        result(
            &mut model,
            &token,
            "events_trigger_custom",
            json!({ "message": "after it" }),
        );
        let request = &model.requests()[2];
        assert_eq!((request.to, request.executed), (TO, model.events().len() == 2));
        (response, model.events().len() == 2)
    };
    assert_eq!(send(FaultKind::Disconnect), (Response::Disconnect, true));
    let second = Duration::from_secs(1);
    let slow = send(FaultKind::Slow(second));
    assert!(matches!(slow, (Response::Http { delay, .. }, true) if delay == second));
    let unavailable = send(FaultKind::Status(503));
    assert!(matches!(unavailable, (Response::Http { status: 503, .. }, false)));
    let rejected = send(FaultKind::Error(RpcError::new(
        METHOD_NOT_FOUND,
        "an old backend",
    )));
    assert!(matches!(&rejected, (Response::Http { body, .. }, false) if body.contains("an old backend")));
    assert!(matches!(send(FaultKind::Garbage), (Response::Http { .. }, true)));

    // A fault applies to one backend only.
    model.add_fault("127.10.0.2".parse().unwrap(), Fault::new(FaultKind::Disconnect));
    result(&mut model, &token, "status", json!({}));
    model.add_fault(TO, Fault::new(FaultKind::Disconnect));
    model.clear_faults(TO);
    result(&mut model, &token, "status", json!({}));
    // Secrets are never recorded.
    assert!(!format!("{:?}", model.take_requests()).contains("password"));
    assert!(model.requests().is_empty());
}
