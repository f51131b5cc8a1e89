//! What exists on AWS under the names of a cluster. Each answer that several resources need is requested once and cached.
//!
//! There is one file per service. An inventory caches for as long as it lives: create a new one to see changes.

mod api_gateway;
mod auto_scaling;
mod dynamodb;
mod ec2;
mod event_bridge;
mod iam;
mod lambda;
mod load_balancing;
mod step_functions;
mod sts;

pub(crate) use dynamodb::StoredAlias;

use crate::cloud::Clients;
use deployment::{Account, HostGroup, Names};

/// The inventory of one cluster.
#[derive(Debug)]
pub struct Inventory<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) names: &'a Names,
    region: String,
    api_gateway: api_gateway::Cache,
    auto_scaling: auto_scaling::Cache,
    dynamodb: dynamodb::Cache,
    ec2: ec2::Cache,
    event_bridge: PerGroup<event_bridge::Cache>,
    iam: iam::Cache,
    lambda: PerGroup<lambda::Cache>,
    load_balancing: load_balancing::Cache,
    step_functions: PerGroup<step_functions::Cache>,
    sts: sts::Cache,
}

impl<'a> Inventory<'a> {
    pub fn new(clients: &'a Clients, names: &'a Names, region: &str) -> Self {
        Self {
            clients,
            names,
            region: region.to_owned(),
            api_gateway: api_gateway::Cache::default(),
            auto_scaling: auto_scaling::Cache::default(),
            dynamodb: dynamodb::Cache::default(),
            ec2: ec2::Cache::default(),
            event_bridge: PerGroup::default(),
            iam: iam::Cache::default(),
            lambda: PerGroup::default(),
            load_balancing: load_balancing::Cache::default(),
            step_functions: PerGroup::default(),
            sts: sts::Cache::default(),
        }
    }

    /// The same with a known account, which is not requested.
    #[must_use]
    pub(crate) fn with_account(self, account: &Account) -> Self {
        Self {
            sts: sts::Cache::of(account),
            ..self
        }
    }
}

/// A cache for each host group.
#[derive(Debug, Default)]
struct PerGroup<T>([T; HostGroup::ALL.len()]);

impl<T> PerGroup<T> {
    fn of(&self, group: HostGroup) -> &T {
        let [backends, clients] = &self.0;
        match group {
            HostGroup::Backends => backends,
            HostGroup::Clients => clients,
        }
    }
}
