//! Operations that the AWS API does not offer: run one tick of a schedule, advance time, change instance states.

use crate::{Error, Moto};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Controls a local AWS.
#[derive(Debug, Clone)]
pub struct Control {
    endpoint: String,
    region: String,
}

/// A finished execution of a state machine.
#[derive(Debug, Clone, Deserialize)]
pub struct Execution {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// The error name of the function that failed.
    pub error: Option<String>,
    /// The error's details. For a function: JSON with `errorType` and `errorMessage`.
    pub cause: Option<String>,
    /// The output of the last state.
    pub output: Option<Value>,
    /// All events, with the input and output of each state.
    pub history: Vec<Value>,
}

impl Execution {
    /// The output of a completed state, such as `Scale`.
    pub fn output_of(&self, state: &str) -> Option<Value> {
        let exited = |event: &&Value| event.pointer("/stateExitedEventDetails/name") == Some(&json!(state));
        let output = self.history.iter().rfind(exited)?;
        let text = output.pointer("/stateExitedEventDetails/output")?.as_str()?;
        serde_json::from_str(text).ok()
    }

    /// The whole history as text, for tests that search it for secrets.
    pub fn text(&self) -> String {
        let events: Vec<_> = self.history.iter().map(Value::to_string).collect();
        events.join("\n")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Group {
    pub desired: u32,
    /// Instance ids.
    pub members: Vec<String>,
}

/// An instance, which can be terminated.
#[derive(Clone, Deserialize)]
pub struct Instance {
    pub id: String,
    /// The private address; `None` if the instance is terminated.
    pub address: Option<IpAddr>,
    /// `running`, `stopped` or `terminated`.
    pub state: String,
    #[serde(rename = "type")]
    pub instance_type: String,
    pub tags: BTreeMap<String, String>,
    /// Decoded.
    pub user_data: Option<String>,
    pub launch_time: String,
    pub termination_protection: bool,
    /// The instance's Auto Scaling group.
    pub group: Option<String>,
    /// The group's health status: `Healthy` or `Unhealthy`.
    pub health: Option<String>,
    /// Whether the group protects it from scale-in.
    pub protected: Option<bool>,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The user data has the API's key.
        f.debug_struct("Instance")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("state", &self.state)
            .field("group", &self.group)
            .field("health", &self.health)
            .field("protected", &self.protected)
            .finish_non_exhaustive()
    }
}

/// The new state of an instance. Termination protection does not prevent the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    Running,
    Stopped,
    Terminated,
}

/// How a response is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The connection closes.
    Closed,
    /// AWS responds with status 500.
    InternalError,
}

impl Control {
    pub fn new(moto: &Moto) -> Self {
        Self {
            endpoint: moto.endpoint().to_owned(),
            region: moto.region().to_owned(),
        }
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Does what EventBridge does once a minute: if the rule is enabled, starts its targets and waits until they finish.
    ///
    /// # Errors
    /// The rule does not exist, EventBridge cannot assume its target's role, or this AWS does not run functions.
    pub async fn tick(&self, rule: &str) -> Result<Vec<Execution>, Error> {
        self.request("tick", json!({ "rule": rule })).await
    }

    /// # Errors
    /// The group does not exist.
    pub async fn group(&self, name: &str) -> Result<Group, Error> {
        self.request("group", json!({ "name": name })).await
    }

    /// All current and former instances.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn instances(&self) -> Result<Vec<Instance>, Error> {
        self.request("instances", json!({})).await
    }

    /// Sets the desired capacity of a group.
    ///
    /// # Errors
    /// The group does not exist, or the capacity is above its maximum.
    pub async fn set_desired(&self, group: &str, capacity: u32) -> Result<(), Error> {
        self.request(
            "set_desired_capacity",
            json!({ "name": group, "capacity": capacity }),
        )
        .await
    }

    /// Enables or disables a rule.
    ///
    /// # Errors
    /// The rule does not exist.
    pub async fn set_enabled(&self, rule: &str, enabled: bool) -> Result<(), Error> {
        self.request("set_rule_enabled", json!({ "rule": rule, "enabled": enabled }))
            .await
    }

    /// Changes the state of an instance.
    ///
    /// # Errors
    /// The instance does not exist.
    pub async fn set_state(&self, instance: &str, state: InstanceState) -> Result<(), Error> {
        let state = match state {
            InstanceState::Running => "running",
            InstanceState::Stopped => "stopped",
            InstanceState::Terminated => "terminated",
        };
        self.request(
            "set_instance_state",
            json!({ "instance": instance, "state": state }),
        )
        .await
    }

    /// Sets the health status of an instance in its group.
    ///
    /// # Errors
    /// The instance is not in a group.
    pub async fn set_healthy(&self, instance: &str, healthy: bool) -> Result<(), Error> {
        let status = if healthy { "Healthy" } else { "Unhealthy" };
        self.request(
            "set_instance_health",
            json!({ "instance": instance, "status": status }),
        )
        .await
    }

    /// Makes every instance older by this time, in whole seconds.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn advance_time(&self, time: Duration) -> Result<(), Error> {
        self.request("advance_time", json!({ "seconds": time.as_secs() }))
            .await
    }

    /// See [`Moto::fork`].
    pub(crate) async fn fork(&self) -> Result<u16, Error> {
        self.request("fork", json!({})).await
    }

    /// Executes the next `requests` mutating requests and makes all later ones fail. `None` ends this mode.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn fail_after(&self, requests: Option<u32>) -> Result<(), Error> {
        self.request("fail_after", json!({ "requests": requests })).await
    }

    /// Executes the next `requests` mutating requests normally. The one after them is executed too, but its response is lost.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn lose_response_after(&self, requests: u32, lost: Lost) -> Result<(), Error> {
        let lost = match lost {
            Lost::Closed => "closed",
            Lost::InternalError => "internal error",
        };
        self.request("fail_after", json!({ "requests": requests, "lost": lost }))
            .await
    }

    /// Whether a request will still fail or lose its response.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn fault_pending(&self) -> Result<bool, Error> {
        self.request("fault_pending", json!({})).await
    }

    /// All resources of the kinds that wekactl creates and all instances that are not terminated, one line per resource.
    /// Faster than [`dump`](crate::dump()).
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn list_resources(&self) -> Result<Vec<String>, Error> {
        self.request("list_resources", json!({})).await
    }

    /// Translates the URL of a REST API, such as the join URL, to the URL in the local AWS. `None` for any other URL.
    pub fn execute_api(&self, url: &str) -> Option<String> {
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let (api, rest) = host.split_once(".execute-api.")?;
        let region = rest.strip_suffix(".amazonaws.com")?;
        Some(format!("{}/lab/execute-api/{region}/{api}/{path}", self.endpoint))
    }

    async fn request<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        mut body: Value,
    ) -> Result<T, Error> {
        body["region"] = Value::from(self.region.as_str());
        let unreachable = |source| Error::Unreachable { operation, source };
        let address = self.endpoint.trim_start_matches("http://");
        let (status, response) = post(address, &format!("/lab/{operation}"), &body)
            .await
            .map_err(unreachable)?;
        if status != 200 {
            let message = String::from_utf8_lossy(&response).into_owned();
            return Err(Error::Rejected { operation, message });
        }
        serde_json::from_slice(&response).map_err(|source| Error::InvalidOutput {
            of: operation.to_owned(),
            source,
        })
    }
}

async fn post(address: &str, path: &str, body: &Value) -> io::Result<(u16, Bytes)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Dropping the driver closes the connection.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = hyper::Request::post(path)
        .header("host", address)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(io::Error::other)?;
    Ok((status, body.to_bytes()))
}
