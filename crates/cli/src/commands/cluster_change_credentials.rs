//! `cluster change-credentials`: replaces the username and password that the functions log in to Weka with.

use crate::failure::Failure;
use crate::flags::{ClusterFlag, LoginFlags, YesFlag};
use crate::printer::Printer;
use crate::session::Connect;
use crate::verify_credentials::{self, Api, Verification};
use crate::{confirm, password};
use aws::{backends, table};
use clap::Args;
use serde_json::json;

/// Store a new Weka username and password
///
/// The next run of the scale function uses them. Without a terminal, --yes is required.
#[derive(Debug, Args)]
pub(crate) struct ChangeCredentials {
    #[command(flatten)]
    cluster: ClusterFlag,
    #[command(flatten)]
    login: LoginFlags,
    /// Do not verify the username and password with Weka first
    #[arg(long)]
    no_verify: bool,
    #[command(flatten)]
    yes: YesFlag,
}

pub(crate) async fn run(
    arguments: ChangeCredentials,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let names = arguments.cluster.names()?;
    let username = &arguments.login.username;
    if username.is_empty() {
        return Err(Failure::usage("--username is empty"));
    }
    let password = password::read(&arguments.login, printer)?;
    let session = connect.connect().await?;
    let settings = session.settings(&names).await?;
    let verification = if arguments.no_verify {
        Verification::Skipped("--no-verify".to_owned())
    } else {
        let running = backends::running(&session.clients.ec2, names.cluster().as_str()).await;
        let running = running.map_err(|error| Failure::aws("finding the backends", &error))?;
        let api = Api {
            protocol: settings.weka_protocol,
            ca: settings.weka_ca.as_deref(),
        };
        let addresses = running.into_iter().map(|backend| backend.private_ip);
        verify_credentials::log_in(addresses, api, username, &password).await?
    };
    match &verification {
        Verification::Accepted => printer.line("Weka accepted the new credentials."),
        Verification::Skipped(reason) => {
            printer.line(&format!("The new credentials were not verified: {reason}."));
        }
        Verification::Rejected(reason) => {
            return Err(Failure::plain(format!(
                "nothing was changed: Weka rejected the new credentials: {reason}; use --no-verify to store them anyway"
            )));
        }
    }
    let question = format!("Store the new credentials of cluster {}?", names.cluster());
    confirm::require_confirmation(printer, &arguments.yes, &question)?;
    let table = names.base();
    let stored =
        table::change_credentials(&session.clients.dynamodb, &table, username, password.reveal()).await;
    stored.map_err(|error| {
        if aws::error_codes::is_condition_failed(&error) {
            Failure::plain(format!(
                "nothing was changed: table {table} has no credentials yet; run `wekactl cluster import` to store them"
            ))
        } else {
            Failure::aws("storing the credentials", &error)
        }
    })?;
    printer.line("Stored. The next run, within a minute, uses the new credentials.");
    if printer.is_json() {
        printer.json(&json!({
            "cluster": names.cluster().as_str(),
            "username": username,
            "tried": verification == Verification::Accepted,
            "changed": true,
        }));
    }
    Ok(0)
}
