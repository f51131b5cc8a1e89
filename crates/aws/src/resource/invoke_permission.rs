use super::{Observe, Outputs, Resource, Target, resolved};
use crate::cloud::Cloud;
use crate::error::{Context, Result};
use crate::error_codes::{ignore_not_found, is_not_found};
use crate::inventory::Inventory;
use crate::retry;
use deployment::actual::Actual;
use deployment::resource::InvokePermission;
use deployment::{FunctionType, HostGroup, Value};
use serde_json::Value as Json;

const SERVICE: &str = "apigateway.amazonaws.com";
/// The id of our statement.
const OURS: &str = "join-api";

impl Observe for InvokePermission {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let name = inventory.names.function(key, FunctionType::Join);
        let response = inventory
            .clients
            .lambda
            .get_policy()
            .function_name(&name)
            .send()
            .await;
        let response = ignore_not_found(response.context("lambda GetPolicy"))?;
        let Some(policy) = response.and_then(|response| response.policy) else {
            return Ok(None);
        };
        let policy: Json = serde_json::from_str(&policy).unwrap_or_default();
        let mut source = None;
        let mut others = Vec::new();
        for statement in policy["Statement"].as_array().into_iter().flatten() {
            let sid = statement["Sid"].as_str().unwrap_or_default();
            if sid == OURS {
                let arn = |kind: &str| statement["Condition"][kind]["AWS:SourceArn"].as_str();
                source = Some(
                    arn("ArnLike")
                        .or_else(|| arn("ArnEquals"))
                        .unwrap_or_default()
                        .to_owned(),
                );
            } else if statement["Principal"]["Service"] == SERVICE {
                others.push(sid.to_owned());
            }
        }
        if source.is_none() && others.is_empty() {
            return Ok(None);
        }
        Ok(Some(Actual {
            name,
            body: Self {
                statement_id: if source.is_some() { OURS } else { "" }.to_owned(),
                source_arn: Value::from(source.unwrap_or_default()),
                others,
            },
            tags: None,
            outputs: Vec::new(),
        }))
    }
}

impl Resource for InvokePermission {
    type Key = HostGroup;

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let request = cloud.clients.lambda.add_permission().function_name(target.name);
        let request = request
            .statement_id(&self.statement_id)
            .action("lambda:InvokeFunction")
            .principal(SERVICE);
        let request = request.source_arn(resolved(&self.source_arn, "lambda AddPermission")?);
        let add = || async { request.clone().send().await.context("lambda AddPermission") };
        // The function was created some seconds ago: AWS may not find it yet.
        retry::until_accepted_or(is_not_found, add).await?;
        Ok(Vec::new())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let remove = async |sid: &str| {
            let request = cloud
                .clients
                .lambda
                .remove_permission()
                .function_name(target.name)
                .statement_id(sid);
            let response = request.send().await.context("lambda RemovePermission");
            ignore_not_found(response).map(drop)
        };
        if self.source_arn != current.body.source_arn || self.statement_id != current.body.statement_id {
            // A statement cannot be changed. Between the two calls a new instance is rejected, and retries.
            if current.body.statement_id == OURS {
                remove(OURS).await?;
            }
            self.create(cloud, target).await?;
        }
        for other in &current.body.others {
            remove(other).await?;
        }
        Ok(Vec::new())
    }
}
