//! Which clusters wekactl can scale.

use crate::lists::{Hosts, Mode};

/// The oldest major release whose machines run more than one container (docs/weka-compatibility.md).
const OLDEST_RELEASE: u32 = 4;

/// Why wekactl cannot scale a cluster, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    #[error(
        "the cluster runs Weka {release}, which wekactl does not support: upgrade it to {OLDEST_RELEASE}.0 or later first"
    )]
    OldRelease { release: String },
    #[error(
        "the cluster runs Weka {release} with a single container on each backend, which wekactl does not support: convert it to multiple containers first"
    )]
    SingleContainer { release: String },
}

/// A release that cannot be read is not a reason to refuse a cluster.
///
/// # Errors
/// The release is too old.
pub fn check_release(release: &str) -> Result<(), Unsupported> {
    let major = release
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major < OLDEST_RELEASE => Err(Unsupported::OldRelease {
            release: release.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// # Errors
/// No backend has a container for drives only.
pub fn check_containers(release: &str, hosts: &Hosts) -> Result<(), Unsupported> {
    let has_backends = hosts.0.iter().any(|host| host.mode == Mode::Backend);
    if has_backends && !hosts.has_drive_containers() {
        return Err(Unsupported::SingleContainer {
            release: release.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn release_before_4_is_refused() {
        for old in ["3.11.1", "3.14.2.17"] {
            let error = check_release(old).unwrap_err().to_string();
            assert!(error.contains(&format!("Weka {old},")), "{error}");
        }
        for supported in ["4.0", "4.2.9", "4.4.2.157-k8s.2", "5.0.1", "unknown", ""] {
            assert_eq!(check_release(supported), Ok(()), "{supported}");
        }
    }

    #[test]
    fn cluster_without_drive_containers_is_refused() {
        let hosts = |names: &[&str]| -> Hosts {
            let hosts = names.iter().enumerate().map(|(number, name)| {
                let host = json!({ "mode": "backend", "state": "ACTIVE", "container_name": name });
                (format!("HostId<{number}>"), host)
            });
            serde_json::from_value(hosts.collect::<serde_json::Map<_, _>>().into()).unwrap()
        };
        let single = check_containers("4.0.5", &hosts(&["default", "default"])).unwrap_err();
        assert!(
            single.to_string().contains("Weka 4.0.5 with a single container"),
            "{single}"
        );
        assert_eq!(
            check_containers("4.2.9", &hosts(&["compute0", "drives0"])),
            Ok(())
        );
        assert_eq!(check_containers("4.2.9", &hosts(&[])), Ok(()));
    }
}
