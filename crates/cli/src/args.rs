mod support;

pub(crate) use support::{CreateStep, DetachInstances, GetJoinParams, Support};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Scales a Weka cluster on AWS by an Auto Scaling group, safely.
#[derive(Debug, Parser)]
#[command(name = "wekactl", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Arguments {
    /// AWS region; else AWS_REGION or the profile's
    #[arg(short, long, global = true)]
    pub(crate) region: Option<String>,
    /// Cloud provider
    #[arg(short = 'c', long, global = true, default_value = "aws")]
    pub(crate) provider: String,
    /// Profile of AWS's configuration files
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
    /// How results are printed
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Diagnostics on stderr: requests (-v), more (-vv, -vvv); LOG_LEVEL says it finer
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour; NO_COLOR switches it off
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// One JSON document on stdout
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Clusters
    #[command(subcommand, alias = "clusters")]
    Cluster(Cluster),
    /// Host groups
    #[command(subcommand, alias = "hostgroups")]
    Hostgroup(Hostgroup),
    /// Single steps, for support
    #[command(subcommand, hide = true)]
    Debug(Debug),
    /// Prints a shell's completion script
    Completion {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Prints the version, the commit and the Lambda packages carried
    Version,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Puts a running cluster under an Auto Scaling group
    Import(Box<Import>),
    /// Brings an imported cluster to what this version makes, and repairs what was changed
    Update(Update),
    /// Removes what wekactl made, and the instances unless they are to be kept
    Destroy(Destroy),
    /// Stores another user and password for Weka
    ChangeCredentials(ChangeCredentials),
    /// Lists the region's Weka stacks and imported clusters
    List,
    /// Prints the mount script for stateless clients
    JoinParams(JoinParams),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Hostgroup {
    /// Lists the host groups of a cluster
    List(Named),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    /// Calls a method of the Weka management API and prints its result
    Jrpc(Jrpc),
    #[command(flatten)]
    Support(Support),
}

#[derive(Debug, Args)]
pub(crate) struct Jrpc {
    /// The method, such as status or hosts_list
    #[arg(short, long)]
    pub(crate) method: String,
    /// The method's parameters, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) params: String,
    /// A backend's address or name; several are asked one after the other until one can be
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',')]
    pub(crate) host: Vec<String>,
    /// The port of its API
    #[arg(long, default_value_t = weka::DEFAULT_PORT)]
    pub(crate) port: u16,
    /// Weka's user
    #[arg(short, long)]
    pub(crate) username: String,
    #[command(flatten)]
    pub(crate) password: Password,
    /// The API speaks plain HTTP
    #[arg(long)]
    pub(crate) http: bool,
    /// Certificates (PEM) of which the backend must show one, or one that they vouch for
    #[arg(long, value_name = "FILE", conflicts_with = "http")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The cluster's name
    #[arg(short, long)]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct JoinParams {
    /// The cluster's name
    #[arg(short, long)]
    pub(crate) name: String,
    /// DNS name instead of the one stored at import or the load balancer's
    #[arg(short = 'l', long)]
    pub(crate) dns_alias: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The cluster's name: that of its CloudFormation stack
    #[arg(short, long)]
    pub(crate) name: String,
    /// Weka's user, an admin of the cluster
    #[arg(short, long)]
    pub(crate) username: String,
    #[command(flatten)]
    pub(crate) password: Password,
    /// Instances to import instead of a stack's
    #[arg(short, long, value_delimiter = ',', value_name = "ID")]
    pub(crate) instance_ids: Vec<String>,
    /// A tag for everything that is made
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<String>,
    /// The subnet is private: no public addresses, a private join API
    #[arg(short = 's', long)]
    pub(crate) private_subnet: bool,
    /// The load balancer's second subnet, in another availability zone
    #[arg(short = 'a', long, value_name = "SUBNET")]
    pub(crate) additional_alb_subnet: Option<String>,
    /// DNS name for the load balancer; needs --dns-zone-id
    #[arg(short = 'l', long, value_name = "NAME")]
    pub(crate) dns_alias: Option<String>,
    /// Hosted zone of the DNS name; needs --dns-alias
    #[arg(short = 'z', long, value_name = "ZONE")]
    pub(crate) dns_zone_id: Option<String>,
    /// The VPC has a DynamoDB endpoint: the scale function reads the credentials through it
    #[arg(short = 'd', long)]
    pub(crate) use_dynamodb_endpoint: bool,
    /// Certificates (PEM) of which a backend's API must show one, or one that they vouch for
    #[arg(long, value_name = "FILE", conflicts_with = "weka_http")]
    pub(crate) weka_ca: Option<PathBuf>,
    /// The backends' API speaks plain HTTP: Weka's password crosses the network in the clear
    #[arg(long)]
    pub(crate) weka_http: bool,
    /// Leave the stack's clients alone
    #[arg(long)]
    pub(crate) no_clients: bool,
    /// Do not try user and password on Weka first
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Weka's cores on an instance type that wekactl does not know
    #[arg(long, value_name = "compute=N,frontend=N,drive=N")]
    pub(crate) cores: Option<String>,
    /// Memory of the compute container on such a type
    #[arg(long, value_name = "SIZE")]
    pub(crate) compute_memory: Option<String>,
    /// The Lambda package (a zip made by `cargo xtask package`) instead of the one carried
    #[arg(long, value_name = "FILE")]
    pub(crate) lambda_package: Option<PathBuf>,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: exit with 2 when something would change
    #[arg(long, requires = "dry_run")]
    pub(crate) detailed_exitcode: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeCredentials {
    /// The cluster's name
    #[arg(short, long)]
    pub(crate) name: String,
    /// Weka's user, an admin of the cluster
    #[arg(short, long)]
    pub(crate) username: String,
    #[command(flatten)]
    pub(crate) password: Password,
    /// Do not try them on Weka first
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// The cluster's name
    #[arg(short, long)]
    pub(crate) name: String,
    /// The Lambda package (a zip made by `cargo xtask package`) instead of the one carried
    #[arg(long, value_name = "FILE")]
    pub(crate) lambda_package: Option<PathBuf>,
    /// Only show what would be done
    #[arg(short, long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: exit with 2 when something would change
    #[arg(long, requires = "dry_run")]
    pub(crate) detailed_exitcode: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// The cluster's name
    #[arg(short, long)]
    pub(crate) name: String,
    /// Detach the instances and leave them running, without wekactl's tags and termination protection
    #[arg(short, long)]
    pub(crate) keep_instances: bool,
    /// Only show what would be done
    #[arg(short, long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: exit with 2 when something would be removed
    #[arg(long, requires = "dry_run")]
    pub(crate) detailed_exitcode: bool,
    /// Do not ask; without a terminal to ask on, nothing is done unless this is given
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct Password {
    /// Weka's password; others on this machine can see it: better WEKA_PASSWORD, --password-stdin or the prompt
    #[arg(short, long, conflicts_with = "password_stdin")]
    pub(crate) password: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(hidden)")
    }
}

#[cfg(test)]
mod tests;
