//! Checks every AWS call against the documented permissions and the policies of the functions.

use aws::config::{APP, app_of};
use aws::permissions::{CHANGE_CREDENTIALS, DESTROY, ENCRYPTION, IMPORT, LIST};
use deployment::{Account, FunctionType, HostGroup, Names, RoleUse, policy};
use lab::Call;

/// Fails if wekactl or one of its functions made a call without a documented permission.
pub(crate) fn check(calls: &[Call]) {
    let cli = [IMPORT, ENCRYPTION, LIST, CHANGE_CREDENTIALS, DESTROY].concat();
    let functions = FunctionType::ALL.map(|function| (app_of(function), of_function(function)));
    for call in calls.iter().filter(|call| call.app.starts_with(APP)) {
        let action = action(call);
        let function = functions.iter().find(|(app, _)| *app == call.app);
        let policy = match function {
            Some((_, policy)) => policy,
            None => &cli,
        };
        let allowed = policy.contains(&format!("\"{action}\"")) && (function.is_some() || call.app == APP);
        assert!(
            allowed,
            "{} called {action} without a documented permission",
            call.app
        );
    }
}

fn of_function(function: FunctionType) -> String {
    let account = Account {
        id: "123456789012".into(),
        region: "eu-west-1".into(),
        partition: "aws".into(),
    };
    let names = Names::new("wk".parse().unwrap());
    policy::permissions(&account, &names, HostGroup::Backends, RoleUse::Function(function)).document()
}

/// The IAM action of a call: its operation, except for API Gateway, whose actions are HTTP methods.
fn action(call: &Call) -> String {
    let verbs = [
        ("Create", "POST"),
        ("Delete", "DELETE"),
        ("Get", "GET"),
        ("Put", "PUT"),
        ("Tag", "PUT"),
        ("Update", "PATCH"),
    ];
    let operation = match call.service.as_str() {
        "apigateway" => {
            let verb = verbs
                .into_iter()
                .find(|(prefix, _)| call.operation.starts_with(prefix));
            verb.unwrap_or_else(|| panic!("{call:?}")).1
        }
        _ => &call.operation,
    };
    let prefix = match call.service.as_str() {
        "tagging" => "tag",
        service => service,
    };
    format!("{prefix}:{operation}")
}
