//! A cluster imported by the Go wekactl 1.x, for taking it over.

use crate::python::scripts;
use crate::{Error, Moto, Stack};
use serde::Serialize;
use std::path::Path;

/// An account after a real import by the Go tool, as [`crate::dump`] has it: six backends, two clients, of which it made
/// nothing, and the tags `env=prod` and `team=storage`.
pub const GO_IMPORT: &str = include_str!("../data/go-import-6-backends.json");

/// What differs from [`GO_IMPORT`], as clusters of the Go tool differ.
#[derive(Debug, Clone, Serialize)]
pub struct GoImportOptions {
    /// The volumes of the launch template: an old one has one.
    pub volumes: u32,
    /// The targets of the rule: the Go tool's own update added one each time.
    pub targets: u32,
    /// Whether the settings lack what only later versions of the Go tool knew.
    pub older_settings: bool,
    /// Whether somebody has widened the roles since: by an inline policy and by an attached one.
    pub widened: bool,
}

impl Default for GoImportOptions {
    fn default() -> Self {
        Self {
            volumes: 2,
            targets: 1,
            older_settings: false,
            widened: false,
        }
    }
}

/// Makes of the stack what the Go tool's import made, and attaches the stack's backends. The stack is named `wk`, has two
/// subnets and is in eu-west-1, as that of the reference.
///
/// # Errors
/// [`Error::Script`]: another stack; one that is imported already.
pub fn go_import(moto: &Moto, stack: &Stack, options: &GoImportOptions) -> Result<(), Error> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/go-import-6-backends.json");
    let text = |of: &str, json: serde_json::Result<String>| {
        json.map_err(|source| Error::Answer {
            of: of.to_owned(),
            source,
        })
    };
    let stack = text("the stack", serde_json::to_string(stack))?;
    let options = text("the import's options", serde_json::to_string(options))?;
    moto.run(
        &scripts().join("go_import.py"),
        [reference.as_os_str(), stack.as_ref(), options.as_ref()],
    )
}
