//! Rendering of the shell templates.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

/// The files under `templates/`, by name.
macro_rules! templates {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../templates/", $name)))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "common.sh"
    "quiet.sh"
    "credentials.sh"
    "backends.sh"
    "fail.sh"
    "retry.sh"
    "machine.sh"
    "volume.sh"
    "agent.sh"
    "install.sh"
    "version.sh"
    "cores.sh"
    "take-cores.sh"
    "network.sh"
    "ready.sh"
    "container.sh"
    "drives.py"
    "entries.py"
    "drives.sh"
    "backend.sh"
    "client.sh"
    "ec2.sh"
    "user-data.sh"
    "mount.sh"
];

/// Renders a template that is part of this crate.
///
/// The crate's own values render without an error, which the snapshot tests prove. If rendering fails nevertheless, the result is
/// a script that prints the reason and fails.
pub(crate) fn render(name: &str, values: impl Serialize) -> String {
    try_render(name, values).unwrap_or_else(|error| {
        let reason = quoted(&format!("wekactl: the script could not be rendered: {error}"));
        format!("#!/bin/bash\necho {reason} >&2\nexit 1\n")
    })
}

fn try_render(name: &str, values: impl Serialize) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Jinja's default comment delimiter `{#` occurs in bash's `${#list[@]}`.
    let syntax = SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .comment_delimiters("{=#", "#=}")
        .build()?;
    environment.set_syntax(syntax);
    environment.add_filter("shell", |value: Value| quoted(&value.to_string()));
    for &(name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    environment.get_template(name)?.render(Serde(values))
}

/// Quotes any text as one word for bash.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn bash_reads_quoted_text_unchanged(text in "[^\0]{0,40}") {
            let script = format!("printf %s {}", quoted(&text));
            let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
            prop_assert_eq!(output.stdout, text.as_bytes());
        }
    }
}
