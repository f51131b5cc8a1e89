use super::{From, Given, Left, Resource, Target, each};
use crate::cloud::Cloud;
use crate::elbv2;
use crate::error::{Context, Result, required_field};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use deployment::Output;
use deployment::plan::ActualResource;
use deployment::removal::{Remnant, Step};
use deployment::resource::{ResourceId, TargetGroup};

impl Resource for TargetGroup {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        let name = inventory.names.target_group();
        let answer = inventory
            .clients
            .elbv2
            .describe_target_groups()
            .names(&name)
            .send()
            .await;
        let answer = ignore_not_found(answer.context("elasticloadbalancing DescribeTargetGroups"))?;
        let Some(found) = answer.and_then(|a| a.target_groups.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let arn = found.target_group_arn().unwrap_or_default().to_owned();
        let protocol = |protocol: Option<&ProtocolEnum>| protocol.map_or("", ProtocolEnum::as_str).to_owned();
        Ok(Some(ActualResource {
            name,
            body: Self {
                protocol: protocol(found.protocol()),
                port: found.port().unwrap_or_default(),
                vpc: found.vpc_id().unwrap_or_default().to_owned(),
                health_check_protocol: protocol(found.health_check_protocol()),
                health_check_path: found.health_check_path().unwrap_or_default().to_owned(),
            }
            .into(),
            tags: Some(elbv2::tags_of(&inventory.clients.elbv2, &arn).await?),
            outputs: vec![(Output::Arn, arn)],
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let made = cloud
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
        let made = made
            .target_groups
            .unwrap_or_default()
            .pop()
            .and_then(|group| group.target_group_arn);
        Ok(vec![(
            Output::Arn,
            required_field(made, "elasticloadbalancing CreateTargetGroup", "ARN")?,
        )])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let client = &cloud.clients.elbv2;
        let arn = from.output(Output::Arn);
        if from.body_differs() {
            let ask = client
                .modify_target_group()
                .target_group_arn(arn)
                .health_check_path(&self.health_check_path);
            let ask = ask.health_check_protocol(ProtocolEnum::from(self.health_check_protocol.as_str()));
            ask.send()
                .await
                .context("elasticloadbalancing ModifyTargetGroup")?;
        }
        elbv2::add_tags(client, arn, from.new_tags(target)).await?;
        Ok(from.given())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        each(step, async |group: &Remnant| {
            let ask = cloud
                .clients
                .elbv2
                .delete_target_group()
                .target_group_arn(&group.handle);
            let answer = ask.send().await.context("elasticloadbalancing DeleteTargetGroup");
            ignore_not_found(answer).map(drop)
        })
        .await
    }
}
