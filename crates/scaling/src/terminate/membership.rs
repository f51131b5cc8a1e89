//! What the message of *scale* says about the members of the cluster, by address and by instance.

use super::report::{Reason, SkipReason};
use crate::messages::{Container, ScaleResponse};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use weka_types::ids::InstanceId;
use weka_types::lists::HostState;

/// An index of the message of *scale*.
pub(super) struct Membership<'a> {
    /// The addresses of all hosts.
    members: HashSet<IpAddr>,
    /// Containers that have not left the cluster, by their address.
    active_by_address: HashMap<IpAddr, &'a Container>,
    /// The same, by the instance that Weka reports for them.
    active_by_instance: HashMap<&'a InstanceId, &'a Container>,
    /// Text in place of a member's address that is not an address: any instance may be that member.
    invalid_address: Option<&'a str>,
    hosts: &'a [Container],
}

impl<'a> Membership<'a> {
    /// `None` if the message contains no valid address of a member.
    pub(super) fn new(response: &'a ScaleResponse, members: &'a [String]) -> Option<Self> {
        let mut invalid_address = None;
        let mut parse = |text: &'a str| {
            let address = parse_address(text);
            if address.is_none() {
                // The smallest, so that the result does not depend on the order.
                invalid_address = Some(invalid_address.map_or(text, |other: &str| other.min(text)));
            }
            address
        };
        let members: HashSet<_> = members.iter().filter_map(|text| parse(text)).collect();
        if members.is_empty() {
            return None;
        }
        let mut active_by_address: HashMap<IpAddr, &Container> = HashMap::new();
        let mut active_by_instance: HashMap<&InstanceId, &Container> = HashMap::new();
        let mut active: Vec<_> = response.hosts.iter().filter(|host| !is_removed(host)).collect();
        active.sort_unstable_by_key(|host| host.host_id);
        for host in active {
            if let Some(address) = parse(&host.private_ip) {
                active_by_address.entry(address).or_insert(host);
            }
            if let Some(id) = &host.instance_id {
                active_by_instance.entry(id).or_insert(host);
            }
        }
        Some(Self {
            members,
            active_by_address,
            active_by_instance,
            invalid_address,
            hosts: &response.hosts,
        })
    }

    /// Whether Weka lists a host at this address.
    pub(super) fn has_member(&self, address: IpAddr) -> bool {
        self.members.contains(&address.to_canonical())
    }

    /// Whether the instance is a member of the cluster, and all its containers are ACTIVE.
    ///
    /// The message of a large cluster lists only the containers that are not ACTIVE.
    pub(super) fn is_active(&self, id: &InstanceId, address: IpAddr) -> bool {
        let is_active = |host: &&Container| host.status == HostState::Active.as_str();
        let is_here = |host: &&Container| {
            host.instance_id.as_ref() == Some(id)
                || parse_address(&host.private_ip).is_none_or(|other| other == address.to_canonical())
        };
        let mut here = self.hosts.iter().filter(is_here).peekable();
        let is_listed = here.peek().is_some() || !self.hosts.iter().any(|host| is_active(&host));
        self.invalid_address.is_none()
            && self.has_member(address)
            && is_listed
            && here.all(|host| is_active(&host))
    }

    /// Whether the message allows terminating this instance for this reason.
    pub(super) fn check_removed(
        &self,
        id: &InstanceId,
        address: IpAddr,
        reason: Reason,
    ) -> Result<(), SkipReason> {
        let container = self
            .active_by_address
            .get(&address.to_canonical())
            .or_else(|| self.active_by_instance.get(id));
        if let Some(container) = container {
            return Err(SkipReason::Container {
                host: container.host_id,
                state: container.status.clone(),
            });
        }
        // A machine that scale removed may still be listed as inactive. For the other reasons, a listed host is enough to
        // skip the instance.
        if reason != Reason::LeftCluster && self.has_member(address) {
            return Err(SkipReason::Member);
        }
        match self.invalid_address {
            Some(text) => Err(SkipReason::InvalidMemberAddress(text.to_owned())),
            None => Ok(()),
        }
    }
}

fn is_removed(host: &Container) -> bool {
    [HostState::Inactive, HostState::Removing]
        .iter()
        .any(|state| state.as_str() == host.status)
}

/// Parses an address into its canonical form.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
