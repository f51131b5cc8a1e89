use crate::args::Arguments;
use crate::failure::Failure;
use crate::printer::Printer;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

pub(crate) fn run(shell: Shell, printer: &Printer) -> Result<u8, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "wekactl", &mut script);
    printer.data(&String::from_utf8_lossy(&script));
    Ok(0)
}
