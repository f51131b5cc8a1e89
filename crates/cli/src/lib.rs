//! The command line of wekactl: arguments, output, and the calls into the other crates.

mod apply;
mod args;
mod certificate_file;
mod commands;
mod confirm;
mod execute;
mod failure;
mod flags;
mod generated;
mod logging;
mod package;
mod password;
mod plan_view;
mod printer;
mod progress;
mod session;
mod verify_credentials;

use args::{Arguments, Cluster, Command, Hostgroup};
use clap::Parser;
use failure::Failure;
use printer::Printer;
use std::process::ExitCode;

/// Runs the command given in the process's arguments.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap returns help and version as errors too; only those for stderr are usage errors.
            let usage = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if usage { failure::USAGE } else { 0 });
        }
    };
    let printer = Printer::new(arguments.output, arguments.color);
    logging::start(arguments.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("starting wekactl", &error));
    match runtime.and_then(|runtime| runtime.block_on(run(arguments, &printer))) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            printer.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(arguments: Arguments, printer: &Printer) -> Result<u8, Failure> {
    if arguments.provider != "aws" {
        return Err(Failure::usage(format!(
            "unknown cloud provider '{}': the only provider is 'aws'",
            arguments.provider
        )));
    }
    let connect = session::Connect {
        region: arguments.region,
        profile: arguments.profile,
    };
    match arguments.command {
        Command::Cluster(Cluster::Import(import)) => {
            commands::cluster_import::run(*import, connect, printer).await
        }
        Command::Cluster(Cluster::Update(update)) => {
            commands::cluster_update::run(update, connect, printer).await
        }
        Command::Cluster(Cluster::Destroy(destroy)) => {
            commands::cluster_destroy::run(destroy, connect, printer).await
        }
        Command::Cluster(Cluster::ChangeCredentials(change)) => {
            commands::cluster_change_credentials::run(change, connect, printer).await
        }
        Command::Cluster(Cluster::List) => commands::cluster_list::run(connect, printer).await,
        Command::Cluster(Cluster::JoinParams(params)) => {
            commands::cluster_join_params::run(params, connect, printer).await
        }
        Command::Hostgroup(Hostgroup::List(cluster)) => {
            commands::hostgroup_list::run(&cluster, connect, printer).await
        }
        Command::Debug(debug) => commands::debug::run(debug, connect, printer).await,
        Command::Completion { shell } => commands::completion::run(shell, printer),
        Command::Version => commands::version::run(printer),
    }
}
