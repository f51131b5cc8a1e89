//! Lambda on this machine: starts a real `bootstrap` and hands it invocations through the Lambda runtime API.
//!
//! One [`Function`] is one execution environment: a process that answers one invocation after the other. Nothing is
//! shared between functions, so that a lab can have as many as a cluster has. What Lambda does around a process is done as
//! Lambda does it: its variables are set, a process that ends or takes too long is reported by the names that Lambda
//! gives such errors, and what it writes is kept as its log.

pub mod http;
mod process;

use http::{Answer, Request};
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

/// How long Lambda gives a function to start.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A function to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `bootstrap` to run.
    pub binary: PathBuf,
    /// The function's name.
    pub name: String,
    /// The region that Lambda's own variables name.
    pub region: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// The function's environment; nothing is inherited from this process.
    pub environment: BTreeMap<String, String>,
}

/// What an invocation failed with, as the caller of Lambda sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// The error's name: the function's own, or one of Lambda's (`Runtime.ExitError`, `Sandbox.Timedout`).
    pub error_type: String,
    /// What it says.
    pub error_message: String,
}

/// A function that did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This machine could not do its part: no such binary, no free port.
    #[error("function {name} cannot be run")]
    Machine {
        /// The function.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The function said what is wrong (`runtime/init/error`), ended, or was not ready in time.
    #[error("function {name} does not start; its log: {log}")]
    Init {
        /// The function.
        name: String,
        /// What it said.
        source: FunctionError,
        /// What it wrote.
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

/// What the server of the runtime API shares with the invocations.
#[derive(Debug)]
struct Api {
    name: String,
    region: String,
    queue: mpsc::Sender<Invocation>,
    /// Taken by whichever connection asks for the next invocation.
    queued: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    open: Mutex<HashMap<String, oneshot::Sender<Result<Value, FunctionError>>>>,
    /// What the function did first: asked for an invocation (`Ok`), or reported that it cannot start.
    started: watch::Sender<Option<Result<Instant, FunctionError>>>,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: Vec<u8>,
    deadline_ms: u128,
}

impl Function {
    /// Starts the function and waits until it asks for its first invocation.
    ///
    /// # Errors
    /// [`StartError`].
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
            open: Mutex::default(),
            started: watch::Sender::new(None),
        });
        let mut servers = JoinSet::new();
        let serving = Arc::clone(&api);
        servers.spawn(http::serve(listener, move |request| {
            let api = Arc::clone(&serving);
            async move { api.answer(request).await }
        }));
        let spawned = Instant::now();
        let process = Process::spawn(
            &options.binary,
            lambda_environment(&options, &address.to_string()),
        )
        .map_err(machine)?;
        let mut started = api.started.subscribe();
        let first = tokio::select! {
            // The report may arrive together with the end of the process: look at it first.
            biased;
            Ok(first) = started.wait_for(Option::is_some) => first.clone(),
            ended = process.ended() => api.started.borrow().clone().or(Some(Err(ended))),
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

    /// Invokes the function and waits for its answer.
    ///
    /// # Errors
    /// What the function answered instead, that it ended, or that it took too long and was killed.
    pub async fn invoke(&self, event: &Value) -> Result<Value, FunctionError> {
        let id = format!("{}-{}", self.name, self.next_id.fetch_add(1, Ordering::Relaxed));
        let (answered, answer) = oneshot::channel();
        self.api.open().insert(id.clone(), answered);
        let invocation = Invocation {
            id: id.clone(),
            event: event.to_string().into_bytes(),
            deadline_ms: unix_ms() + self.timeout.as_millis(),
        };
        let answer = async {
            // The queue is closed only with the function itself.
            let _ = self.api.queue.send(invocation).await;
            answer
                .await
                .unwrap_or_else(|_| Err(exited("the runtime API was closed")))
        };
        let outcome = tokio::select! {
            biased;
            answer = answer => answer,
            ended = self.process.ended() => Err(ended),
            () = tokio::time::sleep(self.timeout) => {
                self.process.kill();
                // The next invocation finds it gone, however late the machine is in taking it away.
                self.process.ended().await;
                Err(timed_out(self.timeout))
            }
        };
        self.api.open().remove(&id);
        outcome
    }

    /// How long it took from starting the process until it asked for its first invocation.
    pub fn init_time(&self) -> Duration {
        self.init_time
    }

    /// The most memory that the process has had resident so far, in bytes (`VmHWM`).
    ///
    /// # Errors
    /// The process has ended.
    pub fn peak_memory(&self) -> io::Result<u64> {
        self.process.peak_memory()
    }

    /// What the function has written so far, to both its outputs. The end of a line may still be on its way: what must be
    /// complete is what [`stop`](Self::stop) returns.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Kills the process and returns all that it has written.
    pub async fn stop(self) -> String {
        self.process.stop().await
    }
}

impl Api {
    fn open(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Result<Value, FunctionError>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request of the runtime API, version 2018-06-01.
    async fn answer(&self, request: Request) -> Answer {
        let Some(path) = request.path.strip_prefix("/2018-06-01/runtime/") else {
            return Answer::error(404, "there is no such path");
        };
        match (
            request.method.as_str(),
            path.split('/').collect::<Vec<_>>().as_slice(),
        ) {
            ("GET", ["invocation", "next"]) => self.next().await,
            ("POST", ["invocation", id, "response"]) => match serde_json::from_slice(&request.body) {
                Ok(answer) => self.complete(id, Ok(answer)),
                Err(error) => {
                    let _ = self.complete(
                        id,
                        Err(FunctionError {
                            error_type: "Runtime.InvalidResponse".to_owned(),
                            error_message: format!("the answer is not JSON: {error}"),
                        }),
                    );
                    Answer::error(400, "the answer is not JSON")
                }
            },
            ("POST", ["invocation", id, "error"]) => self.complete(id, Err(error_of(&request.body))),
            ("POST", ["init", "error"]) => {
                self.started.send_if_modified(|started| {
                    let first = started.is_none();
                    started.get_or_insert_with(|| Err(error_of(&request.body)));
                    first
                });
                Answer::accepted()
            }
            _ => Answer::error(404, "there is no such path"),
        }
    }

    /// Waits for an invocation.
    async fn next(&self) -> Answer {
        self.started.send_if_modified(|started| {
            let first = started.is_none();
            started.get_or_insert_with(|| Ok(Instant::now()));
            first
        });
        let Some(invocation) = self.queued.lock().await.recv().await else {
            return Answer::error(500, "there will be no more invocations");
        };
        let arn = format!(
            "arn:aws:lambda:{}:123456789012:function:{}",
            self.region, self.name
        );
        Answer::json(200, invocation.event)
            .with("lambda-runtime-aws-request-id", invocation.id)
            .with("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string())
            .with("lambda-runtime-invoked-function-arn", arn)
    }

    /// Hands an answer to whoever invoked.
    fn complete(&self, id: &str, answer: Result<Value, FunctionError>) -> Answer {
        match self.open().remove(id) {
            Some(waiting) => {
                // Whoever invoked may have given up.
                let _ = waiting.send(answer);
                Answer::accepted()
            }
            None => Answer::error(400, "there is no such invocation"),
        }
    }
}

/// The variables that Lambda sets, under the function's own.
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

fn error_of(body: &[u8]) -> FunctionError {
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

/// Milliseconds since 1970, in which Lambda gives a deadline.
fn unix_ms() -> u128 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the lab stands in for Lambda, whose clock this is"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests;
