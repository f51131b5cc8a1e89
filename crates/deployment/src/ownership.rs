//! Which of the found resources and instances belong to the cluster.
//!
//! A resource belongs to the cluster if it has the cluster's tag, or if it cannot have tags and is bound to a resource that does.
//! A name alone is not enough.

use crate::found::{Details, FoundResource, Instance, TeardownInventory};
use crate::id::{Kind, ResourceId};
use crate::names::{ClusterName, HostGroup, Names};
use crate::resource::AliasRecord;
use crate::tags::{self, CLUSTER_NAME, Tags};
use std::collections::BTreeSet;
use std::fmt;

/// Something with a name or tag of the cluster that a teardown does not touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    pub kind: Kind,
    pub name: String,
    pub reason: SkipReason,
}

/// Why a teardown does not touch something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// It has no tag with its owner.
    NoTag,
    /// It has the tag of another cluster.
    OfCluster(String),
    /// It is a DNS record with another target.
    PointsAt(String),
    /// It is an instance in a group of another owner.
    MemberOf(String),
    /// AWS is already deleting it.
    Deleting,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::PreparedInstances => "instance",
            kind => kind.label(),
        };
        write!(f, "{kind} '{}' ", self.name)?;
        match &self.reason {
            SkipReason::NoTag => write!(f, "is not wekactl's (no tag {CLUSTER_NAME})")?,
            SkipReason::OfCluster(owner) => write!(f, "belongs to cluster '{owner}'")?,
            SkipReason::PointsAt(target) => {
                write!(f, "points at {target}, not at the cluster's load balancer")?
            }
            SkipReason::MemberOf(group) => write!(
                f,
                "is a member of the Auto Scaling group {group}, which is not the cluster's"
            )?,
            SkipReason::Deleting => write!(f, "is already being deleted")?,
        }
        f.write_str(": skipped")
    }
}

fn check_tags(cluster: &ClusterName, tags: &Tags) -> Result<(), SkipReason> {
    if tags.are_of(cluster) {
        Ok(())
    } else {
        Err(tags
            .get(CLUSTER_NAME)
            .map_or(SkipReason::NoTag, |owner| SkipReason::OfCluster(owner.to_owned())))
    }
}

/// Decides about found resources.
pub(crate) struct Ownership<'a> {
    names: &'a Names,
    region: &'a str,
    inventory: &'a TeardownInventory,
}

impl<'a> Ownership<'a> {
    pub(crate) fn new(names: &'a Names, region: &'a str, inventory: &'a TeardownInventory) -> Self {
        Self {
            names,
            region,
            inventory,
        }
    }

    /// Whether a resource belongs to the cluster.
    pub(crate) fn check(&self, id: ResourceId, found: &FoundResource) -> Result<(), SkipReason> {
        if let Details::Target(target) = &found.details {
            return self.check_target(target);
        }
        let Some(tags) = &found.tags else {
            return Err(SkipReason::NoTag);
        };
        let by_tags = check_tags(self.names.cluster(), tags);
        let bound = match (&by_tags, id) {
            // Lambda creates the log group of a function without tags if it does not exist, also for functions of wekactl 1.x.
            // Only the function writes to it.
            (Err(SkipReason::NoTag), ResourceId::LogGroup(group, Some(function))) => {
                self.exists_with_tag(ResourceId::Function(group, function))
            }
            // A listener is part of its load balancer and is deleted with it.
            (Err(SkipReason::NoTag), ResourceId::Listener) => self.exists_with_tag(ResourceId::LoadBalancer),
            // wekactl 1.x did not tag the usage plan: it is identified by the API that it covers, if it covers no other.
            (Err(SkipReason::NoTag), ResourceId::RestApi(_)) => match &found.details {
                Details::UsagePlan(stages) => {
                    !stages.is_empty() && stages.iter().all(|(api, _)| self.is_tagged_api(id, api))
                }
                _ => false,
            },
            _ => false,
        };
        if bound { Ok(()) } else { by_tags }
    }

    fn found(&self, id: ResourceId) -> impl Iterator<Item = &FoundResource> {
        self.inventory.found.get(&id).into_iter().flatten()
    }

    fn exists_with_tag(&self, id: ResourceId) -> bool {
        self.found(id).any(|found| self.is_tagged(found))
    }

    fn is_tagged_api(&self, id: ResourceId, api: &str) -> bool {
        self.found(id)
            .any(|found| found.details == Details::Api && found.handle == api && self.is_tagged(found))
    }

    fn is_tagged(&self, found: &FoundResource) -> bool {
        let tags = found.tags.as_ref();
        tags.is_some_and(|tags| tags.are_of(self.names.cluster()))
    }

    /// A DNS record has no tags: it belongs to the cluster if it points at the cluster's load balancer. If that is deleted, its
    /// DNS name is known except for a number.
    fn check_target(&self, target: &str) -> Result<(), SkipReason> {
        let plain = |name: &str| {
            let name = AliasRecord::comparable(name);
            name.strip_prefix("dualstack.").map(str::to_owned).unwrap_or(name)
        };
        let target = plain(target);
        let mut balancers = self.found(ResourceId::LoadBalancer).peekable();
        let is_owned = if balancers.peek().is_some() {
            balancers.any(|balancer| {
                let is_target = matches!(&balancer.details, Details::DnsName(name) if plain(name) == target);
                is_target && self.is_tagged(balancer)
            })
        } else {
            self.is_name_of_deleted_load_balancer(&target)
        };
        if is_owned {
            Ok(())
        } else {
            Err(SkipReason::PointsAt(target))
        }
    }

    fn is_name_of_deleted_load_balancer(&self, name: &str) -> bool {
        let balancer = self.names.load_balancer().to_ascii_lowercase();
        let name = name.strip_prefix("internal-").unwrap_or(name);
        let number = name
            .strip_prefix(&format!("{balancer}-"))
            .and_then(|rest| rest.split_once('.'))
            .filter(|(_, rest)| rest.starts_with(&format!("{}.elb.", self.region)));
        number.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// What a teardown does with the instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceDisposition {
    Terminate,
    /// They are detached from their group and keep running.
    Keep,
}

/// The instances of a cluster, and others with its tags or in its groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instances {
    owned: Vec<(HostGroup, Instance)>,
    /// Members of the cluster's groups that belong to another cluster.
    foreign_members: Vec<(HostGroup, String)>,
    pub skipped: Vec<Skipped>,
}

impl Instances {
    /// The instances of a host group.
    pub fn of(&self, group: HostGroup) -> impl Iterator<Item = &Instance> {
        let owned = self.owned.iter().filter(move |(of, _)| *of == group);
        owned.map(|(_, instance)| instance)
    }

    /// The members that are detached before their group is deleted: all that keep running. Deleting the group terminates the
    /// others.
    pub fn to_detach(&self, group: HostGroup, disposition: InstanceDisposition) -> BTreeSet<String> {
        let foreign = self.foreign_members.iter().filter(|(of, _)| *of == group);
        let mut to_detach: BTreeSet<_> = foreign.map(|(_, id)| id.clone()).collect();
        if disposition == InstanceDisposition::Keep {
            let members = self.of(group).filter(|instance| instance.member_of.is_some());
            to_detach.extend(members.map(|instance| instance.id.clone()));
        }
        to_detach
    }
}

/// Decides about the instances. The members of the cluster's groups and the instances with its tag belong to it. An instance
/// with the tag in a group of another owner is skipped: the user may have moved it there to keep it.
pub fn instances(names: &Names, inventory: &TeardownInventory) -> Instances {
    let cluster = names.cluster();
    let our_group = |name: &str| {
        HostGroup::ALL.into_iter().find(|&group| {
            let groups = inventory.found.get(&ResourceId::AutoScalingGroup(group));
            let tagged = |group: &FoundResource| group.tags.as_ref().is_some_and(|tags| tags.are_of(cluster));
            names.of(group) == name && groups.is_some_and(|groups| groups.iter().any(tagged))
        })
    };
    let mut instances = Instances::default();
    for instance in &inventory.instances {
        let owner = check_tags(cluster, &instance.tags);
        let skipped = |reason| Skipped {
            kind: Kind::PreparedInstances,
            name: instance.id.clone(),
            reason,
        };
        let member = instance.member_of.as_deref();
        match (owner, member, member.and_then(our_group)) {
            (Ok(()) | Err(SkipReason::NoTag), _, Some(group)) => {
                instances.owned.push((group, instance.clone()))
            }
            (Err(reason), _, Some(group)) => {
                instances.foreign_members.push((group, instance.id.clone()));
                instances.skipped.push(skipped(reason));
            }
            (Ok(()), Some(group), None) => instances
                .skipped
                .push(skipped(SkipReason::MemberOf(group.to_owned()))),
            (Ok(()), None, None) => {
                let tagged =
                    |group: &HostGroup| instance.tags.get(tags::HOSTGROUP_NAME) == Some(group.name());
                let group = HostGroup::ALL.into_iter().find(tagged);
                instances
                    .owned
                    .push((group.unwrap_or(HostGroup::Backends), instance.clone()));
            }
            (Err(_), _, None) => {}
        }
    }
    instances
}
