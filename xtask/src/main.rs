//! Development tasks: `cargo xtask <name>`.

mod bench;
mod lab;
mod package;
mod process;
mod progress;
mod test;

use clap::Parser;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// Development tasks
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Run the demo: a Weka cluster on a local AWS is imported, scaled out and in, and repaired
    Lab(lab::Arguments),
    /// Run every check that CI runs: formatting, lints, documentation and all tests
    Test,
    /// Measure the CLI's commands and the functions with a simulated network latency
    Bench(bench::Arguments),
    /// Build the Lambda package, a release build for Amazon Linux 2023
    Package(package::Arguments),
}

fn main() -> ExitCode {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().unwrap_or(manifest);
    let result: Result<(), Box<dyn Error>> = match Command::parse() {
        Command::Lab(arguments) => lab::run(root, &arguments).map_err(Box::<dyn Error>::from),
        Command::Bench(arguments) => bench::run(root, &arguments).map_err(Box::from),
        Command::Test => test::run(root).map_err(Box::from),
        Command::Package(arguments) => package::run(root, &arguments).map(drop).map_err(Box::from),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

fn report(error: &dyn Error) {
    process::log(&format!("error: {error}"));
    let mut cause = error.source();
    while let Some(error) = cause {
        process::log(&format!("  caused by: {error}"));
        cause = error.source();
    }
}
