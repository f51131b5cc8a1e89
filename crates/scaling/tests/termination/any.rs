//! Any group of 0 to 200 instances, and any message of *scale* about it.

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scaling::messages::{Container, Instance, ScaleResponse, VERSION};
use scaling::termination::{Ec2, Lifecycle, Member, State};
use std::net::{IpAddr, Ipv4Addr};
use weka_types::ids::{HostId, InstanceId};

/// What a run of *terminate* looks at.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) response: ScaleResponse,
    pub(crate) group: Vec<Member>,
}

/// The time of all runs.
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

/// An instance of the group and what the message says of it.
#[derive(Debug, Clone)]
struct Any {
    healthy: bool,
    protected: bool,
    lifecycle: Lifecycle,
    state: Option<State>,
    has_address: bool,
    launched: Option<Timestamp>,
    is_member: bool,
    containers: Vec<&'static str>,
    /// Whether the containers are at its address, or only say that they run on it.
    placed: bool,
    /// Asked for, at its address or another.
    asked: Vec<bool>,
    /// Its address is written in another form.
    mapped: bool,
}

/// How a group is: what most of its instances are.
#[derive(Debug, Clone, Copy)]
enum Temper {
    /// In order, with exceptions.
    Well,
    /// Much of it has stopped.
    Stopped,
    /// Much of it is to go.
    Leaving,
    /// Much of it never joined.
    Late,
    /// Anything.
    Wild,
}

fn any_instance(temper: Temper) -> impl Strategy<Value = Any> {
    let odds = |usual: bool, rare: u32| prop_oneof![20 => Just(usual), rare => Just(!usual)];
    let rare = if matches!(temper, Temper::Wild) { 15 } else { 1 };
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
    let usual = match temper {
        Temper::Stopped => State::Stopped,
        _ => State::Running,
    };
    let state = prop_oneof![20 => Just(Some(usual)), rare => select(all)];
    let launched = prop_oneof![
        rare => Just(None),
        20 => select(vec![-10, 0, 29, 30, 31, 45, 500, 100_000]).prop_map(|minutes| Some(ago(minutes))),
    ];
    let words = vec!["ACTIVE", "DEACTIVATING", "REMOVING", "INACTIVE", "unknown"];
    let containers = match temper {
        Temper::Well => prop_oneof![20 => Just(vec!["ACTIVE"; 3]), 2 => vec(select(words), 0..3)].boxed(),
        _ => {
            prop_oneof![20 => Just(vec![]), 5 => Just(vec!["INACTIVE"; 3]), rare => vec(select(words), 0..3)]
                .boxed()
        }
    };
    let asked = match temper {
        Temper::Leaving => {
            prop_oneof![10 => Just(vec![true]), 2 => Just(vec![]), 1 => vec(any::<bool>(), 0..3)].boxed()
        }
        _ => prop_oneof![20 => Just(vec![]), rare => vec(any::<bool>(), 0..3)].boxed(),
    };
    (
        (
            odds(!matches!(temper, Temper::Stopped), rare),
            odds(true, rare),
            lifecycle,
            state,
            odds(true, rare),
            launched,
        ),
        (
            odds(matches!(temper, Temper::Well), rare),
            containers,
            odds(true, rare),
            asked,
            odds(false, rare),
        ),
    )
        .prop_map(
            |(
                (healthy, protected, lifecycle, state, has_address, launched),
                (is_member, containers, placed, asked, mapped),
            )| Any {
                healthy,
                protected,
                lifecycle,
                state,
                has_address,
                launched,
                is_member,
                containers,
                placed,
                asked,
                mapped,
            },
        )
}

fn any_temper() -> impl Strategy<Value = Temper> {
    select(vec![
        Temper::Well,
        Temper::Stopped,
        Temper::Leaving,
        Temper::Late,
        Temper::Wild,
    ])
}

/// A group of one temper and a few of another.
fn any_group() -> impl Strategy<Value = Vec<Any>> {
    let sizes = prop_oneof![1 => 0..12_usize, 1 => 0..200_usize];
    (any_temper(), any_temper(), sizes, 0..8_usize).prop_flat_map(|(most, few, size, more)| {
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
    let strange = prop_oneof![30 => Just(None), 1 => Just(Some(""))];
    (any_group(), members, strange, 0..3_usize)
        .prop_map(|(group, members, strange, foreign)| scene(&group, members, strange, foreign))
}

fn scene(group: &[Any], members: Option<Vec<String>>, strange: Option<&str>, foreign: usize) -> Scene {
    let mut members = members;
    let mut response = ScaleResponse {
        hosts: Vec::new(),
        to_terminate: Vec::new(),
        members: None,
        transient_errors: None,
        version: VERSION,
    };
    let mut facts = Vec::new();
    for (number, any) in group.iter().enumerate() {
        let own = address(number);
        let written = match (own, any.mapped) {
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
                private_ip: if any.placed {
                    written.clone()
                } else {
                    "10.2.0.1".to_owned()
                },
                status: (*status).to_owned(),
                added_time: None,
                host_id: HostId(u32::try_from(response.hosts.len()).unwrap()),
            });
        }
        response.to_terminate.extend(any.asked.iter().map(|own| Instance {
            id: id(number).0,
            private_ip: if *own {
                written.clone()
            } else {
                address(number + 1).to_string()
            },
        }));
        facts.push(Member {
            id: id(number),
            healthy: any.healthy,
            lifecycle: any.lifecycle,
            protected: any.protected,
            ec2: any.state.map(|state| Ec2 {
                state,
                private_ip: any.has_address.then_some(own),
                launched: any.launched,
            }),
        });
    }
    if let Some(text) = strange {
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
        group: facts,
    }
}
