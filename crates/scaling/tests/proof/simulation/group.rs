//! The simulated Auto Scaling group and its EC2 instances.

use crate::cluster::address;
use jiff::Timestamp;
use scaling::messages::Instance;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ec2State {
    Running,
    Stopped,
    Terminated,
}

#[derive(Debug, Clone)]
pub(super) struct Ec2 {
    pub(super) number: u32,
    pub(super) state: Ec2State,
    pub(super) launched: Timestamp,
    /// Whether EC2 termination protection is on.
    pub(super) termination_protected: bool,
    /// When it joins the cluster; `None` if it never does or already has.
    pub(super) joins: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) protected: bool,
    pub(super) healthy: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) desired: u32,
    pub(super) members: BTreeMap<String, Member>,
    pub(super) instances: BTreeMap<String, Ec2>,
    next_number: u32,
}

pub(super) fn id(number: u32) -> String {
    format!("i-{number:04}")
}

impl Group {
    pub(super) fn new(desired: u32) -> Self {
        Self {
            desired,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            next_number: 0,
        }
    }

    pub(super) fn launch(&mut self, launched: Timestamp, joins: Option<Timestamp>) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        self.members.insert(
            id(number),
            Member {
                protected: true,
                healthy: true,
            },
        );
        let instance = Ec2 {
            number,
            state: Ec2State::Running,
            launched,
            termination_protected: true,
            joins,
        };
        self.instances.insert(id(number), instance);
        number
    }

    /// The members that have an address, which *fetch* reports.
    pub(super) fn with_address(&self) -> Vec<Instance> {
        let running = |id: &String| self.instances[id].state != Ec2State::Terminated;
        self.members
            .keys()
            .filter(|id| running(id))
            .map(|id| Instance {
                id: id.clone(),
                private_ip: address(self.instances[id].number).to_string(),
            })
            .collect()
    }

    /// What the group does by itself: it marks instances that do not run as unhealthy, and scales in unprotected ones.
    pub(super) fn advance(&mut self) -> Vec<String> {
        for (id, member) in &mut self.members {
            member.healthy &= self.instances[id].state == Ec2State::Running;
        }
        let mut excess = self.members.len().saturating_sub(self.desired as usize);
        let mut scaled_in = Vec::new();
        for (id, member) in &self.members {
            if excess > 0 && !member.protected {
                excess -= 1;
                scaled_in.push(id.clone());
            }
        }
        for id in &scaled_in {
            self.members.remove(id);
        }
        scaled_in
    }

    pub(super) fn is_below_desired(&self) -> bool {
        self.members.len() < self.desired as usize
    }
}
