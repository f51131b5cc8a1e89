use super::Inventory;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    load_balancer: OnceCell<Option<LoadBalancer>>,
}

impl Inventory<'_> {
    pub(crate) async fn load_balancer(&self) -> Result<Option<&LoadBalancer>> {
        let found = self.load_balancing.load_balancer.get_or_try_init(|| async {
            let request = self.clients.elbv2.describe_load_balancers();
            let response = request.names(self.names.load_balancer()).send().await;
            let response = response.context("elasticloadbalancing DescribeLoadBalancers");
            let found = ignore_not_found(response)?.and_then(|response| response.load_balancers);
            Ok(found.unwrap_or_default().pop())
        });
        Ok(found.await?.as_ref())
    }
}
