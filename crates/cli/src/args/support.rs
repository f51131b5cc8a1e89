//! The single steps that look at instances or take them out of a group. The Go tool's flags keep their meaning: where it asked
//! for the name of an Auto Scaling group, either that or the cluster's is taken.

use super::{Named, Update};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Support {
    /// Lists the instances of a cluster's CloudFormation stack
    ListStackInstances(Named),
    /// Lists the instances of a cluster's Auto Scaling groups, or of one group
    ListAsgInstances(OfGroup),
    /// Prints the private addresses of a cluster's running backends
    GetBackendsPrivateIps(Named),
    /// Prints the script that a new instance of a host group gets to join by; its password is not shown
    GetJoinParams(GetJoinParams),
    /// Takes instances out of a cluster's Auto Scaling groups; they keep running, the desired capacity goes down
    DetachAsgInstances(DetachInstances),
    /// Makes or mends the functions of a host group, with their roles and log groups, and nothing else
    CreateLambda(CreateStep),
    /// Makes or mends a host group's join API, and nothing else
    CreateLambdaEndpoint(CreateStep),
    /// Makes or mends a host group's state machine, with its role and log group, and nothing else
    CreateStateMachine(CreateStep),
    /// Makes or mends a host group's rule, with its role, and nothing else
    CreateCloudWatchEventRule(CreateStep),
    /// Makes or mends a host group's launch template and Auto Scaling group, and nothing else
    CreateAutoScalingGroup(CreateStep),
}

/// A part of an update.
#[derive(Debug, Args)]
pub(crate) struct CreateStep {
    #[command(flatten)]
    pub(crate) update: Update,
    /// The host group (Backends, Clients)
    #[arg(short = 'g', long, default_value = "Backends", value_name = "GROUP")]
    pub(crate) host_group: String,
}

#[derive(Debug, Args)]
pub(crate) struct OfGroup {
    /// The cluster's name, or that of one of its Auto Scaling groups
    #[arg(short, long)]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct GetJoinParams {
    /// The cluster's name
    #[arg(short, long)]
    pub(crate) name: String,
    /// The host group (Backends, Clients) or the name of its Auto Scaling group
    #[arg(short = 'g', long, default_value = "Backends", value_name = "GROUP")]
    pub(crate) asg_name: String,
    /// The DynamoDB table, if it is not the cluster's
    #[arg(short = 't', long, value_name = "TABLE")]
    pub(crate) table_name: Option<String>,
    /// The instance type, if it is not the host group's
    #[arg(long, value_name = "TYPE")]
    pub(crate) instance_type: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DetachInstances {
    /// The cluster's name, or that of one of its Auto Scaling groups
    #[arg(short, long)]
    pub(crate) name: String,
    /// The instances
    #[arg(required = true, value_name = "ID")]
    pub(crate) instance_ids: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}
