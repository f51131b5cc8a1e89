//! The network interfaces that Lambda creates for a function in a VPC.
//!
//! Lambda deletes them 20 to 45 minutes after the function, and uses the function's role for that. Hazard: if the role is deleted
//! first, they stay for ever, and neither their security groups nor their subnets can be deleted.
//!
//! Sources: <https://repost.aws/knowledge-center/lambda-eni-find-delete>, aws/aws-cdk#34400,
//! hashicorp/terraform-provider-aws#10044.

use crate::error::{Error, Result};
use crate::pages::all;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;

/// # Errors
/// [`Error::Postponed`] if interfaces of the function exist.
pub(super) async fn check_deleted(ec2: &Client, function: &str) -> Result<()> {
    const OPERATION: &str = "ec2 DescribeNetworkInterfaces";
    // The description ends with a random id.
    let description = format!("AWS Lambda VPC ENI-{function}-*");
    let filter = Filter::builder().name("description").values(description).build();
    let request = ec2.describe_network_interfaces().filters(filter);
    let found = all(request.into_paginator().items().send(), OPERATION).await?;
    if found.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = found
        .iter()
        .filter_map(|found| found.network_interface_id())
        .collect();
    Err(Error::Postponed {
        operation: OPERATION,
        what: format!(
            "Lambda needs it to delete the network interfaces of the function {function} ({}), which takes it 20 to 45 minutes",
            ids.join(", ")
        ),
    })
}
