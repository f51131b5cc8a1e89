use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The Auto Scaling group. Its desired capacity is the user's and no part of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AutoScalingGroup {
    /// The least number of instances.
    pub min_size: i32,
    /// The greatest.
    pub max_size: i32,
    /// Whether new instances are protected from scale-in: only the loop removes them.
    pub protected_from_scale_in: bool,
    /// Suspended processes.
    pub suspended: Vec<String>,
    /// The subnet.
    pub subnet: String,
    /// The launch template's name.
    pub launch_template: String,
    /// Its version: `$Latest`.
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
