//! Import, migration and destroy, interrupted at each of their steps, can be resumed or destroyed.
//!
//! So can a command that lost a response, although AWS had executed the request.
//!
//! The interruption is a refusal of every mutating call from the n-th on. Each n starts with a copy of the same AWS.

use crate::common::{Lab, RunOutput};
use lab::{Control, GoImportOptions, Lost, Stack, StackOptions};
use regex::Regex;
use std::collections::BTreeSet;

async fn inventory(lab: &Lab) -> Vec<String> {
    Control::new(&lab.moto).list_resources().await.unwrap()
}

/// Alternates between both ways to destroy: only the steps for instances differ.
fn destroy_flags(changes: u32) -> &'static [&'static str] {
    if changes.is_multiple_of(2) { &[] } else { &["-k"] }
}

/// Whether a resumed account, which is equal to that of a command that was not interrupted, is destroyed too. One in five is enough.
fn is_sampled(changes: u32) -> bool {
    changes.is_multiple_of(5)
}

/// Divides each test into three, which run concurrently and stay below the time limit of a test. The number is odd, so that each part
/// has both ways to destroy.
macro_rules! in_three_parts {
    ($($test:ident,)*) => {
        $(mod $test {
            #[tokio::test]
            async fn part_1() {
                super::$test((0..).step_by(3)).await;
            }

            #[tokio::test]
            async fn part_2() {
                super::$test((1..).step_by(3)).await;
            }

            #[tokio::test]
            async fn part_3() {
                super::$test((2..).step_by(3)).await;
            }
        })*
    };
}

in_three_parts! {
    import_interrupted_at_any_step_can_be_destroyed,
    import_interrupted_at_any_step_resumes_to_the_same_account,
    import_that_loses_any_response_resumes_to_the_same_account,
    migration_interrupted_at_any_step_resumes_or_can_be_destroyed,
    update_that_loses_any_response_resumes_to_the_same_account,
    destroy_interrupted_at_any_step_resumes,
    destroy_that_loses_any_response_leaves_nothing,
}

/// Runs a command in copies of `lab` and interrupts it after these numbers of changes, which increase, until it completes. Passes
/// each copy to `then`. Returns the number of changes after which there was nothing to interrupt.
async fn interrupted_at_every_step(
    lab: &Lab,
    steps: impl Iterator<Item = u32>,
    run: impl Fn(&Lab, u32) -> RunOutput,
    mut then: impl AsyncFnMut(&Lab, u32, &RunOutput),
) -> u32 {
    let mut whole_before = None;
    for changes in steps {
        let copy = lab.fork().await;
        let control = Control::new(&copy.moto);
        control.fail_after(Some(changes)).await.unwrap();
        let ran = run(&copy, changes);
        control.fail_after(None).await.unwrap();
        let whole = ran.status == 0;
        assert!(whole || ran.status == 1, "{changes}: {ran:?}");
        then(&copy, changes, &ran).await;
        // Both ways to destroy have completed.
        if let Some(before) = whole_before.filter(|_| whole) {
            return before;
        }
        whole_before = whole.then_some(changes);
    }
    unreachable!()
}

/// Destroys what remains, and asserts that only `before` exists; of the instances, those that never belonged to the cluster.
async fn destroys_completely(lab: &Lab, more: &[&str], before: &[String], context: &str) {
    let ran = lab.destroy(more);
    assert_eq!(ran.status, 0, "{context}:\n{}", ran.stderr);
    let nothing = [
        "No resources of cluster wk remain.",
        "No resources of cluster wk exist",
    ];
    assert!(
        nothing.iter().any(|text| ran.stderr.contains(text)),
        "{context}:\n{}",
        ran.stderr
    );
    let after: BTreeSet<_> = inventory(lab).await.into_iter().collect();
    let before: BTreeSet<_> = before.iter().cloned().collect();
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "{context}: left {left:?}\n{}", ran.stderr);
    let kept = more.contains(&"-k");
    let gone = before.difference(&after);
    let gone: Vec<_> = gone
        .filter(|line| kept || !line.starts_with("instance "))
        .collect();
    assert!(
        gone.is_empty(),
        "{context}: also deleted: {gone:?}\n{}",
        ran.stderr
    );
}

fn lab() -> (Lab, Stack) {
    // A second host group would repeat the same steps.
    let stack = StackOptions {
        clients: 0,
        backends: 5,
        ..StackOptions::default()
    };
    Lab::with(&stack)
}

async fn import_interrupted_at_any_step_can_be_destroyed(steps: impl Iterator<Item = u32>) {
    let (lab, _) = lab();
    let before = inventory(&lab).await;
    let import = |lab: &Lab, _| lab.import(&[]);
    let times = interrupted_at_every_step(&lab, steps, import, async |copy, changes, _| {
        destroys_completely(
            copy,
            destroy_flags(changes),
            &before,
            &format!("import interrupted after {changes} changes"),
        )
        .await;
    })
    .await;
    assert!(times > 50, "{times}");
}

async fn destroy_interrupted_at_any_step_resumes(steps: impl Iterator<Item = u32>) {
    let (lab, _) = lab();
    let before = inventory(&lab).await;
    lab.import(&[]).ok();
    let destroy = |lab: &Lab, changes| lab.destroy(destroy_flags(changes));
    let times = interrupted_at_every_step(&lab, steps, destroy, async |copy, changes, _| {
        let flags = destroy_flags(changes);
        destroys_completely(
            copy,
            flags,
            &before,
            &format!("destroy {flags:?} interrupted after {changes} changes"),
        )
        .await;
    })
    .await;
    assert!(times > 40, "{times}");
}

/// Omits the names of roles, which are random: a role is identified by its policy.
fn without_role_names(inventory: Vec<String>) -> Vec<String> {
    let name = Regex::new("^role [^ ]+ ").unwrap();
    let mut lines: Vec<_> = inventory
        .iter()
        .map(|line| name.replace(line, "role ").into_owned())
        .collect();
    lines.sort();
    lines
}

/// The account after a command that is not interrupted, without the names of roles.
async fn account_after(lab: &Lab, run: impl Fn(&Lab) -> RunOutput) -> Vec<String> {
    let copy = lab.fork().await;
    run(&copy).ok();
    without_role_names(inventory(&copy).await)
}

async fn import_interrupted_at_any_step_resumes_to_the_same_account(steps: impl Iterator<Item = u32>) {
    let (lab, _) = lab();
    let before = inventory(&lab).await;
    let whole = account_after(&lab, |copy| copy.import(&[])).await;
    let import = |lab: &Lab, _| lab.import(&[]);
    let times = interrupted_at_every_step(&lab, steps, import, async |copy, changes, _| {
        let again = copy.import(&[]);
        assert_eq!(again.status, 0, "after {changes} changes:\n{}", again.stderr);
        // Every field has its desired value.
        let more = copy.import(&["--dry-run", "--detailed-exitcode"]);
        assert_eq!(more.status, 0, "after {changes} changes:\n{}", more.stderr);
        let context = format!("import interrupted after {changes} changes and resumed");
        assert_eq!(without_role_names(inventory(copy).await), whole, "{context}");
        if is_sampled(changes) {
            destroys_completely(copy, destroy_flags(changes), &before, &context).await;
        }
    })
    .await;
    assert!(times > 50, "{times}");
}

async fn migration_interrupted_at_any_step_resumes_or_can_be_destroyed(steps: impl Iterator<Item = u32>) {
    let (lab, stack) = lab();
    let before = inventory(&lab).await;
    let options = GoImportOptions {
        targets: 3,
        ..GoImportOptions::default()
    };
    lab::go_import(&lab.moto, &stack, &options).unwrap();
    let whole = account_after(&lab, |copy| copy.update(&["-y"])).await;
    let update = |lab: &Lab, _| lab.update(&["-y"]);
    let times = interrupted_at_every_step(&lab, steps, update, async |copy, changes, _| {
        let context = format!("migration interrupted after {changes} changes");
        if !changes.is_multiple_of(2) {
            return destroys_completely(copy, &[], &before, &context).await;
        }
        let again = copy.update(&["-y"]);
        assert_eq!(again.status, 0, "{context}:\n{}", again.stderr);
        let more = copy.update(&["--dry-run", "--detailed-exitcode"]);
        assert_eq!(more.status, 0, "{context}:\n{}", more.stderr);
        assert_eq!(without_role_names(inventory(copy).await), whole, "{context}");
    })
    .await;
    assert!(times > 50, "{times}");
}

/// Runs a command in copies of `lab`, which lose the response of the change after these numbers of changes, until there is none to
/// lose. Passes each copy to `then`, and returns the number of changes.
async fn losing_every_response(
    lab: &Lab,
    steps: impl Iterator<Item = u32>,
    run: impl Fn(&Lab, u32) -> RunOutput,
    mut then: impl AsyncFnMut(&Lab, u32, &str),
) -> u32 {
    for changes in steps {
        let copy = lab.fork().await;
        let control = Control::new(&copy.moto);
        let lost = if changes % 2 == 0 {
            Lost::Closed
        } else {
            Lost::InternalError
        };
        control.lose_response_after(changes, lost).await.unwrap();
        let ran = run(&copy, changes);
        if control.fault_pending().await.unwrap() {
            ran.ok();
            return changes;
        }
        let context = format!("response {changes} was lost: {lost:?}\n{}", ran.stderr);
        assert!(matches!(ran.status, 0 | 1), "{context}: {ran:?}");
        then(&copy, changes, &context).await;
    }
    unreachable!()
}

/// A repeated request must not create a second resource that nothing refers to.
async fn import_that_loses_any_response_resumes_to_the_same_account(steps: impl Iterator<Item = u32>) {
    let (lab, _) = lab();
    let before = inventory(&lab).await;
    let whole = account_after(&lab, |copy| copy.import(&[])).await;
    let import = |lab: &Lab, _| lab.import(&[]);
    let times = losing_every_response(&lab, steps, import, async |copy, changes, context| {
        let again = copy.import(&[]);
        assert_eq!(again.status, 0, "{context}:\n{}", again.stderr);
        assert_eq!(without_role_names(inventory(copy).await), whole, "{context}");
        if is_sampled(changes) {
            destroys_completely(copy, destroy_flags(changes), &before, context).await;
        }
    })
    .await;
    assert!(times > 50, "{times}");
}

async fn update_that_loses_any_response_resumes_to_the_same_account(steps: impl Iterator<Item = u32>) {
    let (lab, stack) = lab();
    let before = inventory(&lab).await;
    // A migration changes or creates a resource of every kind.
    lab::go_import(&lab.moto, &stack, &GoImportOptions::default()).unwrap();
    let whole = account_after(&lab, |copy| copy.update(&["-y"])).await;
    let update = |lab: &Lab, _| lab.update(&["-y"]);
    let times = losing_every_response(&lab, steps, update, async |copy, changes, context| {
        let again = copy.update(&["-y"]);
        assert_eq!(again.status, 0, "{context}:\n{}", again.stderr);
        assert_eq!(without_role_names(inventory(copy).await), whole, "{context}");
        if is_sampled(changes) {
            destroys_completely(copy, &[], &before, context).await;
        }
    })
    .await;
    assert!(times > 50, "{times}");
}

async fn destroy_that_loses_any_response_leaves_nothing(steps: impl Iterator<Item = u32>) {
    let (lab, _) = lab();
    let before = inventory(&lab).await;
    lab.import(&[]).ok();
    let destroy = |lab: &Lab, changes| lab.destroy(destroy_flags(changes));
    let times = losing_every_response(&lab, steps, destroy, async |copy, changes, context| {
        destroys_completely(copy, destroy_flags(changes), &before, context).await;
    })
    .await;
    assert!(times > 40, "{times}");
}
