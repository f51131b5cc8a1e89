//! `debug`: single steps, for support. The options have the meaning that they have in wekactl 1.x (Go): where it takes the name of an
//! Auto Scaling group, the name of the cluster or of the group is accepted.

pub(crate) mod detach;
pub(crate) mod instances;
pub(crate) mod join_script;
pub(crate) mod jrpc;
pub(crate) mod update_part;

use crate::args::Debug;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Connect;

pub(crate) async fn run(command: Debug, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    match command {
        Debug::Jrpc(arguments) => jrpc::run(arguments, printer).await,
        Debug::ListStackInstances(cluster) => instances::list_stack(&cluster, connect, printer).await,
        Debug::ListAsgInstances(arguments) => instances::list_groups(&arguments, connect, printer).await,
        Debug::GetBackendsPrivateIps(cluster) => instances::list_backends(&cluster, connect, printer).await,
        Debug::GetJoinParams(arguments) => join_script::run(arguments, connect, printer).await,
        Debug::DetachAsgInstances(arguments) => detach::run(arguments, connect, printer).await,
        Debug::CreateLambda(arguments) => {
            update_part::run(arguments, update_part::functions, connect, printer).await
        }
        Debug::CreateLambdaEndpoint(arguments) => {
            update_part::run(arguments, update_part::join_api, connect, printer).await
        }
        Debug::CreateStateMachine(arguments) => {
            update_part::run(arguments, update_part::state_machine, connect, printer).await
        }
        Debug::CreateCloudWatchEventRule(arguments) => {
            update_part::run(arguments, update_part::rule, connect, printer).await
        }
        Debug::CreateAutoScalingGroup(arguments) => {
            update_part::run(arguments, update_part::auto_scaling_group, connect, printer).await
        }
    }
}
