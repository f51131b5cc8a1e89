//! `cluster change-credentials`: another user and password with which the functions log in to Weka.

use super::join_params::{cluster_name, settings};
use crate::args::ChangeCredentials;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Connect;
use crate::verify_credentials::{self, Api, Verification};
use crate::{confirm, password};
use aws::{backends, table};
use deployment::Names;
use serde_json::json;

/// Runs the command.
pub(crate) async fn run(
    arguments: ChangeCredentials,
    connect: Connect,
    printer: &Printer,
) -> Result<u8, Failure> {
    let names = Names::new(cluster_name(&arguments.name)?);
    if arguments.username.is_empty() {
        return Err(Failure::usage("--username is empty"));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the command reads its own environment variable"
    )]
    let password = password::read(&arguments.password, std::env::var("WEKA_PASSWORD").ok(), printer)?;
    let session = connect.connect().await?;
    let settings = settings(&session, &names).await?;
    let tried = if arguments.no_verify {
        Verification::Skipped("--no-verify".to_owned())
    } else {
        let running = backends::running(&session.clients.ec2, names.cluster().as_str()).await;
        let running = running.map_err(|error| Failure::aws("finding the backends", &error))?;
        let api = Api {
            protocol: settings.weka_protocol,
            ca: settings.weka_ca.as_deref(),
        };
        let addresses = running.into_iter().map(|backend| backend.private_ip);
        verify_credentials::log_in(addresses, api, &arguments.username, &password).await?
    };
    match &tried {
        Verification::Accepted => printer.line("Weka accepts the new credentials."),
        Verification::Skipped(why) => printer.line(&format!("The new credentials were not tried: {why}.")),
        Verification::Refused(why) => {
            return Err(Failure::plain(format!(
                "nothing was changed, because the new credentials are no good: {why}; --no-verify stores them all the same"
            )));
        }
    }
    let question = format!("Store them for cluster {}?", names.cluster());
    confirm::require_confirmation(printer, arguments.yes, &question)?;
    let table = names.base();
    let stored = table::change_credentials(
        &session.clients.dynamodb,
        &table,
        &arguments.username,
        password.reveal(),
    );
    stored.await.map_err(|error| {
        if error.is(&["ConditionalCheckFailedException"]) {
            Failure::plain(format!(
                "nothing was changed: the table {table} holds no credentials yet; `wekactl cluster import` stores them"
            ))
        } else {
            Failure::aws("storing the credentials", &error)
        }
    })?;
    printer.line("Stored; the next minute's run uses them.");
    if printer.is_json() {
        printer.json(&json!({
            "cluster": names.cluster().as_str(),
            "username": arguments.username,
            "tried": tried == Verification::Accepted,
            "changed": true,
        }));
    }
    Ok(0)
}
