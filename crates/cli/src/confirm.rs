use crate::failure::{FAILED, Failure};
use crate::printer::Printer;
use std::io::{BufRead, IsTerminal};

/// Asks whether to go on, on a terminal; without one, import and update run on, as the Go tool's users expect of them.
///
/// # Errors
/// The answer was no.
pub(crate) fn confirm(printer: &Printer, yes: bool, question: &str) -> Result<(), Failure> {
    if yes || !is_possible(printer) {
        return Ok(());
    }
    answered(printer, question)
}

/// Asks whether to go on; without a terminal, who has not said so beforehand does not.
///
/// # Errors
/// The answer was no, or nobody can be asked.
pub(crate) fn require_confirmation(printer: &Printer, yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !is_possible(printer) {
        return Err(Failure::usage(
            "nothing was done: there is no terminal to ask on, and --yes was not given",
        ));
    }
    answered(printer, question)
}

fn is_possible(printer: &Printer) -> bool {
    std::io::stdin().is_terminal() && printer.is_live()
}

fn answered(printer: &Printer, question: &str) -> Result<(), Failure> {
    printer.line(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::all(
            FAILED,
            vec!["nothing was done: the answer was not yes".to_owned()],
        ))
    }
}
