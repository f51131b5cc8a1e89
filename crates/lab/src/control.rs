//! What only a lab can do to its AWS: run a minute of the schedule, let time pass, make machines fail.

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

/// The local AWS's other side, beside its API.
#[derive(Debug, Clone)]
pub struct Control {
    endpoint: String,
    region: String,
}

/// How an execution of a state machine ended.
#[derive(Debug, Clone, Deserialize)]
pub struct Execution {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// What it failed with: the function's error by its name.
    pub error: Option<String>,
    /// What the error says; of a function, JSON with `errorType` and `errorMessage`.
    pub cause: Option<String>,
    /// What the last state gave.
    pub output: Option<Value>,
    /// All events, with what went into and came out of each state.
    pub history: Vec<Value>,
}

impl Execution {
    /// The output of a state that was left, such as `Scale`.
    pub fn output_of(&self, state: &str) -> Option<Value> {
        let exited = |event: &&Value| event.pointer("/stateExitedEventDetails/name") == Some(&json!(state));
        let output = self.history.iter().rfind(exited)?;
        let text = output.pointer("/stateExitedEventDetails/output")?.as_str()?;
        serde_json::from_str(text).ok()
    }

    /// The whole history as text, to look for what may not stand in it.
    pub fn text(&self) -> String {
        let events: Vec<_> = self.history.iter().map(Value::to_string).collect();
        events.join("\n")
    }
}

/// An Auto Scaling group.
#[derive(Debug, Clone, Deserialize)]
pub struct Group {
    /// Its desired capacity.
    pub desired: u32,
    /// The instances in it.
    pub members: Vec<String>,
}

/// An instance, also one that has been terminated.
#[derive(Clone, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its private address; none once it is terminated.
    pub address: Option<IpAddr>,
    /// `running`, `stopped`, `terminated`.
    pub state: String,
    /// Its type.
    #[serde(rename = "type")]
    pub instance_type: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it runs at its first boot: the text, not encoded.
    pub user_data: Option<String>,
    /// When it was launched, as text.
    pub launch_time: String,
    /// Whether it is protected from termination.
    pub termination_protection: bool,
    /// The Auto Scaling group that it is a member of.
    pub group: Option<String>,
    /// How it is as a member: `Healthy` or `Unhealthy`.
    pub health: Option<String>,
    /// Whether it is protected from scale-in, as a member.
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

/// What becomes of a machine, whatever protects it from requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// It runs again.
    Running,
    /// It is switched off.
    Stopped,
    /// It is gone.
    Terminated,
}

impl Control {
    /// Of this local AWS.
    pub fn of(moto: &Moto) -> Self {
        Self {
            endpoint: moto.endpoint().to_owned(),
            region: moto.region().to_owned(),
        }
    }

    /// Does what EventBridge does once a minute: starts the rule's targets, if it is enabled, and waits until they have
    /// ended.
    ///
    /// # Errors
    /// There is no such rule, EventBridge cannot assume its target's role, or this AWS runs no functions.
    pub async fn tick(&self, rule: &str) -> Result<Vec<Execution>, Error> {
        self.ask("minute", json!({ "rule": rule })).await
    }

    /// A group.
    ///
    /// # Errors
    /// There is none of that name.
    pub async fn group(&self, name: &str) -> Result<Group, Error> {
        self.ask("group", json!({ "name": name })).await
    }

    /// All instances that there ever were.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn instances(&self) -> Result<Vec<Instance>, Error> {
        self.ask("instances", json!({})).await
    }

    /// Sets a group's desired capacity, as its user does.
    ///
    /// # Errors
    /// There is no such group, or it is above the maximum.
    pub async fn set_desired(&self, group: &str, capacity: u32) -> Result<(), Error> {
        self.ask("desired", json!({ "name": group, "capacity": capacity }))
            .await
    }

    /// Enables or disables a rule.
    ///
    /// # Errors
    /// There is no such rule.
    pub async fn set_enabled(&self, rule: &str, enabled: bool) -> Result<(), Error> {
        self.ask("schedule", json!({ "rule": rule, "enabled": enabled }))
            .await
    }

    /// Changes the state of an instance.
    ///
    /// # Errors
    /// There is no such instance.
    pub async fn set_state(&self, instance: &str, state: InstanceState) -> Result<(), Error> {
        let state = match state {
            InstanceState::Running => "running",
            InstanceState::Stopped => "stopped",
            InstanceState::Terminated => "terminated",
        };
        self.ask("state", json!({ "instance": instance, "state": state }))
            .await
    }

    /// Sets how its group sees a member.
    ///
    /// # Errors
    /// The instance is in no group.
    pub async fn set_healthy(&self, instance: &str, healthy: bool) -> Result<(), Error> {
        let status = if healthy { "Healthy" } else { "Unhealthy" };
        self.ask("health", json!({ "instance": instance, "status": status }))
            .await
    }

    /// Makes every instance so much older. To the second.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn pass(&self, time: Duration) -> Result<(), Error> {
        self.ask("passed", json!({ "seconds": time.as_secs() })).await
    }

    /// See [`Moto::fork`].
    pub(crate) async fn fork(&self) -> Result<u16, Error> {
        self.ask("fork", json!({})).await
    }

    /// From now on, so many requests that change something are carried out and all others fail; none: all are carried out.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn fail_after(&self, requests: Option<u32>) -> Result<(), Error> {
        self.ask("fail_after", json!({ "requests": requests })).await
    }

    /// Everything that wekactl could have made, and the instances that have not been terminated, a line each: quicker than
    /// [`dump`](crate::dump()), to see that nothing was left.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn standing(&self) -> Result<Vec<String>, Error> {
        self.ask("standing", json!({})).await
    }

    /// Where the local AWS answers for a URL of a REST API, such as the join URL; none for another URL.
    pub fn execute_api(&self, url: &str) -> Option<String> {
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let (api, rest) = host.split_once(".execute-api.")?;
        let region = rest.strip_suffix(".amazonaws.com")?;
        Some(format!("{}/lab/execute-api/{region}/{api}/{path}", self.endpoint))
    }

    async fn ask<T: DeserializeOwned>(&self, operation: &'static str, mut body: Value) -> Result<T, Error> {
        body["region"] = Value::from(self.region.as_str());
        let unreachable = |source| Error::Unreachable { operation, source };
        let address = self.endpoint.trim_start_matches("http://");
        let (status, answer) = post(address, &format!("/lab/{operation}"), &body)
            .await
            .map_err(unreachable)?;
        if status != 200 {
            let said = String::from_utf8_lossy(&answer).into_owned();
            return Err(Error::Refused { operation, said });
        }
        serde_json::from_slice(&answer).map_err(|source| Error::Answer {
            of: operation.to_owned(),
            source,
        })
    }
}

async fn post(address: &str, path: &str, body: &Value) -> io::Result<(u16, Bytes)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Dropped, it ends the connection.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = hyper::Request::post(path)
        .header("host", address)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(io::Error::other)?;
    Ok((status, body.to_bytes()))
}
