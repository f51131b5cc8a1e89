//! The conditions on what EC2 and Auto Scaling report about an instance.

use crate::document::{CLOCK_SKEW, Document, JOIN_TIMEOUT};
use crate::refusal::Refusal;
use jiff::{SignedDuration, Timestamp};

/// EC2 attaches the root volume of a new instance right after its primary interface.
const MAX_DISTANCE: SignedDuration = SignedDuration::from_mins(1);

/// What EC2 reports about an instance. A missing value fails the condition that needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// For example `running`.
    pub state: String,
    pub private_ip: String,
    pub vpc: String,
    pub subnet: String,
    /// The ARN of the instance profile.
    pub profile: String,
    /// The tag `aws:autoscaling:groupName`. Only AWS can write tags with this prefix.
    pub group: String,
    /// The tag `aws:ec2launchtemplate:id`.
    pub template: String,
    /// When the primary interface was attached. A stop and a start do not change it.
    pub interface_attached: Option<Timestamp>,
    /// When the root volume was attached.
    pub root_attached: Option<Timestamp>,
}

/// What the instances of a host group have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    pub vpc: String,
    pub subnet: String,
    /// The ARN of the instance profile.
    pub profile: String,
    /// The name of the Auto Scaling group.
    pub group: String,
    /// The id of the group's launch template.
    pub template: String,
}

impl Instance {
    /// Whether this is a new instance of the host group, and the one of the document.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn check(&self, document: &Document, expected: &Expected, now: Timestamp) -> Result<(), Refusal> {
        let same = |actual: &str, expected: &str| !actual.is_empty() && actual == expected;
        if !["pending", "running"].contains(&self.state.as_str()) {
            Err(Refusal::NotRunning)
        } else if !self.is_new(now) {
            Err(Refusal::OldInstance)
        } else if !same(&self.private_ip, &document.private_ip) {
            Err(Refusal::WrongAddress)
        } else if !same(&self.vpc, &expected.vpc) || !same(&self.subnet, &expected.subnet) {
            Err(Refusal::WrongNetwork)
        } else if !same(&self.profile, &expected.profile) {
            Err(Refusal::WrongProfile)
        } else if !same(&self.group, &expected.group) {
            Err(Refusal::NotMember)
        } else if !same(&self.template, &expected.template) {
            Err(Refusal::WrongTemplate)
        } else {
            Ok(())
        }
    }

    fn is_new(&self, now: Timestamp) -> bool {
        let (Some(interface), Some(root)) = (self.interface_attached, self.root_attached) else {
            return false;
        };
        let age = now.duration_since(interface);
        (-CLOCK_SKEW..=JOIN_TIMEOUT + CLOCK_SKEW).contains(&age)
            && root.duration_since(interface).abs() <= MAX_DISTANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T12:00:00Z";

    fn at(minutes: i64) -> Option<Timestamp> {
        Some(NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes))
    }

    fn example() -> (Instance, Document, Expected) {
        let instance = Instance {
            state: "running".into(),
            private_ip: "10.0.0.9".into(),
            vpc: "vpc-1".into(),
            subnet: "subnet-1".into(),
            profile: "arn:profile".into(),
            group: "wekactl-wk-Backends".into(),
            template: "lt-1".into(),
            interface_attached: at(-5),
            root_attached: at(-5),
        };
        let document = Document {
            account_id: "123456789012".into(),
            region: "eu-west-1".into(),
            instance_id: "i-9".into(),
            private_ip: "10.0.0.9".into(),
            pending_time: at(-5).unwrap(),
        };
        let expected = Expected {
            vpc: "vpc-1".into(),
            subnet: "subnet-1".into(),
            profile: "arn:profile".into(),
            group: "wekactl-wk-Backends".into(),
            template: "lt-1".into(),
        };
        (instance, document, expected)
    }

    fn refusal(change: impl FnOnce(&mut Instance, &mut Document, &mut Expected)) -> Option<Refusal> {
        let (mut instance, mut document, mut expected) = example();
        change(&mut instance, &mut document, &mut expected);
        instance.check(&document, &expected, at(0).unwrap()).err()
    }

    #[test]
    fn new_member_of_the_group_is_accepted() {
        assert_eq!(refusal(|_, _, _| {}), None);
        assert_eq!(refusal(|instance, _, _| instance.state = "pending".into()), None);
    }

    #[test]
    fn stopped_and_started_old_instance_is_refused() {
        // A start after a stop sets the pending time, and keeps the attachments.
        let old = refusal(|instance, _, _| {
            (instance.interface_attached, instance.root_attached) = (at(-90), at(-90));
        });
        assert_eq!(old, Some(Refusal::OldInstance));
        for (interface, root) in [(at(-5), at(-7)), (None, at(-5)), (at(-5), None), (at(2), at(2))] {
            let refusal = refusal(|instance, _, _| {
                (instance.interface_attached, instance.root_attached) = (interface, root);
            });
            assert_eq!(refusal, Some(Refusal::OldInstance), "{interface:?} {root:?}");
        }
    }

    #[test]
    fn member_of_another_group_is_refused() {
        for group in ["wekactl-wk-Clients", ""] {
            let other = refusal(|instance, _, _| instance.group = group.into());
            assert_eq!(other, Some(Refusal::NotMember));
        }
    }

    #[test]
    fn every_other_difference_is_refused() {
        for state in ["stopping", "stopped", "shutting-down", "terminated", ""] {
            assert_eq!(
                refusal(|instance, _, _| instance.state = state.into()),
                Some(Refusal::NotRunning)
            );
        }
        for other in ["other", ""] {
            let other = || other.to_owned();
            assert_eq!(
                refusal(|i, _, _| i.private_ip = other()),
                Some(Refusal::WrongAddress)
            );
            assert_eq!(refusal(|i, _, _| i.vpc = other()), Some(Refusal::WrongNetwork));
            assert_eq!(refusal(|i, _, _| i.subnet = other()), Some(Refusal::WrongNetwork));
            assert_eq!(
                refusal(|i, _, _| i.profile = other()),
                Some(Refusal::WrongProfile)
            );
            assert_eq!(
                refusal(|i, _, _| i.template = other()),
                Some(Refusal::WrongTemplate)
            );
        }
        // Missing on both sides is not equal.
        let empty = refusal(|instance, _, expected| {
            instance.vpc.clear();
            expected.vpc.clear();
        });
        assert_eq!(empty, Some(Refusal::WrongNetwork));
    }
}
