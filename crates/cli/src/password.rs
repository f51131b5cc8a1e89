use crate::failure::{FAILED, Failure, USAGE};
use crate::flags::LoginFlags;
use crate::printer::Printer;
use deployment::Secret;
use std::io::{BufRead, IsTerminal};

/// The password from `-p`, else `WEKA_PASSWORD`, else standard input, else a prompt.
///
/// # Errors
/// No password is given and there is no terminal for a prompt, or the password is empty.
pub(crate) fn read(flags: &LoginFlags, printer: &Printer) -> Result<Secret, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command reads its own environment variable"
    )]
    let environment = std::env::var("WEKA_PASSWORD").ok();
    let password = if let Some(password) = &flags.password {
        printer.warn("other users of this machine can see a password given with -p; WEKA_PASSWORD or --password-stdin hide it");
        password.clone()
    } else if flags.password_stdin {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.map_err(|error| Failure::failed("reading the password from standard input", &error))?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    } else if let Some(password) = environment {
        password
    } else if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Weka password: ")
            .map_err(|error| Failure::failed("reading the password from the terminal", &error))?
    } else {
        return Err(Failure::all(
            USAGE,
            vec![
                "no Weka password is given and there is no terminal to prompt on: set WEKA_PASSWORD or use --password-stdin"
                    .to_owned(),
            ],
        ));
    };
    if password.is_empty() {
        return Err(Failure::all(
            FAILED,
            vec!["the Weka password is empty".to_owned()],
        ));
    }
    Ok(Secret::new(password))
}
