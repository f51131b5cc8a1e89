//! What uses the roles: functions, state machines and rules. Each is asked for once, whether it is looked at itself or for
//! the role that it uses.

use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_sfn::operation::describe_state_machine::DescribeStateMachineOutput;
use deployment::{FunctionType, HostGroup, RoleUse};
use tokio::sync::OnceCell;

/// What was answered so far.
#[derive(Debug, Default)]
pub(crate) struct RoleConsumers([OfGroup; HostGroup::ALL.len()]);

#[derive(Debug, Default)]
struct OfGroup {
    functions: [OnceCell<Option<GetFunctionOutput>>; FunctionType::ALL.len()],
    state_machine: OnceCell<Option<DescribeStateMachineOutput>>,
    targets: OnceCell<Vec<Target>>,
}

impl RoleConsumers {
    fn of(&self, group: HostGroup) -> &OfGroup {
        match group {
            HostGroup::Backends => &self.0[0],
            HostGroup::Clients => &self.0[1],
        }
    }
}

impl OfGroup {
    fn function(&self, function: FunctionType) -> &OnceCell<Option<GetFunctionOutput>> {
        let [join, fetch, scale, terminate, transient] = &self.functions;
        match function {
            FunctionType::Join => join,
            FunctionType::Fetch => fetch,
            FunctionType::Scale => scale,
            FunctionType::Terminate => terminate,
            FunctionType::Transient => transient,
        }
    }
}

impl Inventory<'_> {
    /// A function, if it is there.
    pub(crate) async fn function(
        &self,
        group: HostGroup,
        function: FunctionType,
    ) -> Result<Option<&GetFunctionOutput>> {
        let ask = self
            .role_consumers
            .of(group)
            .function(function)
            .get_or_try_init(|| async {
                let ask = self.clients.lambda.get_function();
                let ask = ask.function_name(self.names.function(group, function));
                let answer = ask.send().await.context("lambda GetFunction");
                let found = ignore_not_found(answer)?;
                // Without its tags the function would pass for somebody else's.
                match found.as_ref().and_then(|found| found.tags_error()) {
                    Some(error) => Err(Error::invalid_state(
                        "lambda GetFunction",
                        format!("no tags: {}", error.message()),
                    )),
                    None => Ok(found),
                }
            });
        Ok(ask.await?.as_ref())
    }

    /// A state machine, if it is there.
    pub(crate) async fn state_machine(
        &self,
        group: HostGroup,
    ) -> Result<Option<&DescribeStateMachineOutput>> {
        let ask = self
            .role_consumers
            .of(group)
            .state_machine
            .get_or_try_init(|| async {
                let name = format!("stateMachine:{}", self.names.state_machine(group));
                let arn = self.account().await?.arn("states", &name);
                let ask = self.clients.sfn.describe_state_machine().state_machine_arn(arn);
                let answer = ask.send().await.context("states DescribeStateMachine");
                ignore_not_found(answer)
            });
        Ok(ask.await?.as_ref())
    }

    /// The targets of a rule; none of one that is not there.
    pub(crate) async fn targets(&self, group: HostGroup) -> Result<&[Target]> {
        let ask = self.role_consumers.of(group).targets.get_or_try_init(|| async {
            let ask = self.clients.events.list_targets_by_rule();
            let answer = ask.rule(self.names.rule(group)).send().await;
            let answer = ignore_not_found(answer.context("events ListTargetsByRule"))?;
            Ok(answer.and_then(|answer| answer.targets).unwrap_or_default())
        });
        Ok(ask.await?)
    }

    /// The ARNs of the roles that are used in this way: several of a rule, to which the Go tool may have added targets.
    pub(crate) async fn roles_used(&self, group: HostGroup, user: RoleUse) -> Result<Vec<&str>> {
        Ok(match user {
            RoleUse::Function(function) => {
                let found = self.function(group, function).await?;
                let role = found.and_then(|found| found.configuration()?.role());
                role.into_iter().collect()
            }
            RoleUse::StateMachine => {
                let found = self.state_machine(group).await?;
                found.map(|found| found.role_arn()).into_iter().collect()
            }
            RoleUse::Rule => {
                let targets = self.targets(group).await?.iter();
                targets.filter_map(Target::role_arn).collect()
            }
        })
    }
}
