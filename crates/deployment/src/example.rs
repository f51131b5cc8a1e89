//! A cluster for the tests: `wk`, six backends and two clients, in eu-west-1.

use crate::account::Account;
use crate::desired::{Package, Request, desired};
use crate::names::{ClusterName, HostGroup};
use crate::plan::Desired;
use crate::secret::Secret;
use crate::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "hunter2";

pub(crate) const DEADLINE: &str = "2026-11-01T12:30:00Z";

pub(crate) fn cluster() -> ClusterName {
    "wk".parse().unwrap()
}

pub(crate) fn account() -> Account {
    Account {
        id: "123456789012".into(),
        region: "eu-west-1".into(),
        partition: "aws".into(),
    }
}

pub(crate) fn settings() -> Settings {
    let item = serde_json::from_str(include_str!("settings/go_item.json")).unwrap();
    Settings::from_item(&item).unwrap()
}

/// The seal key of a host group, in base64 as the real ones are.
pub(crate) fn seal_key(group: HostGroup) -> Secret {
    Secret::new(match group {
        HostGroup::Backends => "c2VhbC1rZXktb2YtdGhlLWJhY2tlbmRzLS0tLS0tLS0=",
        HostGroup::Clients => "c2VhbC1rZXktb2YtdGhlLWNsaWVudHMtLS0tLS0tLS0=",
    })
}

fn instances(group: HostGroup) -> BTreeSet<String> {
    [1, 2].map(|number| format!("i-{}-{number}", group.role())).into()
}

/// Every resource of the cluster with these settings.
pub(crate) fn resources(settings: &Settings) -> Vec<Desired> {
    resources_with(settings, Some(("admin", &Secret::new(PASSWORD))))
}

pub(crate) fn resources_with(settings: &Settings, credentials: Option<(&str, &Secret)>) -> Vec<Desired> {
    resources_in(&account(), settings, credentials)
}

pub(crate) fn resources_in(
    account: &Account,
    settings: &Settings,
    credentials: Option<(&str, &Secret)>,
) -> Vec<Desired> {
    let uuids: Vec<_> = (1..=14).map(Uuid::from_u128).collect();
    let seal_keys: BTreeMap<_, _> = HostGroup::ALL.map(|group| (group, seal_key(group))).into();
    desired(&Request {
        cluster: &cluster(),
        account,
        settings,
        package: &Package {
            sha256: "cGFja2FnZQ==".into(),
            architecture: "x86_64".into(),
        },
        credentials,
        uuids: &uuids,
        seal_keys: &seal_keys,
        identity_required_after: DEADLINE,
        instances: &HostGroup::ALL.map(|group| (group, instances(group))).into(),
    })
}
