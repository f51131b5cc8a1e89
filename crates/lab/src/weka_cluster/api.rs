//! The management API: JSON-RPC 2.0, `POST /api/v1`.

use super::model::{FaultKind, Model, Refusal, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

/// JSON-RPC's own codes.
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer, this much later.
    Answer {
        status: u16,
        body: String,
        after: Duration,
    },
    /// The connection is closed without one.
    HangUp,
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

/// Answers for the backend at `to`. `token` is what came as `Authorization: Bearer`.
pub(super) fn answer(model: &mut Model, to: IpAddr, token: Option<&str>, body: &[u8]) -> Outcome {
    let call: Call = match serde_json::from_slice::<Value>(body) {
        Err(_) => {
            return refuse(
                200,
                Value::Null,
                &Refusal::new(PARSE_ERROR, "the request is not JSON"),
            );
        }
        Ok(value) => match serde_json::from_value(value) {
            Ok(call) => call,
            Err(error) => {
                return refuse(
                    200,
                    Value::Null,
                    &Refusal::new(INVALID_REQUEST, error.to_string()),
                );
            }
        },
    };
    if call.jsonrpc != "2.0" {
        return refuse(200, call.id, &Refusal::new(INVALID_REQUEST, "jsonrpc is not 2.0"));
    }
    let fault = model.use_fault(to, &call.method);
    let mut request = Request {
        to,
        method: call.method.clone(),
        // These hold a password or a token.
        params: if is_login(&call.method) {
            Value::Null
        } else {
            call.params.clone()
        },
        carried_out: false,
    };
    let kept_back = match &fault {
        Some(FaultKind::Status(status)) => Some(Outcome::Answer {
            status: *status,
            body: "the backend is not well".to_owned(),
            after: Duration::ZERO,
        }),
        Some(FaultKind::Refuse(refusal)) => Some(refuse(200, call.id.clone(), refusal)),
        Some(FaultKind::Slow(_) | FaultKind::HangUp | FaultKind::Garbage) | None => None,
    };
    if let Some(outcome) = kept_back {
        model.note(request);
        return outcome;
    }
    let result = execute(model, token, &call.method, call.params);
    request.carried_out = result.is_ok();
    model.note(request);
    match (fault, answered(call.id, result)) {
        (Some(FaultKind::HangUp), _) => Outcome::HangUp,
        (Some(FaultKind::Garbage), _) => Outcome::Answer {
            status: 200,
            body: "<html>".to_owned(),
            after: Duration::ZERO,
        },
        (Some(FaultKind::Slow(after)), Outcome::Answer { status, body, .. }) => {
            Outcome::Answer { status, body, after }
        }
        (_, outcome) => outcome,
    }
}

fn is_login(method: &str) -> bool {
    matches!(method, "user_login" | "user_refresh_token")
}

fn answered(id: Value, result: Result<Value, Refusal>) -> Outcome {
    match result {
        Ok(result) => Outcome::Answer {
            status: 200,
            body: json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string(),
            after: Duration::ZERO,
        },
        Err(refusal) => {
            let status = if refusal.code == Refusal::NOT_LOGGED_IN {
                401
            } else {
                200
            };
            refuse(status, id, &refusal)
        }
    }
}

fn refuse(status: u16, id: Value, refusal: &Refusal) -> Outcome {
    let error = json!({ "code": refusal.code, "message": refusal.message });
    Outcome::Answer {
        status,
        body: json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string(),
        after: Duration::ZERO,
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
    host_ids: Vec<String>,
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
struct Message {
    message: String,
}

fn execute(model: &mut Model, token: Option<&str>, method: &str, params: Value) -> Result<Value, Refusal> {
    match method {
        "client_query_backend" => return Ok(json!({ "software_release": model.settings().release })),
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
    if !model.is_logged_in(token) {
        return Err(Refusal::new(Refusal::NOT_LOGGED_IN, "not logged in"));
    }
    match method {
        "status" => Ok(model.status()),
        "hosts_list" => Ok(model.hosts_list()),
        "disks_list" => Ok(model.disks_list()),
        "nodes_list" => Ok(model.nodes_list()),
        "manual_override_list" => Ok(model.manual_override_list()),
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
            let ids = hosts
                .host_ids
                .iter()
                .map(|id| host_id(id))
                .collect::<Result<Vec<_>, _>>()?;
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
            model.say(message);
            Ok(Value::Null)
        }
        _ => Err(Refusal::new(
            METHOD_NOT_FOUND,
            format!("there is no method {method}"),
        )),
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    // What serde says of a wrong parameter may hold it, and with it a password.
    serde_json::from_value(params)
        .map_err(|_| Refusal::new(INVALID_PARAMS, "the parameters are not the method's"))
}

fn host_id(text: &str) -> Result<u32, Refusal> {
    let number = text
        .strip_prefix("HostId<")
        .and_then(|rest| rest.strip_suffix('>'));
    number
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Refusal::new(INVALID_PARAMS, format!("'{text}' is no HostId<n>")))
}

#[cfg(test)]
mod tests;
