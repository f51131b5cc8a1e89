use super::*;
use std::fs;
use std::path::Path;

/// Actions that stand behind a request of another name.
const BEHIND: &[(&str, &str)] = &[
    ("apigateway:DELETE", "the delete_ requests of API Gateway"),
    ("apigateway:GET", "its get_ requests"),
    ("apigateway:PATCH", "its update_ requests"),
    ("apigateway:POST", "its create_ requests"),
    ("apigateway:PUT", "its put_ requests and tags"),
    (
        "apigateway:UpdateRestApiPolicy",
        "a private API is made with its policy",
    ),
    (
        "ec2:RunInstances",
        "Auto Scaling asks whether who makes the group may launch its template",
    ),
    (
        "iam:PassRole",
        "functions, the state machine and the rule are given roles",
    ),
    (
        "kms:CreateGrant",
        "DynamoDB asks for it when a table with a key is made",
    ),
    ("kms:Decrypt", "DynamoDB asks for it when the table is read"),
    ("kms:Encrypt", "DynamoDB asks for it when the table is written"),
    (
        "kms:GenerateDataKey",
        "DynamoDB asks for it when the table is written",
    ),
    (
        "kms:GenerateDataKeyWithoutPlaintext",
        "DynamoDB wants it of who makes a table with a key",
    ),
    (
        "kms:ReEncryptFrom",
        "DynamoDB wants it of who makes a table with a key",
    ),
    (
        "kms:ReEncryptTo",
        "DynamoDB wants it of who makes a table with a key",
    ),
    (
        "lambda:ListTags",
        "GetFunction gives a function's tags to those alone who may list them",
    ),
    (
        "logs:CreateLogDelivery",
        "Step Functions asks for it when a state machine is to log",
    ),
];

#[test]
fn the_role_is_judged_and_not_its_session() {
    for (caller, judged) in [
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
        assert_eq!(principal(caller).as_deref(), judged, "{caller}");
    }
}

#[test]
fn actions_are_in_order_and_once() {
    assert!(ACTIONS.is_sorted_by(|a, b| a < b));
    assert!(ACTIONS_OF_DESTROY.is_sorted_by(|a, b| a < b));
    let beside = [ACTIONS_OF_DESTROY, ACTIONS_OF_CHANGE_CREDENTIALS].concat();
    assert!(beside.iter().all(|action| !ACTIONS.contains(action)));
}

#[test]
fn the_documented_policies_list_them() {
    let document = include_str!("../../../../docs/permissions.md");
    let policies: Vec<_> = document.split("```json").skip(1).collect();
    let listed = |policy: &str| -> Vec<String> {
        let lines = policy.lines().filter_map(|line| {
            let text = line.trim().trim_end_matches(',').strip_prefix('"')?;
            text.strip_suffix('"')
        });
        let actions = lines.filter(|text| text.contains(':') && !text.contains(' '));
        actions.map(str::to_owned).collect()
    };
    let [import, credentials, destroy] = policies.as_slice() else {
        panic!("there are {} policies", policies.len());
    };
    assert_eq!(
        listed(import),
        [ACTIONS, &["iam:SimulatePrincipalPolicy"]].concat()
    );
    assert_eq!(listed(credentials), ACTIONS_OF_CHANGE_CREDENTIALS);
    assert_eq!(listed(destroy), ACTIONS_OF_DESTROY);
}

/// That none is missing is held by the tests on the lab, at each of the calls that they see.
#[test]
fn nothing_is_asked_for_in_vain() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["src", "../cli/src"] {
        read(&root.join(folder), &mut text);
    }
    for action in [ACTIONS, ACTIONS_OF_CHANGE_CREDENTIALS, ACTIONS_OF_DESTROY].concat() {
        let (_, operation) = action.split_once(':').unwrap();
        let is_sent = text.contains(&format!(".{}()", snake(operation)));
        let reason = BEHIND.iter().find(|(behind, _)| *behind == action);
        assert!(
            is_sent != reason.is_some(),
            "{action}: sent {is_sent}, {reason:?}"
        );
    }
}

/// The text of all sources below a folder, tests aside.
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

/// `CreateRole` as the SDK's method: `create_role`.
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
