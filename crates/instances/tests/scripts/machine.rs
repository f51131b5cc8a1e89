//! A simulated machine in a folder: programs in `bin`, the recorded calls of the programs in `calls`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) const API_KEY: &str = "the-api-key-0123456789";

/// The identity document, which the metadata service returns in several lines.
const IDENTITY: &str = "MIAGCSqGSIb3\nDQEHAqCAMIAC";

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
    /// A machine on which everything succeeds.
    pub(crate) fn new() -> Self {
        let machine = Self {
            folder: TempDir::new().unwrap(),
        };
        for folder in ["bin", "tmp"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        for (name, body) in PROGRAMS {
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
            .env("IDENTITY", IDENTITY)
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

    pub(crate) fn assert_no_secret(&self) {
        let seen = [self.output.clone(), self.calls.join("\n")].concat();
        for secret in [API_KEY, "x-wekactl-nonce: ", "MIAGCSqGSIb3"] {
            assert!(!seen.contains(secret), "{secret} is in:\n{seen}");
        }
    }
}

/// Simulated programs. The file `join-response` is bash code for the join URL, which may set `$code` and write to `$file`.
const PROGRAMS: &[(&str, &str)] = &[
    ("shutdown", "exit 0"),
    ("sleep", "exit 0"),
    (
        "curl",
        r#"
        url=${*: -1} file=/dev/stdout header= code=200 write=
        while [ $# -gt 0 ]; do
          case "$1" in
            --output) file=$2; shift ;;
            --write-out) write=1; shift ;;
            -H) header=$2; [ "${2#@}" = "$2" ] || header=$(cat "${2#@}"); shift ;;
            --interface) interface=$2; shift ;;
          esac
          shift
        done
        case "$url" in
          */latest/api/token) echo a-token ;;
          */meta-data/*)
            [ "$header" = 'X-aws-ec2-metadata-token: a-token' ] || exit 22
            case "$url" in */instance-id) echo i-0123 ;; */local-ipv4) echo 10.0.0.9 ;; *) exit 22 ;; esac ;;
          */dynamic/instance-identity/rsa2048) echo "$IDENTITY" ;;
          */default/wekactl-*)
            [ "$interface" = 10.0.0.9 ] || exit 45
            grep -qxF "$API_KEY_EXPECTED" <<<"$header" || exit 22
            grep -qxF "x-wekactl-identity: ${IDENTITY//$'\n'/}" <<<"$header" || exit 22
            grep -qxE 'x-wekactl-nonce: [0-9a-f]{64}' <<<"$header" || exit 22
            grep -x 'x-wekactl-nonce: .*' <<<"$header" >>"$MACHINE/nonces"
            . "$MACHINE/join-response"
            [ -z "$write" ] || printf %s "$code" ;;
          *) exit 22 ;;
        esac"#,
    ),
];
