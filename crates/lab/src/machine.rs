//! Boots an instance: bash runs the real user data in a separate folder, with stand-ins for the programs that need a real
//! instance. The stand-ins are the files in `machine/`. `weka`, `mount` and `curl` call the simulated cluster, so that the
//! instance becomes a member.

mod files;
mod layout;

pub use layout::{AMAZON_LINUX_2, AMAZON_LINUX_2023, LAYOUTS, Layout, ROCKY_9, UBUNTU_24_04};

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

#[derive(Clone)]
pub struct BootOptions {
    /// The id that the instance metadata service returns.
    pub instance_id: String,
    /// The private address, which serves the Weka API after the join.
    pub private_ip: IpAddr,
    /// Decoded.
    pub user_data: String,
    /// The signed identity document that the instance metadata service returns, in base64.
    pub identity: String,
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
    /// The number of network interfaces that are attached before the boot, in addition to the primary.
    pub interfaces: u32,
    /// Whether there is an EBS volume for `/opt/weka`.
    pub volume: bool,
    pub layout: Layout,
    /// The length of each pause in the scripts.
    pub pause: Duration,
    /// Whether bash traces the user data: a script with secrets must switch that off.
    pub trace: bool,
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

/// A call of a program that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// The call with this number, counted from 1, fails before it has an effect.
    Before(usize),
    /// The same, after it has had its effect: its answer is lost.
    After(usize),
}

/// The result of a boot.
#[derive(Debug, Clone)]
pub struct Boot {
    pub outcome: Outcome,
    /// The output of the scripts: the instance's console log.
    pub log: String,
    /// The calls of the stand-in programs, quoted for bash.
    pub calls: Vec<String>,
}

impl Boot {
    /// The calls that start with `head`.
    pub fn calls_of(&self, head: &str) -> Vec<&str> {
        let calls = self.calls.iter().map(String::as_str);
        calls.filter(|call| call.starts_with(head)).collect()
    }
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

/// A new instance that can be changed before it boots, and examined afterwards.
#[derive(Debug)]
pub struct Machine {
    folder: TempDir,
    /// The `PATH` of this process.
    search_path: String,
    options: BootOptions,
}

impl Machine {
    /// # Errors
    /// The files cannot be created.
    pub fn new(options: BootOptions) -> io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the stand-ins need the real programs, which are not on the machine's own PATH"
        )]
        let search_path = std::env::var("PATH").map_err(io::Error::other)?;
        let folder = TempDir::with_prefix("machine-")?;
        files::populate(folder.path(), &search_path, &options)?;
        Ok(Self {
            folder,
            search_path,
            options,
        })
    }

    /// A path of the simulated machine: `root/etc/fstab`, or a file that controls a stand-in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the user data.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_user_data(&self, user_data: &str) -> io::Result<()> {
        fs::write(self.path("user-data"), user_data)
    }

    /// Runs the user data and waits until it exits. The result has only the calls of this boot. Dropping the future kills all
    /// processes of the instance.
    ///
    /// # Errors
    /// bash cannot be started.
    pub async fn boot(&self, fault: Option<CallFault>) -> io::Result<Boot> {
        let path = self.folder.path();
        fs::write(path.join("calls"), "")?;
        let log = fs::File::create(path.join("log"))?;
        let mut command = Command::new("bash");
        command
            .args(self.options.trace.then_some("-xv"))
            .arg(path.join("user-data"))
            .current_dir(path)
            .env_clear()
            .envs(environment(path, &self.search_path, &self.options))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        match fault {
            Some(CallFault::Before(number)) => command.env("LAB_FAULT", format!("{number} before")),
            Some(CallFault::After(number)) => command.env("LAB_FAULT", format!("{number} after")),
            None => &mut command,
        };
        let status = ProcessGroup(command.spawn()?).0.wait().await?;
        let outcome = if path.join("shut-down").exists() {
            Outcome::ShutDown
        } else if status.success() {
            Outcome::Joined
        } else {
            Outcome::Failed(status)
        };
        let read = |name| io::Result::Ok(String::from_utf8_lossy(&fs::read(path.join(name))?).into_owned());
        Ok(Boot {
            outcome,
            log: read("log")?,
            calls: read("calls")?.lines().map(str::to_owned).collect(),
        })
    }
}

/// Boots a new instance and waits until its user data exits. Dropping the future kills all processes of the instance.
///
/// # Errors
/// The folder cannot be created, or bash cannot be started.
pub async fn boot(options: BootOptions) -> io::Result<Boot> {
    Machine::new(options)?.boot(None).await
}

/// The environment of the instance's processes: nothing of this process.
fn environment(path: &Path, search_path: &str, options: &BootOptions) -> Vec<(&'static str, String)> {
    let layout = &options.layout;
    let within = |name| path.join(name).display().to_string();
    let mut variables = vec![
        ("PATH", within("bin")),
        ("MACHINE", path.display().to_string()),
        ("TMPDIR", within("tmp")),
        ("WEKACTL_ROOT", within("root")),
        ("WEKACTL_IMDS", "http://imds.lab".to_owned()),
        ("WEKACTL_PAUSE", options.pause.as_secs_f64().to_string()),
        ("LAB_PATH", search_path.to_owned()),
        ("LAB_INSTANCE", options.instance_id.clone()),
        ("LAB_ADDRESS", options.private_ip.to_string()),
        ("LAB_CONTROL", options.control_url.clone()),
        ("LAB_WEKA_PORT", options.weka_port.to_string()),
        ("LAB_CURL_VERSION", layout.curl.to_owned()),
        (
            "LAB_AWS_CLI_PACKAGE",
            layout.aws_cli_package.unwrap_or_default().to_owned(),
        ),
        ("LAB_INTERFACE_PREFIX", layout.interface.0.to_owned()),
        ("LAB_FIRST_INTERFACE", layout.interface.1.to_string()),
        (
            "LAB_CONFIGURES_INTERFACES",
            layout.configures_interfaces.to_string(),
        ),
    ];
    variables.extend(options.join_url.iter().map(|url| ("LAB_JOIN_URL", url.clone())));
    variables
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
