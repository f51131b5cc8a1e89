//! `debug jrpc`: calls one method of the Weka management API with the client that the functions use.

use crate::failure::{Failure, USAGE};
use crate::flags::LoginFlags;
use crate::printer::Printer;
use crate::{certificate_file, password};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use weka::{Client, Options, Protocol};
use weka_types::Credentials;

/// For the call to all hosts together.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Call a method of the Weka management API and print its result
#[derive(Debug, Args)]
#[command(mut_arg("username", |username| username.help("Weka username")))]
pub(crate) struct Jrpc {
    /// Method to call, such as status or hosts_list
    #[arg(short, long)]
    method: String,
    /// Parameters of the method, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,
    /// Address or name of a backend; several are tried in order until one responds
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',')]
    host: Vec<String>,
    /// Port of the management API
    #[arg(long, default_value_t = weka::DEFAULT_PORT)]
    port: u16,
    #[command(flatten)]
    login: LoginFlags,
    /// Use plain HTTP
    #[arg(long)]
    http: bool,
    /// PEM file of trusted certificates: the backend must present one of them, or one signed by one of them
    #[arg(long, value_name = "FILE", conflicts_with = "http")]
    ca: Option<PathBuf>,
}

pub(super) async fn run(arguments: Jrpc, printer: &Printer) -> Result<u8, Failure> {
    let mut errors = Vec::new();
    let params = serde_json::from_str(&arguments.params)
        .map_err(|error| errors.push(format!("--params is not valid JSON: {error}")));
    let ca = arguments
        .ca
        .as_deref()
        .map(|path| certificate_file::weka_ca("--ca", path))
        .transpose();
    let ca = ca.map_err(|error| errors.push(error));
    let (Ok(params), Ok(ca)) = (params, ca) else {
        return Err(Failure::all(USAGE, errors));
    };
    let password = password::read(&arguments.login, printer)?;
    let credentials = Credentials {
        username: arguments.login.username,
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
    let failed = |error: weka::Error| Failure::failed("calling Weka", &error);
    let client =
        Client::new(arguments.host, credentials, &options, Instant::now() + TIMEOUT).map_err(failed)?;
    let result = client.request(&arguments.method, &params).await.map_err(failed)?;
    printer.json(&result);
    Ok(0)
}
