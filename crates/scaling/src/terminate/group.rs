//! The instances of the group, as EC2 Auto Scaling and EC2 report them.

use jiff::Timestamp;
use std::fmt;
use std::net::IpAddr;
use weka_types::ids::InstanceId;

/// An instance of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: InstanceId,
    /// The health status in EC2 Auto Scaling. A missing status counts as healthy, because nothing is done about a healthy
    /// instance.
    pub healthy: bool,
    pub lifecycle: Lifecycle,
    /// Whether it has scale-in protection.
    pub protected: bool,
    /// `None` if EC2 does not list the instance.
    pub ec2: Option<Ec2>,
    /// Whether EC2 may not list the instance yet: its lists are eventually consistent, and the group may have launched or attached
    /// it within the last five minutes ([`VISIBLE_AFTER`](crate::policy::VISIBLE_AFTER)).
    pub recent: bool,
}

/// An instance as EC2 reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ec2 {
    pub state: State,
    /// A terminated instance has none.
    pub private_ip: Option<IpAddr>,
    pub launch_time: Option<Timestamp>,
}

/// The lifecycle state of an instance in the group, without the `:Wait` and `:Proceed` of lifecycle hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    Pending,
    InService,
    /// In standby, or entering it.
    Standby,
    Terminating,
    Detaching,
    /// A value that this version does not know, or none.
    Unknown,
}

impl Lifecycle {
    /// Parses the value in the EC2 Auto Scaling API.
    pub fn from_api(value: &str) -> Self {
        match value.split_once(':').map_or(value, |(state, _)| state) {
            "Pending" => Self::Pending,
            "InService" => Self::InService,
            "Standby" | "EnteringStandby" => Self::Standby,
            "Terminating" | "Terminated" => Self::Terminating,
            "Detaching" | "Detached" => Self::Detaching,
            _ => Self::Unknown,
        }
    }

    /// Whether the loop may detach and terminate the instance: the group is not doing so already.
    pub(super) fn is_actionable(self) -> bool {
        matches!(self, Self::Pending | Self::InService | Self::Standby)
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "Pending",
            Self::InService => "InService",
            Self::Standby => "Standby",
            Self::Terminating => "Terminating",
            Self::Detaching => "Detaching",
            Self::Unknown => "in an unknown state",
        })
    }
}

/// The state of an instance in EC2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
    /// A value that this version does not know, or none.
    Unknown,
}

impl State {
    /// Parses the value in the EC2 API.
    pub fn from_api(value: &str) -> Self {
        match value {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            "shutting-down" => Self::ShuttingDown,
            "terminated" => Self::Terminated,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Unknown => "in an unknown state",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_aws_values_parse_and_others_are_unknown() {
        for state in [
            State::Pending,
            State::Running,
            State::Stopping,
            State::Stopped,
            State::ShuttingDown,
            State::Terminated,
        ] {
            assert_eq!(State::from_api(&state.to_string()), state);
        }
        assert_eq!(State::from_api("hibernated"), State::Unknown);
        for (value, state) in [
            ("InService", Lifecycle::InService),
            ("Pending:Wait", Lifecycle::Pending),
            ("EnteringStandby", Lifecycle::Standby),
            ("Terminating:Proceed", Lifecycle::Terminating),
            ("Detached", Lifecycle::Detaching),
            ("Warmed:Running", Lifecycle::Unknown),
            ("", Lifecycle::Unknown),
        ] {
            assert_eq!(Lifecycle::from_api(value), state, "{value}");
        }
    }
}
