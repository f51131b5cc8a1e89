//! Whether EC2 Auto Scaling may use the KMS key that encrypts the volumes of new instances.

use crate::account::Account;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What is needed most: EC2 gets a grant for each volume.
const ACTION: &str = "kms:CreateGrant";

/// Who may use a KMS key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAccess {
    Read {
        /// The key policy.
        policy: String,
        /// The principals of the grants.
        grantees: BTreeSet<String>,
    },
    /// Why it could not be read.
    Unknown(String),
}

/// The role with which EC2 Auto Scaling launches instances.
pub(super) fn launch_role(account: &Account) -> String {
    format!(
        "arn:{}:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        account.partition, account.id
    )
}

/// Whether a role may use a key, by its policy or by a grant. The policy of a service-linked role cannot be extended, so a key policy
/// that only delegates to the account does not suffice
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html>).
///
/// A statement that this function cannot judge counts as allowing: import must not refuse a key that works.
pub(super) fn may_use(role: &str, policy: &str, grantees: &BTreeSet<String>) -> bool {
    let Ok(policy) = serde_json::from_str::<Json>(policy) else {
        return true;
    };
    let statements = many(&policy["Statement"]);
    grantees.contains(role)
        || statements.is_empty()
        || statements.iter().any(|statement| {
            statement["Effect"] == "Allow" && names(role, statement) && allows_action(statement)
        })
}

fn names(role: &str, statement: &Json) -> bool {
    let principal = &statement["Principal"];
    let is_role = |principal: &Json| principal == "*" || principal == role;
    principal.is_null() || is_role(principal) || many(&principal["AWS"]).iter().any(is_role)
}

fn allows_action(statement: &Json) -> bool {
    let actions = &statement["Action"];
    let matches = |pattern: &str| match pattern.split_once('*') {
        Some((start, _)) => ACTION
            .to_ascii_lowercase()
            .starts_with(&start.to_ascii_lowercase()),
        None => pattern.eq_ignore_ascii_case(ACTION),
    };
    actions.is_null() || many(actions).iter().filter_map(Json::as_str).any(matches)
}

/// The elements of a list; a list of one can be the element itself.
fn many(value: &Json) -> Vec<Json> {
    match value {
        Json::Null => Vec::new(),
        Json::Array(list) => list.clone(),
        one => vec![one.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::account;
    use serde_json::json;

    #[test]
    fn key_must_allow_the_role_of_auto_scaling_itself() {
        let role = launch_role(&account());
        assert_eq!(
            role,
            "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        );
        let root = "arn:aws:iam::123456789012:root";
        let allow = |principal: Json, action: Json| json!({ "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*" });
        for (statement, expected) in [
            (allow(json!({ "AWS": root }), json!("kms:*")), false),
            (
                allow(
                    json!({ "AWS": [root, role] }),
                    json!(["kms:Encrypt", "kms:CreateGrant"]),
                ),
                true,
            ),
            (allow(json!({ "AWS": role }), json!("kms:*")), true),
            (allow(json!({ "AWS": role }), json!("kms:Create*")), true),
            (
                allow(
                    json!({ "AWS": role }),
                    json!(["kms:Encrypt", "kms:GenerateDataKey*"]),
                ),
                false,
            ),
            (allow(json!({ "AWS": "*" }), json!("kms:CreateGrant")), true),
            (allow(json!("*"), json!("*")), true),
            (
                allow(json!({ "Service": "ec2.amazonaws.com" }), json!("kms:*")),
                false,
            ),
            (
                json!({ "Effect": "Deny", "Principal": "*", "Action": "kms:*" }),
                false,
            ),
            (
                json!({ "Effect": "Allow", "NotPrincipal": { "AWS": root }, "Action": "kms:*" }),
                true,
            ),
            (
                json!({ "Effect": "Allow", "Principal": "*", "NotAction": "kms:Delete*" }),
                true,
            ),
        ] {
            let one = json!({ "Statement": statement }).to_string();
            assert_eq!(may_use(&role, &one, &BTreeSet::new()), expected, "{statement}");
            let list = json!({ "Statement": [allow(json!({ "AWS": root }), json!("kms:*")), statement] });
            assert_eq!(
                may_use(&role, &list.to_string(), &BTreeSet::new()),
                expected,
                "{list}"
            );
            assert!(may_use(&role, &one, &[role.clone()].into()));
        }
        assert!(may_use(&role, "no JSON", &BTreeSet::new()));
        assert!(may_use(&role, "{}", &BTreeSet::new()));
    }
}
