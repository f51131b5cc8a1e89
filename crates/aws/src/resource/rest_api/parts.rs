use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::pages::all;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{ApiKey, IntegrationType, Method, RestApi, UsagePlan};
use deployment::{ClusterName, Tags};
use std::collections::HashMap;

/// The existing parts of a join API. Usage plan and key can exist without the API. Names are not unique in API Gateway: parts
/// with the tag of the cluster come first.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) api: Option<RestApi>,
    pub(super) root_id: Option<String>,
    pub(super) resource_id: Option<String>,
    pub(super) method: Option<Method>,
    pub(super) stage: Option<String>,
    /// The description of the deployment that the stage serves.
    pub(super) deployment: Option<String>,
    pub(super) plan: Option<UsagePlan>,
    pub(super) key: Option<ApiKey>,
    pub(super) key_in_plan: bool,
}

impl Parts {
    pub(super) async fn find(gateway: &Client, name: &str, cluster: &ClusterName) -> Result<Self> {
        let (apis, plans, keys) = tokio::try_join!(
            all(
                gateway.get_rest_apis().limit(500).into_paginator().items().send(),
                "apigateway GetRestApis"
            ),
            all(
                gateway
                    .get_usage_plans()
                    .limit(500)
                    .into_paginator()
                    .items()
                    .send(),
                "apigateway GetUsagePlans"
            ),
            all(
                gateway
                    .get_api_keys()
                    .name_query(name)
                    .include_values(true)
                    .limit(500)
                    .into_paginator()
                    .items()
                    .send(),
                "apigateway GetApiKeys"
            ),
        )?;
        let ours = |tags: Option<&HashMap<String, String>>| is_ours(tags, cluster);
        let mut named: Vec<_> = apis.into_iter().filter(|api| api.name() == Some(name)).collect();
        named.sort_by_key(|api| !ours(api.tags()));
        let api = named.into_iter().next();
        let id = api
            .as_ref()
            .and_then(|api| api.id())
            .unwrap_or_default()
            .to_owned();
        // wekactl 1.x did not tag the usage plan: it is identified by the API that it covers.
        let plan = plans
            .into_iter()
            .find(|plan| plan.name() == Some(name) && (covers(plan, &id) || ours(plan.tags())));
        let key = keys
            .into_iter()
            .find(|key| key.name() == Some(name) && ours(key.tags()));
        let key_in_plan = is_key_of(gateway, plan.as_ref(), key.as_ref());
        let Some(api) = api else {
            return Ok(Self {
                key_in_plan: key_in_plan.await?,
                plan,
                key,
                ..Self::default()
            });
        };
        let (resources, stage, deployments, key_in_plan) = tokio::try_join!(
            all(
                gateway
                    .get_resources()
                    .rest_api_id(&id)
                    .embed("methods")
                    .limit(500)
                    .into_paginator()
                    .items()
                    .send(),
                "apigateway GetResources"
            ),
            async {
                let response = gateway
                    .get_stage()
                    .rest_api_id(&id)
                    .stage_name("default")
                    .send()
                    .await;
                ignore_not_found(response.context("apigateway GetStage"))
            },
            all(
                gateway
                    .get_deployments()
                    .rest_api_id(&id)
                    .limit(500)
                    .into_paginator()
                    .items()
                    .send(),
                "apigateway GetDeployments"
            ),
            key_in_plan,
        )?;
        let served = stage.as_ref().and_then(|stage| stage.deployment_id());
        let served = deployments
            .into_iter()
            .find(|deployment| deployment.id() == served);
        let at = |path: &str| resources.iter().find(|resource| resource.path() == Some(path));
        let resource = at(&format!("/{name}"));
        Ok(Self {
            root_id: at("/").and_then(|root| root.id().map(str::to_owned)),
            resource_id: resource.and_then(|resource| resource.id().map(str::to_owned)),
            method: resource.and_then(|resource| resource.resource_methods()?.get("GET").cloned()),
            stage: stage.and_then(|stage| stage.stage_name),
            deployment: served.and_then(|deployment| deployment.description),
            api: Some(api),
            plan,
            key,
            key_in_plan,
        })
    }

    /// Type and URI of the integration; empty if it does not exist.
    pub(super) fn integration(&self) -> (&str, &str) {
        let integration = self
            .method
            .as_ref()
            .and_then(|method| method.method_integration());
        let kind = integration.and_then(|integration| integration.r#type());
        let uri = integration.and_then(|integration| integration.uri());
        (kind.map_or("", IntegrationType::as_str), uri.unwrap_or_default())
    }

    /// Whether the key can be used: it is enabled and in the usage plan, the plan covers the API, and both have the API's tags.
    pub(super) fn key_is_enabled(&self, tags: &Tags) -> bool {
        let api = self.api.as_ref().and_then(|api| api.id()).unwrap_or_default();
        self.key.as_ref().is_some_and(|key| key.enabled())
            && self.key_in_plan
            && self.plan.as_ref().is_some_and(|plan| covers(plan, api))
            && self.untagged(Some(tags)).is_empty()
    }

    /// Usage plan and key that lack one of these tags, as paths in ARNs of API Gateway.
    pub(super) fn untagged(&self, tags: Option<&Tags>) -> Vec<String> {
        let lacks = |actual: Option<&HashMap<String, String>>| {
            let actual = Tags(actual.cloned().unwrap_or_default().into_iter().collect());
            tags.is_some_and(|tags| !tags.missing_in(&actual).is_empty())
        };
        let plan = self
            .plan
            .as_ref()
            .filter(|plan| lacks(plan.tags()))
            .and_then(|plan| plan.id());
        let key = self
            .key
            .as_ref()
            .filter(|key| lacks(key.tags()))
            .and_then(|key| key.id());
        plan.map(|id| format!("usageplans/{id}"))
            .into_iter()
            .chain(key.map(|id| format!("apikeys/{id}")))
            .collect()
    }
}

async fn is_key_of(gateway: &Client, plan: Option<&UsagePlan>, key: Option<&ApiKey>) -> Result<bool> {
    let (Some(plan), Some(key)) = (plan.and_then(|plan| plan.id()), key.and_then(|key| key.id())) else {
        return Ok(false);
    };
    let request = gateway.get_usage_plan_key().usage_plan_id(plan).key_id(key);
    let response = request.send().await.context("apigateway GetUsagePlanKey");
    Ok(ignore_not_found(response)?.is_some())
}

/// Whether a part has the tag of the cluster.
pub(super) fn is_ours(tags: Option<&HashMap<String, String>>, cluster: &ClusterName) -> bool {
    Tags(tags.cloned().unwrap_or_default().into_iter().collect()).are_of(cluster)
}

/// Whether a plan covers an API.
pub(super) fn covers(plan: &UsagePlan, api: &str) -> bool {
    plan.api_stages().iter().any(|stage| stage.api_id() == Some(api))
}
