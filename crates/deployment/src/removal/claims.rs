//! Whose something is.

use super::{Facts, Instance, InstanceDisposition, Remnant, Seen};
use crate::names::{ClusterName, HostGroup, Names};
use crate::resource::{AliasRecord, Kind, ResourceId};
use crate::tags::{self, CLUSTER_NAME, Tags};
use std::collections::BTreeSet;
use std::fmt;

/// Something that is left alone though its name or its tag says that it is the cluster's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why it is left alone.
    pub why: Why,
}

/// Why something is not the cluster's to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It has no tag that says whose it is.
    NoTag,
    /// Its tag names another cluster.
    OfCluster(String),
    /// A DNS record that points elsewhere.
    PointsAt(String),
    /// An instance that is a member of a group that is not the cluster's.
    MemberOf(String),
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::PreparedInstances => "instance",
            kind => kind.label(),
        };
        write!(f, "{kind} '{}' ", self.name)?;
        match &self.why {
            Why::NoTag => write!(f, "is not wekactl's (no tag {CLUSTER_NAME})")?,
            Why::OfCluster(owner) => write!(f, "belongs to cluster '{owner}'")?,
            Why::PointsAt(target) => write!(f, "points at {target}, not at the cluster's load balancer")?,
            Why::MemberOf(group) => write!(
                f,
                "is a member of the Auto Scaling group {group}, which is not the cluster's"
            )?,
        }
        f.write_str(": it is left alone")
    }
}

fn whose(cluster: &ClusterName, tags: &Tags) -> Result<(), Why> {
    if tags.are_of(cluster) {
        Ok(())
    } else {
        Err(tags
            .get(CLUSTER_NAME)
            .map_or(Why::NoTag, |owner| Why::OfCluster(owner.to_owned())))
    }
}

/// What is needed to judge remnants that bear no tag of their own.
pub(super) struct Claims<'a> {
    names: &'a Names,
    region: &'a str,
    seen: &'a Seen,
}

impl<'a> Claims<'a> {
    pub(super) fn new(names: &'a Names, region: &'a str, seen: &'a Seen) -> Self {
        Self { names, region, seen }
    }

    /// Whether it is the cluster's.
    pub(super) fn judge(&self, id: ResourceId, remnant: &Remnant) -> Result<(), Why> {
        if let Facts::Target(target) = &remnant.facts {
            return self.points_at_us(target);
        }
        let Some(tags) = &remnant.tags else {
            return Err(Why::NoTag);
        };
        let judged = whose(self.names.cluster(), tags);
        let bound = match (&judged, id) {
            // AWS itself makes a function's log group when the function writes and there is none, without tags; so it was with
            // the Go tool. Nothing but the function writes there.
            (Err(Why::NoTag), ResourceId::LogGroup(group, Some(function))) => {
                self.is_ours(ResourceId::Function(group, function))
            }
            // A listener is part of its load balancer, and goes with it.
            (Err(Why::NoTag), ResourceId::Listener) => self.is_ours(ResourceId::LoadBalancer),
            // The Go tool did not tag the plan: it is known by the API that it covers, if it covers no other.
            (Err(Why::NoTag), ResourceId::RestApi(_)) => match &remnant.facts {
                Facts::Plan(stages) => {
                    !stages.is_empty() && stages.iter().all(|(api, _)| self.is_our_api(id, api))
                }
                _ => false,
            },
            _ => false,
        };
        if bound { Ok(()) } else { judged }
    }

    fn remnants(&self, id: ResourceId) -> impl Iterator<Item = &Remnant> {
        self.seen.remnants.get(&id).into_iter().flatten()
    }

    fn is_ours(&self, id: ResourceId) -> bool {
        self.remnants(id).any(|remnant| self.is_tagged(remnant))
    }

    fn is_our_api(&self, id: ResourceId, api: &str) -> bool {
        self.remnants(id)
            .any(|remnant| remnant.facts == Facts::Api && remnant.handle == api && self.is_tagged(remnant))
    }

    fn is_tagged(&self, remnant: &Remnant) -> bool {
        let tags = remnant.tags.as_ref();
        tags.is_some_and(|tags| tags.are_of(self.names.cluster()))
    }

    /// A record bears no tags: it is ours if it points at our load balancer. Where that is gone, the name that AWS gave it is
    /// known but for a number.
    fn points_at_us(&self, target: &str) -> Result<(), Why> {
        let plain = |name: &str| {
            let name = AliasRecord::comparable(name);
            name.strip_prefix("dualstack.").map(str::to_owned).unwrap_or(name)
        };
        let target = plain(target);
        let mut balancers = self.remnants(ResourceId::LoadBalancer).peekable();
        let ours = if balancers.peek().is_some() {
            balancers.any(|balancer| {
                let is_it = matches!(&balancer.facts, Facts::DnsName(name) if plain(name) == target);
                is_it && self.is_tagged(balancer)
            })
        } else {
            self.is_name_of_gone_load_balancer(&target)
        };
        if ours { Ok(()) } else { Err(Why::PointsAt(target)) }
    }

    fn is_name_of_gone_load_balancer(&self, name: &str) -> bool {
        let balancer = self.names.load_balancer().to_ascii_lowercase();
        let name = name.strip_prefix("internal-").unwrap_or(name);
        let number = name
            .strip_prefix(&format!("{balancer}-"))
            .and_then(|rest| rest.split_once('.'))
            .filter(|(_, rest)| rest.starts_with(&format!("{}.elb.", self.region)));
        number.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// The instances of a cluster, and those that look like its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instances {
    ours: Vec<(HostGroup, Instance)>,
    /// Members of the cluster's groups that are another cluster's.
    guests: Vec<(HostGroup, String)>,
    /// Those that are left alone, with the reason.
    pub foreign: Vec<Foreign>,
}

impl Instances {
    /// Those of a host group.
    pub fn of(&self, group: HostGroup) -> impl Iterator<Item = &Instance> {
        let ours = self.ours.iter().filter(move |(of, _)| *of == group);
        ours.map(|(_, instance)| instance)
    }

    /// The members that leave the group before it is deleted: all that are to run on. Deleting the group terminates the rest.
    pub fn leaving(&self, group: HostGroup, fate: InstanceDisposition) -> BTreeSet<String> {
        let guests = self.guests.iter().filter(|(of, _)| *of == group);
        let mut leaving: BTreeSet<_> = guests.map(|(_, id)| id.clone()).collect();
        if fate == InstanceDisposition::Keep {
            let members = self.of(group).filter(|instance| instance.member_of.is_some());
            leaving.extend(members.map(|instance| instance.id.clone()));
        }
        leaving
    }
}

/// Whose the instances are: the cluster's are the members of its groups, and those that its tag names. One that is tagged so
/// and is a member of somebody else's group is left alone: who moved it there may have meant to keep it.
pub fn instances(names: &Names, seen: &Seen) -> Instances {
    let cluster = names.cluster();
    let our_group = |name: &str| {
        HostGroup::ALL.into_iter().find(|&group| {
            let groups = seen.remnants.get(&ResourceId::AutoScalingGroup(group));
            let tagged = |one: &Remnant| one.tags.as_ref().is_some_and(|tags| tags.are_of(cluster));
            names.of(group) == name && groups.is_some_and(|groups| groups.iter().any(tagged))
        })
    };
    let mut found = Instances::default();
    for instance in &seen.instances {
        let owner = whose(cluster, &instance.tags);
        let foreign = |why| Foreign {
            kind: Kind::PreparedInstances,
            name: instance.id.clone(),
            why,
        };
        let member = instance.member_of.as_deref();
        match (owner, member, member.and_then(our_group)) {
            (Ok(()) | Err(Why::NoTag), _, Some(group)) => found.ours.push((group, instance.clone())),
            (Err(why), _, Some(group)) => {
                found.guests.push((group, instance.id.clone()));
                found.foreign.push(foreign(why));
            }
            (Ok(()), Some(group), None) => found.foreign.push(foreign(Why::MemberOf(group.to_owned()))),
            (Ok(()), None, None) => {
                let tagged =
                    |group: &HostGroup| instance.tags.get(tags::HOSTGROUP_NAME) == Some(group.name());
                let group = HostGroup::ALL.into_iter().find(tagged);
                found
                    .ours
                    .push((group.unwrap_or(HostGroup::Backends), instance.clone()));
            }
            (Err(_), _, None) => {}
        }
    }
    found
}
