//! The functions of the local AWS: for each a real `bootstrap`, with the environment that the function has there.

use crate::Error;
use crate::lambda_runtime::http::{self, Answer, Request};
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

/// Runs functions for a local AWS. Dropping it ends all of them.
#[derive(Debug)]
pub struct Functions {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    binary: PathBuf,
    functions: Mutex<HashMap<String, Arc<Named>>>,
}

/// What is known of a function by its name.
#[derive(Debug, Default)]
struct Named {
    running: tokio::sync::Mutex<Option<Running>>,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    /// What the processes that have ended had written.
    log: String,
    /// The process that runs, for its log.
    function: Option<Arc<Function>>,
    invocations: usize,
    /// How many of the next invocations fail for a fault of Lambda's own.
    faults: usize,
}

/// A process, and what it was started with.
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

/// What the local AWS sends.
#[derive(Deserialize)]
struct Invocation {
    name: String,
    #[serde(flatten)]
    settings: Settings,
    event: Value,
}

impl Functions {
    /// Serves functions whose program is this `bootstrap`.
    ///
    /// # Errors
    /// [`Error::Functions`].
    pub async fn serve(binary: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Functions { source };
        if !binary.is_file() {
            let missing = format!(
                "there is no {}; `cargo build --workspace` makes it",
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
            async move { shared.answer(&request).await }
        }));
        Ok(Self {
            url,
            shared,
            _server: server,
        })
    }

    /// For [`MotoOptions::functions`](crate::MotoOptions::functions).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often a function was invoked, the invocations that [failed](Self::fail) included.
    pub fn invocations(&self, name: &str) -> usize {
        self.shared.named(name).rest().invocations
    }

    /// Lets the next invocations of a function fail for a fault of Lambda's own: `ServiceException`.
    pub fn fail(&self, name: &str, times: usize) {
        self.shared.named(name).rest().faults = times;
    }

    /// What a function has written so far.
    pub fn log(&self, name: &str) -> String {
        let named = self.shared.named(name);
        let rest = named.rest();
        let running = rest.function.as_ref().map(|function| function.log());
        format!("{}{}", rest.log, running.unwrap_or_default())
    }
}

impl Named {
    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process with these settings: the one that runs, if it has them.
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
                    self.rest().log.push_str(log);
                }
                return Err(error);
            }
        };
        self.rest().function = Some(Arc::clone(&function));
        *running = Some(Running {
            settings: settings.clone(),
            function: Arc::clone(&function),
        });
        Ok(function)
    }

    /// Keeps the log of a process that is given up.
    fn retire(&self) {
        let mut rest = self.rest();
        if let Some(function) = rest.function.take() {
            let log = function.log();
            rest.log.push_str(&log);
        }
    }

    /// Gives up a process that has ended or was killed: the next invocation has a new one.
    async fn give_up(&self, ended: &Arc<Function>) {
        let mut running = self.running.lock().await;
        if running
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(&now.function, ended))
        {
            *running = None;
            self.retire();
        }
    }
}

impl Shared {
    fn named(&self, name: &str) -> Arc<Named> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(functions.entry(name.to_owned()).or_default())
    }

    async fn answer(&self, request: &Request) -> Answer {
        let invocation: Invocation = match serde_json::from_slice(&request.body) {
            Ok(invocation) => invocation,
            Err(error) => return fault(&format!("the invocation cannot be read: {error}")),
        };
        let named = self.named(&invocation.name);
        {
            let mut rest = named.rest();
            rest.invocations += 1;
            if rest.faults > 0 {
                rest.faults -= 1;
                return fault("The Lambda service encountered an internal error.");
            }
        }
        let function = match named
            .function(&self.binary, &invocation.name, &invocation.settings)
            .await
        {
            Ok(function) => function,
            Err(StartError::Init { source, .. }) => return failure(&source),
            Err(error @ StartError::Machine { .. }) => return fault(&error.to_string()),
        };
        match function.invoke(&invocation.event).await {
            Ok(payload) => json_answer(200, &json!({ "payload": payload })),
            Err(error) => {
                if ["Runtime.ExitError", "Sandbox.Timedout"].contains(&error.error_type.as_str()) {
                    named.give_up(&function).await;
                }
                failure(&error)
            }
        }
    }
}

/// What the function failed with.
fn failure(error: &FunctionError) -> Answer {
    let error = json!({ "errorType": error.error_type, "errorMessage": error.error_message });
    json_answer(200, &json!({ "error": error }))
}

/// What Lambda itself failed with.
fn fault(message: &str) -> Answer {
    json_answer(500, &json!({ "message": message }))
}

fn json_answer(status: u16, body: &Value) -> Answer {
    Answer::new(status, "application/json", body.to_string().into_bytes())
}
