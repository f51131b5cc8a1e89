use crate::args::Password;
use crate::failure::{FAILED, Failure, USAGE};
use crate::printer::Printer;
use deployment::Secret;
use std::io::{BufRead, IsTerminal};

/// The password: of `-p`, else `WEKA_PASSWORD`, else standard input, else a prompt.
///
/// # Errors
/// There is none, and nobody to ask.
pub(crate) fn read(
    given: &Password,
    environment: Option<String>,
    printer: &Printer,
) -> Result<Secret, Failure> {
    let password = if let Some(password) = &given.password {
        printer.warn("other users of this machine can see a password given with -p; WEKA_PASSWORD or --password-stdin hide it");
        password.clone()
    } else if given.password_stdin {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.map_err(|error| Failure::failed("the password could not be read from standard input", &error))?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    } else if let Some(password) = environment {
        password
    } else if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Weka password: ")
            .map_err(|error| Failure::failed("the password could not be read", &error))?
    } else {
        return Err(Failure::all(USAGE, vec![
            "there is no password and no terminal to ask for it: set WEKA_PASSWORD or use --password-stdin".to_owned(),
        ]));
    };
    if password.is_empty() {
        return Err(Failure::all(FAILED, vec!["the password is empty".to_owned()]));
    }
    Ok(Secret::new(password))
}
