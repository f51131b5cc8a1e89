//! The group as EC2 Auto Scaling and EC2 see it.

use jiff::Timestamp;
use std::fmt;
use std::net::IpAddr;
use weka_types::ids::InstanceId;

/// An instance of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: InstanceId,
    /// Whether EC2 Auto Scaling calls it healthy. What it says nothing of is healthy: nothing is done about that.
    pub healthy: bool,
    /// What the group does with it.
    pub lifecycle: Lifecycle,
    /// Whether it is protected from scale-in.
    pub protected: bool,
    /// What EC2 says of it; none if EC2 does not know it (any more).
    pub ec2: Option<Ec2>,
}

/// What EC2 says of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ec2 {
    /// What it does.
    pub state: State,
    /// Its private address; an instance that is terminated has none.
    pub private_ip: Option<IpAddr>,
    /// When it was launched.
    pub launched: Option<Timestamp>,
}

/// What the group does with an instance: its lifecycle state, without the waiting and proceeding of hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// It is on its way into service.
    Pending,
    /// It is in service.
    InService,
    /// An operator has put it aside, or takes it back.
    Standby,
    /// The group terminates it.
    Terminating,
    /// The group lets go of it.
    Detaching,
    /// A word of a later EC2 Auto Scaling, or none.
    Unknown,
}

impl Lifecycle {
    /// Reads EC2 Auto Scaling's word.
    pub fn of(word: &str) -> Self {
        match word.split_once(':').map_or(word, |(state, _)| state) {
            "Pending" => Self::Pending,
            "InService" => Self::InService,
            "Standby" | "EnteringStandby" => Self::Standby,
            "Terminating" | "Terminated" => Self::Terminating,
            "Detaching" | "Detached" => Self::Detaching,
            _ => Self::Unknown,
        }
    }

    /// Whether it is the loop's to detach and terminate: the group is not at it already.
    pub(super) fn is_ours(self) -> bool {
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
            Self::Unknown => "in a state that this version does not know",
        })
    }
}

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It starts.
    Pending,
    /// It runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// It is stopped.
    Stopped,
    /// It is being terminated.
    ShuttingDown,
    /// It is terminated.
    Terminated,
    /// A word of a later EC2, or none.
    Unknown,
}

impl State {
    /// Reads EC2's word.
    pub fn of(word: &str) -> Self {
        match word {
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
            Self::Unknown => "in a state that this version does not know",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_aws_s_and_others_are_unknown() {
        for state in [
            State::Pending,
            State::Running,
            State::Stopping,
            State::Stopped,
            State::ShuttingDown,
            State::Terminated,
        ] {
            assert_eq!(State::of(&state.to_string()), state);
        }
        assert_eq!(State::of("hibernated"), State::Unknown);
        for (word, state) in [
            ("InService", Lifecycle::InService),
            ("Pending:Wait", Lifecycle::Pending),
            ("EnteringStandby", Lifecycle::Standby),
            ("Terminating:Proceed", Lifecycle::Terminating),
            ("Detached", Lifecycle::Detaching),
            ("Warmed:Running", Lifecycle::Unknown),
            ("", Lifecycle::Unknown),
        ] {
            assert_eq!(Lifecycle::of(word), state, "{word}");
        }
    }
}
