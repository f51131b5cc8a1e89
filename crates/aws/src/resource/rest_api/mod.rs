//! The join API: API, path, method, integration, stage, usage plan and key.

mod convert;
mod parts;
mod removal;

use super::{DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Result, required_field};
use crate::inventory::Inventory;
use crate::once::{created_or_found, once};
use aws_sdk_apigateway::types::{
    ApiStage, EndpointConfiguration, EndpointType, IntegrationType, Op, ThrottleSettings,
};
use convert::{arn, outputs, patch, read_policy, tags, throttle};
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::policy::Policy;
use deployment::resource::RestApi;
use deployment::{HostGroup, Tags};
use parts::{Parts, is_ours};

impl Observe for RestApi {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let name = inventory.names.of(key);
        let (parts, account) = tokio::try_join!(
            Parts::find(&inventory.clients.apigateway, &name, inventory.names.cluster()),
            inventory.account()
        )?;
        let Some(api) = &parts.api else { return Ok(None) };
        let api_id = api.id().unwrap_or_default();
        let endpoint = api
            .endpoint_configuration()
            .and_then(|endpoint| endpoint.types().first());
        let method = parts.method.as_ref();
        let (integration, integration_uri) = parts.integration();
        let tags = Tags(api.tags().cloned().unwrap_or_default().into_iter().collect());
        let outputs = match &parts.key {
            Some(key) => outputs(account, &name, api_id, key.value().unwrap_or_default()),
            None => Vec::new(),
        };
        let mut body = Self {
            endpoint_type: endpoint.map_or("EDGE", EndpointType::as_str).to_owned(),
            policy: api.policy().map(|policy| read_policy(account, api_id, policy)),
            path: parts
                .resource_id
                .as_ref()
                .map(|_| name.clone())
                .unwrap_or_default(),
            api_key_required: method.is_some_and(|method| method.api_key_required() == Some(true)),
            integration: integration.to_owned(),
            integration_uri: integration_uri.to_owned(),
            stage: parts.stage.clone().unwrap_or_default(),
            deployed: false,
            throttle: parts.plan.as_ref().and_then(|plan| plan.throttle()).map(throttle),
            key_enabled: parts.key_is_enabled(&tags),
        };
        body.deployed = parts.deployment == Some(body.deployment());
        Ok(Some(Actual {
            body,
            name,
            tags: Some(tags),
            outputs,
        }))
    }
}

impl Resource for RestApi {
    type Key = HostGroup;

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        const OPERATION: &str = "apigateway CreateRestApi";
        let gateway = &cloud.clients.apigateway;
        let find = async || Parts::find(gateway, target.name, cloud.names.cluster()).await;
        let created = async {
            let request = gateway
                .create_rest_api()
                .name(target.name)
                .description("Wekactl host join info API")
                .endpoint_configuration(
                    EndpointConfiguration::builder()
                        .types(EndpointType::from(self.endpoint_type.as_str()))
                        .build(),
                )
                .set_policy(self.policy.as_ref().map(Policy::document))
                .set_tags(Some(tags(target)));
            let created = once!(request, aws_sdk_apigateway, create_rest_api::CreateRestApiError).await;
            let created = created.map(|api| (api.id, api.root_resource_id));
            created_or_found(OPERATION, created, async || {
                let parts = find().await?;
                let ours = parts.api.filter(|api| is_ours(api.tags(), cloud.names.cluster()));
                Ok(ours.map(|api| (api.id, parts.root_id)))
            })
            .await
        };
        // Usage plan and key of a deleted API are used again.
        let (parts, (id, root)) = tokio::try_join!(find(), created)?;
        let id = required_field(id, OPERATION, "id")?;
        let root = required_field(root, OPERATION, "root resource")?;
        let (staged, key) = tokio::try_join!(
            self.set_method(cloud, &id, &root, None),
            self.set_key(cloud, target, parts.key.as_ref())
        )?;
        let () = staged;
        self.set_plan(cloud, target, &id, Some(&parts), &key.0).await?;
        tag(cloud, target, parts.untagged(target.tags)).await?;
        Ok(outputs(&cloud.account, target.name, &id, &key.1))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let gateway = &cloud.clients.apigateway;
        let parts = Parts::find(gateway, target.name, cloud.names.cluster()).await?;
        let api = required_field(parts.api.as_ref(), "apigateway GetRestApis", "API")?;
        let id = required_field(api.id(), "apigateway GetRestApis", "id")?;
        let mut patches = Vec::new();
        if self.endpoint_type != current.body.endpoint_type {
            // The path has the current type.
            let path = format!("/endpointConfiguration/types/{}", current.body.endpoint_type);
            patches.push(patch(Op::Replace, &path, &self.endpoint_type));
        }
        if self.policy != current.body.policy {
            let document = self.policy.as_ref().map(Policy::document).unwrap_or_default();
            patches.push(patch(Op::Replace, "/policy", &document));
        }
        if !patches.is_empty() {
            let request = gateway
                .update_rest_api()
                .rest_api_id(id)
                .set_patch_operations(Some(patches));
            request.send().await.context("apigateway UpdateRestApi")?;
        }
        // A policy and an endpoint type take effect when the API is deployed.
        if self.needs_deployment(&current.body) {
            let root = required_field(
                parts.root_id.as_deref(),
                "apigateway GetResources",
                "root resource",
            )?;
            self.set_method(cloud, id, root, Some(&parts)).await?;
        }
        let (key, value) = self.set_key(cloud, target, parts.key.as_ref()).await?;
        self.set_plan(cloud, target, id, Some(&parts), &key).await?;
        let mut of = vec![];
        if !target.new_tags(current).is_empty() {
            of.push(format!("restapis/{id}"));
        }
        of.extend(parts.untagged(target.tags));
        tag(cloud, target, of).await?;
        Ok(outputs(&cloud.account, target.name, id, &value))
    }
}

impl Find for RestApi {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        removal::find(inventory, &inventory.names.of(key)).await
    }
}

impl Delete for RestApi {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        removal::delete(&cloud.clients.apigateway, &teardown.found).await?;
        Ok(None)
    }
}

/// Steps of create and update. Each creates or changes what `parts` lacks.
trait Ensure {
    async fn set_method(&self, cloud: &Cloud, api: &str, root: &str, parts: Option<&Parts>) -> Result<()>;
    async fn set_key(
        &self,
        cloud: &Cloud,
        target: &Target<'_, HostGroup>,
        key: Option<&aws_sdk_apigateway::types::ApiKey>,
    ) -> Result<(String, String)>;
    async fn set_plan(
        &self,
        cloud: &Cloud,
        target: &Target<'_, HostGroup>,
        api: &str,
        parts: Option<&Parts>,
        key: &str,
    ) -> Result<()>;
}

impl Ensure for RestApi {
    /// Path, method and integration, and their deployment to the stage.
    async fn set_method(&self, cloud: &Cloud, api: &str, root: &str, parts: Option<&Parts>) -> Result<()> {
        let gateway = &cloud.clients.apigateway;
        let resource = match parts.and_then(|parts| parts.resource_id.clone()) {
            Some(id) => id,
            None => {
                let request = gateway
                    .create_resource()
                    .rest_api_id(api)
                    .parent_id(root)
                    .path_part(&self.path);
                let created = request.send().await.context("apigateway CreateResource")?;
                required_field(created.id, "apigateway CreateResource", "id")?
            }
        };
        match parts.and_then(|parts| parts.method.as_ref()) {
            Some(method) if method.api_key_required() == Some(self.api_key_required) => {}
            Some(_) => {
                let required = patch(Op::Replace, "/apiKeyRequired", &self.api_key_required.to_string());
                let request = gateway
                    .update_method()
                    .rest_api_id(api)
                    .resource_id(&resource)
                    .http_method("GET");
                request
                    .patch_operations(required)
                    .send()
                    .await
                    .context("apigateway UpdateMethod")?;
            }
            None => {
                let request = gateway
                    .put_method()
                    .rest_api_id(api)
                    .resource_id(&resource)
                    .http_method("GET");
                let request = request
                    .authorization_type("NONE")
                    .api_key_required(self.api_key_required);
                request.send().await.context("apigateway PutMethod")?;
            }
        }
        let integration = parts.map(Parts::integration);
        if integration != Some((self.integration.as_str(), self.integration_uri.as_str())) {
            gateway
                .put_integration()
                .rest_api_id(api)
                .resource_id(&resource)
                .http_method("GET")
                .r#type(IntegrationType::from(self.integration.as_str()))
                .integration_http_method("POST")
                .uri(&self.integration_uri)
                .send()
                .await
                .context("apigateway PutIntegration")?;
        }
        let request = gateway
            .create_deployment()
            .rest_api_id(api)
            .stage_name(&self.stage);
        request
            .description(self.deployment())
            .send()
            .await
            .context("apigateway CreateDeployment")?;
        Ok(())
    }

    /// The key's id and value.
    async fn set_key(
        &self,
        cloud: &Cloud,
        target: &Target<'_, HostGroup>,
        key: Option<&aws_sdk_apigateway::types::ApiKey>,
    ) -> Result<(String, String)> {
        const OPERATION: &str = "apigateway CreateApiKey";
        let gateway = &cloud.clients.apigateway;
        let (id, value) = match key {
            Some(key) => {
                let id = required_field(key.id.clone(), OPERATION, "id")?;
                if !key.enabled() {
                    let enabled = patch(Op::Replace, "/enabled", "true");
                    let request = gateway.update_api_key().api_key(&id).patch_operations(enabled);
                    request.send().await.context("apigateway UpdateApiKey")?;
                }
                (id, key.value.clone())
            }
            None => {
                let request = gateway
                    .create_api_key()
                    .name(target.name)
                    .enabled(true)
                    .set_tags(Some(tags(target)));
                let created = once!(request, aws_sdk_apigateway, create_api_key::CreateApiKeyError).await;
                let created = created.map(|key| (key.id, key.value));
                let created = created_or_found(OPERATION, created, async || {
                    let parts = Parts::find(gateway, target.name, cloud.names.cluster()).await?;
                    Ok(parts.key.map(|key| (key.id, key.value)))
                });
                let (id, value) = created.await?;
                (required_field(id, OPERATION, "id")?, value)
            }
        };
        Ok((id, required_field(value, OPERATION, "value")?))
    }

    /// The usage plan, which covers the stage and contains the key.
    async fn set_plan(
        &self,
        cloud: &Cloud,
        target: &Target<'_, HostGroup>,
        api: &str,
        parts: Option<&Parts>,
        key: &str,
    ) -> Result<()> {
        let gateway = &cloud.clients.apigateway;
        let plan = match parts.and_then(|parts| parts.plan.as_ref()) {
            Some(plan) => {
                let id = required_field(plan.id.clone(), "apigateway GetUsagePlans", "id")?;
                let mut patches = Vec::new();
                if let (true, Some(limits)) = (plan.throttle().map(throttle) != self.throttle, &self.throttle)
                {
                    patches.push(patch(
                        Op::Replace,
                        "/throttle/rateLimit",
                        &limits.rate.to_string(),
                    ));
                    patches.push(patch(
                        Op::Replace,
                        "/throttle/burstLimit",
                        &limits.burst.to_string(),
                    ));
                }
                if !parts::covers(plan, api) {
                    patches.push(patch(Op::Add, "/apiStages", &format!("{api}:{}", self.stage)));
                }
                if !patches.is_empty() {
                    let request = gateway
                        .update_usage_plan()
                        .usage_plan_id(&id)
                        .set_patch_operations(Some(patches));
                    request.send().await.context("apigateway UpdateUsagePlan")?;
                }
                id
            }
            None => {
                let request = gateway
                    .create_usage_plan()
                    .name(target.name)
                    .api_stages(ApiStage::builder().api_id(api).stage(&self.stage).build())
                    .set_throttle(self.throttle.as_ref().map(|limits| {
                        ThrottleSettings::builder()
                            .rate_limit(f64::from(limits.rate))
                            .burst_limit(i32::try_from(limits.burst).unwrap_or(i32::MAX))
                            .build()
                    }))
                    .set_tags(Some(tags(target)));
                let created = once!(
                    request,
                    aws_sdk_apigateway,
                    create_usage_plan::CreateUsagePlanError
                )
                .await;
                let created = created.map(|plan| plan.id);
                let created = created_or_found("apigateway CreateUsagePlan", created, async || {
                    let parts = Parts::find(gateway, target.name, cloud.names.cluster()).await?;
                    Ok(parts.plan.map(|plan| plan.id))
                });
                required_field(created.await?, "apigateway CreateUsagePlan", "id")?
            }
        };
        if !parts.is_some_and(|parts| parts.key_in_plan) {
            let request = gateway
                .create_usage_plan_key()
                .usage_plan_id(plan)
                .key_id(key)
                .key_type("API_KEY");
            request.send().await.context("apigateway CreateUsagePlanKey")?;
        }
        Ok(())
    }
}

/// Tags parts of the API. A part is the path in an ARN of API Gateway.
async fn tag(cloud: &Cloud, target: &Target<'_, HostGroup>, parts: Vec<String>) -> Result<()> {
    for part in parts {
        let request = cloud.clients.apigateway.tag_resource();
        let request = request.resource_arn(arn(&cloud.account, &part));
        let request = request.set_tags(Some(tags(target)));
        request.send().await.context("apigateway TagResource")?;
    }
    Ok(())
}
