//! Which instance sent a request to join, and whether it may join.

use crate::{Environment, metrics, proxy};
use aws::joining::Claim;
use deployment::Settings;
use identity::{Document, Expected, Instance, Nonce, Refusal, RsaSignature};
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

/// The header with the signed identity document, in base64.
const IDENTITY: &str = "x-wekactl-identity";
/// The header with the nonce, in hexadecimal.
const NONCE: &str = "x-wekactl-nonce";

/// A request with a verified identity document.
#[derive(Debug)]
pub(crate) struct Identified {
    pub(crate) document: Document,
    pub(crate) nonce: Nonce,
}

/// The conditions that need no request to AWS. `None`: an instance of an older version of the launch template, which sends no
/// identity, in the time after the update.
///
/// # Errors
/// The first condition that does not hold.
pub(crate) fn verify(
    environment: &Environment,
    event: &Value,
    now: Timestamp,
) -> Result<Option<Identified>, Refusal> {
    let requirements = environment.requirements.as_ref().ok_or(Refusal::NoIdentity)?;
    let Some(text) = proxy::header(event, IDENTITY) else {
        return match requirements.required_after {
            Some(deadline) if now < deadline => {
                tracing::warn!(%deadline, "accepted without identity until the deadline");
                Ok(None)
            }
            _ => Err(Refusal::NoIdentity),
        };
    };
    let nonce = Nonce::parse(proxy::header(event, NONCE).unwrap_or_default())?;
    let document = identity::verify(text, &requirements.certificate, is_valid)?;
    document.check(&requirements.account, &environment.region, now)?;
    let source = proxy::source(event).unwrap_or_default();
    if source != document.private_ip {
        if requirements.private_api {
            return Err(Refusal::WrongSource);
        }
        // A regional API sees the address of a NAT gateway, a proxy, or the instance's public address.
        tracing::info!(
            source,
            private_ip = document.private_ip,
            "the source is another address"
        );
        metrics::write(&metrics::event(environment, "JoinSourceDiffers", None, now));
    }
    Ok(Some(Identified { document, nonce }))
}

fn is_valid(signature: RsaSignature<'_>) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, signature.public_key)
        .verify(signature.message, signature.signature)
        .is_ok()
}

/// The conditions on what AWS reports.
///
/// # Errors
/// The first condition that does not hold.
pub(crate) fn check(
    environment: &Environment,
    settings: &Settings,
    request: &Identified,
    instance: Option<Instance>,
    claim: Claim,
    now: Timestamp,
) -> Result<(), Refusal> {
    let group = settings.group(environment.host_group);
    let requirements = environment.requirements.as_ref();
    let expected = Expected {
        vpc: settings.vpc_id.clone(),
        subnet: group.map(|group| group.subnet.clone()).unwrap_or_default(),
        profile: group.map(|group| group.iam_arn.clone()).unwrap_or_default(),
        group: environment.group_name.clone(),
        template: requirements
            .map(|requirements| requirements.launch_template.clone())
            .unwrap_or_default(),
    };
    let instance = instance.ok_or(Refusal::UnknownInstance)?;
    instance.check(&request.document, &expected, now)?;
    match claim {
        Claim::Held => Ok(()),
        Claim::Conflict => Err(Refusal::Claimed),
        Claim::TooManyTries => Err(Refusal::TooManyTries),
    }
}
