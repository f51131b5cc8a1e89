//! *join*: returns the script that joins a new instance to the cluster.
//!
//! The script of a backend has the cluster's password, so the instance must prove that it is a new member of the group. A refusal
//! does not reveal its reason. The instance runs any response with status 200, so every failure must be an HTTP error.

use crate::failure::chain;
use crate::identification::{self, Identified};
use crate::proxy::{self, Response};
use crate::{Clients, Environment, metrics, random};
use aws::backends::RunningInstance;
use deployment::settings::{InvalidSettings, SETTINGS_KEY};
use deployment::{HostGroup, Settings};
use identity::Refusal;
use instances::{BackendJoin, ClientJoin};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use weka_types::Credentials;

/// Why no script was returned.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("the event is not an HTTP request from an API Gateway proxy")]
    InvalidEvent,
    #[error("method {0} is not allowed: use GET")]
    Method(String),
    /// The request does not prove that it comes from a new member of the group.
    #[error("{0}")]
    Refused(Refusal),
    /// An AWS request failed.
    #[error("{doing} failed")]
    Aws {
        /// The purpose of the request.
        doing: &'static str,
        source: aws::Error,
    },
    #[error("table {0} has no item {SETTINGS_KEY}: the cluster has not been imported")]
    NoSettings(String),
    #[error("the cluster's settings are invalid")]
    Settings { source: InvalidSettings },
    #[error("cluster {0} has no running backends for the instance to join")]
    NoBackends(String),
    #[error("instance type '{0}' is unknown, and import set no cores and memory for it")]
    UnknownType(String),
    #[error("the operating system returned no random bytes")]
    Random { source: std::io::Error },
}

impl JoinError {
    /// The HTTP status. The instance retries after any error; operators see the status in the API's metrics.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidEvent => 400,
            Self::Refused(_) => 403,
            Self::Method(_) => 405,
            Self::Aws { .. } => 502,
            Self::NoBackends(_) => 503,
            Self::NoSettings(_) | Self::Settings { .. } | Self::UnknownType(_) | Self::Random { .. } => 500,
        }
    }
}

/// Handles an API Gateway event: returns the script, or an HTTP error.
pub async fn join(environment: &Environment, clients: &Clients, event: &Value, now: Timestamp) -> Response {
    let script = async {
        check(event)?;
        let request = identification::verify(environment, event, now).map_err(JoinError::Refused)?;
        let inputs = read(environment, clients, request.as_ref(), now).await?;
        script(&environment.cluster, inputs)
    };
    match script.await {
        Ok(script) => Response::script(script),
        Err(JoinError::Refused(refusal)) => {
            tracing::warn!(reason = refusal.name(), "refused: {refusal}");
            metrics::write(&metrics::event(
                environment,
                "JoinRefused",
                Some(refusal.name()),
                now,
            ));
            if refusal == Refusal::Claimed {
                metrics::write(&metrics::event(environment, "JoinConflict", None, now));
            }
            Response::forbidden()
        }
        Err(error) => {
            let (status, reason) = (error.status(), chain(&error));
            tracing::error!(status, reason, "no script returned");
            Response::error(status, &reason)
        }
    }
}

/// The inputs of a join script.
#[derive(Debug)]
pub struct JoinInputs {
    /// The cluster's running backends, in the order in which the instance contacts them.
    pub backends: Vec<RunningInstance>,
    pub settings: Settings,
    /// Present only for a backend: a client needs none.
    pub credentials: Option<Credentials>,
}

/// Renders the join script.
///
/// # Errors
/// There are no backends, or the instance type has no profile.
pub fn script(cluster: &str, inputs: JoinInputs) -> Result<String, JoinError> {
    let backends: Vec<_> = inputs
        .backends
        .into_iter()
        .map(|backend| backend.private_ip)
        .collect();
    if backends.is_empty() {
        return Err(JoinError::NoBackends(cluster.to_owned()));
    }
    let settings = inputs.settings;
    let Some(credentials) = inputs.credentials else {
        let mounts = settings.client_mounts();
        return Ok(ClientJoin { backends, mounts }.render());
    };
    let unknown = || JoinError::UnknownType(settings.backends.instance_type.clone());
    let profile = settings.backends.profile().ok_or_else(unknown)?;
    let join = BackendJoin {
        backends,
        username: credentials.username,
        password: credentials.password.expose_secret().to_owned(),
        profile,
    };
    Ok(join.render())
}

fn check(event: &Value) -> Result<(), JoinError> {
    match proxy::method(event).ok_or(JoinError::InvalidEvent)? {
        "GET" => Ok(()),
        other => Err(JoinError::Method(other.to_owned())),
    }
}

/// Reads everything concurrently. The claim is written in the same round: it is the instance's own, and the signature of its
/// identity document has been verified.
async fn read(
    environment: &Environment,
    clients: &Clients,
    request: Option<&Identified>,
    now: Timestamp,
) -> Result<JoinInputs, JoinError> {
    let aws = |doing| move |source| JoinError::Aws { doing, source };
    let backends = async {
        aws::backends::running(clients.ec2(), &environment.cluster)
            .await
            .map_err(aws("reading the running backends"))
    };
    let credentials = async {
        if environment.host_group == HostGroup::Clients {
            return Ok(None);
        }
        aws::table::credentials(clients.dynamodb(), &environment.table)
            .await
            .map(Some)
            .map_err(aws("reading the credentials"))
    };
    let settings = async {
        let item = aws::table::item(clients.dynamodb(), &environment.table, SETTINGS_KEY)
            .await
            .map_err(aws("reading the settings"))?;
        settings(&environment.table, item)
    };
    let proof = async {
        let Some(request) = request else { return Ok(None) };
        let (id, nonce) = (&request.document.instance_id, request.nonce.hash());
        let instance = async {
            let instance = aws::joining::instance(clients.ec2(), id).await;
            instance.map_err(aws("reading the instance"))
        };
        let claim = async {
            let claim = aws::joining::claim(clients.dynamodb(), &environment.table, id, &nonce, now).await;
            claim.map_err(aws("claiming the instance"))
        };
        tokio::try_join!(instance, claim).map(Some)
    };
    let (backends, credentials, settings, proof) = tokio::try_join!(backends, credentials, settings, proof)?;
    if let (Some(request), Some((instance, claim))) = (request, proof) {
        let checked = identification::check(environment, &settings, request, instance, claim, now);
        checked.map_err(JoinError::Refused)?;
    }
    let backends = random::shuffled(backends).map_err(|source| JoinError::Random { source })?;
    Ok(JoinInputs {
        backends,
        credentials,
        settings,
    })
}

fn settings(table: &str, item: Option<Map<String, Value>>) -> Result<Settings, JoinError> {
    let item = item.ok_or_else(|| JoinError::NoSettings(table.to_owned()))?;
    Settings::from_item(&item).map_err(|source| JoinError::Settings { source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use serde_json::json;

    /// The inputs of a backend of this type, or of a client.
    fn inputs(instance_type: Option<&str>) -> JoinInputs {
        let mut settings = Settings::default();
        settings.backends.instance_type = instance_type.unwrap_or("i3en.2xlarge").to_owned();
        JoinInputs {
            backends: vec![RunningInstance {
                id: "i-1".into(),
                private_ip: "10.0.0.1".into(),
            }],
            credentials: instance_type.map(|_| Credentials {
                username: "admin".into(),
                password: SecretString::from("hunter2"),
            }),
            settings,
        }
    }

    #[test]
    fn script_has_cores_and_credentials_for_a_backend_only() {
        let backend = script("wk", inputs(Some("i3en.2xlarge"))).unwrap();
        let client = script("wk", inputs(None)).unwrap();
        for script in [&backend, &client] {
            assert!(script.starts_with("#!/bin/bash") && script.contains("10.0.0.1"));
        }
        for of_a_backend in ["31796436575B", "hunter2", "admin"] {
            assert!(
                backend.contains(of_a_backend) && !client.contains(of_a_backend),
                "{of_a_backend}"
            );
        }
    }

    #[test]
    fn client_mounts_what_the_settings_name_or_the_default() {
        let client = script("wk", inputs(None)).unwrap();
        assert!(client.contains("mounts=('default' '/mnt/weka')"));
        let mut inputs = inputs(None);
        inputs.settings.client_mounts =
            vec!["home=/mnt/home".parse().unwrap(), "work=/data".parse().unwrap()];
        let client = script("wk", inputs).unwrap();
        assert!(client.contains("mounts=('home' '/mnt/home' 'work' '/data')"));
    }

    #[test]
    fn script_needs_backends_and_a_profile() {
        let no_backends = JoinInputs {
            backends: vec![],
            ..inputs(None)
        };
        let error = script("wk", no_backends).unwrap_err();
        assert_eq!(error.status(), 503);
        assert!(error.to_string().contains("cluster wk has no running backends"));
        let error = script("wk", inputs(Some("t3.micro"))).unwrap_err();
        assert_eq!(error.status(), 500);
        assert!(error.to_string().contains("'t3.micro' is unknown"));
    }

    #[test]
    fn only_get_requests_are_accepted() {
        assert!(check(&json!({ "httpMethod": "GET", "path": "/wekactl-wk-Backends" })).is_ok());
        assert_eq!(check(&json!({ "httpMethod": "POST" })).unwrap_err().status(), 405);
        for other in [
            json!({}),
            json!({ "httpMethod": null }),
            json!("GET"),
            json!(null),
        ] {
            assert_eq!(check(&other).unwrap_err().status(), 400);
        }
    }

    #[test]
    fn missing_or_invalid_settings_are_an_error() {
        assert!(
            settings("t", None)
                .unwrap_err()
                .to_string()
                .contains("table t has no item cluster-settings")
        );
        let item = Map::from_iter([("Backends".to_owned(), json!({ "S": "text" }))]);
        assert_eq!(settings("t", Some(item)).unwrap_err().status(), 500);
    }
}
