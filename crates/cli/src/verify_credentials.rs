//! Verifies credentials with Weka before they are stored, if a backend can be reached from this machine.

use crate::failure::Failure;
use deployment::Secret;
use futures::future::join_all;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use weka::{Ca, Client, DEFAULT_PORT, Options, Protocol};
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
        return Ok(Verification::Skipped(format!(
            "no backend can be reached from this machine on port {DEFAULT_PORT}"
        )));
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
    let client = client.map_err(|error| Failure::failed("calling Weka", &error))?;
    Ok(match client.status().await {
        Ok(_) => Verification::Accepted,
        Err(error @ (weka::Error::WrongCredentials { .. } | weka::Error::CertificateRefused { .. })) => {
            Verification::Rejected(error.to_string())
        }
        Err(error) => Verification::Skipped(format!("no backend verified them: {error}")),
    })
}
