//! The username and password are verified with Weka before they are stored.

use crate::common::{Lab, PASSWORD, RunOutput};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lab::weka_cluster::{self, NewBackend, WekaCluster};
use lab::{Control, StackOptions};
use serde_json::Value;

/// The password in Weka.
const OTHER: &str = "another-password";

/// A stack with responding backends, and this password of `admin` in Weka.
pub(crate) async fn responding(network: u8, password: &str) -> (Lab, WekaCluster) {
    responding_with(network, password, weka_cluster::Options::default()).await
}

async fn responding_with(
    network: u8,
    password: &str,
    mut options: weka_cluster::Options,
) -> (Lab, WekaCluster) {
    let (lab, stack) = Lab::with(&StackOptions {
        network,
        clients: 0,
        ..StackOptions::default()
    });
    options.settings.credentials.password = password.to_owned();
    let weka = WekaCluster::start(options).await.unwrap();
    for instance in Control::new(&lab.moto).instances().await.unwrap() {
        if stack.backends.contains(&instance.id) {
            let backend = NewBackend::new(instance.address.unwrap(), &instance.id);
            weka.update(|model| model.add_backend(&backend)).await.unwrap();
        }
    }
    (lab, weka)
}

/// Blocks the thread of the test: the backends respond on another.
fn change(lab: &Lab, more: &[&str], password: &str) -> RunOutput {
    let arguments = ["cluster", "change-credentials", "-n", "wk", "-u", "admin"];
    lab.wekactl_with(&[&arguments[..], more].concat(), &[("WEKA_PASSWORD", password)])
}

/// The username and password in the table.
fn stored(lab: &Lab) -> (String, String) {
    let dump = lab::dump(&lab.moto).unwrap();
    let items = dump["dynamodb"][0]["items"].as_array().unwrap();
    let item = items
        .iter()
        .find(|item| item["Key"]["S"] == "cluster-creds")
        .unwrap();
    let text = |field: &str| {
        let encoded = item[field]["S"].as_str().unwrap();
        String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
    };
    (text("Username"), text("Password"))
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_with_an_old_release_is_rejected_before_anything_is_created() {
    let mut options = weka_cluster::Options::default();
    options.settings.release = Some("3.14.2".to_owned());
    let (lab, _weka) = responding_with(50, PASSWORD, options).await;
    let calls = lab.calls().len();
    lab.import(&[]).fails(1).shows(
        "error: the cluster runs Weka 3.14.2, which wekactl does not support: upgrade it to 4.0 or later",
    );
    assert_eq!(lab.changes_since(calls), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_stored_only_if_weka_accepts_them() {
    let (lab, _weka) = responding(51, OTHER).await;
    let calls = lab.calls().len();
    let refused = lab.import(&[]);
    assert_eq!(refused.status, 1);
    assert!(
        refused
            .stderr
            .contains("error: Weka rejected the username or password: ")
            && refused.stderr.contains("use --no-verify to import anyway"),
        "{}",
        refused.stderr
    );
    assert_eq!(lab.changes_since(calls), [""; 0]);
    let imported = lab.import(&["--no-verify"]).ok();
    imported.shows("not verified with Weka: --no-verify.");
    assert_eq!(stored(&lab), ("admin".to_owned(), PASSWORD.to_owned()));

    // Only accepted credentials are stored.
    let refused = change(&lab, &["-y"], "a-third-one");
    refused
        .fails(1)
        .shows("nothing was changed: Weka rejected the new credentials");
    assert!(!refused.stderr.contains("a-third-one"));
    assert_eq!(stored(&lab).1, PASSWORD);
    let changed = change(&lab, &["-y", "-o", "json"], OTHER).ok();
    let document: Value = serde_json::from_str(&changed.stdout).unwrap();
    assert_eq!(
        (&document["tried"], &document["changed"]),
        (&true.into(), &true.into())
    );
    assert_eq!(stored(&lab), ("admin".to_owned(), OTHER.to_owned()));
    assert!(!format!("{}{}", changed.stdout, changed.stderr).contains(OTHER));
    let unknown = change(&lab, &["-y", "--no-verify"], "a-third-one").ok();
    unknown.shows("were not verified: --no-verify");
    assert_eq!(stored(&lab).1, "a-third-one");
}

#[tokio::test(flavor = "multi_thread")]
async fn import_rejects_an_untrusted_certificate() {
    let (lab, weka) = responding(52, PASSWORD).await;
    let stranger = rcgen::generate_simple_self_signed(["weka".to_owned()])
        .unwrap()
        .cert
        .pem();
    let stranger = lab.file("stranger.pem", &stranger);
    let refused = lab.import(&["--weka-ca", &stranger]);
    refused.fails(1).shows("certificate");
    let own = lab.file("own.pem", weka.certificate_pem());
    let imported = lab.import(&["--weka-ca", &own]).ok();
    assert!(!imported.stderr.contains("not verified"), "{}", imported.stderr);
}

#[test]
fn verification_is_skipped_if_no_backend_is_reachable() {
    let (lab, _) = Lab::with(&StackOptions {
        network: 53,
        clients: 0,
        ..StackOptions::default()
    });
    let imported = lab.import(&[]).ok();
    let not_reached = "no backend can be reached from this machine on port 14000";
    imported.shows(not_reached);
    let calls = lab.calls().len();
    // No terminal to ask on, and no --yes.
    let refused = change(&lab, &[], OTHER);
    refused.fails(64).shows(not_reached);
    assert_eq!(lab.changes_since(calls), [""; 0]);
    change(&lab, &["-y"], OTHER).ok();
    assert_eq!(stored(&lab), ("admin".to_owned(), OTHER.to_owned()));
    assert_eq!(lab.changes_since(calls), ["dynamodb UpdateItem"]);
}

#[test]
fn credentials_are_not_stored_if_the_cluster_is_not_imported() {
    let lab = Lab::start(lab::MotoOptions::default());
    let missing = change(&lab, &["-y"], OTHER);
    missing
        .fails(1)
        .shows("cluster 'wk' is not imported in eu-west-1");
    let empty = change(&lab, &["-y", "-u", ""], OTHER);
    assert_eq!(empty.status, 64, "{}", empty.stderr);
}
