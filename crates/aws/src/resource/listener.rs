use super::{
    DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_with, found_by_observing,
    resolved,
};
use crate::cloud::Cloud;
use crate::elbv2;
use crate::error::{Context, Result, required_field};
use crate::inventory::Inventory;
use crate::pages::all;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ProtocolEnum};
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::Listener;
use deployment::{Output, Value};

/// The port that identifies the listener among those of the load balancer.
const PORT: i32 = 14000;

impl Observe for Listener {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        let Some(balancer) = inventory.load_balancer().await? else {
            return Ok(None);
        };
        let client = &inventory.clients.elbv2;
        let request = client
            .describe_listeners()
            .load_balancer_arn(balancer.load_balancer_arn().unwrap_or_default());
        let pages = request.into_paginator().items().send();
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
        Ok(Some(Actual {
            name: format!("{}:{PORT}", inventory.names.load_balancer()),
            body: Self {
                load_balancer: Value::from(found.load_balancer_arn().unwrap_or_default()),
                protocol: found.protocol().map_or("", ProtocolEnum::as_str).to_owned(),
                port: PORT,
                forward_to: Value::from(forward.unwrap_or_default()),
            },
            tags: Some(elbv2::tags_of(client, &arn).await?),
            outputs: vec![(Output::Arn, arn)],
        }))
    }
}

impl Resource for Listener {
    type Key = ();

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        const OPERATION: &str = "elasticloadbalancing CreateListener";
        let created = cloud
            .clients
            .elbv2
            .create_listener()
            .load_balancer_arn(resolved(&self.load_balancer, OPERATION)?)
            .protocol(ProtocolEnum::from(self.protocol.as_str()))
            .port(self.port)
            .default_actions(forward(&resolved(&self.forward_to, OPERATION)?))
            .set_tags(Some(elbv2::tags(target.tags())))
            .send()
            .await
            .context(OPERATION)?;
        let created = created
            .listeners
            .unwrap_or_default()
            .pop()
            .and_then(|listener| listener.listener_arn);
        Ok(vec![(Output::Arn, required_field(created, OPERATION, "ARN")?)])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        const OPERATION: &str = "elasticloadbalancing ModifyListener";
        let client = &cloud.clients.elbv2;
        let arn = current.output(Output::Arn);
        if *self != current.body {
            let request = client.modify_listener().listener_arn(arn).port(self.port);
            let request = request.protocol(ProtocolEnum::from(self.protocol.as_str()));
            let request = request.default_actions(forward(&resolved(&self.forward_to, OPERATION)?));
            request.send().await.context(OPERATION)?;
        }
        elbv2::add_tags(client, arn, target.new_tags(current)).await?;
        Ok(current.outputs.clone())
    }
}

impl Find for Listener {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        found_by_observing::<Self>(inventory, key).await
    }
}

impl Delete for Listener {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        delete_with("elasticloadbalancing DeleteListener", &teardown.found, |found| {
            let request = cloud.clients.elbv2.delete_listener();
            request.listener_arn(&found.handle).send()
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
