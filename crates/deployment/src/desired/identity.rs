//! What the join function needs to verify the identity of instances, in its environment.

use super::build::Build;
use crate::actual::Observed;
use crate::id::ResourceId;
use crate::names::{FunctionType, HostGroup};
use crate::plan::Desired;
use crate::resource::{Body, Function};

/// Until then, requests without identity are answered.
const DEADLINE: &str = "IDENTITY_REQUIRED_AFTER";

impl Build<'_> {
    pub(super) fn identity_variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("ACCOUNT_ID", self.request.account.id.clone()),
            ("PRIVATE_API", self.settings().private_subnet.to_string()),
            (DEADLINE, self.request.identity_required_after.to_owned()),
        ];
        let certificate = self.settings().identity_certificate.clone();
        variables.extend(certificate.map(|pem| ("IDENTITY_CERTIFICATE", pem)));
        variables
    }
}

/// Only the update that takes over a join function without identity checks sets the deadline, and no later one moves it. A new
/// function has none: it always requires identity.
pub(crate) fn keep_deadlines(desired: &mut [Desired], observed: &Observed) {
    for group in HostGroup::ALL {
        let id = ResourceId::Function(group, FunctionType::Join);
        let actual = observed.get(&id).and_then(|actual| match &actual.body {
            Body::Function(function) => Some(function),
            _ => None,
        });
        let function = desired.iter_mut().find(|resource| resource.id == id);
        let Some(Body::Function(function)) = function.map(|resource| &mut resource.body) else {
            continue;
        };
        let deadline = match actual {
            Some(Function {
                launch_template: None,
                ..
            }) => continue,
            Some(actual) => actual.environment.get(DEADLINE),
            None => None,
        };
        match deadline {
            Some(deadline) => function.environment.insert(DEADLINE.to_owned(), deadline.clone()),
            None => function.environment.remove(DEADLINE),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actual::ActualResource;
    use crate::example::{resources, settings};

    const JOIN: ResourceId = ResourceId::Function(HostGroup::Backends, FunctionType::Join);

    fn join(desired: &mut [Desired]) -> &mut Function {
        let mut bodies = desired.iter_mut().filter(|resource| resource.id == JOIN);
        let Some(Body::Function(function)) = bodies.next().map(|resource| &mut resource.body) else {
            panic!("there is no join function");
        };
        function
    }

    /// The desired deadline if the actual function has been changed so.
    fn deadline(change: Option<fn(&mut Function)>) -> Option<String> {
        let mut desired = resources(&settings());
        let mut observed = Observed::new();
        if let Some(change) = change {
            let mut function = join(&mut desired).clone();
            change(&mut function);
            let actual = ActualResource {
                name: "wekactl-wk-join-Backends".into(),
                body: function.into(),
                tags: None,
                outputs: Vec::new(),
            };
            observed.insert(JOIN, actual);
        }
        keep_deadlines(&mut desired, &observed);
        join(&mut desired).environment.get(DEADLINE).cloned()
    }

    #[test]
    fn new_function_always_requires_identity() {
        assert_eq!(deadline(None), None);
    }

    #[test]
    fn deadline_is_set_once_for_a_function_without_identity_checks() {
        let older: fn(&mut Function) = |function| {
            function.launch_template = None;
            function.environment.remove(DEADLINE);
        };
        assert_eq!(deadline(Some(older)).as_deref(), Some(crate::example::DEADLINE));
        let taken_over: fn(&mut Function) = |function| {
            function
                .environment
                .insert(DEADLINE.into(), "2026-01-01T00:00:00Z".into());
        };
        assert_eq!(
            deadline(Some(taken_over)).as_deref(),
            Some("2026-01-01T00:00:00Z")
        );
        let imported: fn(&mut Function) = |function| {
            function.environment.remove(DEADLINE);
        };
        assert_eq!(deadline(Some(imported)), None);
    }
}
