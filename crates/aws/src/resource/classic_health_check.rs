use super::{From, Given, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::is_not_found;
use crate::inventory::Inventory;
use aws_sdk_elasticloadbalancing::types::HealthCheck;
use deployment::plan::ActualResource;
use deployment::resource::{ClassicHealthCheck, ResourceId};

impl Resource for ClassicHealthCheck {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        let Some(name) = inventory.classic_load_balancer() else {
            return Ok(None);
        };
        let answer = inventory
            .clients
            .elb
            .describe_load_balancers()
            .load_balancer_names(name)
            .send()
            .await;
        let answer = answer.context("elasticloadbalancing DescribeLoadBalancers");
        let answer = answer.map_err(|error| {
            if is_not_found(&error) {
                return error.with_subject(
                    "the classic load balancer of the stack: import the cluster again if it is gone for good",
                );
            }
            error
        })?;
        let found = answer
            .load_balancer_descriptions()
            .first()
            .and_then(|found| found.health_check());
        Ok(found.map(|check| ActualResource {
            name: name.to_owned(),
            body: Self {
                target: check.target().to_owned(),
                interval_seconds: check.interval(),
                timeout_seconds: check.timeout(),
                healthy_threshold: check.healthy_threshold(),
                unhealthy_threshold: check.unhealthy_threshold(),
            }
            .into(),
            tags: None,
            outputs: Vec::new(),
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        const ASK: &str = "elasticloadbalancing ConfigureHealthCheck";
        let check = HealthCheck::builder()
            .target(&self.target)
            .interval(self.interval_seconds)
            .timeout(self.timeout_seconds)
            .healthy_threshold(self.healthy_threshold)
            .unhealthy_threshold(self.unhealthy_threshold)
            .build()
            .map_err(|error| Error::bug(ASK, error.to_string()))?;
        let ask = cloud
            .clients
            .elb
            .configure_health_check()
            .load_balancer_name(target.name)
            .health_check(check);
        ask.send().await.context(ASK)?;
        Ok(Vec::new())
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, _from: &From<'_>) -> Result<Given> {
        self.create(cloud, target).await
    }
}
