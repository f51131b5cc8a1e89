//! Tags of load balancer, target group and listener: one API for all three.

use crate::error::{Context, Result};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use deployment::Tags;

/// The tags of one of them.
pub(crate) async fn tags_of(client: &Client, arn: &str) -> Result<Tags> {
    let answer = client
        .describe_tags()
        .resource_arns(arn)
        .send()
        .await
        .context("elasticloadbalancing DescribeTags")?;
    let tags = answer
        .tag_descriptions
        .unwrap_or_default()
        .into_iter()
        .flat_map(|of| of.tags.unwrap_or_default());
    Ok(tags
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect())
}

/// Sets tags of one of them, if there are any to set.
pub(crate) async fn add_tags(client: &Client, arn: &str, new: Vec<(&str, &str)>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let ask = client
        .add_tags()
        .resource_arns(arn)
        .set_tags(Some(tags(new.into_iter())));
    ask.send().await.context("elasticloadbalancing AddTags").map(drop)
}

/// Tags as the API takes them.
pub(crate) fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Tag> {
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}
