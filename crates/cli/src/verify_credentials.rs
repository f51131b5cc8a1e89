//! Verifies credentials with Weka before they are stored, if a backend can be reached from this machine.

use crate::failure::Failure;
use deployment::Secret;
use futures::future::join_all;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use weka::{Ca, Client, DEFAULT_PORT, Options, Protocol};
use weka_types::support::{Unsupported, check_containers, check_release};
use weka_types::{Credentials, WekaProtocol};

/// For a backend to accept a connection. Import usually runs outside the cluster's network and waits for all of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// For the login, over all reachable backends.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Limits the connection attempts: one reachable backend is enough.
const MAX_BACKENDS: usize = 16;

/// How to connect to the backends' API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api<'a> {
    pub(crate) protocol: WekaProtocol,
    pub(crate) ca: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verification {
    Accepted,
    /// No backend verified the credentials; the reason.
    Skipped(String),
    /// The reason.
    Rejected(String),
}

/// What import found out about a cluster.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) verification: Verification,
    /// Why wekactl cannot scale the cluster; `None` also if no backend can be reached.
    pub(crate) unsupported: Option<Unsupported>,
}

/// Logs in to one of the backends.
///
/// # Errors
/// The certificates are not valid.
pub(crate) async fn log_in(
    addresses: impl IntoIterator<Item = String>,
    api: Api<'_>,
    username: &str,
    password: &Secret,
) -> Result<Verification, Failure> {
    Ok(match connect(addresses, api, username, password).await? {
        Some(client) => verify(&client).await,
        None => unreachable(),
    })
}

/// Logs in to one of the backends, and checks whether wekactl supports the cluster.
///
/// # Errors
/// The certificates are not valid.
pub(crate) async fn check(
    addresses: impl IntoIterator<Item = String>,
    api: Api<'_>,
    username: &str,
    password: &Secret,
) -> Result<Check, Failure> {
    let Some(client) = connect(addresses, api, username, password).await? else {
        return Ok(Check {
            verification: unreachable(),
            unsupported: None,
        });
    };
    let verification = verify(&client).await;
    let unsupported = unsupported(&client, verification == Verification::Accepted).await;
    Ok(Check {
        verification,
        unsupported,
    })
}

/// What cannot be read is not a reason to refuse a cluster. The release requires no login.
async fn unsupported(client: &Client, is_logged_in: bool) -> Option<Unsupported> {
    let release = client.software_release().await.ok()?;
    if let Err(unsupported) = check_release(&release) {
        return Some(unsupported);
    }
    if !is_logged_in {
        return None;
    }
    let hosts = client.hosts().await.ok()?;
    check_containers(&release, &hosts).err()
}

fn unreachable() -> Verification {
    Verification::Skipped(format!(
        "no backend can be reached from this machine on port {DEFAULT_PORT}"
    ))
}

async fn verify(client: &Client) -> Verification {
    match client.status().await {
        Ok(_) => Verification::Accepted,
        Err(error @ (weka::Error::LoginRefused { .. } | weka::Error::CertificateRefused { .. })) => {
            Verification::Rejected(error.to_string())
        }
        Err(error) => Verification::Skipped(format!("no backend verified them: {error}")),
    }
}

/// A client of the backends that can be reached from this machine; `None` if there are none.
async fn connect(
    addresses: impl IntoIterator<Item = String>,
    api: Api<'_>,
    username: &str,
    password: &Secret,
) -> Result<Option<Client>, Failure> {
    let protocol = match (api.protocol, api.ca) {
        (WekaProtocol::Http, _) => Protocol::Http,
        (WekaProtocol::Https, None) => Protocol::Https { ca: None },
        (WekaProtocol::Https, Some(pem)) => Protocol::Https {
            ca: Some(Ca::from_pem(pem).map_err(|error| {
                Failure::failed("reading the certificates in the settings (WekaCA)", &error)
            })?),
        },
    };
    let connections = addresses.into_iter().take(MAX_BACKENDS).map(|address| async {
        let connection = TcpStream::connect((address.as_str(), DEFAULT_PORT));
        matches!(timeout(CONNECT_TIMEOUT, connection).await, Ok(Ok(_))).then_some(address)
    });
    let reachable: Vec<_> = join_all(connections).await.into_iter().flatten().collect();
    if reachable.is_empty() {
        return Ok(None);
    }
    let credentials = Credentials {
        username: username.to_owned(),
        password: password.reveal().into(),
    };
    let options = Options {
        protocol,
        ..Options::default()
    };
    let client = Client::new(reachable, credentials, &options, Instant::now() + LOGIN_TIMEOUT);
    client
        .map(Some)
        .map_err(|error| Failure::failed("calling Weka", &error))
}
