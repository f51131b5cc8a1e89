//! The local AWS: a separate process that runs moto.

use crate::installation::io_error;
use crate::python::{ensure, scripts};
use crate::{Control, Error, IamRequest};
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

/// The default region.
const REGION: &str = "eu-west-1";

/// A behaviour of AWS that slows down every test, and that only requests of wekactl and its functions meet. `docs/lab.md` has the
/// sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// A new function is not found by the first requests that read it, and by the first that change it.
    LambdaLag,
    /// Each mutating operation of EC2 has a bucket of 50 tokens and regains five per second.
    Ec2TokenBucket,
    /// The network interface of a function in a VPC outlives the function.
    EniOutlivesFunction,
}

impl Behaviour {
    pub const ALL: [Self; 3] = [Self::LambdaLag, Self::Ec2TokenBucket, Self::EniOutlivesFunction];

    fn name(self) -> &'static str {
        match self {
            Self::LambdaLag => "lambda-lag",
            Self::Ec2TokenBucket => "ec2-token-bucket",
            Self::EniOutlivesFunction => "eni-outlives-function",
        }
    }
}

#[derive(Debug, Clone)]
pub struct MotoOptions {
    /// The additional time of each response, which simulates a network. Concurrent calls wait concurrently.
    pub latency: Duration,
    /// Records all calls for [`Moto::calls`].
    pub record: bool,
    /// Refuses requests that do not conform to botocore's model of their operation, as AWS does. Dropping the local AWS panics if
    /// there were any, so that no test passes with them. Takes a millisecond per request: benchmarks do without.
    pub check_requests: bool,
    /// How long Lambda and Step Functions reject a new role, which simulates IAM's propagation.
    pub iam_delay: Duration,
    /// How long a new function is `Pending`, and a changed one `InProgress`.
    pub function_pending: Duration,
    /// How long an instance that is attached to a group is `Pending`.
    pub attach_pending: Duration,
    /// Behaviours of AWS that are off by default.
    pub behaviours: Vec<Behaviour>,
    /// The region in [`Moto::env`].
    pub region: String,
    /// [`Functions::url`](crate::Functions::url), which runs the functions. Without it, invocations fail and executions of
    /// state machines do nothing.
    pub functions: Option<String>,
}

impl Default for MotoOptions {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            record: false,
            check_requests: true,
            iam_delay: Duration::ZERO,
            function_pending: Duration::ZERO,
            attach_pending: Duration::ZERO,
            behaviours: Vec::new(),
            region: REGION.to_owned(),
            functions: None,
        }
    }
}

/// A call that the local AWS received.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Call {
    /// The signing name of the service: `ec2`, `states`, `elasticloadbalancing`.
    pub service: String,
    /// For example `DescribeInstances`.
    pub operation: String,
    /// The app name in the request's `User-Agent`, or empty.
    pub app: String,
    /// Whether the operation changes something, even if the call failed.
    pub mutating: bool,
    /// The HTTP status of the response.
    pub status: u16,
    /// When the request arrived, in milliseconds since 1970.
    pub start_ms: f64,
    /// When the response was sent, in milliseconds since 1970.
    pub end_ms: f64,
    /// The instance ids in the request.
    pub instances: Vec<String>,
    /// What IAM evaluates for a call of wekactl or its functions. An empty action means that the resource does not exist.
    #[serde(default)]
    pub iam: Vec<IamRequest>,
    /// The response's body if the call failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// A running local AWS. Dropping it ends the process, and panics if there were invalid requests
/// ([`MotoOptions::check_requests`]).
#[derive(Debug)]
pub struct Moto {
    /// `None` for a fork.
    process: Option<Child>,
    endpoint: String,
    region: String,
    record: Option<NamedTempFile>,
    /// One line for each error in a request, of the forks too.
    invalid_requests: Option<NamedTempFile>,
}

impl Moto {
    /// Starts moto on a free port of 127.0.0.1 and waits until it listens. Creates the Python environment if necessary.
    ///
    /// # Errors
    /// The environment cannot be created, or the process does not start; its output is on standard error.
    pub fn start(options: MotoOptions) -> Result<Self, Error> {
        let python = ensure()?;
        let file = |wanted: bool| {
            let file = wanted.then(NamedTempFile::new).transpose();
            file.map_err(io_error("create a file in", &std::env::temp_dir()))
        };
        let (record, invalid_requests) = (file(options.record)?, file(options.check_requests)?);
        let script = scripts().join("moto_lab.py");
        let mut command = Command::new(&python);
        // -B: do not write compiled scripts to the source tree.
        command.arg("-B").arg(&script);
        for (name, value) in [
            ("--latency-ms", options.latency),
            ("--iam-delay-ms", options.iam_delay),
            ("--function-pending-ms", options.function_pending),
            ("--attach-pending-ms", options.attach_pending),
        ] {
            command.arg(name).arg((value.as_secs_f64() * 1000.0).to_string());
        }
        for behaviour in &options.behaviours {
            command.arg("--behaviour").arg(behaviour.name());
        }
        if let Some(url) = &options.functions {
            command.arg("--functions").arg(url);
        }
        // moto calls itself with boto3, which reads these variables.
        for name in [
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_ENDPOINT_URL",
            "HTTP_PROXY",
            "http_proxy",
        ] {
            command.env_remove(name);
        }
        for (name, file) in [("--record", &record), ("--invalid-requests", &invalid_requests)] {
            if let Some(file) = file {
                command.arg(name).arg(file.path());
            }
        }
        // moto exits when its standard input closes, even if this process is killed.
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(io_error("start", &script))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .map_err(io_error("read from", &script))?;
        }
        if line.is_empty() {
            let status = process.wait().map_err(io_error("wait for", &script))?;
            return Err(Error::NotStarted(status));
        }
        #[derive(Deserialize)]
        struct Listening {
            port: u16,
        }
        let port = serde_json::from_str::<Listening>(&line)
            .map_err(|source| Error::InvalidOutput {
                of: "moto".to_owned(),
                source,
            })?
            .port;
        Ok(Self {
            process: Some(process),
            endpoint: format!("http://127.0.0.1:{port}"),
            region: options.region,
            record,
            invalid_requests,
        })
    }

    /// Creates a copy of this local AWS with all of its resources, which is much faster than creating them again. The copy
    /// ends when it is dropped or when the original ends. It does not record calls.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn fork(&self) -> Result<Self, Error> {
        let port = Control::new(self).fork().await?;
        Ok(Self {
            process: None,
            endpoint: format!("http://127.0.0.1:{port}"),
            region: self.region.clone(),
            record: None,
            invalid_requests: None,
        })
    }

    /// The URL for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The environment variables that make a program use this AWS and ignore the AWS configuration of this machine.
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

    /// A variable of [`Moto::env`].
    pub fn variable(&self, name: &str) -> Option<String> {
        let mut variables = self.env().into_iter();
        variables.find_map(|(other, value)| (other == name).then_some(value))
    }

    /// The recorded calls, in the order of their responses. Empty unless [`MotoOptions::record`] was set. A call is recorded
    /// before its response is sent.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn calls(&self) -> Result<Vec<Call>, Error> {
        let Some(file) = &self.record else {
            return Ok(Vec::new());
        };
        let text = fs::read_to_string(file.path()).map_err(io_error("read", file.path()))?;
        // Ignore an incomplete last line: the response of that call has not been sent.
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        complete
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|source| Error::InvalidOutput {
                of: "moto's record".to_owned(),
                source,
            })
    }

    /// What AWS refuses in the requests so far: operation, member and rule. Forgets them, so that dropping does not panic: for tests
    /// that send such requests on purpose.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take_invalid_requests(&self) -> Result<Vec<String>, Error> {
        let Some(file) = &self.invalid_requests else {
            return Ok(Vec::new());
        };
        let text = fs::read_to_string(file.path()).map_err(io_error("read", file.path()))?;
        file.as_file()
            .set_len(0)
            .map_err(io_error("truncate", file.path()))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Runs a Python script against this AWS and parses the JSON that it prints. boto3 is available.
    ///
    /// # Errors
    /// The script failed or printed other JSON.
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
            .map_err(io_error("start", script))?;
        let name = || script.display().to_string();
        if !output.status.success() {
            return Err(Error::Script {
                script: name(),
                output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| Error::InvalidOutput { of: name(), source })
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Fails if the process has already exited.
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
            let invalid = self.take_invalid_requests();
            assert!(
                std::thread::panicking() || matches!(&invalid, Ok(lines) if lines.is_empty()),
                "AWS refuses these requests: {invalid:#?}"
            );
        } else if let Ok(mut stream) = TcpStream::connect(self.endpoint.trim_start_matches("http://")) {
            let body = r#"{"region":""}"#;
            let head = format!(
                "POST /lab/exit HTTP/1.1\r\nHost: lab\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
            // Wait until the fork has exited. It sends no response.
            let _ = stream.read(&mut [0; 1]);
        }
    }
}
