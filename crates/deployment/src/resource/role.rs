use super::Resolve;
use crate::policy::Policy;
use crate::value::Outputs;
use serde::Serialize;

/// A role with its one inline policy. Its name is no part of the body: a role that stands keeps the name it has, which for
/// one of the Go tool is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Who may take it on.
    pub trust: Policy,
    /// What it may do.
    pub permissions: Policy,
    /// The names of inline policies beside ours. Whatever they allow, they would allow it beside what is meant.
    pub other_policies: Vec<String>,
    /// The ARNs of managed policies attached to it.
    pub attached_policies: Vec<String>,
}

impl Resolve for Role {
    fn resolve(&mut self, outputs: &Outputs) {
        self.permissions.resolve(outputs);
    }
}
