//! Conversions between API Gateway's types and ours.

use crate::resource::{Outputs, Target};
use aws_sdk_apigateway::types::{Op, PatchOperation, ThrottleSettings};
use deployment::policy::Policy;
use deployment::resource::Throttle;
use deployment::{Account, HostGroup, Output};
use std::collections::HashMap;

pub(super) fn outputs(account: &Account, name: &str, api: &str, key: &str) -> Outputs {
    let url = format!(
        "https://{api}.execute-api.{}.{}/default/{name}",
        account.region,
        account.dns_suffix()
    );
    vec![
        (Output::Id, api.to_owned()),
        (Output::Url, url),
        (
            Output::ExecuteArn,
            account.arn("execute-api", &format!("{api}/*/GET/{name}")),
        ),
        (Output::ApiKey, key.to_owned()),
    ]
}

/// The ARN of an API, a usage plan or a key, which has no account id.
pub(super) fn arn(account: &Account, part: &str) -> String {
    format!("arn:{}:apigateway:{}::/{part}", account.partition, account.region)
}

pub(super) fn throttle(settings: &ThrottleSettings) -> Throttle {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "we set whole numbers; another number is a difference"
    )]
    let rate = settings.rate_limit() as u32;
    Throttle {
        rate,
        burst: u32::try_from(settings.burst_limit()).unwrap_or_default(),
    }
}

/// A policy as API Gateway returns it: with escaped quotes, and with the ARN of the API instead of the short form
/// `execute-api:`. An unreadable policy becomes an empty one and differs.
pub(super) fn read_policy(account: &Account, api: &str, policy: &str) -> Policy {
    let arn = account.arn("execute-api", &format!("{api}/"));
    let policy = policy.replace("\\\"", "\"").replace("\\/", "/");
    Policy::parse(&policy.replace(&arn, "execute-api:/")).unwrap_or_else(|_| Policy::empty())
}

pub(super) fn patch(op: Op, path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder().op(op).path(path).value(value).build()
}

pub(super) fn tags(target: &Target<'_, HostGroup>) -> HashMap<String, String> {
    target
        .tags()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
