//! The local AWS, as a process of its own.

use crate::python::{ensure, machine, scripts};
use crate::{Control, Error};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::NamedTempFile;

/// The region that the lab is in, unless it is asked for another.
const REGION: &str = "eu-west-1";

/// How the local AWS shall be.
#[derive(Debug, Clone)]
pub struct MotoOptions {
    /// What each answer takes longer, in place of a network. Calls wait side by side.
    pub latency: Duration,
    /// Whether to keep a list of the calls: [`Moto::calls`].
    pub record: bool,
    /// How long Lambda and Step Functions refuse a new role, as with IAM's propagation.
    pub iam_delay: Duration,
    /// How long a new function is `Pending`, and a changed one `InProgress`.
    pub function_pending: Duration,
    /// How long an instance that was attached to a group is `Pending` there.
    pub attach_pending: Duration,
    /// The region that [`Moto::env`] names.
    pub region: String,
    /// [`Functions::url`](crate::Functions::url): where functions run. Without it neither they nor state machines do: an
    /// invocation fails, an execution does nothing.
    pub functions: Option<String>,
}

impl Default for MotoOptions {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            record: false,
            iam_delay: Duration::ZERO,
            function_pending: Duration::ZERO,
            attach_pending: Duration::ZERO,
            region: REGION.to_owned(),
            functions: None,
        }
    }
}

/// A call that the local AWS was sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Call {
    /// The service, as requests are signed for it: `ec2`, `states`, `elasticloadbalancing`.
    pub service: String,
    /// The operation: `DescribeInstances`.
    pub operation: String,
    /// Which program sent it, as it names itself in the request's `User-Agent`; empty where it does not.
    pub app: String,
    /// Whether it is one that changes something, successful or not.
    pub mutating: bool,
    /// The HTTP status of the answer.
    pub status: u16,
    /// When it came, in milliseconds since 1970.
    pub start_ms: f64,
    /// When its answer went, in milliseconds since 1970.
    pub end_ms: f64,
    /// The ids of the instances that the request names.
    pub instances: Vec<String>,
    /// The answer's body, if it is an error.
    #[serde(default)]
    pub error: Option<String>,
}

/// A running local AWS, empty at first. Dropping it ends the process.
#[derive(Debug)]
pub struct Moto {
    /// None of a fork.
    process: Option<Child>,
    endpoint: String,
    region: String,
    record: Option<NamedTempFile>,
}

impl Moto {
    /// Starts it on a free port of 127.0.0.1 and waits until it listens. Makes the Python environment if need be.
    ///
    /// # Errors
    /// No environment, or a process that does not start; what it wrote went to standard error.
    pub fn start(options: MotoOptions) -> Result<Self, Error> {
        let python = ensure()?;
        let record = options.record.then(NamedTempFile::new).transpose();
        let record = record.map_err(machine("make", &std::env::temp_dir()))?;
        let script = scripts().join("moto_lab.py");
        let mut command = Command::new(&python);
        // The tree is not to be littered with compiled scripts.
        command.arg("-B").arg(&script);
        for (name, value) in [
            ("--latency-ms", options.latency),
            ("--iam-delay-ms", options.iam_delay),
            ("--function-pending-ms", options.function_pending),
            ("--attach-pending-ms", options.attach_pending),
        ] {
            command.arg(name).arg((value.as_secs_f64() * 1000.0).to_string());
        }
        if let Some(url) = &options.functions {
            command.arg("--functions").arg(url);
        }
        // moto calls itself by boto3, which would look for them here.
        for name in [
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_ENDPOINT_URL",
            "HTTP_PROXY",
            "http_proxy",
        ] {
            command.env_remove(name);
        }
        if let Some(file) = &record {
            command.arg("--record").arg(file.path());
        }
        // Its standard input stays open as long as this process lives, however that ends.
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(machine("start", &script))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .map_err(machine("read from", &script))?;
        }
        if line.is_empty() {
            let status = process.wait().map_err(machine("wait for", &script))?;
            return Err(Error::NotStarted(status));
        }
        #[derive(Deserialize)]
        struct Listening {
            port: u16,
        }
        let port = serde_json::from_str::<Listening>(&line)
            .map_err(|source| Error::Answer {
                of: "moto".to_owned(),
                source,
            })?
            .port;
        Ok(Self {
            process: Some(process),
            endpoint: format!("http://127.0.0.1:{port}"),
            region: options.region,
            record,
        })
    }

    /// Another local AWS that begins with all that stands in this one, at a fraction of what it took to make. It ends when it
    /// is dropped, and at the latest with this one. It keeps no list of its calls.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn fork(&self) -> Result<Self, Error> {
        let port = Control::of(self).fork().await?;
        Ok(Self {
            process: None,
            endpoint: format!("http://127.0.0.1:{port}"),
            region: self.region.clone(),
            record: None,
        })
    }

    /// Its address, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The environment that makes a program use it, and nothing else of this machine's AWS set-up.
    pub fn env(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "lab"),
            ("AWS_SECRET_ACCESS_KEY", "lab"),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The calls so far, in the order of their answers; empty unless [`MotoOptions::record`] was set. A call is in the
    /// list before its answer is sent.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn calls(&self) -> Result<Vec<Call>, Error> {
        let Some(file) = &self.record else {
            return Ok(Vec::new());
        };
        let text = fs::read_to_string(file.path()).map_err(machine("read", file.path()))?;
        // A line that is being written is of a call whose answer has not been sent.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|source| Error::Answer {
                of: "moto's record".to_owned(),
                source,
            })
    }

    /// Runs a Python script on it (boto3 is there) and reads the JSON that it prints.
    ///
    /// # Errors
    /// The script failed, or printed something else.
    pub fn run<T: DeserializeOwned, A: AsRef<OsStr>>(
        &self,
        script: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<T, Error> {
        let output = Command::new(ensure()?)
            .arg("-B")
            .arg(script)
            .args(arguments)
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .envs(self.env())
            .stdin(Stdio::null())
            .output()
            .map_err(machine("start", script))?;
        let name = || script.display().to_string();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Script { script: name(), said });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| Error::Answer { of: name(), source })
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended already, and there is nobody left to tell.
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        } else if let Ok(mut stream) = TcpStream::connect(self.endpoint.trim_start_matches("http://")) {
            let body = r#"{"region":""}"#;
            let head = format!(
                "POST /lab/end HTTP/1.1\r\nHost: lab\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
            // Until it has ended: it has nothing to answer.
            let _ = stream.read(&mut [0; 1]);
        }
    }
}
