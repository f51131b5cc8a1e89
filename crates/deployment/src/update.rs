//! The settings and the desired state of an imported cluster in this version.

use crate::actual::{ActualResource, Observed};
use crate::desired::{Request, desired, instance_tags};
use crate::id::ResourceId;
use crate::names::{ClusterName, HostGroup, Names};
use crate::plan::Desired;
use crate::resource::{Body, Mapping, PreparedInstances};
use crate::settings::{GroupSettings, Settings, Volume};
use crate::tags::{self, Tags};
use std::collections::BTreeSet;

/// The settings of an imported cluster as this version stores them.
///
/// Settings that an older version (or wekactl 1.x) did not store are derived from the actual state, so that an update keeps what
/// import had set: the classic load balancer, the second subnet, the token mode of instance metadata.
#[must_use]
pub fn settings(stored: Settings, observed: &Observed, version: &str) -> Settings {
    let mut settings = stored;
    version.clone_into(&mut settings.build_version);
    if settings.subnet.is_empty() {
        settings.subnet.clone_from(&settings.backends.subnet);
    }
    if let Some(Body::LoadBalancer(actual)) = body(observed, ResourceId::LoadBalancer)
        && settings.additional_subnet.is_empty()
    {
        let other = actual.subnets.iter().find(|&subnet| *subnet != settings.subnet);
        settings.additional_subnet = other.cloned().unwrap_or_default();
    }
    if let Some(Body::TargetGroup(actual)) = body(observed, ResourceId::TargetGroup)
        && settings.vpc_id.is_empty()
    {
        settings.vpc_id.clone_from(&actual.vpc);
    }
    if let Some(Body::AutoScalingGroup(actual)) =
        body(observed, ResourceId::AutoScalingGroup(HostGroup::Backends))
        && settings.classic_load_balancer.is_none()
    {
        settings.classic_load_balancer = actual.classic_load_balancers.first().cloned();
    }
    if settings.stack_id.is_none() {
        // wekactl 1.x stored it in a tag.
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
    observed.get(&id).map(|actual| &actual.body)
}

fn complete(settings: &mut GroupSettings, observed: &Observed, group: HostGroup) {
    if let Some(Body::LaunchTemplate(actual)) = body(observed, ResourceId::LaunchTemplate(group))
        && settings.http_tokens.is_empty()
    {
        settings.http_tokens.clone_from(&actual.http_tokens);
    }
    if let Some(Body::LaunchTemplate(actual)) = body(observed, ResourceId::LaunchTemplate(group))
        && settings.volumes_info.is_empty()
    {
        settings.volumes_info = actual.volumes.iter().map(volume).collect();
    }
    if settings.http_tokens.is_empty() {
        // EC2's default, which every older cluster has.
        "optional".clone_into(&mut settings.http_tokens);
    }
    if let Some(Body::AutoScalingGroup(actual)) = body(observed, ResourceId::AutoScalingGroup(group))
        && settings.max_size == 0
    {
        settings.max_size = u32::try_from(actual.max_size).unwrap_or_default();
    }
}

fn volume(mapping: &Mapping) -> Volume {
    Volume {
        name: mapping.device.clone(),
        r#type: mapping.volume_type.clone(),
        size: mapping.size_gib,
        encrypted: mapping.encrypted,
        kms_key: mapping.kms_key.clone(),
        iops: mapping.iops,
        throughput: mapping.throughput_mib,
    }
}

/// The configured host groups that have resources. wekactl 1.x stored settings of clients also for clusters without a clients'
/// host group; an update must not add an empty host group.
pub fn actual_groups(settings: &Settings, observed: &Observed) -> BTreeSet<HostGroup> {
    let mut with_resources: BTreeSet<_> = observed.keys().filter_map(|id| id.group()).collect();
    with_resources.insert(HostGroup::Backends);
    settings
        .groups()
        .filter(|group| with_resources.contains(group))
        .collect()
}

/// The desired state of an imported cluster with these host groups: that of an import, except that no instances are attached. After
/// import, the user and the state machine decide which instances are members.
pub fn desired_update(request: &Request<'_>, groups: &BTreeSet<HostGroup>) -> Vec<Desired> {
    let mut resources = desired(request);
    resources.retain(|resource| !matches!(resource.id, ResourceId::AttachedInstances(_)));
    resources.retain(|resource| resource.id.group().is_none_or(|group| groups.contains(&group)));
    for resource in &mut resources {
        if let Body::PreparedInstances(instances) = &mut resource.body {
            // An instance that is being removed has lost its termination protection intentionally.
            instances.protected = None;
            if let Some(tags) = &mut resource.tags {
                // An instance keeps the version of the launch template that it was launched from.
                tags.0.remove(tags::VERSION);
            }
        }
    }
    resources
}

/// The actual state of the members of a host group, by id and tags: which of them have all tags.
pub fn actual_members<'a>(
    cluster: &ClusterName,
    group: HostGroup,
    user_tags: &Tags,
    members: impl IntoIterator<Item = (&'a str, &'a Tags)>,
) -> (ResourceId, ActualResource) {
    let mut tags = instance_tags(cluster, group, user_tags);
    tags.0.remove(tags::VERSION);
    let tagged = members
        .into_iter()
        .filter(|(_, actual)| tags.missing_in(actual).is_empty())
        .map(|(id, _)| id.to_owned())
        .collect();
    let body = PreparedInstances {
        tagged,
        protected: None,
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

    /// The actual state after an import with these settings.
    fn observed(settings: &Settings) -> Observed {
        let observed = resources(settings).into_iter().map(|desired| {
            let actual = ActualResource {
                name: desired.name,
                body: desired.body,
                tags: desired.tags,
                outputs: Vec::new(),
            };
            (desired.id, actual)
        });
        observed.collect()
    }

    #[test]
    fn missing_settings_are_derived_from_the_actual_state() {
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
        assert_eq!(settings(older, &observed(&whole), "2.1.0"), whole);
    }

    #[test]
    fn stored_settings_are_kept() {
        let observed = observed(&Settings {
            additional_subnet: "subnet-of-a-stranger".into(),
            vpc_id: "vpc-of-a-stranger".into(),
            ..stored()
        });
        let version = stored().build_version;
        assert_eq!(settings(stored(), &observed, &version), stored());
    }

    #[test]
    fn host_group_without_resources_is_omitted() {
        let whole = observed(&stored());
        let backends = BTreeSet::from([HostGroup::Backends]);
        assert_eq!(actual_groups(&stored(), &whole), HostGroup::ALL.into());
        let mut without: Observed = whole.clone();
        without.retain(|id, _| id.group() != Some(HostGroup::Clients));
        assert_eq!(actual_groups(&stored(), &without), backends);
        // Of an interrupted import.
        let role = ResourceId::Role(HostGroup::Clients, RoleUse::Rule);
        without.insert(role, whole[&role].clone());
        assert_eq!(actual_groups(&stored(), &without), HostGroup::ALL.into());
        assert_eq!(actual_groups(&stored(), &Observed::new()), backends);
    }

    #[test]
    fn token_mode_has_a_default() {
        let mut older = stored();
        older.backends.http_tokens.clear();
        assert_eq!(
            settings(older, &Observed::new(), "2").backends.http_tokens,
            "optional"
        );
    }

    #[test]
    fn members_get_all_tags_except_the_version() {
        let user: Tags = [("team".to_owned(), "storage".to_owned())].into_iter().collect();
        let mut whole = instance_tags(&cluster(), HostGroup::Backends, &user);
        whole.set(tags::VERSION, "v3");
        let mut lacking = whole.clone();
        lacking.0.remove(tags::HOSTGROUP_TYPE);
        let mut wrong = whole.clone();
        wrong.set("team", "networks");
        let members = [("i-1", &whole), ("i-2", &lacking), ("i-3", &wrong)];
        let (_, actual) = actual_members(&cluster(), HostGroup::Backends, &user, members);
        let fields = actual.body.fields();
        assert_eq!(fields["tagged"], serde_json::json!(["i-1"]));
        assert_eq!(fields["protected"], serde_json::Value::Null);
    }
}
