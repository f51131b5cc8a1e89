//! What is left of a join API: APIs, plans and keys, each of which may be there without the others, or more than once.

use crate::error::{Context, Result};
use crate::error_codes::{ignore, ignore_not_found, is_stage_removed};
use crate::inventory::Inventory;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::Op;
use deployment::Tags;
use deployment::removal::{Facts, Remnant};
use futures::future::try_join_all;
use std::collections::HashMap;

/// All that bears the name. API Gateway's names are not unique.
pub(super) async fn remnants(inventory: &Inventory<'_>, name: &str) -> Result<Vec<Remnant>> {
    let (apis, plans, keys) = tokio::try_join!(inventory.apis(), inventory.plans(), inventory.api_keys())?;
    let apis = apis.iter().filter(|api| api.name() == Some(name));
    let apis = apis.map(|api| remnant(name, api.id(), api.tags()).with(Facts::Api));
    let plans = plans.iter().filter(|plan| plan.name() == Some(name)).map(|plan| {
        let stages = plan.api_stages().iter().map(|stage| {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            (text(stage.api_id()), text(stage.stage()))
        });
        remnant(name, plan.id(), plan.tags()).with(Facts::Plan(stages.collect()))
    });
    let keys = keys.iter().filter(|key| key.name() == Some(name));
    let keys = keys.map(|key| remnant(name, key.id(), key.tags()).with(Facts::ApiKey));
    Ok(apis.chain(plans).chain(keys).collect())
}

fn remnant(name: &str, id: Option<&str>, tags: Option<&HashMap<String, String>>) -> Remnant {
    let tags = Tags(tags.cloned().unwrap_or_default().into_iter().collect());
    Remnant::named(name.to_owned(), Some(tags)).by(id.unwrap_or_default())
}

/// Removes them: the plans first, because a plan is known by its API where it has no tags (the Go tool's), and because AWS
/// deletes none that covers a stage.
pub(super) async fn delete(gateway: &Client, remnants: &[Remnant]) -> Result<()> {
    try_join_all(remnants.iter().map(|remnant| delete_plan(gateway, remnant))).await?;
    let others = remnants.iter().map(async |remnant| {
        let id = &remnant.handle;
        let answer = match remnant.facts {
            Facts::Api => {
                let answer = gateway.delete_rest_api().rest_api_id(id).send().await;
                answer.context("apigateway DeleteRestApi").map(drop)
            }
            Facts::ApiKey => {
                let answer = gateway.delete_api_key().api_key(id).send().await;
                answer.context("apigateway DeleteApiKey").map(drop)
            }
            _ => Ok(()),
        };
        ignore_not_found(answer).map(drop)
    });
    try_join_all(others).await.map(drop)
}

async fn delete_plan(gateway: &Client, remnant: &Remnant) -> Result<()> {
    let Facts::Plan(stages) = &remnant.facts else {
        return Ok(());
    };
    if !stages.is_empty() {
        let stages = stages
            .iter()
            .map(|(api, stage)| super::patch(Op::Remove, "/apiStages", &format!("{api}:{stage}")));
        let ask = gateway.update_usage_plan().usage_plan_id(&remnant.handle);
        let answer = ask.set_patch_operations(Some(stages.collect())).send().await;
        // A stage that an earlier attempt removed is rejected. If a stage is left, DeleteUsagePlan fails.
        ignore(answer.context("apigateway UpdateUsagePlan"), is_stage_removed)?;
    }
    let answer = gateway
        .delete_usage_plan()
        .usage_plan_id(&remnant.handle)
        .send()
        .await;
    ignore_not_found(answer.context("apigateway DeleteUsagePlan")).map(drop)
}
