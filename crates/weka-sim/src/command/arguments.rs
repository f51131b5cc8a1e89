//! The command lines of `weka`, `wapi` and `weka_sign_drive`, with the options of Weka's CLI reference.
//!
//! Sources: the CLI references of 4.4 (weka/docs-weka-io, branch `4.4`, `cli-reference-guide.md`), of 4.4.10
//! (`CliRef4.4.10.80-gitbook.md`) and of 5.0.2 (`wekadocs50_combined.md`). What Weka's own scripts use without it being in the
//! reference is marked.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::IpAddr;

/// The base command for all weka related CLIs
#[derive(Debug, Parser)]
#[command(name = "weka", disable_help_subcommand = true)]
pub(super) struct Weka {
    #[command(subcommand)]
    pub(super) command: Command,
    #[arg(long, global = true, hide = true)]
    color: Option<Color>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Disabled,
    Enabled,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(subcommand)]
    Version(Version),
    #[command(subcommand)]
    Local(Local),
    #[command(subcommand)]
    Cluster(Cluster),
    #[command(subcommand)]
    Events(Events),
    #[command(subcommand)]
    Debug(Debug),
}

#[derive(Debug, Subcommand)]
pub(super) enum Version {
    Get(VersionGet),
    Prepare {
        version: String,
        containers: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct VersionGet {
    pub(super) version: String,
    #[arg(long)]
    pub(super) from: Vec<String>,
    #[arg(long)]
    pub(super) set_current: bool,
    #[arg(long)]
    no_progress_bar: bool,
    #[arg(long)]
    set_dist_servers: bool,
    #[arg(long)]
    client_only: bool,
    #[arg(long)]
    driver_only: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Local {
    #[command(subcommand)]
    Setup(Setup),
    Run(Run),
    Exec(Exec),
    Stop(Stop),
    Rm(Rm),
}

#[derive(Debug, Subcommand)]
pub(super) enum Setup {
    Container(Box<SetupContainer>),
}

#[derive(Debug, Args)]
pub(super) struct SetupContainer {
    #[arg(short, long)]
    pub(super) name: String,
    #[arg(long)]
    pub(super) cores: u32,
    #[arg(long, default_value_t = 0)]
    pub(super) frontend_dedicated_cores: u32,
    #[arg(long, default_value_t = 0)]
    pub(super) drives_dedicated_cores: u32,
    #[arg(long, default_value_t = 0)]
    pub(super) compute_dedicated_cores: u32,
    #[arg(long)]
    memory: Option<String>,
    #[arg(long)]
    bandwidth: Option<String>,
    #[arg(long)]
    failure_domain: Option<String>,
    #[arg(short, long)]
    timeout: Option<String>,
    #[arg(long)]
    container_id: Option<u32>,
    #[arg(long, default_value_t = 14000)]
    pub(super) base_port: u16,
    #[arg(long)]
    resources_path: Option<String>,
    #[arg(long)]
    weka_version: Option<String>,
    #[arg(long)]
    fqdn: Option<String>,
    /// From 4.4.10 on.
    #[arg(long, requires = "client")]
    pub(super) auto_remove_timeout: Option<u64>,
    #[arg(long, value_delimiter = ',')]
    pub(super) core_ids: Vec<u32>,
    #[arg(long, value_delimiter = ',')]
    pub(super) management_ips: Vec<IpAddr>,
    #[arg(long, value_delimiter = ',')]
    pub(super) join_ips: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub(super) net: Vec<String>,
    #[arg(long)]
    disable: bool,
    #[arg(long)]
    no_start: bool,
    #[arg(long)]
    no_frontends: bool,
    #[arg(long)]
    only_drives_cores: bool,
    #[arg(long)]
    only_compute_cores: bool,
    #[arg(long)]
    only_frontend_cores: bool,
    #[arg(long)]
    only_dataserv_cores: bool,
    #[arg(long)]
    allow_mix_setting: bool,
    #[arg(long)]
    dedicate: bool,
    #[arg(long)]
    pub(super) force: bool,
    #[arg(long)]
    pub(super) ignore_used_ports: bool,
    #[arg(long)]
    skip_management_ips_check: bool,
    #[arg(long)]
    pub(super) client: bool,
    #[arg(long)]
    restricted: bool,
    /// Not in the reference: go-cloud-lib, `join/join.go`.
    #[arg(long)]
    allow_protocols: Option<bool>,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[arg(short = 'C', long)]
    pub(super) container: Option<String>,
    #[arg(long = "in")]
    version: Option<String>,
    #[arg(short, long)]
    pub(super) environment: Vec<String>,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
}

/// Not in the reference: go-cloud-lib, `join/join.go`; weka/tools (`weka local exec -C smbw ...`).
#[derive(Debug, Args)]
pub(super) struct Exec {
    #[arg(short = 'C', long)]
    pub(super) container: Option<String>,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Stop {
    pub(super) containers: Vec<String>,
    #[arg(long)]
    reason: Option<String>,
    #[arg(short, long, value_delimiter = ',')]
    r#type: Vec<String>,
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Rm {
    pub(super) containers: Vec<String>,
    #[arg(long)]
    pub(super) all: bool,
    #[arg(short, long)]
    pub(super) force: bool,
}

/// The options of every command that calls the cluster.
#[derive(Debug, Args)]
pub(super) struct Connection {
    /// Also `WEKA_HOST`.
    #[arg(short = 'H', long = "HOST")]
    pub(super) host: Option<String>,
    #[arg(short = 'P', long = "PORT")]
    port: Option<u16>,
    #[arg(short = 'C', long = "CONNECT-TIMEOUT")]
    connect_timeout: Option<String>,
    #[arg(short = 'T', long = "TIMEOUT")]
    timeout: Option<String>,
    #[arg(long)]
    profile: Option<String>,
}

/// The options of every command that lists something.
#[derive(Debug, Args)]
pub(super) struct Listing {
    #[arg(short, long)]
    format: Option<Format>,
    /// Not in the reference of these commands: go-cloud-lib, `clusterize/clusterize.go`; weka/tools.
    #[arg(short = 'J', long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    View,
    Csv,
    Markdown,
    Json,
    Oldview,
}

impl Listing {
    pub(super) fn is_json(&self) -> bool {
        self.json || self.format == Some(Format::Json)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Cluster {
    Container(Containers),
    Drive(Drives),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Containers {
    #[command(subcommand)]
    pub(super) command: Option<ContainerCommand>,
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(flatten)]
    pub(super) listing: Listing,
    #[arg(short, long)]
    backends: bool,
    #[arg(short, long)]
    clients: bool,
    pub(super) ids: Vec<u32>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ContainerCommand {
    Deactivate(Deactivate),
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct Deactivate {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[arg(long)]
    no_wait: bool,
    #[arg(long)]
    pub(super) skip_resource_validation: bool,
    #[arg(long)]
    pub(super) allow_unavailable: bool,
    /// The real command deactivates all containers when there are no ids.
    #[arg(required = true)]
    pub(super) ids: Vec<u32>,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[arg(long)]
    pub(super) no_wait: bool,
    #[arg(long)]
    pub(super) no_unimprint: bool,
    pub(super) id: u32,
}

#[derive(Debug, Args)]
pub(super) struct Drives {
    #[command(subcommand)]
    pub(super) command: DriveCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum DriveCommand {
    Scan {
        #[command(flatten)]
        connection: Connection,
        #[arg(required = true)]
        ids: Vec<u32>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Events {
    TriggerEvent {
        #[command(flatten)]
        connection: Connection,
        message: String,
    },
}

/// Not in the reference: go-cloud-lib, `join/join.go`.
#[derive(Debug, Subcommand)]
pub(super) enum Debug {
    Manhole {
        #[arg(short)]
        slot: u32,
        call: String,
    },
}

/// Not in the reference: go-cloud-lib, `join/join.go`; weka-operator, `funcs_cluster_joining.go`.
#[derive(Debug, Parser)]
#[command(name = "wapi", disable_help_subcommand = true)]
pub(super) enum Wapi {
    MachineQueryInfo {
        #[arg(long, value_delimiter = ',', required = true)]
        info_types: Vec<InfoType>,
        #[arg(short = 'J', long, required = true)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum InfoType {
    #[value(name = "DISKS")]
    Disks,
}

/// Not in the reference: go-cloud-lib, `join/join.go`; weka-operator, `weka_runtime.py`.
#[derive(Debug, Parser)]
#[command(name = "weka_sign_drive")]
pub(super) struct SignDrive {
    #[arg(long)]
    pub(super) force: bool,
    pub(super) device: String,
}
