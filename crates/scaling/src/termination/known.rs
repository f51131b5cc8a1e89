//! What the message of *scale* says of the cluster, by address and by instance.

use super::{Reason, SkipReason};
use crate::messages::{Container, ScaleResponse};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use weka_types::ids::InstanceId;
use weka_types::lists::HostState;

/// The message of *scale* for looking up.
pub(super) struct Known<'a> {
    /// The address of every host.
    members: HashSet<IpAddr>,
    /// A container that is not INACTIVE, by its address.
    at: HashMap<IpAddr, &'a Container>,
    /// The same by the instance that Weka says it runs on.
    on: HashMap<&'a InstanceId, &'a Container>,
    /// What stands for the address of a member, and is none: it may be anybody's.
    no_address: Option<&'a str>,
}

impl<'a> Known<'a> {
    /// None if the message names no member by an address.
    pub(super) fn new(response: &'a ScaleResponse, members: &'a [String]) -> Option<Self> {
        let mut no_address = None;
        let mut read = |text: &'a str| {
            let address = address(text);
            if address.is_none() {
                // The same one whatever the order.
                no_address = Some(no_address.map_or(text, |other: &str| other.min(text)));
            }
            address
        };
        let members: HashSet<_> = members.iter().filter_map(|text| read(text)).collect();
        if members.is_empty() {
            return None;
        }
        let mut at: HashMap<IpAddr, &Container> = HashMap::new();
        let mut on: HashMap<&InstanceId, &Container> = HashMap::new();
        let mut active: Vec<_> = response
            .hosts
            .iter()
            .filter(|host| host.status != HostState::Inactive.as_str())
            .collect();
        active.sort_unstable_by_key(|host| host.host_id);
        for host in active {
            if let Some(address) = read(&host.private_ip) {
                at.entry(address).or_insert(host);
            }
            if let Some(id) = &host.instance_id {
                on.entry(id).or_insert(host);
            }
        }
        Some(Self {
            members,
            at,
            on,
            no_address,
        })
    }

    /// Whether Weka knows a host at this address.
    pub(super) fn has_member(&self, address: IpAddr) -> bool {
        self.members.contains(&address.to_canonical())
    }

    /// Whether an instance at this address may be terminated for this reason, by what *scale* saw last.
    pub(super) fn may_go(&self, id: &InstanceId, address: IpAddr, why: Reason) -> Result<(), SkipReason> {
        let container = self.at.get(&address.to_canonical()).or_else(|| self.on.get(id));
        if let Some(container) = container {
            return Err(SkipReason::Container {
                host: container.host_id,
                state: container.status.clone(),
            });
        }
        // What scale removed may still be listed, inactive. For the other reasons to be listed at all speaks against it.
        if why != Reason::Left && self.has_member(address) {
            return Err(SkipReason::Member);
        }
        match self.no_address {
            Some(text) => Err(SkipReason::Unplaced(text.to_owned())),
            None => Ok(()),
        }
    }
}

/// An address in one form, whoever wrote it.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
