//! A cluster that stands, brought to what this version makes.

use crate::desired::{Request, desired, instance_tags};
use crate::names::{ClusterName, HostGroup, Names};
use crate::plan::{ActualResource, Desired, Observed};
use crate::resource::{Body, Mapping, PreparedInstances, ResourceId};
use crate::settings::{GroupSettings, Settings, Volume};
use crate::tags::{self, Tags};
use std::collections::BTreeSet;

/// The settings of a standing cluster as this version keeps them.
///
/// What an older version (or the Go tool) did not store is taken from what stands, so that an update takes nothing away
/// that import had set: the classic load balancer, the second subnet, how instance metadata is asked for.
#[must_use]
pub fn settings(stored: Settings, observed: &Observed, version: &str) -> Settings {
    let mut settings = stored;
    version.clone_into(&mut settings.build_version);
    if settings.subnet.is_empty() {
        settings.subnet.clone_from(&settings.backends.subnet);
    }
    if let Some(Body::LoadBalancer(standing)) = body(observed, ResourceId::LoadBalancer)
        && settings.additional_subnet.is_empty()
    {
        let other = standing.subnets.iter().find(|&subnet| *subnet != settings.subnet);
        settings.additional_subnet = other.cloned().unwrap_or_default();
    }
    if let Some(Body::TargetGroup(standing)) = body(observed, ResourceId::TargetGroup)
        && settings.vpc_id.is_empty()
    {
        settings.vpc_id.clone_from(&standing.vpc);
    }
    if let Some(Body::AutoScalingGroup(standing)) =
        body(observed, ResourceId::AutoScalingGroup(HostGroup::Backends))
        && settings.classic_load_balancer.is_none()
    {
        settings.classic_load_balancer = standing.classic_load_balancers.first().cloned();
    }
    if settings.stack_id.is_none() {
        // Where the Go tool keeps it.
        let tags = observed
            .get(&ResourceId::Table)
            .and_then(|table| table.tags.as_ref());
        settings.stack_id = tags.and_then(|tags| tags.get(tags::STACK_ID)).map(str::to_owned);
    }
    complete(&mut settings.backends, observed, HostGroup::Backends);
    if let Some(clients) = &mut settings.clients {
        complete(clients, observed, HostGroup::Clients);
    }
    settings
}

fn body(observed: &Observed, id: ResourceId) -> Option<&Body> {
    observed.get(&id).map(|standing| &standing.body)
}

fn complete(settings: &mut GroupSettings, observed: &Observed, group: HostGroup) {
    if let Some(Body::LaunchTemplate(standing)) = body(observed, ResourceId::LaunchTemplate(group))
        && settings.http_tokens.is_empty()
    {
        settings.http_tokens.clone_from(&standing.http_tokens);
    }
    if let Some(Body::LaunchTemplate(standing)) = body(observed, ResourceId::LaunchTemplate(group))
        && settings.volumes_info.is_empty()
    {
        settings.volumes_info = standing.volumes.iter().map(volume).collect();
    }
    if settings.http_tokens.is_empty() {
        // What EC2 takes where nothing is said, and what every older cluster has.
        "optional".clone_into(&mut settings.http_tokens);
    }
    if let Some(Body::AutoScalingGroup(standing)) = body(observed, ResourceId::AutoScalingGroup(group))
        && settings.max_size == 0
    {
        settings.max_size = u32::try_from(standing.max_size).unwrap_or_default();
    }
}

fn volume(mapping: &Mapping) -> Volume {
    Volume {
        name: mapping.device.clone(),
        r#type: mapping.volume_type.clone(),
        size: mapping.size_gib,
    }
}

/// The host groups in the settings of which something stands. The Go tool kept the clients' settings of clusters for which
/// it made no such host group; adding one, which would be empty, is not what an update is for.
pub fn actual_groups(settings: &Settings, observed: &Observed) -> BTreeSet<HostGroup> {
    let mut standing: BTreeSet<_> = observed.keys().filter_map(|id| id.group()).collect();
    standing.insert(HostGroup::Backends);
    settings
        .groups()
        .filter(|group| standing.contains(group))
        .collect()
}

/// What is wanted of a standing cluster with these host groups: all that import makes, but that nothing is attached. Which
/// instances are in the group is the user's and the loop's by now.
pub fn wanted(request: &Request<'_>, groups: &BTreeSet<HostGroup>) -> Vec<Desired> {
    let mut wanted = desired(request);
    wanted.retain(|resource| !matches!(resource.id, ResourceId::AttachedInstances(_)));
    wanted.retain(|resource| resource.id.group().is_none_or(|group| groups.contains(&group)));
    for resource in &mut wanted {
        if matches!(resource.id, ResourceId::PreparedInstances(_))
            && let Some(tags) = &mut resource.tags
        {
            // An instance keeps the version of the template that it was launched from.
            tags.0.remove(tags::VERSION);
        }
    }
    wanted
}

/// What stands of a host group's instances, by id and tags: which of them lack a tag. Their termination protection is left
/// as it is, because one that is on its way out has lost it on purpose.
pub fn actual_members<'a>(
    cluster: &ClusterName,
    group: HostGroup,
    user_tags: &Tags,
    members: impl IntoIterator<Item = (&'a str, &'a Tags)>,
) -> (ResourceId, ActualResource) {
    let mut tags = instance_tags(cluster, group, user_tags);
    tags.0.remove(tags::VERSION);
    let to_tag = members
        .into_iter()
        .filter(|(_, standing)| !tags.missing_in(standing).is_empty())
        .map(|(id, _)| id.to_owned())
        .collect();
    let body = PreparedInstances {
        to_tag,
        to_protect: BTreeSet::new(),
    };
    (
        ResourceId::PreparedInstances(group),
        ActualResource {
            name: Names::new(cluster.clone()).of(group),
            body: body.into(),
            tags: None,
            outputs: Vec::new(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{cluster, resources, settings as stored};
    use crate::names::RoleUse;

    /// What stands is what import made of these settings.
    fn standing(settings: &Settings) -> Observed {
        let standing = resources(settings).into_iter().map(|desired| {
            let standing = ActualResource {
                name: desired.name,
                body: desired.body,
                tags: desired.tags,
                outputs: Vec::new(),
            };
            (desired.id, standing)
        });
        standing.collect()
    }

    #[test]
    fn what_was_not_stored_is_taken_from_what_stands() {
        let whole = Settings {
            classic_load_balancer: Some("wk-elb".into()),
            build_version: "2.1.0".into(),
            stack_id: Some("arn:stack".into()),
            ..stored()
        };
        let mut older = whole.clone();
        older.stack_id = None;
        older.build_version = "release/1.0.0".into();
        older.classic_load_balancer = None;
        older.additional_subnet.clear();
        older.vpc_id.clear();
        older.subnet.clear();
        for group in [Some(&mut older.backends), older.clients.as_mut()]
            .into_iter()
            .flatten()
        {
            group.http_tokens.clear();
            group.max_size = 0;
            group.volumes_info.clear();
        }
        assert_eq!(settings(older, &standing(&whole), "2.1.0"), whole);
    }

    #[test]
    fn what_was_stored_stays() {
        let standing = standing(&Settings {
            additional_subnet: "subnet-of-a-stranger".into(),
            vpc_id: "vpc-of-a-stranger".into(),
            ..stored()
        });
        let version = stored().build_version;
        assert_eq!(settings(stored(), &standing, &version), stored());
    }

    #[test]
    fn a_host_group_of_which_nothing_stands_is_left_out() {
        let whole = standing(&stored());
        let backends = BTreeSet::from([HostGroup::Backends]);
        assert_eq!(actual_groups(&stored(), &whole), HostGroup::ALL.into());
        let mut without: Observed = whole.clone();
        without.retain(|id, _| id.group() != Some(HostGroup::Clients));
        assert_eq!(actual_groups(&stored(), &without), backends);
        // Of an import that was broken off.
        let role = ResourceId::Role(HostGroup::Clients, RoleUse::Rule);
        without.insert(role, whole[&role].clone());
        assert_eq!(actual_groups(&stored(), &without), HostGroup::ALL.into());
        assert_eq!(actual_groups(&stored(), &Observed::new()), backends);
    }

    #[test]
    fn metadata_is_asked_for_as_by_default_where_nothing_tells() {
        let mut older = stored();
        older.backends.http_tokens.clear();
        assert_eq!(
            settings(older, &Observed::new(), "2").backends.http_tokens,
            "optional"
        );
    }

    #[test]
    fn members_are_tagged_but_for_the_version_of_their_template() {
        let user: Tags = [("team".to_owned(), "storage".to_owned())].into_iter().collect();
        let mut whole = instance_tags(&cluster(), HostGroup::Backends, &user);
        whole.set(tags::VERSION, "v3");
        let mut lacking = whole.clone();
        lacking.0.remove(tags::HOSTGROUP_TYPE);
        let mut wrong = whole.clone();
        wrong.set("team", "networks");
        let members = [("i-1", &whole), ("i-2", &lacking), ("i-3", &wrong)];
        let (_, standing) = actual_members(&cluster(), HostGroup::Backends, &user, members);
        let fields = standing.body.fields();
        assert_eq!(fields["to_tag"], serde_json::json!(["i-2", "i-3"]));
        assert_eq!(fields["to_protect"], serde_json::json!([]));
    }
}
