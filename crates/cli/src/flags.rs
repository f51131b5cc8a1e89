//! Options that several commands share. They have no doc comment of their own: clap would show it as the command's help.

use crate::failure::Failure;
use clap::Args;
use deployment::{ClusterName, Names};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ClusterFlag {
    /// Name of the cluster
    #[arg(short, long)]
    pub(crate) name: String,
}

impl ClusterFlag {
    /// # Errors
    /// A name that no cluster can have.
    pub(crate) fn cluster(&self) -> Result<ClusterName, Failure> {
        self.name
            .parse()
            .map_err(|error: deployment::names::InvalidClusterName| Failure::usage(error.to_string()))
    }

    /// # Errors
    /// A name that no cluster can have.
    pub(crate) fn names(&self) -> Result<Names, Failure> {
        self.cluster().map(Names::new)
    }
}

#[derive(Args)]
pub(crate) struct LoginFlags {
    /// Weka username of a cluster admin
    #[arg(short, long)]
    pub(crate) username: String,
    /// Weka password. Other users of this machine can see it: prefer WEKA_PASSWORD, --password-stdin or the prompt
    #[arg(short, long, conflicts_with = "password_stdin")]
    pub(crate) password: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Hides the password.
impl std::fmt::Debug for LoginFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginFlags")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Args)]
pub(crate) struct PackageFlag {
    /// Lambda package to use instead of the embedded one: a zip built by `cargo xtask package`
    #[arg(long, value_name = "FILE")]
    pub(crate) lambda_package: Option<PathBuf>,
}

// `import` has no short letter for --dry-run: its -d is --use-dynamodb-endpoint, as in wekactl 1.x (Go).
#[derive(Debug, Args)]
pub(crate) struct DryRunFlags {
    /// Show the plan and exit
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: exit with status 2 if the plan has changes
    #[arg(long, requires = "dry_run")]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct YesFlag {
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub(crate) yes: bool,
}
