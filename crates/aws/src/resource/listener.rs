use super::{From, Given, Left, Resource, Target, each, known};
use crate::cloud::Cloud;
use crate::elbv2;
use crate::error::{Context, Result, required_field};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use crate::pages::all;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ProtocolEnum};
use deployment::plan::ActualResource;
use deployment::removal::{Remnant, Step};
use deployment::resource::{Listener, ResourceId};
use deployment::{Output, Value};

/// The port by which the listener is known among those of its load balancer.
const PORT: i32 = 14000;

impl Resource for Listener {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        let Some(balancer) = inventory.load_balancer().await? else {
            return Ok(None);
        };
        let client = &inventory.clients.elbv2;
        let ask = client
            .describe_listeners()
            .load_balancer_arn(balancer.load_balancer_arn().unwrap_or_default());
        let pages = ask.into_paginator().items().send();
        let listeners = all(pages, "elasticloadbalancing DescribeListeners").await?;
        let Some(found) = listeners
            .into_iter()
            .find(|listener| listener.port() == Some(PORT))
        else {
            return Ok(None);
        };
        let arn = found.listener_arn().unwrap_or_default().to_owned();
        let forward = found.default_actions().iter().find_map(|action| {
            let configured = action
                .forward_config()
                .and_then(|forward| forward.target_groups().first());
            action
                .target_group_arn()
                .or_else(|| configured?.target_group_arn())
        });
        Ok(Some(ActualResource {
            name: format!("{}:{PORT}", inventory.names.load_balancer()),
            body: Self {
                load_balancer: Value::from(found.load_balancer_arn().unwrap_or_default()),
                protocol: found.protocol().map_or("", ProtocolEnum::as_str).to_owned(),
                port: PORT,
                forward_to: Value::from(forward.unwrap_or_default()),
            }
            .into(),
            tags: Some(elbv2::tags_of(client, &arn).await?),
            outputs: vec![(Output::Arn, arn)],
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        const ASK: &str = "elasticloadbalancing CreateListener";
        let made = cloud
            .clients
            .elbv2
            .create_listener()
            .load_balancer_arn(known(&self.load_balancer, ASK)?)
            .protocol(ProtocolEnum::from(self.protocol.as_str()))
            .port(self.port)
            .default_actions(forward(&known(&self.forward_to, ASK)?))
            .set_tags(Some(elbv2::tags(target.tags())))
            .send()
            .await
            .context(ASK)?;
        let made = made
            .listeners
            .unwrap_or_default()
            .pop()
            .and_then(|listener| listener.listener_arn);
        Ok(vec![(Output::Arn, required_field(made, ASK, "ARN")?)])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        const ASK: &str = "elasticloadbalancing ModifyListener";
        let client = &cloud.clients.elbv2;
        let arn = from.output(Output::Arn);
        if from.body_differs() {
            let ask = client.modify_listener().listener_arn(arn).port(self.port);
            let ask = ask.protocol(ProtocolEnum::from(self.protocol.as_str()));
            let ask = ask.default_actions(forward(&known(&self.forward_to, ASK)?));
            ask.send().await.context(ASK)?;
        }
        elbv2::add_tags(client, arn, from.new_tags(target)).await?;
        Ok(from.given())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        each(step, async |listener: &Remnant| {
            let ask = cloud
                .clients
                .elbv2
                .delete_listener()
                .listener_arn(&listener.handle);
            let answer = ask.send().await.context("elasticloadbalancing DeleteListener");
            ignore_not_found(answer).map(drop)
        })
        .await
    }
}

fn forward(target_group: &str) -> Action {
    Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(target_group)
        .build()
}
