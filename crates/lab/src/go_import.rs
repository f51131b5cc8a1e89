//! A cluster imported by wekactl 1.x (Go), for tests of the migration.

use crate::python::scripts;
use crate::{Error, Moto, Stack};
use serde::Serialize;
use std::path::Path;

/// The [dump](crate::dump()) of an account after a real import by wekactl 1.x: six backends, two clients without resources
/// of their own, and the tags `env=prod` and `team=storage`.
pub const GO_IMPORT: &str = include_str!("../data/go-import-6-backends.json");

/// Variations of [`GO_IMPORT`] that occur in clusters of wekactl 1.x.
#[derive(Debug, Clone, Serialize)]
pub struct GoImportOptions {
    /// The number of volumes in the launch template. Old versions created one.
    pub volumes: u32,
    /// The number of targets of the rule. Each update by wekactl 1.x added one.
    pub targets: u32,
    /// Whether the settings lack the fields that later versions of wekactl 1.x added.
    pub older_settings: bool,
    /// Whether the roles have additional permissions: an inline policy and an attached policy.
    pub widened_roles: bool,
}

impl Default for GoImportOptions {
    fn default() -> Self {
        Self {
            volumes: 2,
            targets: 1,
            older_settings: false,
            widened_roles: false,
        }
    }
}

/// Creates the resources that an import by wekactl 1.x creates, and attaches the stack's backends. The stack must match
/// [`GO_IMPORT`]: its name is `wk`, it has two subnets, and its region is eu-west-1.
///
/// # Errors
/// [`Error::Script`] if the stack does not match or is already imported.
pub fn go_import(moto: &Moto, stack: &Stack, options: &GoImportOptions) -> Result<(), Error> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/go-import-6-backends.json");
    let text = |of: &str, json: serde_json::Result<String>| {
        json.map_err(|source| Error::InvalidOutput {
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
