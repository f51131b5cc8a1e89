//! The network of a cluster's instances.

use crate::cloud::Clients;
use crate::error::{Context, Result};
use crate::pages::all;
use aws_sdk_ec2::types::{Filter, Tenancy};
use deployment::import::{Endpoint, Network, RouteTable, Subnet};
use std::collections::{BTreeMap, BTreeSet};

/// Subnets, route tables and endpoints of the instances' VPCs.
pub(super) async fn network(clients: &Clients, vpcs: &BTreeSet<String>) -> Result<Network> {
    if vpcs.is_empty() {
        return Ok(Network::default());
    }
    let ec2 = &clients.ec2;
    let filter = Filter::builder()
        .name("vpc-id")
        .set_values(Some(vpcs.iter().cloned().collect()))
        .build();
    let (subnets, tables, endpoints, vpcs) = tokio::try_join!(
        all(
            ec2.describe_subnets()
                .filters(filter.clone())
                .into_paginator()
                .items()
                .send(),
            "ec2 DescribeSubnets"
        ),
        all(
            ec2.describe_route_tables()
                .filters(filter.clone())
                .into_paginator()
                .items()
                .send(),
            "ec2 DescribeRouteTables"
        ),
        endpoints(clients, &filter),
        async {
            let request = ec2
                .describe_vpcs()
                .set_vpc_ids(Some(vpcs.iter().cloned().collect()));
            request.send().await.context("ec2 DescribeVpcs")
        },
    )?;
    let text = |value: Option<String>| value.unwrap_or_default();
    let vpcs = vpcs.vpcs.unwrap_or_default();
    let dedicated = vpcs
        .iter()
        .filter(|vpc| vpc.instance_tenancy() == Some(&Tenancy::Dedicated));
    let dedicated_vpcs = dedicated
        .filter_map(|vpc| vpc.vpc_id().map(str::to_owned))
        .collect();
    Ok(Network {
        subnets: subnets
            .into_iter()
            .map(|subnet| Subnet {
                id: text(subnet.subnet_id),
                vpc: text(subnet.vpc_id),
                zone: text(subnet.availability_zone),
                cidr: text(subnet.cidr_block),
            })
            .collect(),
        route_tables: tables
            .into_iter()
            .map(|table| {
                let associations = table.associations.unwrap_or_default();
                RouteTable {
                    id: text(table.route_table_id),
                    vpc: text(table.vpc_id),
                    main: associations
                        .iter()
                        .any(|association| association.main() == Some(true)),
                    subnets: associations
                        .into_iter()
                        .filter_map(|association| association.subnet_id)
                        .collect(),
                }
            })
            .collect(),
        endpoints,
        dedicated_vpcs,
    })
}

async fn endpoints(clients: &Clients, filter: &Filter) -> Result<Vec<Endpoint>> {
    let pages = clients
        .ec2
        .describe_vpc_endpoints()
        .filters(filter.clone())
        .into_paginator()
        .items()
        .send();
    let endpoints = all(pages, "ec2 DescribeVpcEndpoints").await?;
    let groups: BTreeSet<_> = endpoints
        .iter()
        .flat_map(|endpoint| endpoint.groups())
        .filter_map(|group| group.group_id())
        .collect();
    let sources = https_sources(clients, groups.into_iter().map(str::to_owned).collect()).await?;
    Ok(endpoints
        .into_iter()
        .map(|endpoint| {
            let groups = endpoint.groups().iter().filter_map(|group| group.group_id());
            Endpoint {
                https_from: groups
                    .filter_map(|group| sources.get(group))
                    .flatten()
                    .cloned()
                    .collect(),
                id: endpoint.vpc_endpoint_id.unwrap_or_default(),
                vpc: endpoint.vpc_id.unwrap_or_default(),
                service: endpoint.service_name.unwrap_or_default(),
                kind: endpoint
                    .vpc_endpoint_type
                    .map(|kind| kind.as_str().to_owned())
                    .unwrap_or_default(),
                state: endpoint
                    .state
                    .map(|state| state.as_str().to_owned())
                    .unwrap_or_default(),
                private_dns: endpoint.private_dns_enabled == Some(true),
                route_tables: endpoint.route_table_ids.unwrap_or_default().into_iter().collect(),
            }
        })
        .collect())
}

/// The sources from which each security group allows HTTPS: address ranges, prefix lists and other groups.
async fn https_sources(clients: &Clients, groups: Vec<String>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    const HTTPS: i32 = 443;
    if groups.is_empty() {
        return Ok(BTreeMap::new());
    }
    let pages = clients
        .ec2
        .describe_security_groups()
        .set_group_ids(Some(groups))
        .into_paginator()
        .items()
        .send();
    let groups = all(pages, "ec2 DescribeSecurityGroups").await?;
    Ok(groups
        .into_iter()
        .map(|group| {
            let https_rules = group.ip_permissions().iter().filter(|rule| {
                let includes_https =
                    rule.from_port().unwrap_or(0) <= HTTPS && HTTPS <= rule.to_port().unwrap_or(65_535);
                matches!(rule.ip_protocol(), Some("-1"))
                    || (rule.ip_protocol() == Some("tcp") && includes_https)
            });
            let sources = https_rules.flat_map(|rule| {
                let ranges = rule.ip_ranges().iter().filter_map(|range| range.cidr_ip());
                let groups = rule
                    .user_id_group_pairs()
                    .iter()
                    .filter_map(|pair| pair.group_id());
                let lists = rule.prefix_list_ids().iter();
                let lists = lists.filter_map(|list| list.prefix_list_id());
                ranges
                    .chain(lists)
                    .chain(groups)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            });
            (group.group_id().unwrap_or_default().to_owned(), sources.collect())
        })
        .collect())
}
