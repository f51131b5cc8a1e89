//! The names of all resources, as wekactl 1.x (Go) chose them.

use std::fmt;
use std::str::FromStr;

/// The name of a cluster: that of its CloudFormation stack, or the one given with its instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(String);

/// Why a name is not a valid cluster name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cluster name '{name}' {reason}")]
pub struct InvalidClusterName {
    name: String,
    reason: &'static str,
}

impl FromStr for ClusterName {
    type Err = InvalidClusterName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let reason = if name.is_empty() {
            "is empty: use the name of the CloudFormation stack"
        } else if name.len() > 128 {
            "is longer than 128 characters"
        } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            "does not begin with a letter"
        } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            "has characters other than letters, digits and hyphens"
        } else if name.ends_with('-') {
            "ends with a hyphen, which the load balancer named after it may not"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(InvalidClusterName {
            name: name.to_owned(),
            reason,
        })
    }
}

impl ClusterName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of the cluster with its own Auto Scaling group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostGroup {
    /// The instances that hold the data.
    Backends,
    /// The instances that mount its filesystems.
    Clients,
}

impl HostGroup {
    pub const ALL: [Self; 2] = [Self::Backends, Self::Clients];

    /// `Backends` or `Clients`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backends => "Backends",
            Self::Clients => "Clients",
        }
    }

    /// The role of its instances: `backend` or `client`, as in tags and in the functions' environment.
    pub fn role(self) -> &'static str {
        match self {
            Self::Backends => "backend",
            Self::Clients => "client",
        }
    }
}

impl fmt::Display for HostGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The five functions of a host group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FunctionType {
    /// Returns the join script to a new instance.
    Join,
    /// Reads the group and its instances.
    Fetch,
    /// Plans and executes the draining and removal of machines.
    Scale,
    /// Terminates removed instances.
    Terminate,
    /// Fails with the errors that did not stop a run, to show them.
    Transient,
}

impl FunctionType {
    pub const ALL: [Self; 5] = [
        Self::Join,
        Self::Fetch,
        Self::Scale,
        Self::Terminate,
        Self::Transient,
    ];
    /// The functions that the state machine calls, in this order.
    pub const OF_STATE_MACHINE: [Self; 4] = [Self::Fetch, Self::Scale, Self::Terminate, Self::Transient];

    /// Whether it signs the messages that it writes, or checks those that it gets.
    pub fn has_seal_key(self) -> bool {
        matches!(self, Self::Fetch | Self::Scale | Self::Terminate)
    }

    /// The type in names and in the environment variable `LAMBDA`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Fetch => "fetch",
            Self::Scale => "scale",
            Self::Terminate => "terminate",
            Self::Transient => "transient",
        }
    }
}

impl fmt::Display for FunctionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FunctionType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
            .ok_or_else(|| {
                format!(
                    "'{name}' is not a function type; it is one of join, fetch, scale, terminate, transient"
                )
            })
    }
}

/// What assumes a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleUse {
    Function(FunctionType),
    StateMachine,
    Rule,
}

impl RoleUse {
    pub const ALL: [Self; 7] = [
        Self::Function(FunctionType::Join),
        Self::Function(FunctionType::Fetch),
        Self::Function(FunctionType::Scale),
        Self::Function(FunctionType::Terminate),
        Self::Function(FunctionType::Transient),
        Self::StateMachine,
        Self::Rule,
    ];

    /// The use in names and in the tag `wekactl.io/use`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function(function) => function.name(),
            Self::StateMachine => "sm",
            Self::Rule => "cw",
        }
    }
}

impl fmt::Display for RoleUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The PJW/ELF hash (28 bits) with which wekactl 1.x (Go) shortens names.
pub fn elf_hash(text: &str) -> u32 {
    text.bytes().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & 0x0fff_ffff
    })
}

/// `name`; if it is not shorter than `limit`, its beginning and its hash.
pub fn truncate_with_hash(name: &str, limit: usize) -> String {
    truncate_head(name, "", limit)
}

/// `head` and `tail` in one name; if it is not shorter than `limit`, `head` is truncated and the hash of the whole name is
/// inserted between them.
fn truncate_head(head: &str, tail: &str, limit: usize) -> String {
    let whole = format!("{head}{tail}");
    if whole.len() < limit {
        return whole;
    }
    let hash = elf_hash(&whole).to_string();
    let kept = limit.saturating_sub(1 + hash.len() + tail.len()).min(head.len());
    format!("{}-{hash}{tail}", &head[..kept])
}

/// The names of one cluster's resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    cluster: ClusterName,
}

impl Names {
    pub fn new(cluster: ClusterName) -> Self {
        Self { cluster }
    }

    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// `wekactl-C`: the name of the table and the prefix of the others.
    pub fn base(&self) -> String {
        format!("wekactl-{}", self.cluster)
    }

    /// `wekactl-C-G`: the REST API, its usage plan and key, and the Auto Scaling group.
    pub fn of(&self, group: HostGroup) -> String {
        format!("{}-{group}", self.base())
    }

    pub fn key_alias(&self) -> String {
        format!("alias/{}", self.base())
    }

    /// The IAM path of the roles.
    pub fn role_path(&self) -> String {
        format!("/wekactl/{}/", self.cluster)
    }

    /// The name of a new role. `uuid` distinguishes it from a deleted role with the same use, with which Lambda would keep failing.
    pub fn role(&self, group: HostGroup, role_use: RoleUse, uuid: uuid::Uuid) -> String {
        truncate_head(&self.of(group), &format!("-{role_use}-{uuid}"), 64)
    }

    /// The name of the inline policy of a role.
    pub fn policy(&self, group: HostGroup, role_use: RoleUse) -> String {
        truncate_with_hash(&format!("{}-{role_use}-{group}", self.base()), 128)
    }

    pub fn function(&self, group: HostGroup, function: FunctionType) -> String {
        truncate_with_hash(&format!("{}-{function}-{group}", self.base()), 64)
    }

    /// The log group that Lambda writes to.
    pub fn function_log_group(&self, group: HostGroup, function: FunctionType) -> String {
        format!("/aws/lambda/{}", self.function(group, function))
    }

    /// Below `/aws/vendedlogs/`: these groups need no entry in the account's log resource policy, which is limited in size.
    pub fn state_machine_log_group(&self, group: HostGroup) -> String {
        format!("/aws/vendedlogs/states/{}", self.state_machine(group))
    }

    pub fn launch_template(&self, group: HostGroup) -> String {
        truncate_with_hash(&self.of(group), 128)
    }

    pub fn state_machine(&self, group: HostGroup) -> String {
        truncate_with_hash(&self.of(group), 80)
    }

    pub fn rule(&self, group: HostGroup) -> String {
        truncate_with_hash(&self.of(group), 64)
    }

    pub fn load_balancer(&self) -> String {
        truncate_with_hash(&self.base(), 32)
    }

    pub fn target_group(&self) -> String {
        truncate_with_hash(&format!("{}-api", self.base()), 32)
    }
}

#[cfg(test)]
mod tests;
