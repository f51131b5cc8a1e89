use super::Inventory;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use aws_sdk_eventbridge::types::Target;
use deployment::HostGroup;
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    targets: OnceCell<Vec<Target>>,
}

impl Inventory<'_> {
    /// The targets of a rule; empty if the rule does not exist.
    pub(crate) async fn targets(&self, group: HostGroup) -> Result<&[Target]> {
        let targets = self.event_bridge.of(group).targets.get_or_try_init(|| async {
            let request = self.clients.events.list_targets_by_rule();
            let response = request.rule(self.names.rule(group)).send().await;
            let response = ignore_not_found(response.context("events ListTargetsByRule"))?;
            Ok(response.and_then(|response| response.targets).unwrap_or_default())
        });
        Ok(targets.await?)
    }
}
