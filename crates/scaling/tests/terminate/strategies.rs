//! Strategies for groups of 0 to 200 instances and for messages of *scale* about them.

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scaling::messages::{Container, Instance, ScaleResponse, VERSION};
use scaling::terminate::{Ec2, Lifecycle, Member, State};
use std::net::{IpAddr, Ipv4Addr};
use weka_types::ids::{HostId, InstanceId};

/// The input of a run of *terminate*.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) response: ScaleResponse,
    pub(crate) group: Vec<Member>,
}

/// The time of every decision.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

pub(crate) fn id(number: usize) -> InstanceId {
    InstanceId(format!("i-{number:04}"))
}

pub(crate) fn address(number: usize) -> IpAddr {
    let number = u16::try_from(number).unwrap().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, 0, number[0], number[1]))
}

/// An instance of the group and its entries in the message.
#[derive(Debug, Clone)]
struct AnyInstance {
    healthy: bool,
    protected: bool,
    lifecycle: Lifecycle,
    state: Option<State>,
    has_address: bool,
    recent: bool,
    launch_time: Option<Timestamp>,
    is_member: bool,
    containers: Vec<&'static str>,
    /// Whether the containers have its address, or only its instance id.
    has_own_address: bool,
    /// The requests to terminate it: `true` with its own address, `false` with another.
    requested: Vec<bool>,
    /// Whether its address is written as an IPv4-mapped IPv6 address.
    is_mapped: bool,
}

/// The condition of most instances of a group.
#[derive(Debug, Clone, Copy)]
enum Condition {
    Healthy,
    /// Many are stopped.
    Stopped,
    /// *scale* requests to terminate many.
    Requested,
    /// Many never joined.
    NeverJoined,
    Any,
}

fn any_instance(condition: Condition) -> impl Strategy<Value = AnyInstance> {
    let odds = |usual: bool, rare: u32| prop_oneof![20 => Just(usual), rare => Just(!usual)];
    let rare = if matches!(condition, Condition::Any) {
        15
    } else {
        1
    };
    let lifecycle = prop_oneof![
        30 => Just(Lifecycle::InService),
        rare => select(vec![
            Lifecycle::Pending, Lifecycle::Standby, Lifecycle::Terminating, Lifecycle::Detaching, Lifecycle::Unknown,
        ]),
    ];
    let all = vec![
        None,
        Some(State::Pending),
        Some(State::Running),
        Some(State::Stopping),
        Some(State::Stopped),
        Some(State::ShuttingDown),
        Some(State::Terminated),
        Some(State::Unknown),
    ];
    let usual = match condition {
        Condition::Stopped => State::Stopped,
        _ => State::Running,
    };
    let state = prop_oneof![20 => Just(Some(usual)), rare => select(all)];
    let launch_time = prop_oneof![
        rare => Just(None),
        20 => select(vec![-10, 0, 29, 30, 31, 45, 500, 100_000]).prop_map(|minutes| Some(ago(minutes))),
    ];
    let states = vec!["ACTIVE", "DEACTIVATING", "REMOVING", "INACTIVE", "unknown"];
    let containers = match condition {
        Condition::Healthy => {
            prop_oneof![20 => Just(vec!["ACTIVE"; 3]), 2 => vec(select(states), 0..3)].boxed()
        }
        _ => {
            prop_oneof![20 => Just(vec![]), 5 => Just(vec!["INACTIVE"; 3]), rare => vec(select(states), 0..3)]
                .boxed()
        }
    };
    let requested = match condition {
        Condition::Requested => {
            prop_oneof![10 => Just(vec![true]), 2 => Just(vec![]), 1 => vec(any::<bool>(), 0..3)].boxed()
        }
        _ => prop_oneof![20 => Just(vec![]), rare => vec(any::<bool>(), 0..3)].boxed(),
    };
    (
        (
            odds(!matches!(condition, Condition::Stopped), rare),
            odds(true, rare),
            lifecycle,
            state,
            odds(true, rare),
            any::<bool>(),
            launch_time,
        ),
        (
            odds(matches!(condition, Condition::Healthy), rare),
            containers,
            odds(true, rare),
            requested,
            odds(false, rare),
        ),
    )
        .prop_map(
            |(
                (healthy, protected, lifecycle, state, has_address, recent, launch_time),
                (is_member, containers, has_own_address, requested, is_mapped),
            )| AnyInstance {
                healthy,
                protected,
                lifecycle,
                state,
                has_address,
                recent,
                launch_time,
                is_member,
                containers,
                has_own_address,
                requested,
                is_mapped,
            },
        )
}

fn any_condition() -> impl Strategy<Value = Condition> {
    select(vec![
        Condition::Healthy,
        Condition::Stopped,
        Condition::Requested,
        Condition::NeverJoined,
        Condition::Any,
    ])
}

/// A group in one condition, with a few instances in another.
fn any_group() -> impl Strategy<Value = Vec<AnyInstance>> {
    let sizes = prop_oneof![1 => 0..12_usize, 1 => 0..200_usize];
    (any_condition(), any_condition(), sizes, 0..8_usize).prop_flat_map(|(most, few, size, more)| {
        (
            vec(any_instance(most), size),
            vec(any_instance(few), more.min(200 - size)),
        )
            .prop_map(|(mut group, few)| {
                group.extend(few);
                group
            })
    })
}

pub(crate) fn any_scene() -> impl Strategy<Value = Scene> {
    let members = prop_oneof![
        1 => Just(None),
        1 => Just(Some(vec![])),
        40 => Just(Some(vec!["10.1.0.1".to_owned()])),
        1 => Just(Some(vec!["10.1.0.1".to_owned(), "no address".to_owned()])),
    ];
    let invalid_address = prop_oneof![30 => Just(None), 1 => Just(Some(""))];
    (any_group(), members, invalid_address, 0..3_usize).prop_map(
        |(group, members, invalid_address, foreign)| scene(&group, members, invalid_address, foreign),
    )
}

fn scene(
    group: &[AnyInstance],
    members: Option<Vec<String>>,
    invalid_address: Option<&str>,
    foreign: usize,
) -> Scene {
    let mut members = members;
    let mut response = ScaleResponse {
        hosts: Vec::new(),
        to_terminate: Vec::new(),
        members: None,
        transient_errors: None,
        version: VERSION,
    };
    let mut group_members = Vec::new();
    for (number, any) in group.iter().enumerate() {
        let own = address(number);
        let written = match (own, any.is_mapped) {
            (IpAddr::V4(own), true) => own.to_ipv6_mapped().to_string(),
            (own, _) => own.to_string(),
        };
        if let Some(members) = members.as_mut().filter(|members| !members.is_empty())
            && any.is_member
        {
            members.push(written.clone());
        }
        for status in &any.containers {
            response.hosts.push(Container {
                instance_id: Some(id(number)),
                private_ip: if any.has_own_address {
                    written.clone()
                } else {
                    "10.2.0.1".to_owned()
                },
                status: (*status).to_owned(),
                added_time: None,
                host_id: HostId(u32::try_from(response.hosts.len()).unwrap()),
            });
        }
        response
            .to_terminate
            .extend(any.requested.iter().map(|own| Instance {
                id: id(number).0,
                private_ip: if *own {
                    written.clone()
                } else {
                    address(number + 1).to_string()
                },
            }));
        group_members.push(Member {
            id: id(number),
            healthy: any.healthy,
            lifecycle: any.lifecycle,
            protected: any.protected,
            ec2: any.state.map(|state| Ec2 {
                state,
                private_ip: any.has_address.then_some(own),
                launch_time: any.launch_time,
            }),
            recent: any.recent,
        });
    }
    if let Some(text) = invalid_address {
        response.hosts.push(Container {
            instance_id: None,
            private_ip: text.to_owned(),
            status: "ACTIVE".to_owned(),
            added_time: None,
            host_id: HostId(9_999),
        });
    }
    response.to_terminate.extend((0..foreign).map(|number| Instance {
        id: format!("i-foreign-{number}"),
        private_ip: address(number).to_string(),
    }));
    response.members = members;
    Scene {
        response,
        group: group_members,
    }
}
