//! Lab, test, bench and package: `cargo xtask <name>`.

mod bench;
mod lab;
mod package;
mod run;
mod test;

use clap::Parser;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Start a local AWS with a Weka stack, import it and show what stands
    Lab(lab::Arguments),
    /// Run everything that CI runs
    Test,
    /// Measure import with a network in between, and the functions
    Bench(bench::Arguments),
    /// Build the functions' package for Lambda
    Package(package::Arguments),
}

fn main() -> ExitCode {
    // This package lies in the workspace's root.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().unwrap_or(manifest);
    let done: Result<(), Box<dyn Error>> = match Command::parse() {
        Command::Lab(arguments) => lab::run(root, &arguments).map_err(Box::<dyn Error>::from),
        Command::Bench(arguments) => bench::run(root, &arguments).map_err(Box::from),
        Command::Test => test::run(root).map_err(Box::from),
        Command::Package(arguments) => package::run(root, &arguments).map(drop).map_err(Box::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the one place where xtask says what went wrong"
)]
fn report(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}
