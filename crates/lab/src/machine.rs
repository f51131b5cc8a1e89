//! Boots an instance: bash runs the real user data in a separate folder, with stand-ins for the programs that need a real
//! instance. The stand-ins are the files in `machine/`. `weka` and `curl` call the simulated cluster, so that the instance
//! becomes a member.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The stand-in programs.
const PROGRAMS: [(&str, &str); 10] = [
    ("aws", include_str!("../machine/aws")),
    ("blkid", include_str!("../machine/blkid")),
    ("curl", include_str!("../machine/curl")),
    ("ip", include_str!("../machine/ip")),
    ("mkfs.ext4", include_str!("../machine/mkfs.ext4")),
    ("mount", include_str!("../machine/mount")),
    ("mountpoint", include_str!("../machine/mountpoint")),
    ("shutdown", include_str!("../machine/shutdown")),
    ("systemctl", include_str!("../machine/systemctl")),
    ("weka", include_str!("../machine/weka")),
];

#[derive(Clone)]
pub struct BootOptions {
    /// The id that the instance metadata service returns.
    pub instance_id: String,
    /// The private address, which serves the Weka API after the join.
    pub private_ip: IpAddr,
    /// Decoded.
    pub user_data: String,
    /// Replaces the URL of the join API in the user data.
    pub join_url: Option<String>,
    /// [`WekaCluster::control_url`](crate::weka_cluster::WekaCluster::control_url).
    pub control_url: String,
    /// [`WekaCluster::port`](crate::weka_cluster::WekaCluster::port), which replaces 14000.
    pub weka_port: u16,
    /// The number of physical cores.
    pub cores: u32,
    /// The number of local NVMe drives.
    pub drives: u32,
    /// The length of each pause in the scripts.
    pub pause: Duration,
}

impl std::fmt::Debug for BootOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The user data has the API's key.
        f.debug_struct("BootOptions")
            .field("instance_id", &self.instance_id)
            .field("private_ip", &self.private_ip)
            .finish_non_exhaustive()
    }
}

/// The result of a boot.
#[derive(Debug, Clone)]
pub struct Boot {
    pub outcome: Outcome,
    /// The output of the scripts: the instance's console log.
    pub log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The user data succeeded.
    Joined,
    /// The instance shut itself down so that its group replaces it.
    ShutDown,
    /// The user data failed, and the instance keeps running.
    Failed(ExitStatus),
}

/// Boots an instance and waits until its user data exits. Dropping the future kills all processes of the instance.
///
/// # Errors
/// The folder cannot be created, or bash cannot be started.
pub async fn boot(options: BootOptions) -> io::Result<Boot> {
    let folder = TempDir::with_prefix("machine-")?;
    let path = folder.path();
    populate_rootfs(path, &options)?;
    let log = fs::File::create(path.join("log"))?;
    let mut command = Command::new("bash");
    command
        .args(["-c", r#"PATH="$MACHINE/bin:$PATH" exec bash "$MACHINE/user-data""#])
        .current_dir(path)
        .env("MACHINE", path)
        .env("TMPDIR", path.join("tmp"))
        .env("WEKACTL_ROOT", path.join("root"))
        .env("WEKACTL_IMDS", "http://imds.lab")
        .env("WEKACTL_PAUSE", options.pause.as_secs_f64().to_string())
        .env("LAB_INSTANCE", &options.instance_id)
        .env("LAB_ADDRESS", options.private_ip.to_string())
        .env("LAB_CONTROL", &options.control_url)
        .env("LAB_WEKA_PORT", options.weka_port.to_string())
        .env_remove("LAB_JOIN_URL")
        // bash would run BASH_ENV. The developer may have set Weka's variables.
        .env_remove("BASH_ENV")
        .env_remove("WEKA_USERNAME")
        .env_remove("WEKA_PASSWORD")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    if let Some(url) = &options.join_url {
        command.env("LAB_JOIN_URL", url);
    }
    let status = ProcessGroup(command.spawn()?).0.wait().await?;
    let outcome = if path.join("shut-down").exists() {
        Outcome::ShutDown
    } else if status.success() {
        Outcome::Joined
    } else {
        Outcome::Failed(status)
    };
    let log = String::from_utf8_lossy(&fs::read(path.join("log"))?).into_owned();
    Ok(Boot { outcome, log })
}

/// Creates the files of a new instance.
fn populate_rootfs(path: &Path, options: &BootOptions) -> io::Result<()> {
    for folder in ["bin", "tmp", "root/dev", "root/etc"] {
        fs::create_dir_all(path.join(folder))?;
    }
    for (name, program) in PROGRAMS {
        let file = path.join("bin").join(name);
        fs::write(&file, program)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(path.join("user-data"), &options.user_data)?;
    fs::write(path.join("root/etc/fstab"), "")?;
    // The EBS volume for Weka's local filesystem.
    fs::write(path.join("root/dev/sdp"), "")?;
    for core in 0..options.cores {
        // Two NUMA nodes, and one thread per core.
        let cpu = path.join(format!("root/sys/devices/system/cpu/cpu{core}"));
        fs::create_dir_all(cpu.join("topology"))?;
        fs::create_dir_all(cpu.join(format!("node{}", core % 2)))?;
        fs::write(cpu.join("topology/thread_siblings_list"), format!("{core}\n"))?;
    }
    let disks: Vec<_> = (0..options.drives).map(|number| disk(number + 2)).collect();
    fs::write(
        path.join("disks"),
        serde_json::json!({ "disks": disks }).to_string(),
    )
}

fn disk(number: u32) -> serde_json::Value {
    serde_json::json!({
        "devPath": format!("/dev/nvme{number}n1"),
        "isRotational": false,
        "type": "DISK",
        "isMounted": false,
        "model": "Amazon EC2 NVMe Instance Storage",
    })
}

/// Dropping it kills the process and all of its children.
struct ProcessGroup(Child);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // `None` after the process has exited.
        if let Some(id) = self.0.id() {
            // The id of the group is the id of the process. A failure cannot be reported from `drop`.
            let _ = std::process::Command::new("kill")
                .args(["-KILL", "--", &format!("-{id}")])
                .stderr(Stdio::null())
                .status();
        }
    }
}
