use super::Inventory;
use crate::error::{Context, Error, Result};
use aws_sdk_autoscaling::types::AutoScalingGroup;
use deployment::HostGroup;
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    groups: OnceCell<Vec<AutoScalingGroup>>,
}

impl Inventory<'_> {
    /// The Auto Scaling groups with the names of the cluster's.
    pub(crate) async fn groups(&self) -> Result<&[AutoScalingGroup]> {
        let groups = self.auto_scaling.groups.get_or_try_init(|| async {
            let names = HostGroup::ALL.map(|group| self.names.of(group)).to_vec();
            let request = self.clients.autoscaling.describe_auto_scaling_groups();
            let response = request.set_auto_scaling_group_names(Some(names)).send().await;
            let response = response.context("autoscaling DescribeAutoScalingGroups")?;
            Ok::<_, Error>(response.auto_scaling_groups.unwrap_or_default())
        });
        Ok(groups.await?)
    }
}
