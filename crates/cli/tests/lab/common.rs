//! A lab with a stack, and functions that run the program against it.

use crate::permissions;
use assert_cmd::Command;
use aws::cloud::Clients;
use lab::{Call, Moto, MotoOptions, Stack, StackOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// No output may contain this password.
pub(crate) const PASSWORD: &str = "hunter2-and-more";

/// A local AWS, and a Lambda package for import.
pub(crate) struct Lab {
    pub(crate) moto: Moto,
    folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct RunOutput {
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

    /// A copy of the lab with all its resources.
    pub(crate) async fn fork(&self) -> Self {
        Self::of(self.moto.fork().await.unwrap())
    }

    /// A Lambda package with different code.
    pub(crate) fn other_package(&self) -> PathBuf {
        let path = self.folder.path().join("other.zip");
        package(&path, 1);
        path
    }

    /// A lab with a stack.
    pub(crate) fn with(stack: &StackOptions) -> (Self, Stack) {
        Self::with_options(MotoOptions::default(), stack)
    }

    /// A lab with a stack of backends only.
    pub(crate) fn without_clients() -> (Self, Stack) {
        Self::with(&StackOptions {
            clients: 0,
            ..StackOptions::default()
        })
    }

    pub(crate) fn with_options(options: MotoOptions, stack: &StackOptions) -> (Self, Stack) {
        let lab = Self::start(options);
        let stack = lab::create_stack(&lab.moto, stack).unwrap();
        (lab, stack)
    }

    pub(crate) fn package(&self) -> PathBuf {
        self.folder.path().join("package.zip")
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs wekactl with only the environment of the lab.
    pub(crate) fn wekactl(&self, arguments: &[&str]) -> RunOutput {
        self.wekactl_with(arguments, &[("WEKA_PASSWORD", PASSWORD)])
    }

    /// Runs wekactl with changes of the lab's environment. An empty value removes a variable.
    pub(crate) fn wekactl_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> RunOutput {
        let mut command = Command::cargo_bin("wekactl").unwrap();
        command.args(arguments).env_clear().envs(self.moto.env());
        for (name, value) in environment {
            match *value {
                "" => command.env_remove(name),
                value => command.env(name, value),
            };
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = RunOutput {
            status: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            !printed.contains(PASSWORD),
            "the output has the password:\n{printed}"
        );
        ran
    }

    /// `cluster import` of stack `wk` with more arguments.
    pub(crate) fn import(&self, more: &[&str]) -> RunOutput {
        self.import_as("wk", more)
    }

    /// `cluster import` of cluster `name` with more arguments.
    pub(crate) fn import_as(&self, name: &str, more: &[&str]) -> RunOutput {
        self.import_with(name, more, &[("WEKA_PASSWORD", PASSWORD)])
    }

    /// `cluster import` with additional environment variables.
    pub(crate) fn import_with(&self, name: &str, more: &[&str], environment: &[(&str, &str)]) -> RunOutput {
        let package = self.package();
        let arguments = import_arguments(name, package.to_str().unwrap());
        self.wekactl_with(&[&arguments[..], more].concat(), environment)
    }

    /// The mutating calls since `from`, as `service operation`.
    pub(crate) fn changes_since(&self, from: usize) -> Vec<String> {
        let calls = self.calls();
        calls[from..]
            .iter()
            .filter(|call| call.mutating)
            .map(|c| format!("{} {}", c.service, c.operation))
            .collect()
    }

    /// AWS clients for changes outside wekactl.
    pub(crate) fn clients(&self) -> Clients {
        let config =
            aws::config::from_lambda_environment("test", "eu-west-1", |name| self.moto.variable(name));
        Clients::new(&config.unwrap())
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.moto.calls().unwrap()
    }
}

/// Every AWS call made in a test is documented in permissions.md.
impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            permissions::check(&self.calls());
        }
    }
}

/// Creates a package with the ELF header for x86_64, which is all that import reads, and one byte of code.
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

impl RunOutput {
    /// Asserts success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts this exit status.
    #[track_caller]
    pub(crate) fn fails(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "{}", self.stderr);
        self
    }

    /// Asserts that standard error has this text.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{}", self.stderr);
        self
    }
}
