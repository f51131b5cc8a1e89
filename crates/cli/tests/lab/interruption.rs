//! What an import, a takeover or a destroy left that was broken off, at each of its steps: it goes on, or is destroyed.
//!
//! To be broken off is to have every request refused that changes something, from the n-th on. Each n begins with a copy of the
//! same AWS.

use crate::common::{Lab, Ran};
use lab::{Control, GoImportOptions, Stack, StackOptions};
use regex::Regex;
use std::collections::BTreeSet;

async fn standing(lab: &Lab) -> Vec<String> {
    Control::new(&lab.moto).list_resources().await.unwrap()
}

/// How a cluster is destroyed: in turn, because each step is the same both ways but for the instances' own.
fn how(changes: u32) -> &'static [&'static str] {
    if changes.is_multiple_of(2) { &[] } else { &["-k"] }
}

/// Runs a command in copies of `lab` in which it is broken off after 0, 1, 2, ... changes, until it is not broken off any more.
/// Each copy is handed to `then`. Gives how often it was broken off.
async fn broken_off_everywhere(
    lab: &Lab,
    run: impl Fn(&Lab, u32) -> Ran,
    mut then: impl AsyncFnMut(&Lab, u32, &Ran),
) -> u32 {
    let mut whole_before = false;
    for changes in 0.. {
        let copy = lab.fork().await;
        let control = Control::new(&copy.moto);
        control.fail_after(Some(changes)).await.unwrap();
        let ran = run(&copy, changes);
        control.fail_after(None).await.unwrap();
        let whole = ran.status == 0;
        assert!(whole || ran.status == 1, "{changes}: {ran:?}");
        then(&copy, changes, &ran).await;
        // Both ways of destroying have been carried out to their end.
        if whole && whole_before {
            return changes - 1;
        }
        whole_before = whole;
    }
    unreachable!()
}

/// Destroys what is left, and sees that only `before` stands: of the instances, those that were never the cluster's.
async fn goes(lab: &Lab, more: &[&str], before: &[String], context: &str) {
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
    let after: BTreeSet<_> = standing(lab).await.into_iter().collect();
    let before: BTreeSet<_> = before.iter().cloned().collect();
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "{context}: left {left:?}\n{}", ran.stderr);
    let kept = more.contains(&"-k");
    let gone = before.difference(&after);
    let gone: Vec<_> = gone
        .filter(|line| kept || !line.starts_with("instance "))
        .collect();
    assert!(gone.is_empty(), "{context}: gone too: {gone:?}\n{}", ran.stderr);
}

fn lab() -> (Lab, Stack) {
    // Two host groups would be twice the same.
    let stack = StackOptions {
        clients: 0,
        backends: 5,
        ..StackOptions::default()
    };
    Lab::with(&stack)
}

#[tokio::test]
async fn an_import_broken_off_at_any_step_is_destroyed() {
    let (lab, _) = lab();
    let before = standing(&lab).await;
    let import = |lab: &Lab, _| lab.import(&[]);
    let times = broken_off_everywhere(&lab, import, async |copy, changes, ran| {
        let mut before = before.clone();
        // The one trace that stays is told: a key that got no alias, and could not be deleted either.
        if ran.stderr.contains("delete it by hand") {
            before.push("key of wekactl: settings of the Weka cluster wk".to_owned());
        }
        goes(
            copy,
            how(changes),
            &before,
            &format!("import broken off after {changes} changes"),
        )
        .await;
    })
    .await;
    assert!(times > 50, "{times}");
}

#[tokio::test]
async fn a_destroy_broken_off_at_any_step_goes_on() {
    let (lab, _) = lab();
    let before = standing(&lab).await;
    lab.import(&[]).ok();
    let destroy = |lab: &Lab, changes| lab.destroy(how(changes));
    let times = broken_off_everywhere(&lab, destroy, async |copy, changes, _| {
        let how = how(changes);
        goes(
            copy,
            how,
            &before,
            &format!("destroy {how:?} broken off after {changes} changes"),
        )
        .await;
    })
    .await;
    assert!(times > 40, "{times}");
}

/// Without the names of roles, which are random; a role is known by the policy in it.
fn alike(standing: Vec<String>) -> Vec<String> {
    let name = Regex::new("^role [^ ]+ ").unwrap();
    let mut alike: Vec<_> = standing
        .iter()
        .map(|line| name.replace(line, "role ").into_owned())
        .collect();
    alike.sort();
    alike
}

#[tokio::test]
async fn an_import_broken_off_at_any_step_goes_on_to_the_same_account() {
    let (lab, _) = lab();
    let whole = {
        let copy = lab.fork().await;
        copy.import(&[]).ok();
        alike(standing(&copy).await)
    };
    let import = |lab: &Lab, _| lab.import(&[]);
    let times = broken_off_everywhere(&lab, import, async |copy, changes, ran| {
        let again = copy.import(&[]);
        assert_eq!(again.status, 0, "after {changes} changes:\n{}", again.stderr);
        // Every field is as it is to be.
        let more = copy.import(&["--dry-run", "--detailed-exitcode"]);
        assert_eq!(more.status, 0, "after {changes} changes:\n{}", more.stderr);
        let mut whole = whole.clone();
        if ran.stderr.contains("delete it by hand") {
            whole.push("key of wekactl: settings of the Weka cluster wk".to_owned());
            whole.sort();
        }
        assert_eq!(alike(standing(copy).await), whole, "after {changes} changes");
    })
    .await;
    assert!(times > 50, "{times}");
}

#[tokio::test]
async fn a_takeover_broken_off_at_any_step_goes_on_to_the_same_account_or_is_destroyed() {
    let (lab, stack) = lab();
    let before = standing(&lab).await;
    let options = GoImportOptions {
        targets: 3,
        ..GoImportOptions::default()
    };
    lab::go_import(&lab.moto, &stack, &options).unwrap();
    let whole = {
        let copy = lab.fork().await;
        copy.update(&["-y"]).ok();
        alike(standing(&copy).await)
    };
    let update = |lab: &Lab, _| lab.update(&["-y"]);
    let times = broken_off_everywhere(&lab, update, async |copy, changes, _| {
        let context = format!("takeover broken off after {changes} changes");
        if !changes.is_multiple_of(2) {
            return goes(copy, &[], &before, &context).await;
        }
        let again = copy.update(&["-y"]);
        assert_eq!(again.status, 0, "{context}:\n{}", again.stderr);
        let more = copy.update(&["--dry-run", "--detailed-exitcode"]);
        assert_eq!(more.status, 0, "{context}:\n{}", more.stderr);
        assert_eq!(alike(standing(copy).await), whole, "{context}");
    })
    .await;
    assert!(times > 50, "{times}");
}
