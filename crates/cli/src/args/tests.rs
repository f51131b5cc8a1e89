use super::Arguments;
use clap::{Arg, Command, CommandFactory};
use std::path::Path;

/// The reference of commands and options, rendered from the program's help.
fn reference() -> String {
    let mut text = "# Commands\n\n\
        Generated from `wekactl <command> --help`. Every command also accepts the options of `wekactl` itself; they are listed \
        only once, in the first section.\n"
        .to_owned();
    let mut command = Arguments::command().term_width(100);
    command.build();
    section(&mut text, "", command);
    text
}

fn section(text: &mut String, parents: &str, command: Command) {
    let name = format!("{parents}{}", command.get_name());
    let help = command.clone().render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    *text += &format!("\n## {name}\n\n```\n{}\n```\n", help.join("\n").trim());
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
    {
        section(text, &format!("{name} "), sub.clone().mut_args(hide_if_global));
    }
}

fn hide_if_global(arg: Arg) -> Arg {
    let global = arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str());
    arg.hide(global)
}

#[test]
fn cli_reference_matches_help() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    #[expect(clippy::disallowed_methods, reason = "updated like the snapshots")]
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, reference()).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        documented,
        reference(),
        "update docs/cli.md with INSTA_UPDATE=always"
    );
}

#[test]
fn options_are_well_formed() {
    Arguments::command().debug_assert();
}
