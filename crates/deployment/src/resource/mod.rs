//! The resources: what each is called in a plan, what its body says, and which there are.
//!
//! A kind of resource is a file here, with its body as a plain struct; a file in crate `aws`, which observes, creates and
//! updates it; and its line in [`kinds!`](crate::kinds).

mod alias_record;
mod auto_scaling_group;
mod classic_health_check;
mod credentials;
mod function;
mod instances;
mod invoke_permission;
mod kms_key;
mod launch_template;
mod listener;
mod load_balancer;
mod log_group;
mod rest_api;
mod role;
mod rule;
mod settings_item;
mod state_machine;
mod table;
mod target_group;

pub use alias_record::AliasRecord;
pub use auto_scaling_group::AutoScalingGroup;
pub use classic_health_check::ClassicHealthCheck;
pub use credentials::Credentials;
pub use function::{Function, Vpc};
pub use instances::{AttachedInstances, PreparedInstances};
pub use invoke_permission::InvokePermission;
pub use kms_key::KmsKey;
pub use launch_template::{LaunchTemplate, Mapping, UserData};
pub use listener::Listener;
pub use load_balancer::LoadBalancer;
pub use log_group::LogGroup;
pub use rest_api::{RestApi, Throttle};
pub use role::Role;
pub use rule::Rule;
pub use settings_item::SettingsItem;
pub use state_machine::StateMachine;
pub use table::Table;
pub use target_group::TargetGroup;

use crate::names::{FunctionType, HostGroup, RoleUse};
use crate::secret::Secret;
use crate::value::{Outputs, Value};

/// Which resource of a cluster. Ordered as a plan shows them: what others need comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceId {
    /// The key that encrypts the table and the functions' environment.
    KmsKey,
    /// The table of settings and credentials.
    Table,
    /// The item of the credentials.
    Credentials,
    /// The item of the settings.
    SettingsItem,
    /// A role.
    Role(HostGroup, RoleUse),
    /// The log group of a function or, without one, of the state machine.
    LogGroup(HostGroup, Option<FunctionType>),
    /// A function.
    Function(HostGroup, FunctionType),
    /// The join API with its usage plan and key.
    RestApi(HostGroup),
    /// The join API's right to call its function.
    InvokePermission(HostGroup),
    /// The launch template.
    LaunchTemplate(HostGroup),
    /// The state machine.
    StateMachine(HostGroup),
    /// The rule that starts the state machine.
    Rule(HostGroup),
    /// The application load balancer.
    LoadBalancer,
    /// Its target group.
    TargetGroup,
    /// Its listener.
    Listener,
    /// The DNS name that stands for it.
    AliasRecord,
    /// The health check of the stack's own classic load balancer.
    ClassicHealthCheck,
    /// The Auto Scaling group.
    AutoScalingGroup(HostGroup),
    /// The imported instances: their tags and termination protection.
    PreparedInstances(HostGroup),
    /// The imported instances in their group.
    AttachedInstances(HostGroup),
}

impl ResourceId {
    /// The resources of the cluster (`None`) or of a host group that are looked for by the cluster's name alone.
    pub fn found_by_name(group: Option<HostGroup>) -> impl Iterator<Item = Self> {
        let by_name = |id: &Self| {
            !matches!(
                id,
                Self::ClassicHealthCheck | Self::PreparedInstances(_) | Self::AttachedInstances(_)
            )
        };
        let all = Self::all().into_iter();
        all.filter(move |id| id.group() == group).filter(by_name)
    }

    /// The host group that the resource belongs to; `None` for one of the whole cluster.
    pub fn group(self) -> Option<HostGroup> {
        match self {
            Self::Role(group, _)
            | Self::LogGroup(group, _)
            | Self::Function(group, _)
            | Self::RestApi(group)
            | Self::InvokePermission(group)
            | Self::LaunchTemplate(group)
            | Self::StateMachine(group)
            | Self::Rule(group)
            | Self::AutoScalingGroup(group)
            | Self::PreparedInstances(group)
            | Self::AttachedInstances(group) => Some(group),
            Self::KmsKey
            | Self::Table
            | Self::Credentials
            | Self::SettingsItem
            | Self::LoadBalancer
            | Self::TargetGroup
            | Self::Listener
            | Self::AliasRecord
            | Self::ClassicHealthCheck => None,
        }
    }
}

/// What the body of a kind of resource can do beside being compared field by field.
pub trait Resolve {
    /// Puts outputs of other resources in place.
    fn resolve(&mut self, _outputs: &Outputs) {}

    /// What of it is secret: compared, but never shown.
    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        Vec::new()
    }
}

fn resolve_all<'a>(values: impl IntoIterator<Item = &'a mut Value>, outputs: &Outputs) {
    for value in values {
        value.resolve(outputs);
    }
}

/// Calls the macro `$with` with every kind of resource: its type, its name in a plan, and the version it is tagged with
/// (the Go tool's, or the next one where ours differs; `-` for one that bears none or its own).
#[macro_export]
macro_rules! kinds {
    ($with:path) => {
        $with! {
            KmsKey: "KMS key", "v1";
            Table: "DynamoDB table", "v2";
            Credentials: "credentials item", "-";
            SettingsItem: "settings item", "-";
            Role: "IAM role", "-";
            LogGroup: "log group", "v1";
            Function: "Lambda function", "-";
            RestApi: "REST API", "v2";
            InvokePermission: "invoke permission", "-";
            LaunchTemplate: "launch template", "v4";
            StateMachine: "state machine", "v2";
            Rule: "EventBridge rule", "v2";
            LoadBalancer: "load balancer", "v1";
            TargetGroup: "target group", "v1";
            Listener: "listener", "v1";
            AliasRecord: "alias record", "-";
            ClassicHealthCheck: "classic load balancer health check", "-";
            AutoScalingGroup: "Auto Scaling group", "v3";
            PreparedInstances: "imported instances", "-";
            AttachedInstances: "instances in the group", "-";
        }
    };
}

macro_rules! define {
    ($($kind:ident: $label:literal, $version:literal;)*) => {
        /// A kind of resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $label] $kind,)*
        }

        impl Kind {
            /// What a plan calls it.
            pub fn label(self) -> &'static str {
                match self { $(Self::$kind => $label,)* }
            }

            /// The version that its tag `wekactl.io/version` says.
            pub fn version(self) -> &'static str {
                match self { $(Self::$kind => $version,)* }
            }
        }

        /// What a resource is to be, or is: one of the bodies.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $(#[doc = $label] $kind($kind),)*
        }

        impl Body {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// Puts outputs of other resources in place.
            pub fn resolve(&mut self, outputs: &Outputs) {
                match self { $(Self::$kind(body) => body.resolve(outputs),)* }
            }

            /// What of it is secret, by field.
            pub fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
                match self { $(Self::$kind(body) => body.secrets(),)* }
            }

            /// Its fields, secrets hidden.
            pub fn fields(&self) -> serde_json::Value {
                match self { $(Self::$kind(body) => serde_json::json!(body),)* }
            }
        }

        $(
            impl From<$kind> for Body {
                fn from(body: $kind) -> Self {
                    Self::$kind(body)
                }
            }
        )*
    };
}

kinds!(define);

impl ResourceId {
    /// The kind of the resource.
    pub fn kind(self) -> Kind {
        match self {
            Self::KmsKey => Kind::KmsKey,
            Self::Table => Kind::Table,
            Self::Credentials => Kind::Credentials,
            Self::SettingsItem => Kind::SettingsItem,
            Self::Role(..) => Kind::Role,
            Self::LogGroup(..) => Kind::LogGroup,
            Self::Function(..) => Kind::Function,
            Self::RestApi(_) => Kind::RestApi,
            Self::InvokePermission(_) => Kind::InvokePermission,
            Self::LaunchTemplate(_) => Kind::LaunchTemplate,
            Self::StateMachine(_) => Kind::StateMachine,
            Self::Rule(_) => Kind::Rule,
            Self::LoadBalancer => Kind::LoadBalancer,
            Self::TargetGroup => Kind::TargetGroup,
            Self::Listener => Kind::Listener,
            Self::AliasRecord => Kind::AliasRecord,
            Self::ClassicHealthCheck => Kind::ClassicHealthCheck,
            Self::AutoScalingGroup(_) => Kind::AutoScalingGroup,
            Self::PreparedInstances(_) => Kind::PreparedInstances,
            Self::AttachedInstances(_) => Kind::AttachedInstances,
        }
    }
}

impl ResourceId {
    /// Every resource that a cluster can have.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::KmsKey,
            Self::Table,
            Self::Credentials,
            Self::SettingsItem,
            Self::LoadBalancer,
            Self::TargetGroup,
            Self::Listener,
            Self::AliasRecord,
            Self::ClassicHealthCheck,
        ];
        for group in HostGroup::ALL {
            all.extend(RoleUse::ALL.map(|user| Self::Role(group, user)));
            all.push(Self::LogGroup(group, None));
            all.extend(FunctionType::ALL.map(|function| Self::LogGroup(group, Some(function))));
            all.extend(FunctionType::ALL.map(|function| Self::Function(group, function)));
            all.extend([
                Self::RestApi(group),
                Self::InvokePermission(group),
                Self::LaunchTemplate(group),
                Self::StateMachine(group),
                Self::Rule(group),
                Self::AutoScalingGroup(group),
                Self::PreparedInstances(group),
                Self::AttachedInstances(group),
            ]);
        }
        all
    }

    /// Every resource that is removed by a step of its own, and found by name. The rest goes with these: the items with the
    /// table, the permission with its function, a health check with nothing, because the load balancer is the stack's.
    pub fn removable() -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|id| {
            !matches!(
                id,
                Self::Credentials
                    | Self::SettingsItem
                    | Self::InvokePermission(_)
                    | Self::ClassicHealthCheck
                    | Self::PreparedInstances(_)
                    | Self::AttachedInstances(_)
            )
        });
        all
    }
}
