//! Retired names and phrases do not come back: docs/glossary.md has the words that replace them.

#![expect(clippy::unwrap_used, reason = "a test fails if it cannot read the sources")]

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use regex::Regex;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names that no definition of ours has: a type, function, module, constant, trait or enum variant.
const RETIRED_NAMES: &[&str] = &[
    "absent",
    "Ailment",
    "any",
    "ask",
    "asked",
    "AT_ONCE",
    "BadCluster",
    "BadHostName",
    "BadSettings",
    "BadTag",
    "broken_off",
    "CARRIED",
    "Carried",
    "carry_out",
    "chapter",
    "Claims",
    "COMES_WITH_ITS_ROLE",
    "conclude",
    "Deciding",
    "Dropped",
    "faster",
    "Fate",
    "fit",
    "Foreign",
    "forget",
    "fresh",
    "furnish",
    "give_up",
    "Given",
    "Gone",
    "guests",
    "has_left",
    "Imported",
    "insist",
    "judge",
    "knowing",
    "known",
    "lasts",
    "Leave",
    "Left",
    "leftovers",
    "let_in",
    "Listed",
    "Look",
    "look",
    "Loop",
    "making",
    "mended",
    "mends",
    "MOST",
    "needs",
    "NotOurs",
    "NotTried",
    "NotYet",
    "obey",
    "Oddity",
    "of_cluster_or_group",
    "others_stay",
    "ownerless",
    "PASSES",
    "PATIENCE",
    "patience",
    "Picture",
    "picture",
    "present",
    "Problem",
    "Ran",
    "Release",
    "remains",
    "Remnant",
    "remnant",
    "removal_view",
    "replayed",
    "Room",
    "say_what_is_left",
    "Scaled",
    "see",
    "Seen",
    "Standing",
    "standing",
    "still_going",
    "story",
    "SwitchOff",
    "takeover",
    "TO_JOIN",
    "Trial",
    "trial",
    "Tried",
    "Uncertain",
    "unclear",
    "Undone",
    "unplaced",
    "Users",
    "Verb",
    "Verdict",
    "watch_over",
    "whose",
    "Why",
    "Wish",
    "wish",
];

/// A pattern that no text for users matches, and what to write instead.
const RETIRED_PHRASES: &[(&str, &str)] = &[
    (
        r"\bwhat stands\b|\bstands (in|under|behind|at|as)\b|\bstood\b",
        "exists, the actual state",
    ),
    (
        r"\b(is|are|was|were|be|been|being|nothing|wekactl|import) made\b|\bmakes? (it|them|one|all)\b|\bmaking\b",
        "created, creating",
    ),
    (r"\bmend(s|ed|ing)?\b", "fix, patch"),
    (r"\bbroken off\b", "interrupted"),
    (r"\b(goes|go|gone|went) on\b", "resumes, continues"),
    (r"\bbears?\b", "has"),
    (
        r"(['`}>]|\bit|\bwhich|\bthat) is no (\w{1,3}|[^l ]\w*|l[^o]\w*|lo[^n]\w*) ?",
        "is not a",
    ),
    (r"\bwhom\b", "that, which"),
    (
        r"\bon (its|their) way out\b|\bunder way\b",
        "draining, deactivating, in progress",
    ),
    (
        r"\bside by side\b|\ball at once\b|\bso many at once\b",
        "concurrently, together",
    ),
    (r"\bleft alone\b|\bleaves? \w+ alone\b", "skipped, unchanged"),
    (r"\bbeside\b", "next to, in addition to"),
    (r"\bbeforehand\b", "up front"),
    (r"\banew\b", "again"),
    (
        r"\b(is|are|was|were|be|been|being) asked\b|\basked for\b",
        "is called",
    ),
    (r"\btold\b|\bsays\b", "reports, shows, logs"),
    (r"\bgives?\b", "returns, use"),
    (r"\btaken for\b", "treated as"),
    (r"\ba (line|row|step|call) an? \w+", "one line per"),
    (r"\bbrings\b|\bwhat this version\b", "upgrades to this version"),
    (r"\brepairs\b|\bwhat was changed\b", "reverts drift"),
    (r"\ball that is wrong\b", "all errors together"),
    (r"\bdo(es|ne)? without\b", "omit"),
    (r"\bno good\b", "rejected"),
    (r"\bthe Go (tool|wekactl)\b", "wekactl 1.x (Go)"),
    (
        r"\bonce more\b|\ball the same\b|\bby way of\b",
        "again, anyway, through",
    ),
];

/// String literals that stay for compatibility: the version of a role is a hash of its statements in this form.
const KEPT: &[&str] = &["\" is made)\""];

/// This file has the retired words.
const THIS_FILE: &str = "crates/cli/tests/wording.rs";

#[test]
fn no_definition_has_a_retired_name() {
    let mut errors = Vec::new();
    for path in files(".rs") {
        let mut names = Vec::new();
        definitions(&tokens(&path), &mut names);
        if let Some(module) = path.file_stem().and_then(|stem| stem.to_str()) {
            names.push((1, module.to_owned()));
        }
        let retired = names
            .into_iter()
            .filter(|(_, name)| RETIRED_NAMES.contains(&name.as_str()));
        errors.extend(retired.map(|(line, name)| format!("{}:{line}: {name}", path.display())));
    }
    assert!(errors.is_empty(), "retired names:\n{}", errors.join("\n"));
}

#[test]
fn no_text_for_users_has_a_retired_phrase() {
    let phrases: Vec<_> = RETIRED_PHRASES
        .iter()
        .map(|(pattern, instead)| (Regex::new(&format!("(?i){pattern}")).unwrap(), instead))
        .collect();
    let mut errors = Vec::new();
    let mut check = |path: &Path, line: usize, text: &str| {
        for (phrase, instead) in &phrases {
            if let Some(found) = phrase.find(text) {
                errors.push(format!(
                    "{}:{line}: '{}': write {instead}",
                    path.display(),
                    found.as_str()
                ));
            }
        }
    };
    for path in files(".md") {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        for (number, line) in unreleased(&path, &text).lines().enumerate() {
            check(&path, number + 1, line);
        }
    }
    for path in files(".rs") {
        if is_test(&path) {
            continue;
        }
        let mut texts = Vec::new();
        strings(&tokens(&path), has_help(&path), &mut texts);
        texts.retain(|(_, text)| !KEPT.contains(&text.as_str()));
        for (line, text) in texts {
            check(&path, line, &text);
        }
    }
    assert!(errors.is_empty(), "retired phrases:\n{}", errors.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The tracked files with this ending.
fn files(ending: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", &format!("*{ending}")])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let files: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|path| *path != THIS_FILE && root().join(path).is_file())
        .map(PathBuf::from)
        .collect();
    assert!(!files.is_empty(), "git lists no {ending} file");
    files
}

fn tokens(path: &Path) -> TokenStream {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

/// Whether doc comments in the file are the help of a command.
fn has_help(path: &Path) -> bool {
    path.starts_with("crates/cli/src")
}

/// The changelog without the sections of released versions; other files as they are.
fn unreleased<'a>(path: &Path, text: &'a str) -> &'a str {
    if path != Path::new("CHANGELOG.md") {
        return text;
    }
    let released = Regex::new(r"(?m)^## \[?\d").unwrap();
    released
        .find(text)
        .map_or(text, |heading| &text[..heading.start()])
}

/// The defined names with their lines.
fn definitions(tokens: &TokenStream, names: &mut Vec<(usize, String)>) {
    const KEYWORDS: [&str; 8] = ["fn", "struct", "enum", "mod", "trait", "const", "static", "type"];
    let tokens: Vec<_> = tokens.clone().into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            definitions(&group.stream(), names);
        }
        let TokenTree::Ident(keyword) = token else {
            continue;
        };
        if !KEYWORDS.iter().any(|word| keyword == word) {
            continue;
        }
        if let Some(TokenTree::Ident(name)) = tokens.get(index + 1) {
            names.push((name.span().start().line, name.to_string()));
        }
        if keyword == "enum" {
            let body = tokens[index..].iter().find_map(|token| match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
                _ => None,
            });
            names.extend(body.into_iter().flat_map(variants));
        }
    }
}

/// The variants of an enum: the identifiers at the start, after a comma or after an attribute.
fn variants(body: &Group) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut starts = true;
    for token in body.stream() {
        match token {
            TokenTree::Ident(name) if starts => {
                names.push((name.span().start().line, name.to_string()));
                starts = false;
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => starts = true,
            TokenTree::Punct(punct) if punct.as_char() == '#' => {}
            TokenTree::Group(_) => {}
            _ => starts = false,
        }
    }
    names
}

/// The string literals that are sentences, and the doc comments if they are help, with their lines. Skips `mod tests`.
fn strings(tokens: &TokenStream, help: bool, texts: &mut Vec<(usize, String)>) {
    let tokens: Vec<_> = tokens.clone().into_iter().collect();
    let mut index = 0;
    while index < tokens.len() {
        match &tokens[index] {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                // An inner attribute is `#![...]`.
                let inner =
                    matches!(tokens.get(index + 1), Some(TokenTree::Punct(bang)) if bang.as_char() == '!');
                index += usize::from(inner);
                if let Some(TokenTree::Group(attribute)) = tokens.get(index + 1) {
                    let attribute = attribute.stream();
                    let is_doc = attribute.to_string().starts_with("doc =");
                    if !is_doc || help {
                        strings(&attribute, help, texts);
                    }
                    index += 1;
                }
            }
            TokenTree::Ident(module) if module == "tests" => index += 1,
            TokenTree::Group(group) => strings(&group.stream(), help, texts),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.starts_with(['"', 'r']) && text.contains(' ') {
                    texts.push((literal.span().start().line, text));
                }
            }
            _ => {}
        }
        index += 1;
    }
}
