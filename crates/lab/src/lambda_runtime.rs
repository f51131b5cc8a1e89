//! Runs Lambda functions on this machine: starts a real `bootstrap` and sends it invocations through the Lambda runtime API.
//!
//! A [`Function`] is one execution environment: a process that handles one invocation at a time. Functions share nothing.
//! The environment is the same as in Lambda: Lambda's variables are set, exits and timeouts are reported with Lambda's
//! error names, and the output of the process is its log.

mod process;

use crate::http::{self, Request, Response, json_response};
use hyper::Method;
use hyper::header::HeaderValue;
use process::Process;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Lambda's limit for the initialization of a function.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub struct Options {
    /// The path of `bootstrap`.
    pub binary: PathBuf,
    pub name: String,
    /// The region in Lambda's own variables.
    pub region: String,
    /// The limit for an invocation.
    pub timeout: Duration,
    /// The function's environment. It inherits nothing from this process.
    pub environment: BTreeMap<String, String>,
}

impl Options {
    /// A function of the backends of the cluster `wk` in eu-west-1, with the variables that an import sets. `environment`
    /// adds or overrides variables.
    pub fn backend_function(
        binary: PathBuf,
        kind: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let region = "eu-west-1";
        let variables = [
            ("LAMBDA", kind),
            ("REGION", region),
            ("CLUSTER_NAME", "wk"),
            ("ASG_NAME", "wekactl-wk-Backends"),
            ("TABLE_NAME", "wekactl-wk"),
            ("ROLE", "backend"),
            ("USE_DYNAMODB_ENDPOINT", "false"),
            ("ACCOUNT_ID", "123456789012"),
            ("LAUNCH_TEMPLATE_ID", "lt-1"),
            ("PRIVATE_API", "false"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            binary,
            name: format!("wekactl-wk-{kind}-Backends"),
            region: region.to_owned(),
            timeout: Duration::from_secs(15),
            environment: variables.into_iter().chain(environment).collect(),
        }
    }
}

/// The error of an invocation, as the caller of Lambda sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// An error name of the function or of Lambda (`Runtime.ExitError`, `Sandbox.Timedout`).
    pub error_type: String,
    pub error_message: String,
}

/// A function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An I/O error on this machine, such as a missing binary.
    #[error("cannot run function {name}")]
    Machine { name: String, source: io::Error },
    /// The function reported an error (`runtime/init/error`), exited, or was not ready in time.
    #[error("function {name} does not start; its log: {log}")]
    Init {
        name: String,
        source: FunctionError,
        log: String,
    },
}

/// A running function. Dropping it kills the process and closes the port.
#[derive(Debug)]
pub struct Function {
    name: String,
    timeout: Duration,
    init_time: Duration,
    next_id: AtomicU64,
    api: Arc<Api>,
    process: Process,
    _servers: JoinSet<()>,
}

/// The state that the runtime API's server shares with the invocations.
#[derive(Debug)]
struct Api {
    name: String,
    region: String,
    queue: mpsc::Sender<Invocation>,
    /// Received by any connection that requests the next invocation.
    queued: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    pending: Mutex<HashMap<String, oneshot::Sender<Result<Value, FunctionError>>>>,
    /// The function's first request: for an invocation (`Ok`), or an initialization error.
    started: watch::Sender<Option<Result<Instant, FunctionError>>>,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: Vec<u8>,
    deadline_ms: u128,
}

impl Function {
    /// Starts the function and waits until it requests its first invocation.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let machine = |source| StartError::Machine {
            name: options.name.clone(),
            source,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(machine)?;
        let address = listener.local_addr().map_err(machine)?;
        let (queue, queued) = mpsc::channel(64);
        let api = Arc::new(Api {
            name: options.name.clone(),
            region: options.region.clone(),
            queue,
            queued: tokio::sync::Mutex::new(queued),
            pending: Mutex::default(),
            started: watch::Sender::new(None),
        });
        let mut servers = JoinSet::new();
        let serving = Arc::clone(&api);
        servers.spawn(http::serve(listener, move |request| {
            let api = Arc::clone(&serving);
            async move { api.handle(request).await }
        }));
        let spawned = Instant::now();
        let process = Process::spawn(
            &options.binary,
            lambda_environment(&options, &address.to_string()),
        )
        .map_err(machine)?;
        let mut started = api.started.subscribe();
        let first = tokio::select! {
            // A report can arrive together with the exit of the process. Check the report first.
            biased;
            Ok(first) = started.wait_for(Option::is_some) => first.clone(),
            error = process.exited() => api.started.borrow().clone().or(Some(Err(error))),
            () = tokio::time::sleep(INIT_TIMEOUT) => None,
        };
        match first {
            Some(Ok(ready)) => Ok(Self {
                name: options.name,
                timeout: options.timeout,
                init_time: ready - spawned,
                next_id: AtomicU64::new(1),
                api,
                process,
                _servers: servers,
            }),
            Some(Err(source)) => Err(StartError::Init {
                name: options.name,
                source,
                log: process.stop().await,
            }),
            None => {
                let source = timed_out(INIT_TIMEOUT);
                Err(StartError::Init {
                    name: options.name,
                    source,
                    log: process.stop().await,
                })
            }
        }
    }

    /// Invokes the function and waits for its result.
    ///
    /// # Errors
    /// The function returned an error, exited, or was killed after its timeout.
    pub async fn invoke(&self, event: &Value) -> Result<Value, FunctionError> {
        let id = format!("{}-{}", self.name, self.next_id.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        self.api.pending().insert(id.clone(), sender);
        let invocation = Invocation {
            id: id.clone(),
            event: event.to_string().into_bytes(),
            deadline_ms: unix_ms() + self.timeout.as_millis(),
        };
        let result = async {
            // The queue is closed only when the function is dropped.
            let _ = self.api.queue.send(invocation).await;
            receiver
                .await
                .unwrap_or_else(|_| Err(exited("the runtime API was closed")))
        };
        let outcome = tokio::select! {
            biased;
            result = result => result,
            error = self.process.exited() => Err(error),
            () = tokio::time::sleep(self.timeout) => {
                self.process.kill();
                // The next invocation must never reach the killed process.
                self.process.exited().await;
                Err(timed_out(self.timeout))
            }
        };
        self.api.pending().remove(&id);
        outcome
    }

    /// The time from starting the process to its request for the first invocation.
    pub fn init_time(&self) -> Duration {
        self.init_time
    }

    /// The peak resident memory of the process in bytes (`VmHWM`).
    ///
    /// # Errors
    /// The process has exited.
    pub fn peak_memory(&self) -> io::Result<u64> {
        self.process.peak_memory()
    }

    /// The current standard output and standard error of the function. The last line can be incomplete; use
    /// [`stop`](Self::stop) for the complete log.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Kills the process and returns its complete log.
    pub async fn stop(self) -> String {
        self.process.stop().await
    }
}

impl Api {
    fn pending(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Result<Value, FunctionError>>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles a request of the runtime API, version 2018-06-01.
    async fn handle(&self, request: Request) -> Response {
        let Some(path) = request.uri().path().strip_prefix("/2018-06-01/runtime/") else {
            return error_response(404, "not found");
        };
        let segments: Vec<_> = path.split('/').collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => match serde_json::from_slice(request.body()) {
                Ok(result) => self.complete(id, Ok(result)),
                Err(error) => {
                    let _ = self.complete(
                        id,
                        Err(FunctionError {
                            error_type: "Runtime.InvalidResponse".to_owned(),
                            error_message: format!("the response is not JSON: {error}"),
                        }),
                    );
                    error_response(400, "the response is not JSON")
                }
            },
            (&Method::POST, ["invocation", id, "error"]) => {
                self.complete(id, Err(parse_error(request.body())))
            }
            (&Method::POST, ["init", "error"]) => {
                self.started.send_if_modified(|started| {
                    let first = started.is_none();
                    started.get_or_insert_with(|| Err(parse_error(request.body())));
                    first
                });
                accepted()
            }
            _ => error_response(404, "not found"),
        }
    }

    /// Waits for an invocation.
    async fn next(&self) -> Response {
        self.started.send_if_modified(|started| {
            let first = started.is_none();
            started.get_or_insert_with(|| Ok(Instant::now()));
            first
        });
        let Some(invocation) = self.queued.lock().await.recv().await else {
            return error_response(500, "the function is stopping");
        };
        let arn = format!(
            "arn:aws:lambda:{}:123456789012:function:{}",
            self.region, self.name
        );
        let mut response = http::response(200, "application/json", invocation.event);
        for (name, value) in [
            ("lambda-runtime-aws-request-id", invocation.id),
            ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
            ("lambda-runtime-invoked-function-arn", arn),
        ] {
            let Ok(value) = HeaderValue::from_str(&value) else {
                return error_response(500, "the function's name is not a valid header value");
            };
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// Passes the result to the caller of [`Function::invoke`].
    fn complete(&self, id: &str, result: Result<Value, FunctionError>) -> Response {
        match self.pending().remove(id) {
            Some(caller) => {
                // The caller may have been dropped.
                let _ = caller.send(result);
                accepted()
            }
            None => error_response(400, "unknown invocation"),
        }
    }
}

/// The variables that Lambda sets, overridden by the function's own.
fn lambda_environment(options: &Options, api: &str) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", &options.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            &format!("/aws/lambda/{}", options.name),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "lab"),
        ("AWS_REGION", &options.region),
        ("AWS_DEFAULT_REGION", &options.region),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    environment.extend(options.environment.clone());
    environment
}

fn accepted() -> Response {
    json_response(202, &json!({ "status": "OK" }))
}

fn error_response(status: u16, message: &str) -> Response {
    json_response(status, &json!({ "errorMessage": message }))
}

fn parse_error(body: &[u8]) -> FunctionError {
    serde_json::from_slice(body).unwrap_or_else(|_| FunctionError {
        error_type: "Runtime.UnknownReason".to_owned(),
        error_message: json!(String::from_utf8_lossy(body)).to_string(),
    })
}

fn exited(reason: &str) -> FunctionError {
    FunctionError {
        error_type: "Runtime.ExitError".to_owned(),
        error_message: reason.to_owned(),
    }
}

fn timed_out(after: Duration) -> FunctionError {
    FunctionError {
        error_type: "Sandbox.Timedout".to_owned(),
        error_message: format!("timed out after {:.2} seconds", after.as_secs_f64()),
    }
}

/// Milliseconds since 1970, the unit of Lambda's deadline.
fn unix_ms() -> u128 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the lab replaces Lambda, which uses the real clock"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests;
