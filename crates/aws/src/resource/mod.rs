//! The AWS calls of each kind of resource.
//!
//! A kind is one file. `observe` reads the actual state, `create` and `update` set the desired one; `find` looks for what a
//! teardown decides about, and `delete` deletes it. Running any of them twice has the same effect as once.

pub(crate) mod alias_record;
mod auto_scaling_group;
pub(crate) mod classic_health_check;
mod function;
mod instances;
mod invoke_permission;
mod items;
mod kms_key;
mod launch_template;
mod listener;
mod load_balancer;
mod log_group;
mod rest_api;
mod role;
mod rule;
mod state_machine;
mod table;
mod target_group;

use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use deployment::actual::{Actual, ActualResource};
use deployment::found::FoundResource;
use deployment::plan::{Desired, Teardown};
use deployment::resource::*;
use deployment::{Output, ResourceId, Tags, Value};
use futures::future::try_join_all;

/// The outputs of a resource.
pub(crate) type Outputs = Vec<(Output, String)>;

/// What AWS finishes later, in one line for the user.
pub(crate) type DeferredCleanup = String;

/// The resource to create or update.
#[derive(Debug)]
pub(crate) struct Target<'a, K> {
    pub(crate) key: K,
    pub(crate) name: &'a str,
    /// `None` for a kind without tags.
    pub(crate) tags: Option<&'a Tags>,
}

impl<K> Target<'_, K> {
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.into_iter().flat_map(Tags::iter)
    }

    /// The tags that `current` lacks or has with another value.
    pub(crate) fn new_tags<B>(&self, current: &Actual<B>) -> Vec<(&str, &str)> {
        let differs = |key: &str, value| current.tags.as_ref().and_then(|tags| tags.get(key)) != Some(value);
        self.tags().filter(|(key, value)| differs(key, value)).collect()
    }
}

/// A kind of resource.
pub(crate) trait Resource: Sized {
    /// What identifies a resource among its kind.
    type Key: Copy;

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs>;

    /// Changes the fields and tags in which `current` differs.
    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs>;
}

/// A kind whose resources are found by the name of the cluster.
pub(crate) trait Observe: Resource {
    /// Returns whatever has the name: the plan checks the owner.
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>>;
}

/// A kind whose resources a teardown finds.
pub(crate) trait Find: Resource {
    /// Returns everything with the name, and reads no more than the teardown needs.
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>>;
}

/// A kind whose resources are deleted by a step of their own.
pub(crate) trait Delete: Resource {
    /// Disables or deletes the resources of a step. A resource that does not exist is not an error.
    async fn delete(cloud: &Cloud, key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>>;
}

/// [`Find::find`] for a kind whose actual state is as easy to read as what a teardown needs.
async fn found_by_observing<R: Observe>(
    inventory: &Inventory<'_>,
    key: R::Key,
) -> Result<Vec<FoundResource>> {
    let actual = R::observe(inventory, key).await?;
    Ok(actual.map(FoundResource::from).into_iter().collect())
}

macro_rules! observe_if {
    (by_name, $kind:ident, $inventory:expr, $key:expr) => {
        Ok($kind::observe($inventory, $key).await?.map(Actual::into_resource))
    };
    (by_request, $kind:ident, $inventory:expr, $key:expr) => {{
        let _ = $key;
        Ok(None)
    }};
}

macro_rules! find_if {
    (own_step, $kind:ident, $inventory:expr, $key:expr) => {
        $kind::find($inventory, $key).await
    };
    ($other:ident, $kind:ident, $inventory:expr, $key:expr) => {{
        let _ = $key;
        Ok(Vec::new())
    }};
}

macro_rules! delete_if {
    (own_step, $kind:ident, $cloud:expr, $key:expr, $teardown:expr) => {
        $kind::delete($cloud, $key, $teardown).await
    };
    (as_instances, $kind:ident, $cloud:expr, $key:expr, $teardown:expr) => {
        $kind::delete($cloud, $key, $teardown).await
    };
    ($other:ident, $kind:ident, $cloud:expr, $key:expr, $teardown:expr) => {{
        let _ = $key;
        Ok(None)
    }};
}

macro_rules! dispatch {
    ($($kind:ident $(($($part:ident: $type:ty),+))?: $label:literal, $version:expr, $lookup:ident, $teardown:ident;)*) => {
        /// The actual state of a resource that is found by name.
        pub(crate) async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
            match id {
                $(ResourceId::$kind $(($($part),+))? => observe_if!($lookup, $kind, inventory, ($($($part),+)?)),)*
            }
        }

        /// Creates a resource with this body, in which all references are resolved.
        pub(crate) async fn create(cloud: &Cloud, desired: &Desired, body: &Body) -> Result<Outputs> {
            match (desired.id, body) {
                $((ResourceId::$kind $(($($part),+))?, Body::$kind(body)) => {
                    body.create(cloud, &target(desired, ($($($part),+)?))).await
                })*
                _ => Err(other_kind(desired)),
            }
        }

        /// Updates a resource to this body, in which all references are resolved.
        pub(crate) async fn update(
            cloud: &Cloud,
            desired: &Desired,
            body: &Body,
            current: &ActualResource,
        ) -> Result<Outputs> {
            match (desired.id, body, &current.body) {
                $((ResourceId::$kind $(($($part),+))?, Body::$kind(body), Body::$kind(actual)) => {
                    let current = current.with_body(actual.clone());
                    body.update(cloud, &target(desired, ($($($part),+)?)), &current).await
                })*
                _ => Err(other_kind(desired)),
            }
        }

        /// What exists under the name of a resource.
        pub(crate) async fn find(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<FoundResource>> {
            match id {
                $(ResourceId::$kind $(($($part),+))? => find_if!($teardown, $kind, inventory, ($($($part),+)?)),)*
            }
        }

        /// Executes a step of a teardown.
        pub(crate) async fn delete(
            cloud: &Cloud,
            id: ResourceId,
            teardown: &Teardown,
        ) -> Result<Option<DeferredCleanup>> {
            match id {
                $(ResourceId::$kind $(($($part),+))? => delete_if!($teardown, $kind, cloud, ($($($part),+)?), teardown),)*
            }
        }
    };
}

deployment::kinds!(dispatch);

fn target<K>(desired: &Desired, key: K) -> Target<'_, K> {
    Target {
        key,
        name: &desired.name,
        tags: desired.tags.as_ref(),
    }
}

fn other_kind(desired: &Desired) -> Error {
    Error::bug("plan", format!("{:?} has a body of another kind", desired.id))
}

/// A value that is resolved when its resource is created.
pub(crate) fn resolved(value: &Value, operation: &'static str) -> Result<String> {
    let resolved = value.resolved().map(str::to_owned);
    resolved.ok_or_else(|| Error::bug(operation, format!("{value}: it was not created")))
}

/// A resource with this name is still being deleted.
pub(crate) fn still_deleting(operation: &'static str, what: &str) -> Error {
    let message = format!("AWS is still deleting {what}: rerun the command in a minute");
    Error::not_ready(operation, message)
}

/// Deletes each resource with one request, all concurrently. A resource that does not exist is not an error.
async fn delete_with<'f, T, F: Future>(
    operation: &'static str,
    found: &'f [FoundResource],
    request: impl Fn(&'f FoundResource) -> F,
) -> Result<Option<DeferredCleanup>>
where
    F::Output: Context<T>,
{
    delete_each(found, |resource| {
        let response = request(resource);
        async move { ignore_not_found(response.await.context(operation)).map(drop) }
    })
    .await
}

/// Runs a deletion for each resource, all concurrently.
pub(crate) async fn delete_each<'f, F: Future<Output = Result<()>>>(
    found: &'f [FoundResource],
    delete: impl Fn(&'f FoundResource) -> F,
) -> Result<Option<DeferredCleanup>> {
    try_join_all(found.iter().map(delete)).await?;
    Ok(None)
}

#[cfg(test)]
mod tests;
