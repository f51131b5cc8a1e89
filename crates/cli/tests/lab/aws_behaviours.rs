//! Behaviours of AWS that moto lacks: see `docs/lab.md`.

use crate::common::Lab;
use lab::{Behaviour, Control, MotoOptions, StackOptions};
use std::time::Duration;

#[tokio::test]
async fn import_of_120_backends_waits_for_new_functions_and_request_limits() {
    let options = MotoOptions {
        behaviours: Behaviour::ALL.to_vec(),
        function_pending: Duration::from_millis(200),
        ..MotoOptions::default()
    };
    let stack = StackOptions {
        backends: 120,
        clients: 0,
        ..StackOptions::default()
    };
    let (lab, _) = Lab::with_options(options, &stack);
    lab.import(&[]).ok();
    let calls = lab.calls();
    for (operation, code) in [
        ("GetFunctionConfiguration", "ResourceNotFoundException"),
        ("AddPermission", "ResourceNotFoundException"),
        ("ModifyInstanceAttribute", "RequestLimitExceeded"),
    ] {
        let is_refused = |call: &&lab::Call| {
            call.operation == operation && call.error.as_ref().is_some_and(|error| error.contains(code))
        };
        assert!(
            calls.iter().any(|call| is_refused(&call)),
            "{operation} was never refused"
        );
    }
    let instances = Control::new(&lab.moto).instances().await.unwrap();
    let imported: Vec<_> = instances
        .iter()
        .filter(|instance| instance.group.is_some())
        .collect();
    assert_eq!(imported.len(), 120);
    for instance in imported {
        assert!(
            instance.termination_protection && instance.protected == Some(true),
            "{instance:?}"
        );
    }
}
