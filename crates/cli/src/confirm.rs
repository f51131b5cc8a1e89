use crate::failure::{FAILED, Failure};
use crate::printer::Printer;
use std::io::{BufRead, IsTerminal};

/// Asks whether to go on, on a terminal; without one, import and update run on, as the Go tool's users expect of them.
///
/// # Errors
/// The answer was no.
pub(crate) fn ask(printer: &Printer, yes: bool, question: &str) -> Result<(), Failure> {
    if yes || !std::io::stdin().is_terminal() || !printer.is_live() {
        return Ok(());
    }
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
