//! A simulated machine in a folder: programs in `bin`, files under `root`, the recorded calls of the programs in `calls`.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A password with characters that are special in a shell.
pub(crate) const PASSWORD: &str = "p'a\"s$s`w\\o rd!";
pub(crate) const API_KEY: &str = "the-api-key-0123456789";

pub(crate) struct Machine {
    folder: TempDir,
}

/// The result of a script.
pub(crate) struct Run {
    pub(crate) succeeded: bool,
    pub(crate) output: String,
    pub(crate) calls: Vec<String>,
}

impl Machine {
    /// A machine on which everything succeeds: an EBS volume, one unused drive, four cores on two NUMA nodes, seven secondary
    /// interfaces, and backends that respond.
    pub(crate) fn new() -> Self {
        let machine = Self {
            folder: TempDir::new().unwrap(),
        };
        for folder in ["bin", "root/dev", "root/etc", "tmp"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine.file("root/etc/fstab", "");
        machine.file("root/dev/sdp", "");
        machine.file("disks", DISKS);
        machine.file("hosts", HOSTS);
        machine.cpus(&[
            (0, "0,4", 0),
            (1, "1,5", 0),
            (2, "2,6", 1),
            (3, "3,7", 1),
            (4, "0,4", 0),
            (5, "1,5", 0),
        ]);
        let silent = ["mkfs.ext4", "mount", "systemctl", "shutdown", "sleep"].map(|name| (name, "exit 0"));
        for (name, body) in silent.iter().chain(PROGRAMS) {
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

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The number of temporary files that scripts left behind.
    pub(crate) fn temporary_files(&self) -> usize {
        fs::read_dir(self.path("tmp")).unwrap().count()
    }

    /// Sets the CPUs as the kernel lists them: number, threads of its core, NUMA node.
    pub(crate) fn cpus(&self, cpus: &[(u32, impl Display, u32)]) {
        let all = self.path("root/sys/devices/system/cpu");
        fs::create_dir_all(&all).unwrap();
        fs::remove_dir_all(&all).unwrap();
        for (cpu, siblings, node) in cpus {
            let folder = format!("root/sys/devices/system/cpu/cpu{cpu}");
            let list = format!("{folder}/topology/thread_siblings_list");
            self.file(&list, &format!("{siblings}\n"));
            fs::create_dir_all(self.path(&format!("{folder}/node{node}"))).unwrap();
        }
    }

    /// Adds a program that records its call and then runs `body`.
    pub(crate) fn program(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        let record = "{ printf '%s' \"${0##*/}\"; printf ' %q' \"$@\"; echo; } >>\"$MACHINE/calls\"";
        fs::write(&path, format!("#!/bin/bash\n{record}\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script with bash's tracing enabled. The result has only the calls of this run.
    pub(crate) fn run(&self, script: &str) -> Run {
        let path = self.path("script.sh");
        fs::write(&path, script).unwrap();
        self.file("calls", "");
        let system = std::env::var("PATH").unwrap();
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("bash")
            .arg("-xv")
            .arg(&path)
            .env("PATH", format!("{}:{system}", self.path("bin").display()))
            .env("MACHINE", self.folder.path())
            .env("API_KEY_EXPECTED", format!("x-api-key: {API_KEY}"))
            .env("TMPDIR", self.path("tmp"))
            .env("WEKACTL_ROOT", self.path("root"))
            .env("WEKACTL_IMDS", "http://imds.test")
            .env("WEKACTL_PAUSE", "0")
            .output()
            .unwrap();
        let output = [stdout, stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        let calls = self.read("calls").lines().map(str::to_owned).collect();
        Run {
            succeeded: status.success(),
            output,
            calls,
        }
    }
}

impl Run {
    /// The calls that start with `head`.
    pub(crate) fn calls_of(&self, head: &str) -> Vec<&str> {
        let calls = self.calls.iter().map(String::as_str);
        calls.filter(|call| call.starts_with(head)).collect()
    }

    /// Asserts that the script failed and printed `message`.
    pub(crate) fn assert_failed(&self, message: &str) {
        let failed = !self.succeeded && self.output.contains(message);
        assert!(failed, "no failure with '{message}':\n{}", self.output);
    }

    pub(crate) fn assert_no_secret(&self) {
        let seen = [self.output.clone(), self.calls.join("\n")].concat();
        for secret in [API_KEY, PASSWORD, "p'a", "s$s", "w\\o"] {
            assert!(!seen.contains(secret), "{secret} in:\n{seen}");
        }
    }
}

/// Only the first is a whole, unmounted, local drive.
const DISKS: &str = r#"{"disks": [
  {"devPath": "/dev/nvme2n1", "isRotational": false, "type": "DISK", "isMounted": false, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "/dev/rotating", "isRotational": true, "type": "DISK", "isMounted": false, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "/dev/part", "isRotational": false, "type": "PARTITION", "isMounted": false, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "/dev/mounted", "isRotational": false, "type": "DISK", "isMounted": true, "model": "Amazon EC2 NVMe Instance Storage"},
  {"devPath": "/dev/ebs", "isRotational": false, "type": "DISK", "isMounted": false, "model": "Amazon Elastic Block Store"},
  {"devPath": "/dev/nameless", "isRotational": false, "type": "DISK", "isMounted": false, "model": null}]}
"#;

/// The containers of this machine, of an earlier instance with the same address, and of another machine.
const HOSTS: &str = r#"[
  {"host_id": "HostId<99>", "host_ip": "127.10.0.9", "container_name": "drives0", "state": "INACTIVE", "added_time": "2026-01-01T00:00:00Z"},
  {"host_id": "HostId<98>", "host_ip": "127.10.0.9", "container_name": "compute0", "state": "ACTIVE", "added_time": "2026-01-01T00:00:00Z"},
  {"host_id": "HostId<21>", "host_ip": "127.10.0.9", "container_name": "drives0", "state": "ACTIVE", "added_time": "2026-02-01T00:00:00Z"},
  {"host_id": "HostId<22>", "host_ip": "127.10.0.9", "container_name": "compute0", "state": "ACTIVE", "added_time": "2026-02-01T00:00:00Z"},
  {"host_id": "HostId<23>", "host_ip": "127.10.0.9", "container_name": "client7", "state": "ACTIVE", "added_time": "2026-02-01T00:00:00Z"},
  {"host_id": "HostId<3>", "host_ip": "127.10.0.4", "container_name": "drives0", "state": "ACTIVE", "added_time": "2026-03-01T00:00:00Z"}]
"#;

/// Simulated programs. Files of the machine control them: `dead` lists hosts that do not respond, `weka-fails` lists patterns of
/// weka commands that fail, and `join-response` is bash code for the join URL, which may set `$code` and write to `$file`.
const PROGRAMS: &[(&str, &str)] = &[
    ("blkid", r#"[ -e "$MACHINE/label" ] && cat "$MACHINE/label""#),
    ("mountpoint", r#"[ -e "$MACHINE/mounted" ]"#),
    (
        "curl",
        r#"
        url=${*: -1} file=/dev/stdout header= code=200 write=
        while [ $# -gt 0 ]; do
          case "$1" in
            --output) file=$2; shift ;;
            --write-out) write=1; shift ;;
            -H) header=$2; [ "${2#@}" = "$2" ] || header=$(cat "${2#@}"); shift ;;
          esac
          shift
        done
        host=${url#http://} host=${host%%:*}
        if grep -qsx "$host" "$MACHINE/dead"; then echo 'curl: (7) no response' >&2; exit 7; fi
        case "$url" in
          */latest/api/token) echo a-token ;;
          */meta-data/*)
            [ "$header" = 'X-aws-ec2-metadata-token: a-token' ] || exit 22
            case "$url" in */instance-id) echo i-0123 ;; */local-ipv4) echo 127.10.0.9 ;; *) exit 22 ;; esac ;;
          */api/v1) echo '{"jsonrpc":"2.0","id":1,"result":{"software_release":"4.2.9"}}' ;;
          */dist/v1/install)
            echo 'touch "$MACHINE/installed"' >"$file"
            [ ! -e "$MACHINE/installer-is-interrupted" ] || exit 18 ;;
          */default/wekactl-*)
            [ "$header" = "$API_KEY_EXPECTED" ] || exit 22
            . "$MACHINE/join-response"
            [ -z "$write" ] || printf %s "$code" ;;
          *) exit 22 ;;
        esac"#,
    ),
    (
        "ip",
        r#"
        case "$*" in
          *route*) printf '%s\n' 'default via 127.10.0.1 dev eth0 proto dhcp' 'default via 127.10.0.1 dev eth1 metric 10001' ;;
          *addr*)
            for n in 0 1 2 3 4 5 6 7; do echo "$n: eth$n    inet 127.10.0.$((9 + n))/20 brd 127.10.15.255 scope global eth$n"; done
            echo '0: eth0    inet 127.10.0.99/20 scope global secondary eth0'
            echo '1: eth1    inet 127.10.0.98/20 scope global secondary eth1'
            echo '9: docker0    inet 172.17.0.1/16 scope global docker0' ;;
        esac"#,
    ),
    (
        "weka",
        r#"
        [ -n "$WEKA_USERNAME" ] && [ -n "$WEKA_PASSWORD" ] || exit 9
        printf %s "$WEKA_PASSWORD" >"$MACHINE/seen-password"
        if [ -e "$MACHINE/weka-fails" ]; then
          while read -r pattern; do
            case "$*" in $pattern) exit 1 ;; esac
          done <"$MACHINE/weka-fails"
        fi
        case "$*" in
          # As long as the real output: more than a pipe buffers.
          *operational_status*) echo '{"is_ready": true,'; printf '"filler": "%0200000d"}' 0 ;;
          *machine-query-info*) cat "$MACHINE/disks" ;;
          *weka_sign_drive*) touch "$WEKACTL_ROOT${*: -1}p1" ;;
          'cluster container --json') cat "$MACHINE/hosts" ;;
        esac"#,
    ),
];
