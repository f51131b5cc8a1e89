//! Reads the actual state of a cluster's resources, all concurrently.

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::inventory::{Inventory, StoredAlias};
use crate::resource::{self, alias_record, classic_health_check};
use crate::retry;
use backon::Retryable;
use deployment::ResourceId;
use deployment::actual::{Actual, Observed};
use deployment::found::TeardownInventory;
use deployment::ownership::InstanceDisposition;
use deployment::plan::Plan;
use futures::future::try_join_all;

/// The resources to observe.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// Resources that the name of the cluster is enough to find.
    pub ids: Vec<ResourceId>,
    /// Hosted zone and name of the alias record.
    pub alias: Option<(&'a str, &'a str)>,
    /// The name of the stack's classic load balancer, for its health check.
    pub classic_load_balancer: Option<&'a str>,
}

/// The actual state of the requested resources.
///
/// # Errors
/// The first request that failed: what cannot be read is never treated as missing.
pub async fn observe(inventory: &Inventory<'_>, request: &Request<'_>) -> Result<Observed> {
    let by_name = try_join_all(request.ids.iter().map(|&id| async move {
        let actual = resource::observe(inventory, id).await?;
        Ok::<_, Error>(actual.map(|actual| (id, actual)))
    }));
    let alias = async {
        match request.alias {
            Some((zone, alias)) => alias_record::observe(inventory, zone, alias).await,
            None => Ok(None),
        }
    };
    let health_check = async {
        match request.classic_load_balancer {
            Some(name) => classic_health_check::observe(inventory, name).await,
            None => Ok(None),
        }
    };
    let (by_name, alias, health_check) = tokio::try_join!(by_name, alias, health_check)?;
    let alias = alias.map(Actual::into_resource);
    let health_check = health_check.map(Actual::into_resource);
    let mut observed: Observed = by_name.into_iter().flatten().collect();
    observed.extend(alias.map(|actual| (ResourceId::AliasRecord, actual)));
    observed.extend(health_check.map(|actual| (ResourceId::ClassicHealthCheck, actual)));
    Ok(observed)
}

/// Everything that a teardown decides about, in whatever state an interrupted import, update or destroy left it.
///
/// Resources are found by their names, and several can have the same name. A KMS key has no name until it has an alias: it is also found
/// by its tag.
///
/// # Errors
/// The first request that failed: what cannot be read is never treated as missing.
pub async fn owned_resources(inventory: &Inventory<'_>) -> Result<TeardownInventory> {
    let each = ResourceId::removable().into_iter().map(|id| async move {
        let found = resource::find(inventory, id).await?;
        Ok::<_, Error>((!found.is_empty()).then_some((id, found)))
    });
    let (found, instances, alias) = tokio::try_join!(
        try_join_all(each),
        inventory.instances(),
        inventory.stored_alias()
    )?;
    Ok(TeardownInventory {
        found: found.into_iter().flatten().collect(),
        instances,
        unreadable: match alias {
            StoredAlias::Unreadable(reason) => Some(reason.clone()),
            StoredAlias::None | StoredAlias::Record(..) => None,
        },
    })
}

/// The teardown that remains after a teardown. With `wait`, checks again for some seconds until it is empty: AWS's lists are
/// eventually consistent.
///
/// # Errors
/// A request failed.
pub async fn remaining_teardown(cloud: &Cloud, disposition: InstanceDisposition, wait: bool) -> Result<Plan> {
    let plan = || async {
        let (names, account) = (&cloud.names, &cloud.account);
        let inventory = Inventory::new(&cloud.clients, names, &account.region).with_account(account);
        let owned = owned_resources(&inventory).await.map_err(Unfinished::Unknown)?;
        let plan = Plan::teardown(names, &account.region, &owned, disposition);
        if plan.is_empty() {
            Ok(plan)
        } else {
            Err(Unfinished::Remaining(Box::new(plan)))
        }
    };
    let checked = if wait {
        plan.retry(retry::seconds())
            .when(|unfinished| matches!(unfinished, Unfinished::Remaining(_)))
            .await
    } else {
        plan().await
    };
    match checked {
        Ok(plan) => Ok(plan),
        Err(Unfinished::Remaining(plan)) => Ok(*plan),
        Err(Unfinished::Unknown(error)) => Err(error),
    }
}

enum Unfinished {
    Remaining(Box<Plan>),
    Unknown(Error),
}
