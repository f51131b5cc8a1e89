//! Credentials are tried on Weka itself before they are stored, where a backend can be reached from here.

use crate::failure::Failure;
use deployment::Secret;
use futures::future::join_all;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use weka::{Ca, Client, DEFAULT_PORT, Options, Protocol};
use weka_types::{Credentials, WekaProtocol};

/// How long a backend has to accept a connection. Most who import are outside of the cluster's network, and wait for it.
const REACHED_WITHIN: Duration = Duration::from_secs(2);
/// How long all that were reached have to say yes or no.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How many backends are tried to be reached: any one will do.
const MOST: usize = 16;

/// How the backends' API is spoken to, as the settings say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api<'a> {
    pub(crate) protocol: WekaProtocol,
    pub(crate) ca: Option<&'a str>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verification {
    /// A backend let us log in.
    Accepted,
    /// None could be asked: why.
    Skipped(String),
    /// They are not good: why.
    Refused(String),
}

/// Logs in to one of the backends.
///
/// # Errors
/// The certificates in the settings cannot be read.
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
            ca: Some(
                Ca::from_pem(pem)
                    .map_err(|error| Failure::failed("reading WekaCA of the settings", &error))?,
            ),
        },
    };
    let reach = addresses.into_iter().take(MOST).map(|address| async {
        let connection = TcpStream::connect((address.as_str(), DEFAULT_PORT));
        matches!(timeout(REACHED_WITHIN, connection).await, Ok(Ok(_))).then_some(address)
    });
    let reached: Vec<_> = join_all(reach).await.into_iter().flatten().collect();
    if reached.is_empty() {
        return Ok(Verification::Skipped(format!(
            "no backend can be reached from here on port {DEFAULT_PORT}"
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
    let client = Client::new(reached, credentials, &options, Instant::now() + ANSWERED_WITHIN);
    let client = client.map_err(|error| Failure::failed("asking Weka", &error))?;
    Ok(match client.status().await {
        Ok(_) => Verification::Accepted,
        Err(error @ (weka::Error::WrongCredentials { .. } | weka::Error::CertificateRefused { .. })) => {
            Verification::Refused(error.to_string())
        }
        Err(error) => Verification::Skipped(format!("no backend answered: {error}")),
    })
}
