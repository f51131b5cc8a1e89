//! The program `wekactl`: reads the environment and hands it on.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
