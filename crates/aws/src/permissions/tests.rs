use super::*;
use crate::test_support::{RespondWith, config, xml_response};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

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

const POLICIES: [&str; 5] = [IMPORT, ENCRYPTION, LIST, CHANGE_CREDENTIALS, DESTROY];

fn statements(policy: &str) -> Vec<Statement> {
    serde_json::from_str::<Document>(policy).unwrap().statement
}

fn actions(policy: &str) -> Vec<String> {
    statements(policy)
        .into_iter()
        .flat_map(|statement| statement.action)
        .collect()
}

#[test]
fn actions_are_sorted_and_each_is_in_one_policy() {
    let mut all = BTreeMap::new();
    for policy in POLICIES {
        for statement in statements(policy) {
            assert!(
                statement.action.is_sorted_by(|a, b| a < b),
                "{:?}",
                statement.action
            );
        }
        for action in actions(policy) {
            let other = all.insert(action.clone(), policy);
            // `iam:PassRole` has two conditions, a list of all stacks names none, and destroy does not need the policy of
            // change-credentials.
            let repeated = [
                "iam:PassRole",
                "cloudformation:DescribeStacks",
                "dynamodb:UpdateItem",
            ];
            assert!(other.is_none() || repeated.contains(&&*action), "{action}");
        }
    }
}

#[test]
fn documentation_has_the_policies() {
    let docs = include_str!("../../../../docs/permissions.md");
    let documented = docs
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    assert_eq!(documented.collect::<Vec<_>>(), POLICIES);
}

/// A larger policy cannot be created as a managed policy: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
#[test]
fn policies_fit_into_a_managed_policy() {
    for policy in POLICIES {
        assert!(policy.split_whitespace().map(str::len).sum::<usize>() <= 6144);
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|text| (0..=text.len()).any(|at| matches(rest, &text[at..]))),
    }
}

/// What IAM's simulator denies for a caller with the statements of [`IMPORT`] that `keep` keeps.
async fn denied_without(keep: impl Fn(&str) -> bool) -> Vec<DeniedAction> {
    let mut statements = statements(IMPORT);
    statements.retain_mut(|statement| {
        statement.action.retain(|action| keep(action));
        statement.condition.is_none()
    });
    let statements = Arc::new(statements);
    let simulator = RespondWith(move |form: BTreeMap<String, String>| {
        let members = |name: &str| {
            let prefix = format!("{name}.member.");
            let members = form.iter().filter(|(key, _)| key.starts_with(&prefix));
            members.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let mut results = String::new();
        for action in members("ActionNames") {
            for resource in members("ResourceArns") {
                let allowed = statements.iter().any(|statement| {
                    statement.action.contains(&action)
                        && statement
                            .resource
                            .iter()
                            .any(|pattern| matches(pattern, &resource))
                });
                let decision = if allowed { "allowed" } else { "implicitDeny" };
                results += &format!(
                    "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>\
                     <EvalDecision>{decision}</EvalDecision></member>"
                );
            }
        }
        Some(xml_response(
            200,
            &format!(
                "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>\
                 <EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>\
                 </SimulatePrincipalPolicyResponse>"
            ),
        ))
    });
    let (account, names) = (account(), Names::new("wk".parse().unwrap()));
    let iam = Client::new(&config(simulator));
    denied(&iam, "arn:aws:iam::123456789012:user/me", &account, &names).await
}

#[tokio::test]
async fn caller_with_the_documented_policy_lacks_nothing() {
    assert_eq!(denied_without(|_| true).await, []);
}

#[tokio::test]
async fn missing_action_is_reported_if_its_resources_are_known() {
    let denied = |action: &'static str| denied_without(move |other| other != action);
    for (action, is_for_new_resource) in [
        ("dynamodb:CreateTable", false),
        ("ec2:DescribeInstances", false),
        ("lambda:CreateFunction", false),
        ("logs:CreateLogGroup", false),
        ("iam:CreateRole", true),
        ("kms:CreateAlias", true),
        ("apigateway:POST", true),
        ("ec2:CreateLaunchTemplate", true),
        ("elasticloadbalancing:CreateTargetGroup", true),
        ("autoscaling:CreateAutoScalingGroup", true),
    ] {
        let expected = DeniedAction {
            action: action.to_owned(),
            is_certain: true,
            is_for_new_resource,
        };
        assert_eq!(denied(action).await, [expected]);
    }
    // Only AWS knows on which instances the caller may do this.
    assert_eq!(denied("ec2:ModifyInstanceAttribute").await, []);
}

#[test]
fn only_an_implicit_deny_without_conditions_is_a_denial() {
    use aws_sdk_iam::types::{
        OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail, ResourceSpecificResult,
    };
    let result = || {
        EvaluationResult::builder()
            .eval_action_name("a:B")
            .eval_decision(Decision::ImplicitDeny)
    };
    assert_eq!(outcome(&result().build().unwrap()), Outcome::Denied);
    let explicit = result().eval_decision(Decision::ExplicitDeny);
    assert_eq!(outcome(&explicit.build().unwrap()), Outcome::Doubtful);
    let boundary = PermissionsBoundaryDecisionDetail::builder().allowed_by_permissions_boundary(false);
    let boundary = result().permissions_boundary_decision_detail(boundary.build());
    assert_eq!(outcome(&boundary.build().unwrap()), Outcome::Doubtful);
    let conditional = result().missing_context_values("aws:SourceVpc");
    assert_eq!(outcome(&conditional.build().unwrap()), Outcome::Allowed);
    let organization = OrganizationsDecisionDetail::builder().allowed_by_organizations(false);
    let organization = result().organizations_decision_detail(organization.build());
    assert_eq!(outcome(&organization.build().unwrap()), Outcome::Allowed);
    for (decision, expected) in [
        (Decision::Allowed, Outcome::Allowed),
        (Decision::ExplicitDeny, Outcome::Doubtful),
        (Decision::ImplicitDeny, Outcome::Denied),
    ] {
        let resource = ResourceSpecificResult::builder()
            .eval_resource_name("arn")
            .eval_resource_decision(decision);
        let resource = result().resource_specific_results(resource.build().unwrap());
        assert_eq!(outcome(&resource.build().unwrap()), expected);
    }
}

#[tokio::test]
async fn simulation_has_the_region_of_each_request() {
    let regions = Arc::new(Mutex::new(BTreeMap::new()));
    let simulator = {
        let regions = Arc::clone(&regions);
        RespondWith(move |form: BTreeMap<String, String>| {
            assert_eq!(
                form["ContextEntries.member.1.ContextKeyName"],
                "aws:RequestedRegion"
            );
            let region = &form["ContextEntries.member.1.ContextKeyValues.member.1"];
            let actions = form.iter().filter(|(key, _)| key.starts_with("ActionNames."));
            let mut regions = regions.lock().unwrap();
            regions.extend(actions.map(|(_, action)| (action.clone(), region.clone())));
            Some(xml_response(
                200,
                "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>\
                 </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>",
            ))
        })
    };
    let (account, names) = (account(), Names::new("wk".parse().unwrap()));
    let iam = Client::new(&config(simulator));
    let denied = denied(&iam, "arn:aws:iam::123456789012:user/me", &account, &names).await;
    assert_eq!(denied, []);
    let regions = regions.lock().unwrap();
    for (action, region) in [
        ("iam:ListRoles", "us-east-1"),
        ("iam:CreateRole", "us-east-1"),
        ("ec2:DescribeVpcs", "eu-west-1"),
        ("lambda:CreateFunction", "eu-west-1"),
    ] {
        assert_eq!(regions.get(action).map(String::as_str), Some(region), "{action}");
    }
}

fn account() -> Account {
    Account {
        id: "123456789012".into(),
        region: "eu-west-1".into(),
        partition: "aws".into(),
    }
}

/// The lab's tests prove for every recorded call that no action is missing.
#[test]
fn every_action_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["src", "../cli/src"] {
        read(&root.join(folder), &mut text);
    }
    for action in POLICIES.iter().flat_map(|policy| actions(policy)) {
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
