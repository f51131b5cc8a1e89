use super::{From, Given, Left, Resource, Target, each};
use crate::cloud::Cloud;
use crate::elbv2;
use crate::error::{Context, Result, required_field};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as Found, LoadBalancerSchemeEnum, LoadBalancerTypeEnum,
};
use deployment::Output;
use deployment::plan::ActualResource;
use deployment::removal::{Remnant, Step};
use deployment::resource::{LoadBalancer, ResourceId};

impl Resource for LoadBalancer {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        let Some(found) = inventory.load_balancer().await? else {
            return Ok(None);
        };
        let subnets = found
            .availability_zones()
            .iter()
            .filter_map(|zone| zone.subnet_id().map(str::to_owned))
            .collect();
        let arn = found.load_balancer_arn().unwrap_or_default();
        Ok(Some(ActualResource {
            name: inventory.names.load_balancer(),
            body: Self {
                scheme: found
                    .scheme()
                    .map_or("", LoadBalancerSchemeEnum::as_str)
                    .to_owned(),
                subnets,
                security_groups: found.security_groups().iter().cloned().collect(),
            }
            .into(),
            tags: Some(elbv2::tags_of(&inventory.clients.elbv2, arn).await?),
            outputs: given(found),
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let made = cloud
            .clients
            .elbv2
            .create_load_balancer()
            .name(target.name)
            .r#type(LoadBalancerTypeEnum::Application)
            .scheme(LoadBalancerSchemeEnum::from(self.scheme.as_str()))
            .set_subnets(Some(self.subnets.iter().cloned().collect()))
            .set_security_groups(Some(self.security_groups.iter().cloned().collect()))
            .set_tags(Some(elbv2::tags(target.tags())))
            .send()
            .await
            .context("elasticloadbalancing CreateLoadBalancer")?;
        let made = made.load_balancers.unwrap_or_default().pop();
        Ok(given(&required_field(
            made,
            "elasticloadbalancing CreateLoadBalancer",
            "load balancer",
        )?))
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let client = &cloud.clients.elbv2;
        let arn = from.output(Output::Arn);
        if from.differs(&["subnets"]) {
            let ask = client
                .set_subnets()
                .load_balancer_arn(arn)
                .set_subnets(Some(self.subnets.iter().cloned().collect()));
            ask.send().await.context("elasticloadbalancing SetSubnets")?;
        }
        if from.differs(&["security_groups"]) {
            let ask = client.set_security_groups().load_balancer_arn(arn);
            let ask = ask.set_security_groups(Some(self.security_groups.iter().cloned().collect()));
            ask.send()
                .await
                .context("elasticloadbalancing SetSecurityGroups")?;
        }
        elbv2::add_tags(client, arn, from.new_tags(target)).await?;
        Ok(from.given())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        each(step, async |balancer: &Remnant| {
            let ask = cloud
                .clients
                .elbv2
                .delete_load_balancer()
                .load_balancer_arn(&balancer.handle);
            let answer = ask
                .send()
                .await
                .context("elasticloadbalancing DeleteLoadBalancer");
            ignore_not_found(answer).map(drop)
        })
        .await
    }
}

fn given(found: &Found) -> Given {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    vec![
        (Output::Arn, text(found.load_balancer_arn())),
        // With the name's capitals; Route 53 keeps none.
        (Output::DnsName, text(found.dns_name()).to_ascii_lowercase()),
        (Output::HostedZoneId, text(found.canonical_hosted_zone_id())),
    ]
}
