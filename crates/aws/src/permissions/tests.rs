use super::*;
use std::fs;
use std::path::Path;

/// Actions whose name differs from the request's, and why they are needed.
const INDIRECT: &[(&str, &str)] = &[
    ("apigateway:DELETE", "API Gateway's delete_ requests"),
    ("apigateway:GET", "API Gateway's get_ requests"),
    ("apigateway:PATCH", "API Gateway's update_ requests"),
    ("apigateway:POST", "API Gateway's create_ requests"),
    ("apigateway:PUT", "API Gateway's put_ requests and tags"),
    (
        "apigateway:UpdateRestApiPolicy",
        "a private API is created with its policy",
    ),
    (
        "ec2:RunInstances",
        "EC2 Auto Scaling checks that the creator of a group can launch its template",
    ),
    (
        "iam:PassRole",
        "functions, the state machine and the rule get roles",
    ),
    (
        "kms:CreateGrant",
        "DynamoDB requires it to create a table with a key",
    ),
    ("kms:Decrypt", "DynamoDB requires it to read the table"),
    ("kms:Encrypt", "DynamoDB requires it to write to the table"),
    (
        "kms:GenerateDataKey",
        "DynamoDB requires it to write to the table",
    ),
    (
        "kms:GenerateDataKeyWithoutPlaintext",
        "DynamoDB requires it to create a table with a key",
    ),
    (
        "kms:ReEncryptFrom",
        "DynamoDB requires it to create a table with a key",
    ),
    (
        "kms:ReEncryptTo",
        "DynamoDB requires it to create a table with a key",
    ),
    (
        "lambda:ListTags",
        "GetFunction returns a function's tags only to callers that can list them",
    ),
    (
        "logs:CreateLogDelivery",
        "Step Functions requires it to create a state machine with logging",
    ),
];

#[test]
fn assumed_role_is_simulated_instead_of_its_session() {
    for (caller, expected) in [
        (
            "arn:aws:iam::123456789012:user/ops/me",
            Some("arn:aws:iam::123456789012:user/ops/me"),
        ),
        (
            "arn:aws:sts::123456789012:assumed-role/Admin/me",
            Some("arn:aws:iam::123456789012:role/Admin"),
        ),
        (
            "arn:aws-cn:sts::123456789012:assumed-role/Admin/me",
            Some("arn:aws-cn:iam::123456789012:role/Admin"),
        ),
        ("arn:aws:iam::123456789012:root", None),
        ("arn:aws:sts::123456789012:federated-user/me", None),
    ] {
        assert_eq!(principal(caller).as_deref(), expected, "{caller}");
    }
}

#[test]
fn actions_are_sorted_and_unique() {
    assert!(ACTIONS.is_sorted_by(|a, b| a < b));
    assert!(ACTIONS_OF_DESTROY.is_sorted_by(|a, b| a < b));
    let additional = [ACTIONS_OF_DESTROY, ACTIONS_OF_CHANGE_CREDENTIALS].concat();
    assert!(additional.iter().all(|action| !ACTIONS.contains(action)));
}

#[test]
fn documented_policies_list_all_actions() {
    let docs = include_str!("../../../../docs/permissions.md");
    let policies: Vec<_> = docs.split("```json").skip(1).collect();
    let listed = |policy: &str| -> Vec<String> {
        let lines = policy.lines().filter_map(|line| {
            let text = line.trim().trim_end_matches(',').strip_prefix('"')?;
            text.strip_suffix('"')
        });
        let actions = lines.filter(|text| text.contains(':') && !text.contains(' '));
        actions.map(str::to_owned).collect()
    };
    let [import, credentials, destroy] = policies.as_slice() else {
        panic!("{} policies", policies.len());
    };
    assert_eq!(
        listed(import),
        [ACTIONS, &["iam:SimulatePrincipalPolicy"]].concat()
    );
    assert_eq!(listed(credentials), ACTIONS_OF_CHANGE_CREDENTIALS);
    assert_eq!(listed(destroy), ACTIONS_OF_DESTROY);
}

/// The lab's tests prove for every recorded call that no action is missing.
#[test]
fn every_action_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["src", "../cli/src"] {
        read(&root.join(folder), &mut text);
    }
    for action in [ACTIONS, ACTIONS_OF_CHANGE_CREDENTIALS, ACTIONS_OF_DESTROY].concat() {
        let (_, operation) = action.split_once(':').unwrap();
        let is_sent = text.contains(&format!(".{}()", snake(operation)));
        let reason = INDIRECT.iter().find(|(indirect, _)| *indirect == action);
        assert!(
            is_sent != reason.is_some(),
            "{action}: sent {is_sent}, {reason:?}"
        );
    }
}

/// Appends the text of all source files below a folder, without tests.
fn read(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            read(&path, into);
        } else {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// The SDK's method name of an operation: `create_role` for `CreateRole`.
fn snake(operation: &str) -> String {
    let mut name = String::new();
    for letter in operation.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
