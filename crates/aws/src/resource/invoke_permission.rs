use super::{From, Given, Resource, Target, known};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use deployment::plan::ActualResource;
use deployment::resource::{InvokePermission, ResourceId};
use deployment::{FunctionType, Value};
use serde_json::Value as Json;

const SERVICE: &str = "apigateway.amazonaws.com";
/// The id of our statement; others are leftovers.
const OURS: &str = "join-api";

impl Resource for InvokePermission {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let group = id
            .group()
            .ok_or_else(|| Error::bug("lambda GetPolicy", "not of a host group"))?;
        let name = inventory.names.function(group, FunctionType::Join);
        let answer = inventory
            .clients
            .lambda
            .get_policy()
            .function_name(&name)
            .send()
            .await;
        let answer = ignore_not_found(answer.context("lambda GetPolicy"))?;
        let Some(policy) = answer.and_then(|answer| answer.policy) else {
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
        Ok(Some(ActualResource {
            name,
            body: Self {
                statement_id: if source.is_some() { OURS } else { "" }.to_owned(),
                source_arn: Value::from(source.unwrap_or_default()),
                others,
            }
            .into(),
            tags: None,
            outputs: Vec::new(),
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let ask = cloud.clients.lambda.add_permission().function_name(target.name);
        let ask = ask
            .statement_id(&self.statement_id)
            .action("lambda:InvokeFunction")
            .principal(SERVICE);
        let ask = ask.source_arn(known(&self.source_arn, "lambda AddPermission")?);
        ask.send().await.context("lambda AddPermission")?;
        Ok(Vec::new())
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let remove = async |sid: &str| {
            let ask = cloud
                .clients
                .lambda
                .remove_permission()
                .function_name(target.name)
                .statement_id(sid);
            let answer = ask.send().await.context("lambda RemovePermission");
            ignore_not_found(answer).map(drop)
        };
        if from.differs(&["source_arn", "statement_id"]) {
            // A statement cannot be changed. Between the two calls a new instance is turned away, and asks again.
            if from.standing.body.fields()["statement_id"] == OURS {
                remove(OURS).await?;
            }
            self.create(cloud, target).await?;
        }
        for other in from.standing.body.fields()["others"]
            .as_array()
            .into_iter()
            .flatten()
        {
            remove(other.as_str().unwrap_or_default()).await?;
        }
        Ok(Vec::new())
    }
}
