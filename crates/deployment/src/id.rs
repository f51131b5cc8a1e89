//! The kinds of resources, and which resource of a cluster is meant.
//!
//! [`kinds!`](crate::kinds) is the one table of them: ids, bodies, dispatch and tests derive from it.

use crate::names::{FunctionType, HostGroup, RoleUse};

/// Calls the macro `$with` with every kind of resource, in the order in which a plan shows them: dependencies come first.
///
/// A line reads `Kind(key): label, version, lookup, teardown;`
/// - `key`: what identifies one among its kind; the first part is its host group. Without a key, a cluster has one.
/// - `version`: the value of its tag `wekactl.io/version`: that of wekactl 1.x (Go), or the next one where this version differs.
///   `None` for a kind without tags, and for one whose version is not fixed.
/// - `lookup`: `by_name` if the cluster's name alone is enough to find it.
/// - `teardown`: `own_step` if it is deleted by itself; `with_parent` if it goes with the resource that contains it;
///   `as_instances` for instances, which are terminated, detached or untagged; `never` for what belongs to the stack.
#[macro_export]
macro_rules! kinds {
    ($with:path) => {
        $with! {
            KmsKey: "KMS key", Some("v1"), by_name, own_step;
            Table: "DynamoDB table", Some("v2"), by_name, own_step;
            Credentials: "credentials item", None, by_name, with_parent;
            SettingsItem: "settings item", None, by_name, with_parent;
            Role(group: HostGroup, role_use: RoleUse): "IAM role", None, by_name, own_step;
            LogGroup(group: HostGroup, function: Option<FunctionType>): "log group", Some("v1"), by_name, own_step;
            Function(group: HostGroup, function: FunctionType): "Lambda function", None, by_name, own_step;
            RestApi(group: HostGroup): "REST API", Some("v2"), by_name, own_step;
            InvokePermission(group: HostGroup): "invoke permission", None, by_name, with_parent;
            LaunchTemplate(group: HostGroup): "launch template", Some("v4"), by_name, own_step;
            StateMachine(group: HostGroup): "state machine", Some("v2"), by_name, own_step;
            Rule(group: HostGroup): "EventBridge rule", Some("v2"), by_name, own_step;
            LoadBalancer: "load balancer", Some("v1"), by_name, own_step;
            TargetGroup: "target group", Some("v1"), by_name, own_step;
            Listener: "listener", Some("v1"), by_name, own_step;
            AliasRecord: "alias record", None, by_request, own_step;
            ClassicHealthCheck: "classic load balancer health check", None, by_request, never;
            AutoScalingGroup(group: HostGroup): "Auto Scaling group", Some("v3"), by_name, own_step;
            PreparedInstances(group: HostGroup): "imported instances", None, by_request, as_instances;
            AttachedInstances(group: HostGroup): "instances in the group", None, by_request, as_instances;
        }
    };
}

macro_rules! define {
    ($($kind:ident $(($($part:ident: $type:ty),+))?: $label:literal, $version:expr, $lookup:ident, $teardown:ident;)*) => {
        /// A kind of resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $label] $kind,)*
        }

        impl Kind {
            /// Its name in plans and errors.
            pub fn label(self) -> &'static str {
                match self { $(Self::$kind => $label,)* }
            }

            /// The value of its tag `wekactl.io/version`; `None` if it has no tags or its version is not fixed.
            pub fn version(self) -> Option<&'static str> {
                match self { $(Self::$kind => $version,)* }
            }

            /// Whether the cluster's name alone is enough to find it.
            fn is_found_by_name(self) -> bool {
                match self { $(Self::$kind => stringify!($lookup) == "by_name",)* }
            }

            /// Whether it is deleted by a step of its own.
            fn is_removable(self) -> bool {
                match self { $(Self::$kind => stringify!($teardown) == "own_step",)* }
            }
        }

        /// A resource of a cluster. Ordered as a plan shows them: dependencies come first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ResourceId {
            $(#[doc = $label] $kind $(($($type),+))?,)*
        }

        impl ResourceId {
            pub fn kind(self) -> Kind {
                match self { $(Self::$kind { .. } => Kind::$kind,)* }
            }

            /// The host group that the resource belongs to; `None` if it belongs to the whole cluster.
            pub fn group(self) -> Option<HostGroup> {
                match self { $(Self::$kind $(($($part),+))? => ($($($part),+)?).group(),)* }
            }

            /// Every resource that a cluster can have.
            #[expect(unused_parens, reason = "a key with one part is not a tuple")]
            pub fn all() -> Vec<Self> {
                let mut all = Vec::new();
                $(all.extend(
                    <($($($type),+)?)>::all().into_iter().map(|($($($part),+)?)| Self::$kind $(($($part),+))?),
                );)*
                all
            }
        }
    };
}

kinds!(define);

impl ResourceId {
    /// The resources of the cluster (`None`) or of a host group that the cluster's name alone is enough to find.
    pub fn found_by_name(group: Option<HostGroup>) -> impl Iterator<Item = Self> {
        let all = Self::all().into_iter();
        all.filter(move |id| id.group() == group && id.kind().is_found_by_name())
    }

    /// Every resource that is deleted by a step of its own.
    pub fn removable() -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|id| id.kind().is_removable());
        all
    }
}

/// What identifies a resource among its kind.
trait Key: Sized {
    fn all() -> Vec<Self>;

    fn group(self) -> Option<HostGroup>;
}

/// The part of a key that follows the host group.
trait Part: Copy {
    fn all() -> Vec<Self>;
}

impl Key for () {
    fn all() -> Vec<Self> {
        vec![()]
    }

    fn group(self) -> Option<HostGroup> {
        None
    }
}

impl Key for HostGroup {
    fn all() -> Vec<Self> {
        Self::ALL.into()
    }

    fn group(self) -> Option<HostGroup> {
        Some(self)
    }
}

impl<P: Part> Key for (HostGroup, P) {
    fn all() -> Vec<Self> {
        let of_group = |group| P::all().into_iter().map(move |part| (group, part));
        HostGroup::ALL.into_iter().flat_map(of_group).collect()
    }

    fn group(self) -> Option<HostGroup> {
        Some(self.0)
    }
}

impl Part for RoleUse {
    fn all() -> Vec<Self> {
        Self::ALL.into()
    }
}

impl Part for FunctionType {
    fn all() -> Vec<Self> {
        Self::ALL.into()
    }
}

/// `None` comes first.
impl<P: Part> Part for Option<P> {
    fn all() -> Vec<Self> {
        [None].into_iter().chain(P::all().into_iter().map(Some)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_resources_are_listed_once_and_in_the_order_of_a_plan() {
        let all = ResourceId::all();
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
        // 9 of the cluster; of each host group 7 roles, 6 log groups, 5 functions and 8 others.
        assert_eq!(all.len(), 9 + 2 * (7 + 6 + 5 + 8));
    }

    #[test]
    fn items_permissions_instances_and_health_checks_have_no_deletion_step() {
        let removable = ResourceId::removable();
        let others: Vec<_> = ResourceId::all()
            .into_iter()
            .filter(|id| !removable.contains(id))
            .collect();
        assert!(others.iter().all(|id| matches!(
            id,
            ResourceId::Credentials
                | ResourceId::SettingsItem
                | ResourceId::InvokePermission(_)
                | ResourceId::ClassicHealthCheck
                | ResourceId::PreparedInstances(_)
                | ResourceId::AttachedInstances(_)
        )));
        assert_eq!(others.len(), 3 + 3 * 2);
    }
}
