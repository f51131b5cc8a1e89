//! A machine that boots: an instance's real user data, run by bash in a folder of its own, with stand-ins for the programs
//! that need an instance. They are the files in `machine/`; `weka` and `curl` talk to the
//! simulated cluster, so that a machine that boots becomes a member of it.

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

/// What boots, and where what it talks to is.
#[derive(Clone)]
pub struct BootOptions {
    /// The instance's id, as its metadata service tells it.
    pub instance_id: String,
    /// Its private address: where its API is then served.
    pub private_ip: IpAddr,
    /// The user data, as the instance sees it: a script, not encoded.
    pub user_data: String,
    /// Where requests to the join API go; none: to the address in the user data. They have the instance's headers.
    pub join_url: Option<String>,
    /// [`WekaCluster::control_url`](crate::weka_cluster::WekaCluster::control_url).
    pub control_url: String,
    /// [`WekaCluster::port`](crate::weka_cluster::WekaCluster::port), which takes the place of 14000.
    pub weka_port: u16,
    /// How many physical cores it has.
    pub cores: u32,
    /// How many local NVMe drives it has.
    pub drives: u32,
    /// How long each pause of the scripts is.
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

/// How a boot ended.
#[derive(Debug, Clone)]
pub struct Boot {
    /// What came of it.
    pub outcome: Outcome,
    /// What the scripts printed: the instance's console log.
    pub log: String,
}

/// What came of a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The user data ended well.
    Joined,
    /// The instance has shut itself down, so that its group replaces it.
    ShutDown,
    /// The user data failed, and the instance runs on.
    Failed(ExitStatus),
}

/// Boots a machine and waits until its user data has ended. Dropped before, it ends all processes of the machine.
///
/// # Errors
/// The folder could not be made, or bash not started.
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
        // What bash would run first, and what a user of Weka may have set here.
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
    let status = Running(command.spawn()?).0.wait().await?;
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

/// Puts into the folder what a new instance has.
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
    // The volume of Weka's local filesystem.
    fs::write(path.join("root/dev/sdp"), "")?;
    for core in 0..options.cores {
        // Two NUMA nodes, and one thread a core.
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

/// A process that takes its children with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // None once it has been waited for.
        if let Some(id) = self.0.id() {
            // Its group has its number. There is nobody left to tell if that fails.
            let _ = std::process::Command::new("kill")
                .args(["-KILL", "--", &format!("-{id}")])
                .stderr(Stdio::null())
                .status();
        }
    }
}
