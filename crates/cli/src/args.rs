//! Global options and the command tree. A command's own options are in the command's file; shared ones are in `flags`.

use crate::commands::{
    cluster_change_credentials::ChangeCredentials,
    cluster_destroy::Destroy,
    cluster_import::Import,
    cluster_join_params::JoinParams,
    cluster_update::Update,
    debug::{
        detach::DetachInstances, instances::ListGroupInstances, join_script::GetJoinParams, jrpc::Jrpc,
        update_part::UpdatePart,
    },
};
use crate::flags::ClusterFlag;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const GLOBAL: &str = "Global options";

/// Scale a Weka cluster on AWS safely with an Auto Scaling group
#[derive(Debug, Parser)]
#[command(name = "wekactl", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Arguments {
    /// AWS region [default: AWS_REGION, or the region of the profile]
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) region: Option<String>,
    /// Cloud provider
    #[arg(short = 'c', long, global = true, help_heading = GLOBAL, default_value = "aws")]
    pub(crate) provider: String,
    /// Profile in the AWS configuration files
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) profile: Option<String>,
    /// Output format
    #[arg(short, long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Log to stderr; repeat for more detail (-vv, -vvv). LOG_LEVEL takes a log filter instead
    #[arg(short, long, global = true, help_heading = GLOBAL, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use color; NO_COLOR disables it
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Tables and plain text
    Table,
    /// One JSON document on stdout
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Only on a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Manage clusters
    #[command(subcommand, alias = "clusters")]
    Cluster(Cluster),
    /// Manage host groups
    #[command(subcommand, alias = "hostgroups")]
    Hostgroup(Hostgroup),
    /// Run single steps, for support
    #[command(subcommand, hide = true)]
    Debug(Debug),
    /// Print a completion script for a shell
    Completion {
        /// Shell to complete commands in
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the version, the commit and the embedded Lambda packages
    Version,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    Import(Box<Import>),
    Update(Update),
    Destroy(Destroy),
    ChangeCredentials(ChangeCredentials),
    /// List the Weka stacks and imported clusters of the region
    List,
    JoinParams(JoinParams),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Hostgroup {
    /// List the host groups of a cluster
    List(ClusterFlag),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    Jrpc(Jrpc),
    /// List the instances of a cluster's CloudFormation stack
    ListStackInstances(ClusterFlag),
    ListAsgInstances(ListGroupInstances),
    /// Print the private addresses of a cluster's running backends
    GetBackendsPrivateIps(ClusterFlag),
    GetJoinParams(GetJoinParams),
    DetachAsgInstances(DetachInstances),
    /// Create or update only the functions of a host group, with their roles and log groups
    CreateLambda(UpdatePart),
    /// Create or update only the join API of a host group
    CreateLambdaEndpoint(UpdatePart),
    /// Create or update only the state machine of a host group, with its role and log group
    CreateStateMachine(UpdatePart),
    /// Create or update only the EventBridge rule of a host group, with its role
    CreateCloudWatchEventRule(UpdatePart),
    /// Create or update only the launch template and the Auto Scaling group of a host group
    CreateAutoScalingGroup(UpdatePart),
}

#[cfg(test)]
mod tests;
