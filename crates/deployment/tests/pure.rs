//! The crates that decide are pure: no runtime, no AWS, no network, no randomness, no clock that is not passed in.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

/// The crates that decide.
const PURE: [&str; 6] = [
    "identity",
    "instances",
    "weka-types",
    "deployment",
    "scaling",
    "weka-sim",
];

/// What none of them may depend on, directly or by way of another crate: a runtime, a network, AWS, randomness (which
/// all comes by `getrandom` or a `rand` crate), the lab.
fn is_forbidden(name: &str) -> bool {
    let families = [
        "aws",
        "getrandom",
        "hyper",
        "lab",
        "lambda_runtime",
        "mio",
        "rand",
        "reqwest",
        "rustls",
        "tokio",
    ];
    families.iter().any(|family| {
        name.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_crates_that_decide_depend_on_nothing_that_acts() {
    for name in PURE {
        let tree = cargo(&[
            "tree",
            "--edges",
            "normal",
            "--package",
            name,
            "--prefix",
            "none",
            "--offline",
            "--locked",
        ]);
        let dependencies: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(dependencies.first(), Some(&name), "{tree}");
        let forbidden: Vec<_> = dependencies
            .iter()
            .filter(|dependency| is_forbidden(dependency))
            .collect();
        assert!(forbidden.is_empty(), "{name} depends on {forbidden:?}:\n{tree}");
    }
}
