use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The Auto Scaling group. Its desired capacity belongs to the user and is not part of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AutoScalingGroup {
    pub min_size: i32,
    pub max_size: i32,
    /// Protects new instances from scale-in: only the state machine removes instances.
    pub protected_from_scale_in: bool,
    /// Names of suspended processes.
    pub suspended: Vec<String>,
    pub subnet: String,
    /// The launch template's name.
    pub launch_template: String,
    /// `$Latest`.
    pub launch_template_version: String,
    /// The ARNs of the target groups.
    pub target_groups: Vec<Value>,
    /// The names of the classic load balancers.
    pub classic_load_balancers: Vec<String>,
}

impl Resolve for AutoScalingGroup {
    fn resolve(&mut self, outputs: &Outputs) {
        super::resolve_all(&mut self.target_groups, outputs);
    }
}
