//! The scripts to test, and a machine of stand-ins to run them on.

use instances::{BackendJoin, ClientJoin, MountScript, UserData, profile_of};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A password with everything that a shell could stumble over.
pub(crate) const PASSWORD: &str = "p'a\"s$s`w\\o rd!";
pub(crate) const API_KEY: &str = "the-api-key-0123456789";

pub(crate) fn backend() -> String {
    backend_of("i3en.2xlarge", PASSWORD)
}

pub(crate) fn backend_of(instance_type: &str, password: &str) -> String {
    let backends = ["127.10.0.4", "127.10.0.5", "127.10.0.6"]
        .map(str::to_owned)
        .to_vec();
    let profile = profile_of(instance_type).unwrap();
    BackendJoin {
        backends,
        username: "admin".into(),
        password: password.into(),
        profile,
    }
    .render()
}

pub(crate) fn client(password: &str) -> String {
    let backends = ["127.10.0.4", "127.10.0.5"].map(str::to_owned).to_vec();
    ClientJoin {
        backends,
        username: "admin".into(),
        password: password.into(),
    }
    .render()
}

pub(crate) fn user_data() -> String {
    UserData {
        join_url: "https://abc123.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends".into(),
        api_key: API_KEY.into(),
        region: "eu-west-1".into(),
        subnet: "subnet-1".into(),
        security_groups: vec!["sg-1".into(), "sg-2".into()],
        io_cores: 3,
    }
    .render()
}

pub(crate) fn mount() -> String {
    MountScript {
        host: "wekactl-wk-1.eu-west-1.elb.amazonaws.com".into(),
    }
    .render()
}

/// A folder that stands for a machine: programs on `bin`, files under `root`, calls in `calls`.
pub(crate) struct Machine {
    folder: TempDir,
}

/// What a script did.
pub(crate) struct Ran {
    pub(crate) ok: bool,
    pub(crate) printed: String,
    pub(crate) calls: Vec<String>,
}

impl Machine {
    /// A machine with these programs beside the usual stand-ins, which only note their calls.
    pub(crate) fn new(programs: &[(&str, &str)]) -> Self {
        let machine = Self {
            folder: TempDir::new().unwrap(),
        };
        for folder in ["bin", "root/dev", "root/etc", "tmp"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine.file("root/etc/fstab", "");
        machine.cpus(&[
            (0, "0,4", 0),
            (1, "1,5", 0),
            (2, "2,6", 1),
            (3, "3,7", 1),
            (4, "0,4", 0),
            (5, "1,5", 0),
        ]);
        let quiet = ["mkfs.ext4", "mount", "systemctl", "shutdown", "sleep"].map(|name| (name, "exit 0"));
        for (name, body) in quiet.iter().chain(DEFAULTS).chain(programs) {
            machine.program(name, body);
        }
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Cpus as the kernel shows them: number, threads of its core, NUMA node.
    fn cpus(&self, cpus: &[(u32, &str, u32)]) {
        for (cpu, siblings, node) in cpus {
            let folder = format!("root/sys/devices/system/cpu/cpu{cpu}");
            self.file(
                &format!("{folder}/topology/thread_siblings_list"),
                &format!("{siblings}\n"),
            );
            fs::create_dir_all(self.path(&format!("{folder}/node{node}"))).unwrap();
        }
    }

    /// A program that notes its call and then runs `body`.
    fn program(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        let note = "{ printf '%s' \"${0##*/}\"; printf ' %q' \"$@\"; echo; } >>\"$MACHINE/calls\"";
        fs::write(&path, format!("#!/bin/bash\n{note}\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script, traced where it lets itself be.
    pub(crate) fn run(&self, script: &str) -> Ran {
        let path = self.path("script.sh");
        fs::write(&path, script).unwrap();
        let system = std::env::var("PATH").unwrap();
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("bash")
            .arg("-x")
            .arg(&path)
            .env("PATH", format!("{}:{system}", self.path("bin").display()))
            .env("MACHINE", self.folder.path())
            .env("TMPDIR", self.path("tmp"))
            .env("WEKACTL_ROOT", self.path("root"))
            .env("WEKACTL_IMDS", "http://imds.test")
            .env("WEKACTL_PAUSE", "0")
            .output()
            .unwrap();
        let printed = [stdout, stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        Ran {
            ok: status.success(),
            printed,
            calls: calls.lines().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        Path::new(&self.path(name)).exists()
    }
}

impl Ran {
    /// The calls that begin so.
    pub(crate) fn of(&self, head: &str) -> Vec<&str> {
        self.calls
            .iter()
            .map(String::as_str)
            .filter(|call| call.starts_with(head))
            .collect()
    }

    pub(crate) fn assert_no_secret(&self) {
        let seen = [self.printed.clone(), self.calls.join("\n")].concat();
        for secret in [API_KEY, PASSWORD, "p'a", "s$s", "w\\o"] {
            assert!(!seen.contains(secret), "{secret} in:\n{seen}");
        }
    }
}

/// Stand-ins that answer.
const DEFAULTS: &[(&str, &str)] = &[
    ("blkid", "exit 2"),
    ("mountpoint", "exit 1"),
    (
        "curl",
        r#"
        case "${*: -1}" in
          */latest/api/token) echo a-token ;;
          */meta-data/instance-id) echo i-0123 ;;
          */meta-data/local-ipv4) echo 127.10.0.9 ;;
          */api/v1) echo '{"jsonrpc":"2.0","id":1,"result":{"software_release":"4.2.9"}}' ;;
          */dist/v1/install) echo 'true # installed' ;;
          *) exit 22 ;;
        esac"#,
    ),
    (
        "ip",
        r#"
        case "$*" in
          *route*) echo 'default via 127.10.0.1 dev eth0 proto dhcp' ;;
          *addr*)
            for n in 0 1 2 3 4 5 6 7; do echo "$n: eth$n    inet 127.10.0.$((9 + n))/20 brd 127.10.15.255 scope global eth$n"; done ;;
        esac"#,
    ),
    (
        "weka",
        r#"
        [ -n "$WEKA_USERNAME" ] && [ -n "$WEKA_PASSWORD" ] || exit 9
        printf %s "$WEKA_PASSWORD" >"$MACHINE/seen-password"
        case "$*" in
          *operational_status*) echo '{"is_ready": true}' ;;
          *machine-query-info*)
            cat <<JSON
{"disks": [
  {"devPath": "$WEKACTL_ROOT/dev/nvme2n1", "isRotational": false, "type": "DISK", "isMounted": false, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "$WEKACTL_ROOT/dev/rotating", "isRotational": true, "type": "DISK", "isMounted": false, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "$WEKACTL_ROOT/dev/part", "isRotational": false, "type": "PARTITION", "isMounted": false, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "$WEKACTL_ROOT/dev/mounted", "isRotational": false, "type": "DISK", "isMounted": true, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "$WEKACTL_ROOT/dev/ebs", "isRotational": false, "type": "DISK", "isMounted": false, "model": "Amazon Elastic Block Store"}]}
JSON
            ;;
          *weka_sign_drive*) touch "${*: -1}p1" "$WEKACTL_ROOT${*: -1}p1" 2>/dev/null || { mkdir -p "$(dirname "$WEKACTL_ROOT${*: -1}")"; touch "$WEKACTL_ROOT${*: -1}p1"; } ;;
          'cluster container --json')
            echo '[{"host_id":"HostId<21>","host_ip":"127.10.0.9","container_name":"drives0"},{"host_id":"HostId<22>","host_ip":"127.10.0.9","container_name":"compute0"},{"host_id":"HostId<3>","host_ip":"127.10.0.4","container_name":"drives0"}]' ;;
        esac"#,
    ),
];
