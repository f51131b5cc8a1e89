//! Tags of load balancers, target groups and listeners, which share one API.

use crate::error::{Context, Result};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use deployment::Tags;

pub(crate) async fn tags_of(client: &Client, arn: &str) -> Result<Tags> {
    let response = client
        .describe_tags()
        .resource_arns(arn)
        .send()
        .await
        .context("elasticloadbalancing DescribeTags")?;
    let tags = response
        .tag_descriptions
        .unwrap_or_default()
        .into_iter()
        .flat_map(|description| description.tags.unwrap_or_default());
    Ok(tags
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect())
}

/// Sets tags; sends no request if there are none.
pub(crate) async fn add_tags(client: &Client, arn: &str, new: Vec<(&str, &str)>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let request = client
        .add_tags()
        .resource_arns(arn)
        .set_tags(Some(tags(new.into_iter())));
    request
        .send()
        .await
        .context("elasticloadbalancing AddTags")
        .map(drop)
}

pub(crate) fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Tag> {
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}
