//! `debug jrpc`: one method of the Weka management API, as the functions call it.

use crate::args::Jrpc;
use crate::failure::{Failure, USAGE};
use crate::printer::Printer;
use crate::{password, weka_ca};
use std::time::Duration;
use tokio::time::Instant;
use weka::{Client, Options, Protocol};
use weka_types::Credentials;

/// How long a method may take, over all hosts.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command.
pub(crate) async fn run(arguments: Jrpc, printer: &Printer) -> Result<u8, Failure> {
    let mut errors = Vec::new();
    let params = serde_json::from_str(&arguments.params)
        .map_err(|error| errors.push(format!("--params is not JSON: {error}")));
    let ca = arguments
        .ca
        .as_deref()
        .map(|path| weka_ca::read("--ca", path))
        .transpose();
    let ca = ca.map_err(|error| errors.push(error));
    let (Ok(params), Ok(ca)) = (params, ca) else {
        return Err(Failure::all(USAGE, errors));
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the command reads its own environment variable"
    )]
    let password = password::read(&arguments.password, std::env::var("WEKA_PASSWORD").ok(), printer)?;
    let credentials = Credentials {
        username: arguments.username,
        password: password.reveal().into(),
    };
    let options = Options {
        protocol: if arguments.http {
            Protocol::Http
        } else {
            Protocol::Https { ca }
        },
        port: arguments.port,
        ..Options::default()
    };
    let failed = |error: weka::Error| Failure::failed("asking Weka", &error);
    let client =
        Client::new(arguments.host, credentials, &options, Instant::now() + PATIENCE).map_err(failed)?;
    let result = client.request(&arguments.method, &params).await.map_err(failed)?;
    printer.json(&result);
    Ok(0)
}
