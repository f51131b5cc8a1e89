//! The command line of wekactl: arguments, what is shown, and which parts of the other crates are called.

mod args;
mod commands;
mod confirm;
mod execute;
mod failure;
mod generated;
mod package;
mod password;
mod plan_view;
mod printer;
mod progress;
mod removal_view;
mod session;
mod verify_credentials;
mod weka_ca;

use args::{Arguments, Command};
use clap::Parser;
use failure::Failure;
use printer::Printer;
use std::process::ExitCode;

/// Runs the command that the process's arguments name.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come by way of an error too; only what went to stderr is bad usage.
            let usage = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if usage { failure::USAGE } else { 0 });
        }
    };
    let printer = Printer::new(arguments.output, arguments.color);
    log(arguments.verbose);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = outcome.map_err(|error| Failure::failed("the program could not start", &error));
    match outcome.and_then(|runtime| runtime.block_on(run(arguments, &printer))) {
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
            "there is no provider '{}': there is 'aws'",
            arguments.provider
        )));
    }
    let connect = session::Connect {
        region: arguments.region,
        profile: arguments.profile,
    };
    match arguments.command {
        Command::Cluster(args::Cluster::Import(import)) => {
            commands::cluster_import::run(*import, connect, printer).await
        }
        Command::Cluster(args::Cluster::Update(update)) => {
            commands::cluster_update::run(update, connect, printer).await
        }
        Command::Cluster(args::Cluster::Destroy(destroy)) => {
            commands::cluster_destroy::run(destroy, connect, printer).await
        }
        Command::Cluster(args::Cluster::ChangeCredentials(change)) => {
            commands::cluster_change_credentials::run(change, connect, printer).await
        }
        Command::Cluster(args::Cluster::List) => commands::cluster_list::run(connect, printer).await,
        Command::Cluster(args::Cluster::JoinParams(params)) => {
            commands::join_params::run(params, connect, printer).await
        }
        Command::Hostgroup(args::Hostgroup::List(list)) => {
            commands::hostgroup_list::run(list, connect, printer).await
        }
        Command::Debug(args::Debug::Support(step)) => {
            commands::debug_instances::run(step, connect, printer).await
        }
        Command::Debug(args::Debug::Jrpc(jrpc)) => commands::debug_jrpc::run(jrpc, printer).await,
        Command::Completion { shell } => commands::about::completion(shell, printer),
        Command::Version => commands::about::version(printer),
    }
}

/// Diagnostics on stderr: what `LOG_LEVEL` says, else as many `-v` as there are.
#[expect(clippy::disallowed_methods, reason = "the program is composed here")]
fn log(verbose: u8) {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| {
        match verbose {
            0 => "off",
            1 => "wekactl=debug",
            2 => "debug,hyper_util=info,aws_smithy_runtime=info",
            _ => "trace",
        }
        .to_owned()
    });
    let filter = tracing_subscriber::EnvFilter::try_new(level).unwrap_or_default();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
