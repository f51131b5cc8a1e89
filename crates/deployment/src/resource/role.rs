use super::Resolve;
use crate::policy::Policy;
use crate::value::Outputs;
use serde::Serialize;

/// An IAM role with its inline policy. The name is not part of the body: an existing role keeps its name, and wekactl 1.x
/// chose other names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Role {
    /// The trust policy.
    pub trust: Policy,
    /// The inline policy.
    pub permissions: Policy,
    /// Names of other inline policies, which would allow more than intended.
    pub other_policies: Vec<String>,
    /// ARNs of attached managed policies.
    pub attached_policies: Vec<String>,
    /// The ARN of the policy that limits what the role may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
}

impl Resolve for Role {
    fn resolve(&mut self, outputs: &Outputs) {
        self.permissions.resolve(outputs);
    }
}
