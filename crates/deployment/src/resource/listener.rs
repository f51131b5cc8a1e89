use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The listener of the load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// The ARN of the load balancer.
    pub load_balancer: Value,
    /// `HTTP`.
    pub protocol: String,
    /// The port of Weka's management API.
    pub port: i32,
    /// The ARN of the target group.
    pub forward_to: Value,
}

impl Resolve for Listener {
    fn resolve(&mut self, outputs: &Outputs) {
        super::resolve_all([&mut self.load_balancer, &mut self.forward_to], outputs);
    }
}
