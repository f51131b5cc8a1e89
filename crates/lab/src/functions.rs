//! The Lambda functions of the local AWS. Each runs a real `bootstrap` with the function's environment.

use crate::Error;
use crate::http::{self, Request, Response, json_response};
use crate::lambda_runtime::{Function, FunctionError, Options, StartError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Runs functions for a local AWS. Dropping it kills all of their processes.
#[derive(Debug)]
pub struct Functions {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    binary: PathBuf,
    functions: Mutex<HashMap<String, Arc<Entry>>>,
}

/// The function with one name.
#[derive(Debug, Default)]
struct Entry {
    running: tokio::sync::Mutex<Option<Running>>,
    stats: Mutex<Stats>,
}

#[derive(Debug, Default)]
struct Stats {
    /// The log of all exited processes.
    log: String,
    /// The running process.
    function: Option<Arc<Function>>,
    invocations: usize,
    /// The number of invocations that still fail with an error of Lambda.
    faults: usize,
}

/// A process and the settings that it was started with.
#[derive(Debug)]
struct Running {
    settings: Settings,
    function: Arc<Function>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Settings {
    region: String,
    timeout_seconds: u64,
    environment: BTreeMap<String, String>,
}

/// The request that the local AWS sends.
#[derive(Deserialize)]
struct Invocation {
    name: String,
    #[serde(flatten)]
    settings: Settings,
    event: Value,
}

impl Functions {
    /// Serves functions that run this `bootstrap`.
    ///
    /// # Errors
    /// [`Error::Functions`].
    pub async fn serve(binary: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Functions { source };
        if !binary.is_file() {
            let missing = format!(
                "{} not found; build it with `cargo build --workspace`",
                binary.display()
            );
            return Err(failed(io::Error::new(io::ErrorKind::NotFound, missing)));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let url = format!("http://{}/invoke", listener.local_addr().map_err(failed)?);
        let shared = Arc::new(Shared {
            binary: binary.to_owned(),
            functions: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let mut server = JoinSet::new();
        server.spawn(http::serve(listener, move |request| {
            let shared = Arc::clone(&served);
            async move { shared.handle(&request).await }
        }));
        Ok(Self {
            url,
            shared,
            _server: server,
        })
    }

    /// The URL for [`MotoOptions::functions`](crate::MotoOptions::functions).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The number of invocations of a function, including those with [injected faults](Self::inject_faults).
    pub fn invocations(&self, name: &str) -> usize {
        self.shared.entry(name).stats().invocations
    }

    /// Makes the next invocations of a function fail with an error of Lambda: `ServiceException`.
    pub fn inject_faults(&self, name: &str, times: usize) {
        self.shared.entry(name).stats().faults = times;
    }

    /// The log of all processes of a function.
    pub fn log(&self, name: &str) -> String {
        let entry = self.shared.entry(name);
        let stats = entry.stats();
        let running = stats.function.as_ref().map(|function| function.log());
        format!("{}{}", stats.log, running.unwrap_or_default())
    }
}

impl Entry {
    fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the running process if it has these settings, or else replaces it.
    async fn function(
        &self,
        binary: &Path,
        name: &str,
        settings: &Settings,
    ) -> Result<Arc<Function>, StartError> {
        let mut running = self.running.lock().await;
        if let Some(running) = running.as_ref().filter(|running| running.settings == *settings) {
            return Ok(Arc::clone(&running.function));
        }
        *running = None;
        self.retire();
        let mut environment = settings.environment.clone();
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            environment.insert(name.to_owned(), "lab".to_owned());
        }
        let started = Function::start(Options {
            binary: binary.to_owned(),
            name: name.to_owned(),
            region: settings.region.clone(),
            timeout: Duration::from_secs(settings.timeout_seconds),
            environment,
        });
        let function = match started.await {
            Ok(function) => Arc::new(function),
            Err(error) => {
                if let StartError::Init { log, .. } = &error {
                    self.stats().log.push_str(log);
                }
                return Err(error);
            }
        };
        self.stats().function = Some(Arc::clone(&function));
        *running = Some(Running {
            settings: settings.clone(),
            function: Arc::clone(&function),
        });
        Ok(function)
    }

    /// Keeps the log of a process that is no longer used.
    fn retire(&self) {
        let mut stats = self.stats();
        if let Some(function) = stats.function.take() {
            let log = function.log();
            stats.log.push_str(&log);
        }
    }

    /// Discards a process that has exited or was killed. The next invocation starts a new one.
    async fn discard(&self, exited: &Arc<Function>) {
        let mut running = self.running.lock().await;
        if running
            .as_ref()
            .is_some_and(|running| Arc::ptr_eq(&running.function, exited))
        {
            *running = None;
            self.retire();
        }
    }
}

impl Shared {
    fn entry(&self, name: &str) -> Arc<Entry> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(functions.entry(name.to_owned()).or_default())
    }

    async fn handle(&self, request: &Request) -> Response {
        let invocation: Invocation = match serde_json::from_slice(request.body()) {
            Ok(invocation) => invocation,
            Err(error) => return service_error(&format!("invalid invocation: {error}")),
        };
        let entry = self.entry(&invocation.name);
        {
            let mut stats = entry.stats();
            stats.invocations += 1;
            if stats.faults > 0 {
                stats.faults -= 1;
                return service_error("The Lambda service encountered an internal error.");
            }
        }
        let function = match entry
            .function(&self.binary, &invocation.name, &invocation.settings)
            .await
        {
            Ok(function) => function,
            Err(StartError::Init { source, .. }) => return function_error(&source),
            Err(error @ StartError::Machine { .. }) => return service_error(&error.to_string()),
        };
        match function.invoke(&invocation.event).await {
            Ok(payload) => json_response(200, &json!({ "payload": payload })),
            Err(error) => {
                if ["Runtime.ExitError", "Sandbox.Timedout"].contains(&error.error_type.as_str()) {
                    entry.discard(&function).await;
                }
                function_error(&error)
            }
        }
    }
}

/// The function returned an error.
fn function_error(error: &FunctionError) -> Response {
    let error = json!({ "errorType": error.error_type, "errorMessage": error.error_message });
    json_response(200, &json!({ "error": error }))
}

/// Lambda itself failed.
fn service_error(message: &str) -> Response {
    json_response(500, &json!({ "message": message }))
}
