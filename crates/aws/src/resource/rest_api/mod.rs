//! The join API: API, path, method, integration, stage, usage plan and key.

mod convert;
mod parts;
mod removal;

use super::{From, Given, Left, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result, required_field};
use crate::inventory::Inventory;
use aws_sdk_apigateway::types::{
    ApiStage, EndpointConfiguration, EndpointType, IntegrationType, Op, ThrottleSettings,
};
use convert::{arn, given, patch, read_policy, tags, throttle};
use deployment::plan::ActualResource;
use deployment::policy::Policy;
use deployment::removal::{Remnant, Step};
use deployment::resource::{ResourceId, RestApi};
use deployment::{HostGroup, Tags};
use parts::Parts;

impl Resource for RestApi {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let name = inventory.names.of(group_of(id)?);
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
            Some(key) => given(account, &name, api_id, key.value().unwrap_or_default()),
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
        Ok(Some(ActualResource {
            body: body.into(),
            name,
            tags: Some(tags),
            outputs,
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let gateway = &cloud.clients.apigateway;
        let made = async {
            gateway
                .create_rest_api()
                .name(target.name)
                .description("Wekactl host join info API")
                .endpoint_configuration(
                    EndpointConfiguration::builder()
                        .types(EndpointType::from(self.endpoint_type.as_str()))
                        .build(),
                )
                .set_policy(self.policy.as_ref().map(Policy::document))
                .set_tags(Some(tags(target)))
                .send()
                .await
                .context("apigateway CreateRestApi")
        };
        // Plan and key may be there already, from an API that was made and removed: they are used again.
        let (parts, api) = tokio::try_join!(Parts::find(gateway, target.name, cloud.names.cluster()), made)?;
        let id = required_field(api.id, "apigateway CreateRestApi", "id")?;
        let root = required_field(api.root_resource_id, "apigateway CreateRestApi", "root resource")?;
        let (staged, key) = tokio::try_join!(
            self.set_method(cloud, &id, &root, None),
            self.set_key(cloud, target, parts.key.as_ref())
        )?;
        let () = staged;
        self.set_plan(cloud, target, &id, Some(&parts), &key.0).await?;
        tag(cloud, target, parts.untagged(target.tags)).await?;
        Ok(given(&cloud.account, target.name, &id, &key.1))
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let gateway = &cloud.clients.apigateway;
        let parts = Parts::find(gateway, target.name, cloud.names.cluster()).await?;
        let api = required_field(parts.api.as_ref(), "apigateway GetRestApis", "API")?;
        let id = required_field(api.id(), "apigateway GetRestApis", "id")?;
        let mut patches = Vec::new();
        if from.differs(&["endpoint_type"]) {
            // The path names the type that stands.
            let standing = from.standing.body.fields();
            let path = format!(
                "/endpointConfiguration/types/{}",
                standing["endpoint_type"].as_str().unwrap_or_default()
            );
            patches.push(patch(Op::Replace, &path, &self.endpoint_type));
        }
        if from.differs(&["policy"]) {
            let document = self.policy.as_ref().map(Policy::document).unwrap_or_default();
            patches.push(patch(Op::Replace, "/policy", &document));
        }
        if !patches.is_empty() {
            let ask = gateway
                .update_rest_api()
                .rest_api_id(id)
                .set_patch_operations(Some(patches));
            ask.send().await.context("apigateway UpdateRestApi")?;
        }
        // A policy and another type of endpoint are in force once the API is deployed again.
        if from.differs(&["deployed"]) || from.differs(&Self::DEPLOYED) {
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
        if !from.new_tags(target).is_empty() {
            of.push(format!("restapis/{id}"));
        }
        of.extend(parts.untagged(target.tags));
        tag(cloud, target, of).await?;
        Ok(given(&cloud.account, target.name, id, &value))
    }

    async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        removal::remnants(inventory, &inventory.names.of(group_of(id)?)).await
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        removal::delete(&cloud.clients.apigateway, &step.remnants).await?;
        Ok(None)
    }
}

/// The steps that making and changing share: each does what is missing in `parts`.
trait Ensure {
    async fn set_method(&self, cloud: &Cloud, api: &str, root: &str, parts: Option<&Parts>) -> Result<()>;
    async fn set_key(
        &self,
        cloud: &Cloud,
        target: &Target<'_>,
        key: Option<&aws_sdk_apigateway::types::ApiKey>,
    ) -> Result<(String, String)>;
    async fn set_plan(
        &self,
        cloud: &Cloud,
        target: &Target<'_>,
        api: &str,
        parts: Option<&Parts>,
        key: &str,
    ) -> Result<()>;
}

impl Ensure for RestApi {
    /// Path, method, integration, and a deployment that puts them on the stage.
    async fn set_method(&self, cloud: &Cloud, api: &str, root: &str, parts: Option<&Parts>) -> Result<()> {
        let gateway = &cloud.clients.apigateway;
        let resource = match parts.and_then(|parts| parts.resource_id.clone()) {
            Some(id) => id,
            None => {
                let ask = gateway
                    .create_resource()
                    .rest_api_id(api)
                    .parent_id(root)
                    .path_part(&self.path);
                let made = ask.send().await.context("apigateway CreateResource")?;
                required_field(made.id, "apigateway CreateResource", "id")?
            }
        };
        match parts.and_then(|parts| parts.method.as_ref()) {
            Some(method) if method.api_key_required() == Some(self.api_key_required) => {}
            Some(_) => {
                let required = patch(Op::Replace, "/apiKeyRequired", &self.api_key_required.to_string());
                let ask = gateway
                    .update_method()
                    .rest_api_id(api)
                    .resource_id(&resource)
                    .http_method("GET");
                ask.patch_operations(required)
                    .send()
                    .await
                    .context("apigateway UpdateMethod")?;
            }
            None => {
                let ask = gateway
                    .put_method()
                    .rest_api_id(api)
                    .resource_id(&resource)
                    .http_method("GET");
                let ask = ask
                    .authorization_type("NONE")
                    .api_key_required(self.api_key_required);
                ask.send().await.context("apigateway PutMethod")?;
            }
        }
        let standing = parts.map(Parts::integration);
        if standing != Some((self.integration.as_str(), self.integration_uri.as_str())) {
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
        let ask = gateway
            .create_deployment()
            .rest_api_id(api)
            .stage_name(&self.stage);
        ask.description(self.deployment())
            .send()
            .await
            .context("apigateway CreateDeployment")?;
        Ok(())
    }

    /// The key's id and value.
    async fn set_key(
        &self,
        cloud: &Cloud,
        target: &Target<'_>,
        key: Option<&aws_sdk_apigateway::types::ApiKey>,
    ) -> Result<(String, String)> {
        const ASK: &str = "apigateway CreateApiKey";
        let gateway = &cloud.clients.apigateway;
        let (id, value) = match key {
            Some(key) => {
                let id = required_field(key.id.clone(), ASK, "id")?;
                if !key.enabled() {
                    let enabled = patch(Op::Replace, "/enabled", "true");
                    let ask = gateway.update_api_key().api_key(&id).patch_operations(enabled);
                    ask.send().await.context("apigateway UpdateApiKey")?;
                }
                (id, key.value.clone())
            }
            None => {
                let ask = gateway
                    .create_api_key()
                    .name(target.name)
                    .enabled(true)
                    .set_tags(Some(tags(target)));
                let made = ask.send().await.context(ASK)?;
                (required_field(made.id, ASK, "id")?, made.value)
            }
        };
        Ok((id, required_field(value, ASK, "value")?))
    }

    /// The usage plan over the stage, with the key in it.
    async fn set_plan(
        &self,
        cloud: &Cloud,
        target: &Target<'_>,
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
                    let ask = gateway
                        .update_usage_plan()
                        .usage_plan_id(&id)
                        .set_patch_operations(Some(patches));
                    ask.send().await.context("apigateway UpdateUsagePlan")?;
                }
                id
            }
            None => {
                let made = gateway
                    .create_usage_plan()
                    .name(target.name)
                    .api_stages(ApiStage::builder().api_id(api).stage(&self.stage).build())
                    .set_throttle(self.throttle.as_ref().map(|limits| {
                        ThrottleSettings::builder()
                            .rate_limit(f64::from(limits.rate))
                            .burst_limit(i32::try_from(limits.burst).unwrap_or(i32::MAX))
                            .build()
                    }))
                    .set_tags(Some(tags(target)))
                    .send()
                    .await
                    .context("apigateway CreateUsagePlan")?;
                required_field(made.id, "apigateway CreateUsagePlan", "id")?
            }
        };
        if !parts.is_some_and(|parts| parts.key_in_plan) {
            let ask = gateway
                .create_usage_plan_key()
                .usage_plan_id(plan)
                .key_id(key)
                .key_type("API_KEY");
            ask.send().await.context("apigateway CreateUsagePlanKey")?;
        }
        Ok(())
    }
}

/// Tags parts of the API, given as paths of API Gateway's ARNs.
async fn tag(cloud: &Cloud, target: &Target<'_>, parts: Vec<String>) -> Result<()> {
    for part in parts {
        let ask = cloud.clients.apigateway.tag_resource();
        let ask = ask.resource_arn(arn(&cloud.account, &part));
        let ask = ask.set_tags(Some(tags(target)));
        ask.send().await.context("apigateway TagResource")?;
    }
    Ok(())
}

fn group_of(id: ResourceId) -> Result<HostGroup> {
    id.group()
        .ok_or_else(|| Error::bug("apigateway GetRestApis", "not an API of a host group"))
}
