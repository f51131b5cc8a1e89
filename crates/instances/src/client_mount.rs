//! The filesystems that new clients mount.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A Weka filesystem and the directory at which clients mount it, written as `FILESYSTEM=PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredMount")]
pub struct ClientMount {
    filesystem: String,
    path: String,
}

/// A stored mount, before validation.
#[derive(Deserialize)]
struct StoredMount {
    filesystem: String,
    path: String,
}

/// Why a mount is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMount(String);

/// Directories that the operating system or Weka needs: a filesystem that is mounted over one of them, or for some of them below
/// it, makes the machine unusable.
const RESERVED: [&str; 12] = [
    "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "tmp", "usr",
];

impl ClientMount {
    /// The mount of clients for which import was given none. Weka's stacks create the filesystem `default`.
    pub fn default_mount() -> Self {
        Self {
            filesystem: "default".to_owned(),
            path: "/mnt/weka".to_owned(),
        }
    }

    pub fn filesystem(&self) -> &str {
        &self.filesystem
    }

    /// Absolute, without a trailing slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Why this mount is invalid; `None` if it is valid. The names are a field of fstab and a part of the mount's source, which
    /// have no escapes that all programs agree on.
    fn invalid_reason(&self) -> Option<String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.filesystem.is_empty() {
            return Some("the filesystem is missing".to_owned());
        }
        if !self.filesystem.chars().all(is_plain) {
            return Some(format!(
                "filesystem '{}' has other characters than letters, digits, '.', '_' and '-'",
                self.filesystem
            ));
        }
        let Some(relative) = self.path.strip_prefix('/') else {
            return Some(format!("path '{}' is not absolute", self.path));
        };
        if !self.path.chars().all(|c| is_plain(c) || c == '/') {
            return Some(format!(
                "path '{}' has other characters than letters, digits, '/', '.', '_' and '-'",
                self.path
            ));
        }
        let mut parts = relative.split('/');
        if parts.clone().any(|part| matches!(part, "" | "." | "..")) {
            return Some(format!(
                "path '{}' has an empty, '.' or '..' component",
                self.path
            ));
        }
        let first = parts.next().unwrap_or_default();
        let whole = ["home", "opt", "root", "var"].contains(&first) && parts.next().is_none();
        (RESERVED.contains(&first) || whole || self.path.starts_with("/opt/weka"))
            .then(|| format!("path '{}' is a directory of the system", self.path))
    }
}

impl TryFrom<StoredMount> for ClientMount {
    type Error = InvalidMount;

    fn try_from(stored: StoredMount) -> Result<Self, Self::Error> {
        let StoredMount { filesystem, path } = stored;
        let mount = Self { filesystem, path };
        match mount.invalid_reason() {
            None => Ok(mount),
            Some(reason) => Err(InvalidMount(format!("client mount {mount}: {reason}"))),
        }
    }
}

impl FromStr for ClientMount {
    type Err = InvalidMount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: &str| {
            InvalidMount(format!(
                "invalid client mount '{text}': {reason}; the format is FILESYSTEM=PATH, such as default=/mnt/weka"
            ))
        };
        let (filesystem, path) = text.split_once('=').ok_or_else(|| invalid("it has no '='"))?;
        let path = path
            .strip_suffix('/')
            .filter(|path| !path.is_empty())
            .unwrap_or(path);
        let mount = Self {
            filesystem: filesystem.to_owned(),
            path: path.to_owned(),
        };
        match mount.invalid_reason() {
            None => Ok(mount),
            Some(reason) => Err(invalid(&reason)),
        }
    }
}

impl fmt::Display for ClientMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.filesystem, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_is_a_filesystem_and_a_path() {
        for (text, path) in [
            ("default=/mnt/weka", "/mnt/weka"),
            ("fs_1.a-b=/data/", "/data"),
            ("x=/opt/data", "/opt/data"),
            ("x=/home/user/weka", "/home/user/weka"),
        ] {
            let mount: ClientMount = text.parse().unwrap();
            assert_eq!(mount.path(), path);
            assert_eq!(mount.to_string().parse(), Ok(mount.clone()));
            let stored = serde_json::to_value(&mount).unwrap();
            assert_eq!(serde_json::from_value::<ClientMount>(stored).unwrap(), mount);
        }
        let default = ClientMount::default_mount();
        assert_eq!(default.to_string().parse(), Ok(default));
    }

    #[test]
    fn invalid_mount_is_rejected_with_the_reason() {
        for (text, reason) in [
            ("", "it has no '='"),
            ("default", "it has no '='"),
            ("=/mnt/weka", "the filesystem is missing"),
            ("a/b=/mnt/weka", "filesystem 'a/b'"),
            ("a b=/mnt/weka", "filesystem 'a b'"),
            ("default=", "is not absolute"),
            ("default=mnt/weka", "is not absolute"),
            ("default=/mnt/with space", "other characters"),
            ("default=/mnt/$(reboot)", "other characters"),
            ("default=/mnt/a=b", "other characters"),
            ("default=/", "empty"),
            ("default=/mnt//weka", "empty"),
            ("default=/mnt/../etc", "'..' component"),
            ("default=/etc/weka", "directory of the system"),
            ("default=/usr", "directory of the system"),
            ("default=/opt/weka/data", "directory of the system"),
            ("default=/home", "directory of the system"),
        ] {
            let error = text.parse::<ClientMount>().unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("FILESYSTEM=PATH") && !error.contains('\n'),
                "{text}: {error}"
            );
        }
        let stored = serde_json::json!({ "filesystem": "default", "path": "/etc" });
        let error = serde_json::from_value::<ClientMount>(stored).unwrap_err();
        assert!(error.to_string().contains("directory of the system"), "{error}");
    }
}
