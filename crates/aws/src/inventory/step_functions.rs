use super::Inventory;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use aws_sdk_sfn::operation::describe_state_machine::DescribeStateMachineOutput;
use deployment::HostGroup;
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    state_machine: OnceCell<Option<DescribeStateMachineOutput>>,
}

impl Inventory<'_> {
    pub(crate) async fn state_machine(
        &self,
        group: HostGroup,
    ) -> Result<Option<&DescribeStateMachineOutput>> {
        let found = self
            .step_functions
            .of(group)
            .state_machine
            .get_or_try_init(|| async {
                let name = format!("stateMachine:{}", self.names.state_machine(group));
                let arn = self.account().await?.arn("states", &name);
                let request = self.clients.sfn.describe_state_machine().state_machine_arn(arn);
                ignore_not_found(request.send().await.context("states DescribeStateMachine"))
            });
        Ok(found.await?.as_ref())
    }
}
