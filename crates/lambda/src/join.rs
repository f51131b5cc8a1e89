//! *join*: answers a new instance with the script that makes it a member of the cluster.
//!
//! The instance runs what it gets with status 200 and nothing else, so whatever is missing here is an HTTP error.

use crate::failure::chain;
use crate::proxy::{self, Response};
use crate::{Clients, Environment, random};
use aws::backends::RunningInstance;
use deployment::settings::{InvalidSettings, SETTINGS_KEY};
use deployment::{HostGroup, Settings};
use instances::{BackendJoin, ClientJoin};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use weka_types::Credentials;

/// Reason there is no script.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The event is not API Gateway's.
    #[error("the event is no HTTP request of an API Gateway proxy")]
    NoRequest,
    /// Another method than GET.
    #[error("method {0} is not allowed: the script is fetched with GET")]
    Method(String),
    /// AWS refused a request, or none of its answers came.
    #[error("{doing} failed")]
    Aws {
        /// What the request was for.
        doing: &'static str,
        /// AWS's answer.
        source: aws::Error,
    },
    /// The table has no settings.
    #[error("table {0} has no item {SETTINGS_KEY}: the cluster is not imported")]
    NoSettings(String),
    /// The settings cannot be read.
    #[error("the cluster's settings are bad")]
    Settings {
        /// Reason.
        source: InvalidSettings,
    },
    /// Nobody to join by.
    #[error("cluster {0} has no running backends that an instance could join by")]
    NoBackends(String),
    /// No profile for the instance type.
    #[error("instance type '{0}' is not known, and no cores and memory were given for it at import")]
    UnknownType(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random {
        /// Reason.
        source: std::io::Error,
    },
}

impl Refusal {
    /// The HTTP status. The instance tries again whatever it is, but an operator reads it in the API's metrics.
    pub fn status(&self) -> u16 {
        match self {
            Self::NoRequest => 400,
            Self::Method(_) => 405,
            Self::Aws { .. } => 502,
            Self::NoBackends(_) => 503,
            Self::NoSettings(_) | Self::Settings { .. } | Self::UnknownType(_) | Self::Random { .. } => 500,
        }
    }
}

/// Answers an event of API Gateway: the script, or why there is none.
pub async fn join(environment: &Environment, clients: &Clients, event: &Value) -> Response {
    let read = async {
        check(event)?;
        read(environment, clients).await
    };
    match read.await.and_then(|found| script(&environment.cluster, found)) {
        Ok(script) => Response::script(script),
        Err(refusal) => {
            let (status, reason) = (refusal.status(), chain(&refusal));
            tracing::error!(status, reason, "no script");
            Response::error(status, &reason)
        }
    }
}

/// What a script is made of.
#[derive(Debug)]
pub struct Found {
    /// The cluster's running backends, in the order in which the instance is to ask them.
    pub backends: Vec<RunningInstance>,
    /// With whom to log in.
    pub credentials: Credentials,
    /// The settings, for a backend: a client's script does not depend on them.
    pub settings: Option<Settings>,
}

/// The script of what was read.
///
/// # Errors
/// No backends; an instance type without a profile.
pub fn script(cluster: &str, found: Found) -> Result<String, Refusal> {
    let backends: Vec<_> = found
        .backends
        .into_iter()
        .map(|backend| backend.private_ip)
        .collect();
    if backends.is_empty() {
        return Err(Refusal::NoBackends(cluster.to_owned()));
    }
    let username = found.credentials.username;
    let password = found.credentials.password.expose_secret().to_owned();
    Ok(match found.settings {
        Some(settings) => {
            let unknown = || Refusal::UnknownType(settings.backends.instance_type.clone());
            let profile = settings.backends.profile().ok_or_else(unknown)?;
            BackendJoin {
                backends,
                username,
                password,
                profile,
            }
            .render()
        }
        None => ClientJoin {
            backends,
            username,
            password,
        }
        .render(),
    })
}

fn check(event: &Value) -> Result<(), Refusal> {
    match proxy::method(event).ok_or(Refusal::NoRequest)? {
        "GET" => Ok(()),
        other => Err(Refusal::Method(other.to_owned())),
    }
}

async fn read(environment: &Environment, clients: &Clients) -> Result<Found, Refusal> {
    let aws = |doing| move |source| Refusal::Aws { doing, source };
    let backends = async {
        aws::backends::running(clients.ec2(), &environment.cluster)
            .await
            .map_err(aws("reading the running backends"))
    };
    let credentials = async {
        aws::table::credentials(clients.dynamodb(), &environment.table)
            .await
            .map_err(aws("reading the credentials"))
    };
    let settings = async {
        if environment.host_group == HostGroup::Clients {
            return Ok(None);
        }
        let item = aws::table::item(clients.dynamodb(), &environment.table, SETTINGS_KEY)
            .await
            .map_err(aws("reading the settings"))?;
        settings(&environment.table, item).map(Some)
    };
    let (backends, credentials, settings) = tokio::try_join!(backends, credentials, settings)?;
    let backends = random::shuffled(backends).map_err(|source| Refusal::Random { source })?;
    Ok(Found {
        backends,
        credentials,
        settings,
    })
}

fn settings(table: &str, item: Option<Map<String, Value>>) -> Result<Settings, Refusal> {
    let item = item.ok_or_else(|| Refusal::NoSettings(table.to_owned()))?;
    Settings::from_item(&item).map_err(|source| Refusal::Settings { source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use serde_json::json;

    fn found(instance_type: Option<&str>) -> Found {
        Found {
            backends: vec![RunningInstance {
                id: "i-1".into(),
                private_ip: "10.0.0.1".into(),
            }],
            credentials: Credentials {
                username: "admin".into(),
                password: SecretString::from("hunter2"),
            },
            settings: instance_type.map(|instance_type| {
                let mut settings = Settings::default();
                settings.backends.instance_type = instance_type.to_owned();
                settings
            }),
        }
    }

    #[test]
    fn a_backend_gets_cores_and_a_client_does_not() {
        let backend = script("wk", found(Some("i3en.2xlarge"))).unwrap();
        let client = script("wk", found(None)).unwrap();
        for script in [&backend, &client] {
            assert!(
                script.starts_with("#!/bin/bash")
                    && script.contains("10.0.0.1")
                    && script.contains("hunter2")
            );
        }
        assert!(backend.contains("31796436575B") && !client.contains("31796436575B"));
    }

    #[test]
    fn without_backends_or_profile_there_is_no_script() {
        let nobody = Found {
            backends: vec![],
            ..found(None)
        };
        let refusal = script("wk", nobody).unwrap_err();
        assert_eq!(refusal.status(), 503);
        assert!(refusal.to_string().contains("cluster wk has no running backends"));
        let refusal = script("wk", found(Some("t3.micro"))).unwrap_err();
        assert_eq!(refusal.status(), 500);
        assert!(refusal.to_string().contains("'t3.micro' is not known"));
    }

    #[test]
    fn only_a_get_request_is_answered() {
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
    fn settings_that_are_missing_or_bad_are_an_error() {
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
