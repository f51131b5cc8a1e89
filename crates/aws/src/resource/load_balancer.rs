use super::{
    DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_with, found_by_observing,
};
use crate::cloud::Cloud;
use crate::elbv2;
use crate::error::{Context, Result, required_field};
use crate::inventory::Inventory;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as Found, LoadBalancerSchemeEnum, LoadBalancerTypeEnum,
};
use deployment::Output;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::LoadBalancer;

impl Observe for LoadBalancer {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        let Some(found) = inventory.load_balancer().await? else {
            return Ok(None);
        };
        let subnets = found
            .availability_zones()
            .iter()
            .filter_map(|zone| zone.subnet_id().map(str::to_owned))
            .collect();
        let arn = found.load_balancer_arn().unwrap_or_default();
        Ok(Some(Actual {
            name: inventory.names.load_balancer(),
            body: Self {
                scheme: found
                    .scheme()
                    .map_or("", LoadBalancerSchemeEnum::as_str)
                    .to_owned(),
                subnets,
                security_groups: found.security_groups().iter().cloned().collect(),
            },
            tags: Some(elbv2::tags_of(&inventory.clients.elbv2, arn).await?),
            outputs: outputs(found),
        }))
    }
}

impl Resource for LoadBalancer {
    type Key = ();

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let created = cloud
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
        let created = created.load_balancers.unwrap_or_default().pop();
        Ok(outputs(&required_field(
            created,
            "elasticloadbalancing CreateLoadBalancer",
            "load balancer",
        )?))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let client = &cloud.clients.elbv2;
        let arn = current.output(Output::Arn);
        if self.subnets != current.body.subnets {
            let request = client
                .set_subnets()
                .load_balancer_arn(arn)
                .set_subnets(Some(self.subnets.iter().cloned().collect()));
            request.send().await.context("elasticloadbalancing SetSubnets")?;
        }
        if self.security_groups != current.body.security_groups {
            let request = client.set_security_groups().load_balancer_arn(arn);
            let request = request.set_security_groups(Some(self.security_groups.iter().cloned().collect()));
            request
                .send()
                .await
                .context("elasticloadbalancing SetSecurityGroups")?;
        }
        elbv2::add_tags(client, arn, target.new_tags(current)).await?;
        Ok(current.outputs.clone())
    }
}

impl Find for LoadBalancer {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        found_by_observing::<Self>(inventory, key).await
    }
}

impl Delete for LoadBalancer {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        delete_with(
            "elasticloadbalancing DeleteLoadBalancer",
            &teardown.found,
            |found| {
                let request = cloud.clients.elbv2.delete_load_balancer();
                request.load_balancer_arn(&found.handle).send()
            },
        )
        .await
    }
}

fn outputs(found: &Found) -> Outputs {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    vec![
        (Output::Arn, text(found.load_balancer_arn())),
        // AWS keeps the case of the name here, Route 53 does not.
        (Output::DnsName, text(found.dns_name()).to_ascii_lowercase()),
        (Output::HostedZoneId, text(found.canonical_hosted_zone_id())),
    ]
}
