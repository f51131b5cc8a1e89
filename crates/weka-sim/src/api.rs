//! The management API: JSON-RPC 2.0, `POST /api/v1`.

use crate::{FaultKind, Model, Request, RpcError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;
use weka_types::ids::HostId;

/// Codes that JSON-RPC defines.
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// An HTTP response, sent after `delay`.
    Http {
        status: u16,
        body: String,
        delay: Duration,
    },
    /// The connection is closed without a response.
    Disconnect,
}

#[derive(Deserialize)]
struct Call {
    jsonrpc: String,
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

/// Handles a request to the backend at `to`. `token` is the bearer token of the header `Authorization`.
pub fn handle(model: &mut Model, to: IpAddr, token: Option<&str>, body: &[u8]) -> Response {
    let call: Call = match serde_json::from_slice::<Value>(body) {
        Err(_) => {
            return error_response(
                200,
                Value::Null,
                &RpcError::new(PARSE_ERROR, "the request is not JSON"),
            );
        }
        Ok(value) => match serde_json::from_value(value) {
            Ok(call) => call,
            Err(error) => {
                return error_response(
                    200,
                    Value::Null,
                    &RpcError::new(INVALID_REQUEST, error.to_string()),
                );
            }
        },
    };
    if call.jsonrpc != "2.0" {
        return error_response(
            200,
            call.id,
            &RpcError::new(INVALID_REQUEST, "jsonrpc is not 2.0"),
        );
    }
    let fault = model.take_fault(to, &call.method);
    let mut request = Request {
        to,
        method: call.method.clone(),
        // The parameters of a login are a password or a token: never record them.
        params: if is_login(&call.method) {
            Value::Null
        } else {
            call.params.clone()
        },
        executed: false,
    };
    let failure = match &fault {
        Some(FaultKind::Status(status)) => Some(Response::Http {
            status: *status,
            body: "injected fault".to_owned(),
            delay: Duration::ZERO,
        }),
        Some(FaultKind::Error(error)) => Some(error_response(200, call.id.clone(), error)),
        Some(FaultKind::Slow(_) | FaultKind::Disconnect | FaultKind::Garbage) | None => None,
    };
    if let Some(response) = failure {
        model.record_request(request);
        return response;
    }
    let result = execute(model, token, &call.method, call.params);
    request.executed = result.is_ok();
    model.record_request(request);
    match (fault, response(call.id, result)) {
        (Some(FaultKind::Disconnect), _) => Response::Disconnect,
        (Some(FaultKind::Garbage), _) => Response::Http {
            status: 200,
            body: "<html>".to_owned(),
            delay: Duration::ZERO,
        },
        (Some(FaultKind::Slow(delay)), Response::Http { status, body, .. }) => {
            Response::Http { status, body, delay }
        }
        (_, response) => response,
    }
}

fn is_login(method: &str) -> bool {
    matches!(method, "user_login" | "user_refresh_token")
}

fn response(id: Value, result: Result<Value, RpcError>) -> Response {
    match result {
        Ok(result) => Response::Http {
            status: 200,
            body: json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string(),
            delay: Duration::ZERO,
        },
        Err(error) => {
            let status = if error.code == RpcError::NOT_LOGGED_IN {
                401
            } else {
                200
            };
            error_response(status, id, &error)
        }
    }
}

fn error_response(status: u16, id: Value, error: &RpcError) -> Response {
    let error = json!({ "code": error.code, "message": error.message });
    Response::Http {
        status,
        body: json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string(),
        delay: Duration::ZERO,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DriveUuids {
    drive_uuids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hosts {
    host_ids: Vec<HostId>,
    #[serde(default)]
    skip_resource_validation: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    host_id: u32,
    #[serde(default)]
    no_wait: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Port {
    name: String,
    host_id: HostId,
    port: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    message: String,
}

fn execute(model: &mut Model, token: Option<&str>, method: &str, params: Value) -> Result<Value, RpcError> {
    match method {
        "client_query_backend" => return Ok(json!({ "software_release": model.settings().release() })),
        "user_login" => {
            let (username, password): (String, String) = read(params)?;
            return model.log_in(&username, &password);
        }
        "user_refresh_token" => {
            let (token,): (String,) = read(params)?;
            return model.refresh(&token);
        }
        _ => {}
    }
    if !model.is_authenticated(token) {
        return Err(RpcError::new(RpcError::NOT_LOGGED_IN, "not logged in"));
    }
    match method {
        "status" => Ok(model.status()),
        "hosts_list" => Ok(model.hosts_list()),
        "disks_list" => Ok(model.disks_list()),
        "nodes_list" => Ok(model.nodes_list()),
        "manual_override_list" => Ok(model.manual_override_list()),
        "filesystems_list" => Ok(model.filesystems_list()),
        "interface_group_list" => Ok(model.interface_group_list()),
        "samba_get_cluster_info" => Ok(model.samba_cluster_info()),
        "s3_get_cluster_info" => Ok(model.s3_cluster_info()),
        "interface_group_delete_port" => {
            let Port { name, host_id, port } = read(params)?;
            model
                .delete_interface_port(&name, host_id.0, &port)
                .map(|()| Value::Null)
        }
        "cluster_deactivate_drives" => {
            let DriveUuids { drive_uuids } = read(params)?;
            model.deactivate_drives(&drive_uuids).map(|()| Value::Null)
        }
        "cluster_remove_drives" => {
            let DriveUuids { drive_uuids } = read(params)?;
            model.remove_drives(&drive_uuids).map(|()| Value::Null)
        }
        "cluster_deactivate_hosts" => {
            let hosts: Hosts = read(params)?;
            let ids: Vec<u32> = hosts.host_ids.iter().map(|id| id.0).collect();
            model
                .deactivate_containers(&ids, hosts.skip_resource_validation)
                .map(|()| Value::Null)
        }
        "cluster_remove_host" => {
            let Host { host_id, no_wait } = read(params)?;
            model.remove_container(host_id, no_wait).map(|()| Value::Null)
        }
        "events_trigger_custom" => {
            let Message { message } = read(params)?;
            model.log_event(message);
            Ok(Value::Null)
        }
        _ => Err(RpcError::new(
            METHOD_NOT_FOUND,
            format!("method {method} not found"),
        )),
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, RpcError> {
    // serde's message can contain the parameter, which can be a password.
    serde_json::from_value(params).map_err(|_| RpcError::new(INVALID_PARAMS, "invalid parameters"))
}

#[cfg(test)]
mod tests;
