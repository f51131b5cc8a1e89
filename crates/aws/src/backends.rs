//! The running backends of a cluster, which new instances and scaling runs contact.

use crate::Result;
use crate::error::Context;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance};
use deployment::{HostGroup, tags};

/// The maximum page size of DescribeInstances.
const PAGE_SIZE: i32 = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningInstance {
    /// For example `i-0123456789abcdef0`.
    pub id: String,
    pub private_ip: String,
}

/// The cluster's running backends, found by wekactl's tags and ordered by id. An instance without an address is being terminated
/// and is omitted.
///
/// # Errors
/// A page could not be read. The list is complete or an error.
pub async fn running(client: &Client, cluster: &str) -> Result<Vec<RunningInstance>> {
    let tag = |key: &str, value: &str| Filter::builder().name(format!("tag:{key}")).values(value).build();
    let filters = vec![
        tag(tags::CLUSTER_NAME, cluster),
        tag(tags::HOSTGROUP_TYPE, HostGroup::Backends.role()),
        Filter::builder()
            .name("instance-state-name")
            .values("running")
            .build(),
    ];
    Ok(running_instances_of(describe_instances(client, filters).await?))
}

/// All instances that match the filters.
pub(crate) async fn describe_instances(client: &Client, filters: Vec<Filter>) -> Result<Vec<Instance>> {
    let request = client
        .describe_instances()
        .set_filters(Some(filters))
        .into_paginator()
        .page_size(PAGE_SIZE);
    let mut pages = request.send();
    let mut instances = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.context("ec2 DescribeInstances")?;
        let reservations = page.reservations.into_iter().flatten();
        instances.extend(reservations.flat_map(|r| r.instances.unwrap_or_default()));
    }
    Ok(instances)
}

/// The instances that have an address, ordered by id.
pub(crate) fn running_instances_of(instances: Vec<Instance>) -> Vec<RunningInstance> {
    let running = instances.into_iter().filter_map(|instance| {
        let private_ip = instance
            .private_ip_address
            .filter(|address| !address.is_empty())?;
        Some(RunningInstance {
            id: instance.instance_id?,
            private_ip,
        })
    });
    let mut running: Vec<_> = running.collect();
    running.sort_by(|a, b| a.id.cmp(&b.id));
    running
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{config, form_of, replay, xml_response};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

    fn page(instances: &[(&str, Option<&str>)], next: Option<&str>) -> HttpResponse {
        let items: String = instances
            .iter()
            .map(|(id, ip)| {
                let ip = ip
                    .map(|ip| format!("<privateIpAddress>{ip}</privateIpAddress>"))
                    .unwrap_or_default();
                format!(
                    "<item><instancesSet><item><instanceId>{id}</instanceId>{ip}</item></instancesSet></item>"
                )
            })
            .collect();
        let next = next
            .map(|token| format!("<nextToken>{token}</nextToken>"))
            .unwrap_or_default();
        xml_response(
            200,
            &format!(
                "<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{next}</DescribeInstancesResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn all_pages_are_read_and_tags_are_the_filter() {
        let replay = replay([
            page(&[("i-3", Some("10.0.0.3")), ("i-2", None)], Some("more")),
            page(&[("i-1", Some("10.0.0.1"))], None),
        ]);
        let backends = running(&Client::new(&config(replay.clone())), "wk")
            .await
            .unwrap();
        let addresses: Vec<_> = backends
            .iter()
            .map(|b| (b.id.as_str(), b.private_ip.as_str()))
            .collect();
        assert_eq!(addresses, [("i-1", "10.0.0.1"), ("i-3", "10.0.0.3")]);
        let forms: Vec<_> = replay.actual_requests().map(form_of).collect();
        assert_eq!(forms.len(), 2);
        for (name, value) in [
            ("Action", "DescribeInstances"),
            ("Filter.1.Name", "tag:wekactl.io/cluster_name"),
            ("Filter.1.Value.1", "wk"),
            ("Filter.2.Name", "tag:wekactl.io/hostgroup_type"),
            ("Filter.2.Value.1", "backend"),
            ("Filter.3.Name", "instance-state-name"),
            ("Filter.3.Value.1", "running"),
        ] {
            assert_eq!(forms[0][name], value, "{name}");
        }
        assert_eq!(forms[1]["NextToken"], "more");
    }

    #[tokio::test]
    async fn failed_page_fails_the_whole_list() {
        let error = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
        let replay = replay([
            page(&[("i-1", Some("10.0.0.1"))], Some("more")),
            xml_response(403, error),
        ]);
        let error = running(&Client::new(&config(replay)), "wk").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "ec2 DescribeInstances: UnauthorizedOperation: no"
        );
    }
}
