//! A lab with a stack, and the program run against it as a user would.

use crate::permitted;
use assert_cmd::Command;
use aws::cloud::Clients;
use lab::{Call, Moto, MotoOptions, Stack, StackOptions};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// The password that no output may show.
pub(crate) const PASSWORD: &str = "hunter2-and-more";

/// A local AWS with a Lambda package to import with.
pub(crate) struct Lab {
    pub(crate) moto: Moto,
    folder: TempDir,
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    pub(crate) fn start(options: MotoOptions) -> Self {
        let moto = Moto::start(MotoOptions {
            record: true,
            ..options
        })
        .unwrap();
        Self::of(moto)
    }

    fn of(moto: Moto) -> Self {
        let folder = TempDir::new().unwrap();
        package(&folder.path().join("package.zip"), 0);
        Self { moto, folder }
    }

    /// Another lab, in which all stands that stands in this one.
    pub(crate) async fn fork(&self) -> Self {
        Self::of(self.moto.fork().await.unwrap())
    }

    /// A Lambda package with other code.
    pub(crate) fn other_package(&self) -> PathBuf {
        let path = self.folder.path().join("other.zip");
        package(&path, 1);
        path
    }

    /// A lab with a stack.
    pub(crate) fn with(stack: &StackOptions) -> (Self, Stack) {
        Self::with_options(MotoOptions::default(), stack)
    }

    /// A lab of a certain kind with a stack.
    pub(crate) fn with_options(options: MotoOptions, stack: &StackOptions) -> (Self, Stack) {
        let lab = Self::start(options);
        let stack = lab::create_stack(&lab.moto, stack).unwrap();
        (lab, stack)
    }

    pub(crate) fn package(&self) -> PathBuf {
        self.folder.path().join("package.zip")
    }

    /// A file with this text; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs wekactl, with an environment of nothing but the lab's.
    pub(crate) fn wekactl(&self, arguments: &[&str]) -> Ran {
        self.wekactl_with(arguments, &[("WEKA_PASSWORD", PASSWORD)])
    }

    pub(crate) fn wekactl_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = Command::cargo_bin("wekactl").unwrap();
        let output = command
            .args(arguments)
            .env_clear()
            .envs(self.moto.env())
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Ran {
            status: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!printed.contains(PASSWORD), "the password is in:\n{printed}");
        ran
    }

    /// `cluster import` of the stack `wk`, with more arguments.
    pub(crate) fn import(&self, more: &[&str]) -> Ran {
        self.import_as("wk", more)
    }

    /// `cluster import` under a name, with more arguments.
    pub(crate) fn import_as(&self, name: &str, more: &[&str]) -> Ran {
        self.import_with(name, more, &[("WEKA_PASSWORD", PASSWORD)])
    }

    /// `cluster import` with an environment other than the lab's alone.
    pub(crate) fn import_with(&self, name: &str, more: &[&str], environment: &[(&str, &str)]) -> Ran {
        let package = self.package();
        let arguments = import_arguments(name, package.to_str().unwrap());
        self.wekactl_with(&[&arguments[..], more].concat(), environment)
    }

    /// The calls since `from` that change something, as `service operation`.
    pub(crate) fn changes_since(&self, from: usize) -> Vec<String> {
        let calls = self.calls();
        calls[from..]
            .iter()
            .filter(|call| call.mutating)
            .map(|c| format!("{} {}", c.service, c.operation))
            .collect()
    }

    /// Clients of this AWS, for what somebody else does to it.
    pub(crate) fn clients(&self) -> Clients {
        let variables: BTreeMap<_, _> = self.moto.env().into_iter().collect();
        let config =
            aws::config::from_lambda_environment("test", "eu-west-1", |name| variables.get(name).cloned());
        Clients::new(&config.unwrap())
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.moto.calls().unwrap()
    }
}

/// Every test ends by this: nobody has asked AWS for what the documentation does not say that he must be allowed.
impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            permitted::check(&self.calls());
        }
    }
}

/// Makes a package of what an ELF program for x86_64 begins with, which is all that import reads of it, and a byte of code.
fn package(path: &Path, code: u8) {
    let mut program = vec![0; 64];
    program[..4].copy_from_slice(b"\x7fELF");
    program[18] = 62;
    program.push(code);
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    zip.start_file("bootstrap", SimpleFileOptions::default()).unwrap();
    zip.write_all(&program).unwrap();
    zip.finish().unwrap();
}

/// The arguments of an import.
pub(crate) fn import_arguments<'a>(name: &'a str, package: &'a str) -> [&'a str; 8] {
    [
        "cluster",
        "import",
        "-n",
        name,
        "-u",
        "admin",
        "--lambda-package",
        package,
    ]
}

impl Ran {
    /// It ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{}{}", self.stdout, self.stderr);
        self
    }
}
