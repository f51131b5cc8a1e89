use super::{Outputs, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::is_not_found;
use crate::inventory::Inventory;
use aws_sdk_elasticloadbalancing::types::HealthCheck;
use deployment::actual::Actual;
use deployment::resource::ClassicHealthCheck;

impl Resource for ClassicHealthCheck {
    type Key = ();

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        const OPERATION: &str = "elasticloadbalancing ConfigureHealthCheck";
        let check = HealthCheck::builder()
            .target(&self.target)
            .interval(self.interval_seconds)
            .timeout(self.timeout_seconds)
            .healthy_threshold(self.healthy_threshold)
            .unhealthy_threshold(self.unhealthy_threshold)
            .build()
            .map_err(|error| Error::bug(OPERATION, error.to_string()))?;
        let request = cloud
            .clients
            .elb
            .configure_health_check()
            .load_balancer_name(target.name)
            .health_check(check);
        request.send().await.context(OPERATION)?;
        Ok(Vec::new())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        _current: &Actual<Self>,
    ) -> Result<Outputs> {
        self.create(cloud, target).await
    }
}

/// Reads the health check of the classic load balancer `name`.
pub(crate) async fn observe(
    inventory: &Inventory<'_>,
    name: &str,
) -> Result<Option<Actual<ClassicHealthCheck>>> {
    let response = inventory
        .clients
        .elb
        .describe_load_balancers()
        .load_balancer_names(name)
        .send()
        .await;
    let response = response.context("elasticloadbalancing DescribeLoadBalancers");
    let response = response.map_err(|error| {
        if is_not_found(&error) {
            return error.with_subject(
                "the classic load balancer of the stack: import the cluster again if it was deleted permanently",
            );
        }
        error
    })?;
    let found = response
        .load_balancer_descriptions()
        .first()
        .and_then(|found| found.health_check());
    Ok(found.map(|check| Actual {
        name: name.to_owned(),
        body: ClassicHealthCheck {
            target: check.target().to_owned(),
            interval_seconds: check.interval(),
            timeout_seconds: check.timeout(),
            healthy_threshold: check.healthy_threshold(),
            unhealthy_threshold: check.unhealthy_threshold(),
        },
        tags: None,
        outputs: Vec::new(),
    }))
}
