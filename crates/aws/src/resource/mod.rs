//! Each kind of resource at AWS: how it is found, made and changed.
//!
//! A kind is one file with one `impl` of [`Resource`]. `observe` finds by name what stands, `create` and `update` bring
//! it to the body that they are given, `delete` removes it; running any twice is the same as once.

mod alias_record;
mod auto_scaling_group;
mod classic_health_check;
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

pub(crate) use crate::tags::tags_from;

use crate::cloud::Cloud;
use crate::error::Result;
use crate::inventory::Inventory;
use deployment::plan::{ActualResource, Change};
use deployment::removal::{Remnant, Step};
use deployment::resource::*;
use deployment::{Output, Tags};

/// What a resource gives others once it is there.
pub(crate) type Given = Vec<(Output, String)>;

/// A resource to be made or changed.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// Which one.
    pub(crate) id: ResourceId,
    /// Its name.
    pub(crate) name: &'a str,
    /// The tags it is to have.
    pub(crate) tags: Option<&'a Tags>,
}

impl Target<'_> {
    /// Its tags; none for a kind that bears none.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.into_iter().flat_map(Tags::iter)
    }
}

/// What a resource is changed from.
#[derive(Debug)]
pub(crate) struct From<'a> {
    /// How it stands.
    pub(crate) standing: &'a ActualResource,
    /// The fields that differ.
    pub(crate) changes: &'a [Change],
}

impl From<'_> {
    /// Whether one of these fields, or one within them, differs.
    pub(crate) fn differs(&self, fields: &[&str]) -> bool {
        self.changes.iter().any(|change| {
            fields.iter().any(|field| {
                change
                    .field
                    .strip_prefix(field)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
    }

    /// Whether a field other than a tag differs.
    pub(crate) fn body_differs(&self) -> bool {
        self.body_differs_beside(&[])
    }

    /// Whether a field other than a tag and these differs.
    pub(crate) fn body_differs_beside(&self, fields: &[&str]) -> bool {
        let mut names = self.changes.iter().map(|change| change.field.as_str());
        names.any(|name| !name.starts_with("tags.") && !fields.contains(&name))
    }

    /// The tags to set: those that differ.
    pub(crate) fn new_tags<'t>(&self, target: &'t Target<'_>) -> Vec<(&'t str, &'t str)> {
        let standing = self.standing.tags.as_ref();
        target
            .tags()
            .filter(|(key, value)| standing.and_then(|tags| tags.get(key)) != Some(value))
            .collect()
    }

    /// What it gave, as it was observed.
    pub(crate) fn given(&self) -> Given {
        self.standing.outputs.clone()
    }

    /// One of the outputs as it was observed; empty if it had none, which AWS refuses.
    pub(crate) fn output(&self, output: Output) -> &str {
        self.standing
            .outputs
            .iter()
            .find(|(of, _)| *of == output)
            .map_or("", |(_, value)| value)
    }
}

/// What is done about a kind of resource.
pub(crate) trait Resource: Sized {
    /// Looks for it by its name. What stands under the name is returned whoever's it is: the plan compares the tags.
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>>;

    /// Makes it.
    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given>;

    /// Changes the fields that differ.
    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given>;

    /// Looks for what is to be removed: all that stands under its name, whoever's it is, and no more of each than its removal
    /// needs.
    async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        let standing = Self::observe(inventory, id).await?;
        Ok(standing.map(Remnant::from).into_iter().collect())
    }

    /// Removes it; what is not there any more is fine. By itself, a kind goes with what it is part of.
    async fn delete(_cloud: &Cloud, _step: &Step) -> Result<Left> {
        Ok(None)
    }
}

/// What a removal leaves to AWS, in a line for the user.
pub(crate) type Left = Option<String>;

macro_rules! dispatch {
    ($($kind:ident: $label:literal, $version:literal;)*) => {
        /// Looks for a resource.
        pub(crate) async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
            match id.kind() { $(Kind::$kind => $kind::observe(inventory, id).await,)* }
        }

        /// Makes a resource.
        pub(crate) async fn create(cloud: &Cloud, target: &Target<'_>, body: &Body) -> Result<Given> {
            match body { $(Body::$kind(body) => body.create(cloud, target).await,)* }
        }

        /// Changes a resource.
        pub(crate) async fn update(
            cloud: &Cloud,
            target: &Target<'_>,
            body: &Body,
            from: &From<'_>,
        ) -> Result<Given> {
            match body { $(Body::$kind(body) => body.update(cloud, target, from).await,)* }
        }

        /// Looks for what is left of a resource.
        pub(crate) async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
            match id.kind() { $(Kind::$kind => $kind::remnants(inventory, id).await,)* }
        }

        /// Carries out a step of a removal.
        pub(crate) async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
            match step.id.resource().kind() { $(Kind::$kind => $kind::delete(cloud, step).await,)* }
        }
    };
}

deployment::kinds!(dispatch);

/// The value that a reference has got by the time its resource's turn comes.
pub(crate) fn known(value: &deployment::Value, operation: &'static str) -> Result<String> {
    value
        .known()
        .map(str::to_owned)
        .ok_or_else(|| crate::Error::bug(operation, format!("{value}: it was not made")))
}

/// Why nothing can be made of what stands: a destroy was here, and AWS is not done.
pub(crate) fn still_deleting(operation: &'static str, what: &str) -> crate::Error {
    let message = format!("AWS is still deleting {what}: run this again in a minute");
    crate::Error::not_ready(operation, message)
}

/// Runs a request for everything that stands of a resource, side by side.
pub(crate) async fn each<'s, F: Future<Output = Result<()>>>(
    step: &'s Step,
    delete: impl Fn(&'s Remnant) -> F,
) -> Result<Left> {
    futures::future::try_join_all(step.remnants.iter().map(delete)).await?;
    Ok(None)
}

#[cfg(test)]
mod tests;
