use crate::failure::{FAILED, Failure};
use crate::flags::YesFlag;
use crate::printer::Printer;
use std::io::{BufRead, IsTerminal};

/// Asks for confirmation on a terminal. Without a terminal the command continues: scripts written for wekactl 1.x (Go) rely on
/// it.
///
/// # Errors
/// The answer is not yes.
pub(crate) fn confirm(printer: &Printer, flag: &YesFlag, question: &str) -> Result<(), Failure> {
    if flag.yes || !has_terminal(printer) {
        return Ok(());
    }
    prompt(printer, question)
}

/// Asks for confirmation. Without a terminal, `--yes` is required.
///
/// # Errors
/// The answer is not yes, or there is neither a terminal nor `--yes`.
pub(crate) fn require_confirmation(printer: &Printer, flag: &YesFlag, question: &str) -> Result<(), Failure> {
    if flag.yes {
        return Ok(());
    }
    if !has_terminal(printer) {
        return Err(Failure::usage(
            "nothing was changed: there is no terminal to ask for confirmation on; use --yes to continue without confirmation",
        ));
    }
    prompt(printer, question)
}

fn has_terminal(printer: &Printer) -> bool {
    std::io::stdin().is_terminal() && printer.is_live()
}

fn prompt(printer: &Printer, question: &str) -> Result<(), Failure> {
    printer.line(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::all(
            FAILED,
            vec!["nothing was changed: not confirmed".to_owned()],
        ))
    }
}
