//! The existing parts of a join API: APIs, usage plans and keys. Each can exist without the others, and several times.

use crate::error::{Context, Result};
use crate::error_codes::{ignore, ignore_not_found, is_stage_removed};
use crate::inventory::Inventory;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::Op;
use deployment::Tags;
use deployment::found::{Details, FoundResource};
use futures::future::try_join_all;
use std::collections::HashMap;

/// All parts with this name. Names are not unique in API Gateway.
pub(super) async fn find(inventory: &Inventory<'_>, name: &str) -> Result<Vec<FoundResource>> {
    let (apis, plans, keys) =
        tokio::try_join!(inventory.apis(), inventory.usage_plans(), inventory.api_keys())?;
    let apis = apis.iter().filter(|api| api.name() == Some(name));
    let apis = apis.map(|api| found(name, api.id(), api.tags()).with(Details::Api));
    let plans = plans.iter().filter(|plan| plan.name() == Some(name)).map(|plan| {
        let stages = plan.api_stages().iter().map(|stage| {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            (text(stage.api_id()), text(stage.stage()))
        });
        found(name, plan.id(), plan.tags()).with(Details::UsagePlan(stages.collect()))
    });
    let keys = keys.iter().filter(|key| key.name() == Some(name));
    let keys = keys.map(|key| found(name, key.id(), key.tags()).with(Details::ApiKey));
    Ok(apis.chain(plans).chain(keys).collect())
}

fn found(name: &str, id: Option<&str>, tags: Option<&HashMap<String, String>>) -> FoundResource {
    let tags = Tags(tags.cloned().unwrap_or_default().into_iter().collect());
    FoundResource::named(name.to_owned(), Some(tags)).with_handle(id.unwrap_or_default())
}

/// Deletes the usage plans first: an untagged plan (of wekactl 1.x) is identified by its API, and an API cannot be deleted while
/// a plan covers its stage.
pub(super) async fn delete(gateway: &Client, resources: &[FoundResource]) -> Result<()> {
    try_join_all(resources.iter().map(|resource| delete_plan(gateway, resource))).await?;
    let others = resources.iter().map(async |resource| {
        let id = &resource.handle;
        let response = match resource.details {
            Details::Api => {
                let response = gateway.delete_rest_api().rest_api_id(id).send().await;
                response.context("apigateway DeleteRestApi").map(drop)
            }
            Details::ApiKey => {
                let response = gateway.delete_api_key().api_key(id).send().await;
                response.context("apigateway DeleteApiKey").map(drop)
            }
            _ => Ok(()),
        };
        ignore_not_found(response).map(drop)
    });
    try_join_all(others).await.map(drop)
}

async fn delete_plan(gateway: &Client, resource: &FoundResource) -> Result<()> {
    let Details::UsagePlan(stages) = &resource.details else {
        return Ok(());
    };
    if !stages.is_empty() {
        let stages = stages
            .iter()
            .map(|(api, stage)| super::patch(Op::Remove, "/apiStages", &format!("{api}:{stage}")));
        let request = gateway.update_usage_plan().usage_plan_id(&resource.handle);
        let response = request.set_patch_operations(Some(stages.collect())).send().await;
        // A stage that an earlier attempt removed is rejected. If a stage is left, DeleteUsagePlan fails.
        ignore(response.context("apigateway UpdateUsagePlan"), is_stage_removed)?;
    }
    let response = gateway
        .delete_usage_plan()
        .usage_plan_id(&resource.handle)
        .send()
        .await;
    ignore_not_found(response.context("apigateway DeleteUsagePlan")).map(drop)
}
