//! Looking at what is left of a cluster, for its removal: whatever state an import, an update or a destroy was broken off in.
//!
//! Everything is looked for by its own name, and more than one may bear it. What several resources need is asked for once.
//! A KMS key without its alias is not looked for: KMS finds keys by id and alias alone, and reading the tags of every key
//! of the account would take a request for each. Such a key is the work of an import that was killed between two requests;
//! it costs a dollar a month and opens nothing.

use crate::backends::describe_instances;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::group::describe_instances_by_id;
use crate::inventory::Inventory;
use crate::pages::all;
use crate::resource::{self, tags_from};
use crate::table::is_key_unavailable;
use aws_sdk_apigateway::types::{ApiKey, RestApi, UsagePlan};
use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ec2::types::{Filter, LaunchTemplate};
use deployment::removal::{Instance, Remnant, Seen};
use deployment::resource::ResourceId;
use deployment::settings::SETTINGS_KEY;
use deployment::{HostGroup, tags};
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::OnceCell;

/// The tag by which EC2 Auto Scaling marks its groups' members.
const MEMBER_OF: &str = "aws:autoscaling:groupName";
/// The states of an instance that is there.
const THERE: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// What has been asked for already.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    groups: OnceCell<Vec<AutoScalingGroup>>,
    templates: OnceCell<Vec<LaunchTemplate>>,
    apis: OnceCell<Vec<RestApi>>,
    plans: OnceCell<Vec<UsagePlan>>,
    keys: OnceCell<Vec<ApiKey>>,
    alias: OnceCell<Alias>,
}

/// What the table knows of the DNS alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Alias {
    /// There is none, or no table that could say.
    None,
    /// Hosted zone and name.
    Of(String, String),
    /// The table cannot be read.
    Unreadable(String),
}

impl Inventory<'_> {
    /// All that is left of the cluster.
    ///
    /// # Errors
    /// The first request that failed: what could not be seen is not taken for absent.
    pub async fn remains(&self) -> Result<Seen> {
        let each = ResourceId::removable().into_iter().map(|id| async move {
            let remnants = resource::remnants(self, id).await?;
            Ok::<_, Error>((!remnants.is_empty()).then_some((id, remnants)))
        });
        let (remnants, instances, alias) =
            tokio::try_join!(try_join_all(each), self.instances_left(), self.stored_alias())?;
        Ok(Seen {
            remnants: remnants.into_iter().flatten().collect(),
            instances,
            unreadable: match alias {
                Alias::Unreadable(reason) => Some(reason.clone()),
                Alias::None | Alias::Of(..) => None,
            },
        })
    }

    /// The instances, and the groups whose members they may be.
    pub(crate) async fn instances_now(&self) -> Result<Seen> {
        let groups = HostGroup::ALL.map(ResourceId::AutoScalingGroup);
        let groups = groups.into_iter().map(|id| async move {
            let remnants: Vec<Remnant> = resource::remnants(self, id).await?;
            Ok::<_, Error>((id, remnants))
        });
        let (remnants, instances) = tokio::try_join!(try_join_all(groups), self.instances_left())?;
        Ok(Seen {
            remnants: remnants.into_iter().collect(),
            instances,
            unreadable: None,
        })
    }

    /// The groups that bear the names of the cluster's.
    pub(crate) async fn groups(&self) -> Result<&[AutoScalingGroup]> {
        let ask = self.leftovers.groups.get_or_try_init(|| async {
            let names = HostGroup::ALL.map(|group| self.names.of(group)).to_vec();
            let ask = self.clients.autoscaling.describe_auto_scaling_groups();
            let answer = ask.set_auto_scaling_group_names(Some(names)).send().await;
            let answer = answer.context("autoscaling DescribeAutoScalingGroups")?;
            Ok::<_, Error>(answer.auto_scaling_groups.unwrap_or_default())
        });
        Ok(ask.await?)
    }

    /// The launch templates that bear the names of the cluster's. By a filter: asked by name, EC2 refuses both where one is
    /// not there.
    pub(crate) async fn templates(&self) -> Result<&[LaunchTemplate]> {
        let ask = self.leftovers.templates.get_or_try_init(|| async {
            let names = HostGroup::ALL.map(|group| self.names.launch_template(group));
            let filter = Filter::builder().name("launch-template-name");
            let ask = self.clients.ec2.describe_launch_templates();
            let pages = ask.filters(filter.set_values(Some(names.to_vec())).build());
            let pages = pages.into_paginator().items().send();
            all(pages, "ec2 DescribeLaunchTemplates").await
        });
        Ok(ask.await?)
    }

    /// The account's REST APIs.
    pub(crate) async fn apis(&self) -> Result<&[RestApi]> {
        let ask = self.leftovers.apis.get_or_try_init(|| async {
            let pages = self.clients.apigateway.get_rest_apis().limit(500);
            all(pages.into_paginator().items().send(), "apigateway GetRestApis").await
        });
        Ok(ask.await?)
    }

    /// The account's usage plans.
    pub(crate) async fn plans(&self) -> Result<&[UsagePlan]> {
        let ask = self.leftovers.plans.get_or_try_init(|| async {
            let pages = self.clients.apigateway.get_usage_plans().limit(500);
            all(pages.into_paginator().items().send(), "apigateway GetUsagePlans").await
        });
        Ok(ask.await?)
    }

    /// The API keys whose names begin as the cluster's do, without their values.
    pub(crate) async fn api_keys(&self) -> Result<&[ApiKey]> {
        let ask = self.leftovers.keys.get_or_try_init(|| async {
            let each = HostGroup::ALL.map(|group| async move {
                let pages = self.clients.apigateway.get_api_keys().limit(500);
                let pages = pages.name_query(self.names.of(group)).into_paginator();
                all(pages.items().send(), "apigateway GetApiKeys").await
            });
            let found = try_join_all(each).await?;
            Ok::<_, Error>(found.into_iter().flatten().collect())
        });
        Ok(ask.await?)
    }

    /// What the settings say of the DNS alias. Read by itself and not with the rest of them, whatever is wrong with the rest.
    pub(crate) async fn stored_alias(&self) -> Result<&Alias> {
        let ask = self.leftovers.alias.get_or_try_init(|| async {
            let ask = self.clients.dynamodb.get_item().table_name(self.names.base());
            let ask = ask.key("Key", AttributeValue::S(SETTINGS_KEY.to_owned()));
            let answer = ask.consistent_read(true).send().await.context("dynamodb GetItem");
            let item = match ignore_not_found(answer) {
                Ok(answer) => answer.and_then(|answer| answer.item).unwrap_or_default(),
                Err(error) if is_key_unavailable(&error) => {
                    return Ok(Alias::Unreadable(error.to_string()));
                }
                Err(error) => return Err(error),
            };
            let text = |name: &str| match item.get(name) {
                None | Some(AttributeValue::Null(_)) => Ok(None),
                Some(AttributeValue::S(text)) if text.is_empty() => Ok(None),
                Some(AttributeValue::S(text)) => Ok(Some(text.clone())),
                Some(_) => Err(format!("{name} is no text")),
            };
            Ok(match (text("DnsZoneId"), text("DnsAlias")) {
                (Ok(Some(zone)), Ok(Some(alias))) => Alias::Of(zone, alias),
                (Ok(_), Ok(_)) => Alias::None,
                (Err(reason), _) | (_, Err(reason)) => Alias::Unreadable(reason),
            })
        });
        ask.await
    }

    /// The instances that bear the cluster's tag, and the members of its groups.
    async fn instances_left(&self) -> Result<Vec<Instance>> {
        let ec2 = &self.clients.ec2;
        let cluster = self.names.cluster();
        let filter = |name: &str, values: &[&str]| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            Filter::builder().name(name).set_values(Some(values)).build()
        };
        let tagged = describe_instances(
            ec2,
            vec![
                filter(&format!("tag:{}", tags::CLUSTER_NAME), &[cluster.as_str()]),
                filter("instance-state-name", &THERE),
            ],
        );
        let (tagged, groups) = tokio::try_join!(tagged, self.groups())?;
        let ours = groups
            .iter()
            .filter(|group| tags_from(group.tags(), |tag| (tag.key(), tag.value())).are_of(cluster));
        let members: BTreeMap<&str, &str> = ours
            .flat_map(|group| {
                let name = group.auto_scaling_group_name().unwrap_or_default();
                let ids = group.instances().iter().filter_map(|member| member.instance_id());
                ids.map(move |id| (id, name))
            })
            .collect();
        let known: BTreeSet<&str> = tagged.iter().filter_map(|one| one.instance_id()).collect();
        // Whoever was put into the group by hand.
        let others: Vec<String> = members
            .keys()
            .filter(|id| !known.contains(*id))
            .map(|&id| id.to_owned())
            .collect();
        let others = if others.is_empty() {
            Vec::new()
        } else {
            describe_instances_by_id(ec2, &others).await?
        };
        let there = |instance: &aws_sdk_ec2::types::Instance| {
            let state = instance.state().and_then(|state| state.name());
            state.is_some_and(|state| THERE.contains(&state.as_str()))
        };
        let all = tagged.iter().chain(&others).filter(|instance| there(instance));
        let mut found: Vec<_> = all.filter_map(|instance| read(instance, &members)).collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }
}

fn read(instance: &aws_sdk_ec2::types::Instance, members: &BTreeMap<&str, &str>) -> Option<Instance> {
    let id = instance.instance_id()?.to_owned();
    let tags = tags_from(instance.tags(), |tag| (tag.key(), tag.value()));
    let member_of = members
        .get(id.as_str())
        .map(|&group| group.to_owned())
        .or_else(|| tags.get(MEMBER_OF).map(str::to_owned));
    let volumes = instance
        .block_device_mappings()
        .iter()
        .filter_map(|mapping| mapping.ebs()?.volume_id());
    let interfaces = instance
        .network_interfaces()
        .iter()
        .filter_map(|interface| interface.network_interface_id());
    Some(Instance {
        attached: volumes.chain(interfaces).map(str::to_owned).collect(),
        id,
        tags,
        member_of,
    })
}
