//! `mount -t wekafs` of a stateless client.
//!
//! Source: weka/docs-weka-io, branch `4.4`, `mounting-filesystems/README.md`.

use super::agent::Agent;
use super::{Caller, rejected};
use crate::{Model, NewContainer, RpcError};
use clap::Parser;
use std::collections::BTreeMap;
use std::time::Duration;
use weka_types::lists::Mode;

/// What `mount` passes to its helper.
#[derive(Debug, Parser)]
#[command(name = "mount.wekafs")]
pub(super) struct Mount {
    /// `<backend>[,<backend>...]/<filesystem>`; `:/` is accepted as the delimiter too.
    device: String,
    directory: String,
    #[arg(short, value_delimiter = ',')]
    options: Vec<String>,
}

/// The options without a value.
const FLAGS: [&str; 20] = [
    "readcache",
    "writecache",
    "forcedirect",
    "quiet",
    "ro",
    "rw",
    "inode_bits",
    "verbose",
    "acl",
    "obs_direct",
    "noatime",
    "strictatime",
    "relatime",
    "nosuid",
    "noexec",
    "nodev",
    "sync_on_close",
    "nosync_on_close",
    "restricted",
    "remount",
];

/// The options with a value.
const VALUES: [&str; 22] = [
    "readahead_kb",
    "dentry_max_age_positive",
    "dentry_max_age_negative",
    "memory_mb",
    "num_cores",
    "core",
    "net",
    "remove_after_secs",
    "traces_capacity_mb",
    "reserve_1g_hugepages",
    "qos_max_throughput_mbps",
    "qos_preferred_throughput_mbps",
    "qos_max_ops",
    "connect_timeout_secs",
    "response_timeout_secs",
    "join_timeout_secs",
    "dpdk_base_memory_mb",
    "weka_version",
    "auth_token_path",
    "mgmt_ip",
    "bandwidth_mbps",
    "dedicated_mode",
];

/// Options of fstab that `mount` passes on and that the helper ignores.
fn is_of_fstab(name: &str) -> bool {
    name == "_netdev" || name.starts_with("x-systemd.")
}

impl Caller<'_> {
    pub(super) fn mount(
        &self,
        model: &mut Model,
        agent: &mut Agent,
        mount: &Mount,
    ) -> Result<String, RpcError> {
        let (backends, filesystem) = mount
            .device
            .split_once(":/")
            .or_else(|| mount.device.split_once('/'))
            .ok_or_else(|| rejected(format!("'{}' has no filesystem", mount.device)))?;
        if filesystem.is_empty() || filesystem.contains('/') {
            return Err(rejected(format!("'{filesystem}' is not a filesystem")));
        }
        if !mount.directory.starts_with('/') {
            return Err(rejected(format!("{} is not an absolute path", mount.directory)));
        }
        if !backends.split(',').any(|backend| self.is_serving(model, backend)) {
            return Err(rejected(format!("{backends} does not respond")));
        }
        let options = parse_options(&mount.options)?;
        let number = |name: &str, default: u64| match options.get(name).map(Vec::as_slice) {
            Some([value]) => value
                .parse()
                .map_err(|_| rejected(format!("{name}={value}: not a number"))),
            Some(_) => Err(rejected(format!("{name} is given twice"))),
            None => Ok(default),
        };
        let udp = options
            .get("net")
            .is_some_and(|nets| nets.iter().any(|net| net == "udp"));
        if options.contains_key("net") && !udp {
            // The page says that `net` must not be set on AWS: Weka attaches the interfaces itself.
            return Err(rejected(
                "net is set: on AWS, Weka attaches the interfaces itself",
            ));
        }
        let cores = match options.get("core").map(Vec::as_slice) {
            Some(_) if options.contains_key("num_cores") => {
                return Err(rejected("num_cores and core exclude each other"));
            }
            Some(cores) if cores.iter().any(|core| core == "0") => {
                return Err(rejected("core 0 is not allowed"));
            }
            Some(cores) => cores.len() as u64,
            None => number("num_cores", 1)?,
        };
        if cores == 0 && !udp {
            return Err(rejected("num_cores=0 needs net=udp"));
        }
        let remove_after = number("remove_after_secs", 3600)?;
        if remove_after < 60 {
            return Err(rejected("remove_after_secs is at least 60"));
        }
        let container = NewContainer {
            name: "client".to_owned(),
            mode: Mode::Client,
            cores: u32::try_from(cores).map_err(|_| rejected("too many cores"))?,
            auto_remove: Some(Duration::from_secs(remove_after)),
        };
        agent.add_client(model, self, container)?;
        Ok(String::new())
    }
}

/// The values of each option; those without a value are only checked.
fn parse_options(options: &[String]) -> Result<BTreeMap<&str, Vec<String>>, RpcError> {
    let mut values: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for option in options {
        match option.split_once('=') {
            _ if is_of_fstab(option) => {}
            Some((name, value)) if VALUES.contains(&name) && !value.is_empty() => {
                values.entry(name).or_default().push(value.to_owned());
            }
            None if FLAGS.contains(&option.as_str()) => {}
            _ => return Err(rejected(format!("unknown option {option}"))),
        }
    }
    Ok(values)
}
