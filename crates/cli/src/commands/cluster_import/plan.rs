use super::observe::Observation;
use crate::failure::{FAILED, Failure};
use crate::generated::Generated;
use crate::package::Package;
use crate::verify_credentials::{Check, Verification};
use deployment::desired::{self, Request};
use deployment::import::{ImportRequest, alias_outside_zone, alias_ownership};
use deployment::plan::{Conflict, Plan};
use deployment::resource::Body;
use deployment::{ResourceId, Secret, Settings};

/// Validates everything up front and returns the settings and the plan.
///
/// # Errors
/// All errors together.
pub(super) fn plan(
    request: &ImportRequest,
    observation: &Observation,
    package: &Package,
    credentials: (&str, &Secret),
    check: &Check,
) -> Result<(Settings, Plan), Failure> {
    let mut errors: Vec<String> = Vec::new();
    if let Verification::Rejected(reason) = &check.verification {
        errors.push(format!(
            "Weka rejected the username or password: {reason}; use --no-verify to import anyway"
        ));
    }
    errors.extend(check.unsupported.as_ref().map(ToString::to_string));
    if !observation.denied.is_empty() {
        errors.push(format!(
            "the AWS credentials lack permission for {}; docs/permissions.md has the full policy; use --no-permission-check to import anyway",
            observation.denied.join(", ")
        ));
    }
    let stored = match observation
        .observed
        .get(&ResourceId::SettingsItem)
        .map(|item| &item.body)
    {
        Some(Body::SettingsItem(item)) => Settings::from_item(&item.attributes)
            .map_err(|error| errors.push(error.to_string()))
            .ok(),
        _ => None,
    };
    let outside = alias_outside_zone(request, observation.zone.as_deref());
    errors.extend(outside.map(|outside| outside.to_string()));
    errors.extend(
        alias_ownership(request, stored.as_ref(), &observation.observed).map(|taken| taken.to_string()),
    );
    let settings = Settings::from_import(
        request,
        &observation.discovered,
        &observation.account,
        stored.as_ref(),
    );
    let settings = settings.map_err(|invalid| errors.extend(invalid.iter().map(ToString::to_string)));
    let Ok(settings) = settings else {
        return Err(Failure::all(FAILED, errors));
    };
    let generated = Generated::new(&settings)?;
    let desired = desired::desired(&Request {
        cluster: &request.cluster,
        account: &observation.account,
        settings: &settings,
        package: &package.metadata,
        credentials: Some(credentials),
        uuids: &generated.uuids,
        seal_keys: &generated.seal_keys,
        identity_required_after: &generated.identity_required_after,
        instances: &observation.discovered.ids(settings.groups()),
    });
    let plan = Plan::new(&request.cluster, desired, observation.observed.clone());
    let plan = plan.map_err(|conflicts| errors.extend(conflicts.iter().map(Conflict::to_string)));
    match plan {
        Ok(plan) if errors.is_empty() => Ok((settings, plan)),
        _ => Err(Failure::all(FAILED, errors)),
    }
}
