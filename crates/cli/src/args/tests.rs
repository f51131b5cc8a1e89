use super::Arguments;
use clap::{Command, CommandFactory};
use std::path::Path;

/// The reference of commands and flags, as the program's own help has it.
fn reference() -> String {
    let mut text =
        "# Commands\n\nThe help of each command, as `wekactl <command> --help` prints it.\n".to_owned();
    let mut command = Arguments::command().term_width(100);
    command.build();
    section(&mut text, "", &mut command);
    text
}

fn section(text: &mut String, parents: &str, command: &mut Command) {
    let name = format!("{parents}{}", command.get_name());
    let help = command.clone().render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    *text += &format!("\n## {name}\n\n```\n{}\n```\n", help.join("\n").trim());
    for sub in command
        .get_subcommands_mut()
        .filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
    {
        section(text, &format!("{name} "), sub);
    }
}

#[test]
fn the_documented_reference_is_the_programs_help() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    #[expect(clippy::disallowed_methods, reason = "as snapshots are accepted")]
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, reference()).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        documented,
        reference(),
        "INSTA_UPDATE=always writes docs/cli.md anew"
    );
}

#[test]
fn flags_are_well_formed() {
    Arguments::command().debug_assert();
}
