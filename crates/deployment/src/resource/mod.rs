//! The bodies of the resources: their settings as plain structs.
//!
//! A kind of resource has a file here with its body, a file in crate `aws` with its AWS calls, and a line in
//! [`kinds!`](crate::kinds).

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

use crate::id::Kind;
use crate::secret::Secret;
use crate::value::{Outputs, Value};

/// What a body can do in addition to being compared field by field.
pub trait Resolve {
    /// Replaces references by the outputs that are known.
    fn resolve(&mut self, _outputs: &Outputs) {}

    /// Fields that are compared but never shown.
    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        Vec::new()
    }
}

fn resolve_all<'a>(values: impl IntoIterator<Item = &'a mut Value>, outputs: &Outputs) {
    for value in values {
        value.resolve(outputs);
    }
}

macro_rules! define {
    ($($kind:ident $(($($part:ident: $type:ty),+))?: $label:literal, $version:expr, $lookup:ident, $teardown:ident;)*) => {
        /// The settings of a resource, desired or actual.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $(#[doc = $label] $kind($kind),)*
        }

        impl Body {
            pub fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// Replaces references by the outputs that are known.
            pub fn resolve(&mut self, outputs: &Outputs) {
                match self { $(Self::$kind(body) => body.resolve(outputs),)* }
            }

            /// Secrets, by field.
            pub fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
                match self { $(Self::$kind(body) => body.secrets(),)* }
            }

            /// The fields as a plan shows them, secrets hidden.
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

crate::kinds!(define);
