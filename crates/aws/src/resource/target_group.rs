use super::{
    DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_with, found_by_observing,
};
use crate::cloud::Cloud;
use crate::elbv2;
use crate::error::{Context, Result, required_field};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use deployment::Output;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::TargetGroup;

impl Observe for TargetGroup {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        let name = inventory.names.target_group();
        let response = inventory
            .clients
            .elbv2
            .describe_target_groups()
            .names(&name)
            .send()
            .await;
        let response = ignore_not_found(response.context("elasticloadbalancing DescribeTargetGroups"))?;
        let Some(found) = response.and_then(|a| a.target_groups.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let arn = found.target_group_arn().unwrap_or_default().to_owned();
        let protocol = |protocol: Option<&ProtocolEnum>| protocol.map_or("", ProtocolEnum::as_str).to_owned();
        Ok(Some(Actual {
            name,
            body: Self {
                protocol: protocol(found.protocol()),
                port: found.port().unwrap_or_default(),
                vpc: found.vpc_id().unwrap_or_default().to_owned(),
                health_check_protocol: protocol(found.health_check_protocol()),
                health_check_path: found.health_check_path().unwrap_or_default().to_owned(),
            },
            tags: Some(elbv2::tags_of(&inventory.clients.elbv2, &arn).await?),
            outputs: vec![(Output::Arn, arn)],
        }))
    }
}

impl Resource for TargetGroup {
    type Key = ();

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let created = cloud
            .clients
            .elbv2
            .create_target_group()
            .name(target.name)
            .protocol(ProtocolEnum::from(self.protocol.as_str()))
            .port(self.port)
            .vpc_id(&self.vpc)
            .health_check_protocol(ProtocolEnum::from(self.health_check_protocol.as_str()))
            .health_check_path(&self.health_check_path)
            .set_tags(Some(elbv2::tags(target.tags())))
            .send()
            .await
            .context("elasticloadbalancing CreateTargetGroup")?;
        let created = created
            .target_groups
            .unwrap_or_default()
            .pop()
            .and_then(|group| group.target_group_arn);
        Ok(vec![(
            Output::Arn,
            required_field(created, "elasticloadbalancing CreateTargetGroup", "ARN")?,
        )])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let client = &cloud.clients.elbv2;
        let arn = current.output(Output::Arn);
        if *self != current.body {
            let request = client
                .modify_target_group()
                .target_group_arn(arn)
                .health_check_path(&self.health_check_path);
            let request =
                request.health_check_protocol(ProtocolEnum::from(self.health_check_protocol.as_str()));
            request
                .send()
                .await
                .context("elasticloadbalancing ModifyTargetGroup")?;
        }
        elbv2::add_tags(client, arn, target.new_tags(current)).await?;
        Ok(current.outputs.clone())
    }
}

impl Find for TargetGroup {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        found_by_observing::<Self>(inventory, key).await
    }
}

impl Delete for TargetGroup {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        delete_with(
            "elasticloadbalancing DeleteTargetGroup",
            &teardown.found,
            |found| {
                let request = cloud.clients.elbv2.delete_target_group();
                request.target_group_arn(&found.handle).send()
            },
        )
        .await
    }
}
