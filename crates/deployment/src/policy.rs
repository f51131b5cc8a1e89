//! IAM policies: which service may assume each role, and what the role may do.
//!
//! Least privilege: a statement names its resources wherever the action takes one. Actions that take none (`Describe...`) have
//! a statement of their own, so that no other action gets their `*`.

use crate::account::Account;
use crate::id::ResourceId;
use crate::names::{FunctionType, HostGroup, Names, RoleUse};
use crate::settings::{CLAIM_PREFIX, CREDENTIALS_KEY, SETTINGS_KEY};
use crate::tags;
use crate::value::{Output, Outputs, Value};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: String,
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

/// A statement of a policy. Elements that wekactl does not write are kept in `other`, so that they show as a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<Json>,
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    action: Vec<String>,
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    resource: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<Json>,
    #[serde(flatten)]
    other: Map<String, Json>,
}

/// IAM returns a list of one as the element itself.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        One(T),
        Many(Vec<T>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

impl Policy {
    fn new(statement: Vec<Statement>) -> Self {
        Self {
            version: "2012-10-17".to_owned(),
            statement,
        }
    }

    /// Reads a document as AWS returns it.
    ///
    /// # Errors
    /// The text is not a policy document.
    pub fn parse(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(document)
    }

    /// A policy without statements, which allows nothing.
    pub fn empty() -> Self {
        Self::new(Vec::new())
    }

    /// The document as AWS takes it.
    pub fn document(&self) -> String {
        json!(self).to_string()
    }

    /// Replaces references by the outputs that are known.
    pub fn resolve(&mut self, outputs: &Outputs) {
        for value in self
            .statement
            .iter_mut()
            .flat_map(|statement| &mut statement.resource)
        {
            value.resolve(outputs);
        }
    }

    /// The hex SHA-256 of the statements: the version that a role is tagged with. A reference to an
    /// output counts as a reference, so that the version is known before the output.
    pub fn version(&self) -> String {
        // The version is stored in a tag. References keep the text of the first release, otherwise an update would change every
        // role.
        let statements = json!(self.statement)
            .to_string()
            .replace(" is created)", " is made)");
        hex::encode(Sha256::digest(statements))
    }
}

/// Whether a text is the ARN of an IAM policy.
pub fn is_policy_arn(text: &str) -> bool {
    let Some((head, name)) = text.split_once(":policy/") else {
        return false;
    };
    let ["arn", partition, "iam", "", account] = head.split(':').collect::<Vec<_>>()[..] else {
        return false;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
    partition.starts_with("aws")
        && (is_account || account == AWS_ACCOUNT)
        && !name.is_empty()
        && !name.ends_with('/')
        && name.bytes().all(is_name)
}

/// The account in the ARN of a policy that AWS manages.
const AWS_ACCOUNT: &str = "aws";

/// Whether a role of this account may have the policy: it is one of the account, or AWS's own.
pub fn is_policy_of(arn: &str, account: &Account) -> bool {
    [account.id.as_str(), AWS_ACCOUNT]
        .iter()
        .any(|owner| arn.starts_with(&format!("arn:{}:iam::{owner}:policy/", account.partition)))
}

fn allow(actions: &[&str], resources: impl IntoIterator<Item = Value>) -> Statement {
    Statement {
        effect: "Allow".to_owned(),
        principal: None,
        action: actions.iter().map(|&action| action.to_owned()).collect(),
        resource: resources.into_iter().collect(),
        condition: None,
        other: Map::new(),
    }
}

impl Statement {
    fn when(self, condition: Json) -> Self {
        Self {
            condition: Some(condition),
            ..self
        }
    }
}

fn anything() -> [Value; 1] {
    [Value::from("*")]
}

/// The trust policy: one service, and only for this account. Otherwise another account could make the service use the role
/// (the confused deputy problem).
pub fn trust(account: &Account, user: RoleUse) -> Policy {
    let service = match user {
        RoleUse::Function(_) => "lambda.amazonaws.com",
        RoleUse::StateMachine => "states.amazonaws.com",
        RoleUse::Rule => "events.amazonaws.com",
    };
    let mut statement = allow(&["sts:AssumeRole"], []);
    statement.principal = Some(json!({ "Service": service }));
    // Lambda does not send the source account when it assumes the role of a function: with the condition it would fail.
    if !matches!(user, RoleUse::Function(_)) {
        statement.condition = Some(json!({ "StringEquals": { "aws:SourceAccount": account.id } }));
    }
    Policy::new(vec![statement])
}

/// The inline policy of a role.
pub fn permissions(account: &Account, names: &Names, group: HostGroup, user: RoleUse) -> Policy {
    Policy::new(match user {
        RoleUse::Function(function) => of_function(account, names, group, function),
        RoleUse::StateMachine => of_state_machine(account, names, group),
        RoleUse::Rule => vec![allow(
            &["states:StartExecution"],
            [state_machine(account, names, group)],
        )],
    })
}

fn of_function(account: &Account, names: &Names, group: HostGroup, function: FunctionType) -> Vec<Statement> {
    let log_group = names.function_log_group(group, function);
    let mut statements = vec![allow(
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        [account.arn("logs", &format!("log-group:{log_group}:*")).into()],
    )];
    match function {
        FunctionType::Join => {
            let mut items = vec![SETTINGS_KEY];
            items.extend((group == HostGroup::Backends).then_some(CREDENTIALS_KEY));
            let [items_of_table, key] = credentials(account, names);
            statements.extend([
                items_of_table.when(leading_keys("ForAllValues:StringEquals", &items)),
                key,
                allow(&["dynamodb:UpdateItem"], [table(account, names)]).when(leading_keys(
                    "ForAllValues:StringLike",
                    &[&format!("{CLAIM_PREFIX}*")],
                )),
                allow(&["ec2:DescribeInstances"], anything()),
            ]);
        }
        FunctionType::Fetch => {
            statements.extend(credentials(account, names));
            statements.push(allow(
                &["autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances"],
                anything(),
            ));
        }
        FunctionType::Scale => {
            // Lambda attaches the function to the VPC with this role. These actions take no resource that is known up front.
            statements.push(allow(
                &[
                    "ec2:CreateNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSubnets",
                    "ec2:DeleteNetworkInterface",
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:UnassignPrivateIpAddresses",
                ],
                anything(),
            ));
            statements.extend(credentials(account, names));
        }
        FunctionType::Terminate => {
            statements.push(allow(
                &[
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeScalingActivities",
                    "ec2:DescribeInstances",
                ],
                anything(),
            ));
            let name = format!("autoScalingGroup:*:autoScalingGroupName/{}", names.of(group));
            statements.push(allow(
                &[
                    "autoscaling:SetInstanceProtection",
                    "autoscaling:SetInstanceHealth",
                    "autoscaling:DetachInstances",
                ],
                [account.arn("autoscaling", &name).into()],
            ));
            let tag = format!("aws:ResourceTag/{}", tags::CLUSTER_NAME);
            statements.push(
                allow(
                    &["ec2:ModifyInstanceAttribute", "ec2:TerminateInstances"],
                    [account.arn("ec2", "instance/*").into()],
                )
                .when(json!({ "StringEquals": { tag: names.cluster().as_str() } })),
            );
        }
        FunctionType::Transient => {}
    }
    statements
}

/// Allows reading the table, which is encrypted with the cluster's key. The key can be used through DynamoDB only.
fn credentials(account: &Account, names: &Names) -> [Statement; 2] {
    let dynamodb = format!("dynamodb.{}.{}", account.region, account.dns_suffix());
    [
        allow(&["dynamodb:GetItem"], [table(account, names)]),
        allow(&["kms:Decrypt"], [Value::Of(ResourceId::KmsKey, Output::Arn)])
            .when(json!({ "StringEquals": { "kms:ViaService": dynamodb } })),
    ]
}

fn table(account: &Account, names: &Names) -> Value {
    account.arn("dynamodb", &format!("table/{}", names.base())).into()
}

/// Only the items with these keys.
fn leading_keys(operator: &str, keys: &[&str]) -> Json {
    json!({ operator: { "dynamodb:LeadingKeys": keys } })
}

fn of_state_machine(account: &Account, names: &Names, group: HostGroup) -> Vec<Statement> {
    vec![
        allow(
            &["lambda:InvokeFunction"],
            FunctionType::OF_STATE_MACHINE
                .map(|function| function_arn(account, names, group, function).into()),
        ),
        // Log delivery: none of these actions takes a resource.
        allow(
            &[
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ],
            anything(),
        ),
    ]
}

/// The policy of a private API: it denies requests from other VPCs.
pub fn private_api(vpc: &str) -> Policy {
    let everyone = Some(json!("*"));
    let mut invoke = allow(&["execute-api:Invoke"], [Value::from("execute-api:/*")]);
    invoke.principal.clone_from(&everyone);
    let mut deny = invoke
        .clone()
        .when(json!({ "StringNotEquals": { "aws:SourceVpc": vpc } }));
    deny.effect = "Deny".to_owned();
    Policy::new(vec![deny, invoke])
}

pub fn function_arn(account: &Account, names: &Names, group: HostGroup, function: FunctionType) -> String {
    account.arn("lambda", &format!("function:{}", names.function(group, function)))
}

fn state_machine(account: &Account, names: &Names, group: HostGroup) -> Value {
    state_machine_arn(account, names, group).into()
}

pub fn state_machine_arn(account: &Account, names: &Names, group: HostGroup) -> String {
    account.arn("states", &format!("stateMachine:{}", names.state_machine(group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            id: "123456789012".into(),
            region: "eu-west-1".into(),
            partition: "aws".into(),
        }
    }

    #[test]
    fn every_role_by_snapshot() {
        let names = Names::new("wk".parse().unwrap());
        for user in RoleUse::ALL {
            let role = json!({
                "trust": trust(&account(), user),
                "permissions": permissions(&account(), &names, HostGroup::Backends, user),
            });
            insta::assert_json_snapshot!(format!("role_{user}"), role);
        }
        insta::assert_json_snapshot!("private_api", private_api("vpc-1"));
    }

    #[test]
    fn only_actions_without_resources_have_a_wildcard() {
        let names = Names::new("wk".parse().unwrap());
        for user in RoleUse::ALL {
            let policy = permissions(&account(), &names, HostGroup::Clients, user);
            for statement in &policy.statement {
                let star = statement.resource == anything();
                for action in &statement.action {
                    let listing = action.contains(":Describe")
                        || action.contains("LogDeliver")
                        || action.contains("NetworkInterface")
                        || action.contains("PrivateIpAddresses")
                        || action == "logs:PutResourcePolicy";
                    assert_eq!(star, listing, "{user}: {action}");
                }
            }
        }
    }

    #[test]
    fn policy_as_aws_returns_it_parses_to_the_same_policy() {
        let names = Names::new("wk".parse().unwrap());
        let policy = permissions(&account(), &names, HostGroup::Backends, RoleUse::Rule);
        let shortened = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"states:StartExecution",
            "Resource":"arn:aws:states:eu-west-1:123456789012:stateMachine:wekactl-wk-Backends"}}"#;
        assert_eq!(Policy::parse(shortened).unwrap(), policy);
        let widened = shortened.replace("\"Effect\"", "\"NotPrincipal\":\"x\",\"Effect\"");
        assert_ne!(Policy::parse(&widened).unwrap(), policy);
    }

    #[test]
    fn policy_arns_are_recognized() {
        for (arn, valid, usable) in [
            ("arn:aws:iam::123456789012:policy/limit", true, true),
            ("arn:aws:iam::123456789012:policy/path/to/limit", true, true),
            ("arn:aws:iam::aws:policy/PowerUserAccess", true, true),
            ("arn:aws:iam::210987654321:policy/limit", true, false),
            ("arn:aws-cn:iam::123456789012:policy/limit", true, false),
            ("arn:aws:iam::123456789012:role/limit", false, false),
            ("arn:aws:iam::1234:policy/limit", false, false),
            ("arn:aws:iam:eu-west-1:123456789012:policy/limit", false, false),
            ("arn:aws:iam::123456789012:policy/", false, true),
            ("arn:aws:iam::123456789012:policy/a b", false, true),
            ("limit", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_policy_arn(arn), valid, "{arn}");
            assert_eq!(is_policy_of(arn, &account()), usable, "{arn}");
        }
    }
}
