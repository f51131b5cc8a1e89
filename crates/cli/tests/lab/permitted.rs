//! What was asked of AWS, held against what the documentation and the functions' policies allow.

use aws::config::{APP, app_of};
use aws::permissions::{ACTIONS, ACTIONS_OF_CHANGE_CREDENTIALS, ACTIONS_OF_DESTROY};
use deployment::{Account, FunctionType, HostGroup, Names, RoleUse, policy};
use lab::Call;

/// Asked about the caller himself: allowed to everybody, or done without.
const OPTIONAL: &str = "iam:SimulatePrincipalPolicy";

/// Fails for a call of wekactl's or of one of its functions that it need not be allowed.
pub(crate) fn check(calls: &[Call]) {
    let cli = [
        ACTIONS,
        ACTIONS_OF_CHANGE_CREDENTIALS,
        ACTIONS_OF_DESTROY,
        &[OPTIONAL],
    ]
    .concat();
    let functions = FunctionType::ALL.map(|function| (app_of(function), of_function(function)));
    for call in calls.iter().filter(|call| call.app.starts_with(APP)) {
        let action = action(call);
        let function = functions.iter().find(|(app, _)| *app == call.app);
        let allowed = match function {
            Some((_, policy)) => policy.contains(&format!("\"{action}\"")),
            None => call.app == APP && cli.contains(&action.as_str()),
        };
        assert!(allowed, "{} sent {action}, which nobody says it may", call.app);
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

/// The action that IAM asks for: the operation, except that API Gateway's are what HTTP does to a path.
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
    format!("{}:{operation}", call.service)
}
