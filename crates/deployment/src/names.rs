//! The names of everything, as the Go wekactl 1.x gave them.

use std::fmt;
use std::str::FromStr;

/// The name of a cluster: that of its CloudFormation stack, or the one given with its instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(String);

/// Why a cluster cannot bear a name.
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
            "is empty: give the name of the CloudFormation stack"
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
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of the cluster that has an Auto Scaling group of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostGroup {
    /// The instances that hold the data.
    Backends,
    /// The instances that only use it.
    Clients,
}

impl HostGroup {
    /// Every host group there can be.
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
    /// Answers a new instance with its join script.
    Join,
    /// Reads the group and its instances.
    Fetch,
    /// Decides, drains and removes.
    Scale,
    /// Terminates what was removed.
    Terminate,
    /// Shows the errors that did not stop a run.
    Transient,
}

impl FunctionType {
    /// All five.
    pub const ALL: [Self; 5] = [
        Self::Join,
        Self::Fetch,
        Self::Scale,
        Self::Terminate,
        Self::Transient,
    ];
    /// Those that the state machine calls, in its order.
    pub const OF_STATE_MACHINE: [Self; 4] = [Self::Fetch, Self::Scale, Self::Terminate, Self::Transient];

    /// The type as it stands in names and in the environment variable `LAMBDA`.
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
                format!("'{name}' is no function type: one of join, fetch, scale, terminate, transient")
            })
    }
}

/// Who takes on a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleUse {
    /// A function.
    Function(FunctionType),
    /// The state machine.
    StateMachine,
    /// The rule that starts the state machine.
    Rule,
}

impl RoleUse {
    /// All seven.
    pub const ALL: [Self; 7] = [
        Self::Function(FunctionType::Join),
        Self::Function(FunctionType::Fetch),
        Self::Function(FunctionType::Scale),
        Self::Function(FunctionType::Terminate),
        Self::Function(FunctionType::Transient),
        Self::StateMachine,
        Self::Rule,
    ];

    /// The use as it stands in names and in the tag `wekactl.io/use`.
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

/// The PJW/ELF hash (28 bits) by which the Go wekactl shortens names.
pub fn elf_hash(text: &str) -> u32 {
    text.bytes().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & 0x0fff_ffff
    })
}

/// `name`, or if it is not shorter than `limit`, as much of its beginning as leaves room for its hash.
pub fn truncate_with_hash(name: &str, limit: usize) -> String {
    fit_before(name, "", limit)
}

/// `head` and `tail` in one name; where that is not shorter than `limit`, `head` is cut and the whole name's hash
/// stands between them.
fn fit_before(head: &str, tail: &str, limit: usize) -> String {
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
    /// The names of the resources of `cluster`.
    pub fn new(cluster: ClusterName) -> Self {
        Self { cluster }
    }

    /// The cluster they belong to.
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// `wekactl-C`: the table's name, and what the others begin with.
    pub fn base(&self) -> String {
        format!("wekactl-{}", self.cluster)
    }

    /// `wekactl-C-G`: the REST API, its usage plan and key, and the Auto Scaling group.
    pub fn of(&self, group: HostGroup) -> String {
        format!("{}-{group}", self.base())
    }

    /// The key's alias.
    pub fn key_alias(&self) -> String {
        format!("alias/{}", self.base())
    }

    /// The path of the roles.
    pub fn role_path(&self) -> String {
        format!("/wekactl/{}/", self.cluster)
    }

    /// A new role's name; `uuid` sets it apart from a deleted role of the same use, which Lambda would go on failing with.
    pub fn role(&self, group: HostGroup, user: RoleUse, uuid: uuid::Uuid) -> String {
        fit_before(&self.of(group), &format!("-{user}-{uuid}"), 64)
    }

    /// The name of a role's inline policy.
    pub fn policy(&self, group: HostGroup, user: RoleUse) -> String {
        truncate_with_hash(&format!("{}-{user}-{group}", self.base()), 128)
    }

    /// A function.
    pub fn function(&self, group: HostGroup, function: FunctionType) -> String {
        truncate_with_hash(&format!("{}-{function}-{group}", self.base()), 64)
    }

    /// The log group of a function, where Lambda writes.
    pub fn function_log_group(&self, group: HostGroup, function: FunctionType) -> String {
        format!("/aws/lambda/{}", self.function(group, function))
    }

    /// The log group of the state machine. Below `/aws/vendedlogs/`, whose groups need no entry of their own in the
    /// account's log resource policy, which is limited in size.
    pub fn state_machine_log_group(&self, group: HostGroup) -> String {
        format!("/aws/vendedlogs/states/{}", self.state_machine(group))
    }

    /// The launch template.
    pub fn launch_template(&self, group: HostGroup) -> String {
        truncate_with_hash(&self.of(group), 128)
    }

    /// The state machine.
    pub fn state_machine(&self, group: HostGroup) -> String {
        truncate_with_hash(&self.of(group), 80)
    }

    /// The EventBridge rule.
    pub fn rule(&self, group: HostGroup) -> String {
        truncate_with_hash(&self.of(group), 64)
    }

    /// The application load balancer.
    pub fn load_balancer(&self) -> String {
        truncate_with_hash(&self.base(), 32)
    }

    /// Its target group.
    pub fn target_group(&self) -> String {
        truncate_with_hash(&format!("{}-api", self.base()), 32)
    }
}

#[cfg(test)]
mod tests;
