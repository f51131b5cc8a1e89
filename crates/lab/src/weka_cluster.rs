//! Serves a simulated Weka cluster ([`weka_sim`]) on its backends' addresses.
//!
//! [`WekaCluster`] serves the management API on the port of each running backend. A separate control port runs the
//! commands that the stand-in `weka` of a joining machine forwards.

mod server;
mod tls;

pub use weka_sim::{
    Container, Credentials, Drive, Event, Fault, FaultKind, Machine, Model, NewBackend, NewClient,
    NewContainer, Process, Request, RpcError, Settings,
};
pub use weka_types::lists::{DriveStatus, HostState, HostStatus, Mode};

use crate::http;
use server::Server;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tls::Identity;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use weka_sim::command::{self, Agents, Outcome};

/// The installer that a backend serves at `/dist/v1/install`. It creates the file that the stand-in `weka` needs.
const INSTALLER: &str = include_str!("../machine/install.sh");

/// How often a fast clock is advanced.
const CLOCK_INTERVAL: Duration = Duration::from_millis(50);

/// How the cluster's clock advances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clock {
    /// Only by [`WekaCluster::advance`].
    Manual,
    /// This many times as fast as real time.
    Fast(u32),
}

#[derive(Debug, Clone)]
pub struct Options {
    /// The port of all backends. Weka uses 14000. 0 selects a free port, so that tests can run concurrently.
    pub port: u16,
    pub clock: Clock,
    pub settings: Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 14000,
            clock: Clock::Manual,
            settings: Settings::default(),
        }
    }
}

/// A running cluster. Dropping it closes all of its ports.
pub struct WekaCluster {
    shared: Arc<Shared>,
    control: SocketAddr,
    _tasks: JoinSet<()>,
}

struct Shared {
    model: Mutex<Model>,
    /// The agents of the machines that boot.
    agents: Mutex<Agents>,
    port: u16,
    identity: Identity,
    servers: Mutex<HashMap<IpAddr, Server>>,
    /// Held while ports are opened and closed.
    listening: tokio::sync::Mutex<()>,
}

impl WekaCluster {
    /// Starts a cluster without backends.
    ///
    /// # Errors
    /// The certificate cannot be generated, or the control port cannot be opened.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let control = listener.local_addr()?;
        // The control port is unique on this machine, so the same number is free on the backends' addresses.
        let port = if options.port == 0 {
            control.port()
        } else {
            options.port
        };
        let shared = Arc::new(Shared {
            model: Mutex::new(Model::new(options.settings)),
            agents: Mutex::default(),
            port,
            identity: Identity::new()?,
            servers: Mutex::default(),
            listening: tokio::sync::Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        let served = Arc::clone(&shared);
        tasks.spawn(http::serve(listener, move |request| {
            let shared = Arc::clone(&served);
            async move { shared.handle_command(&request).await }
        }));
        if let Clock::Fast(times) = options.clock {
            tasks.spawn(run_clock(Arc::clone(&shared), times));
        }
        Ok(Self {
            shared,
            control,
            _tasks: tasks,
        })
    }

    pub fn read<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.shared.model())
    }

    /// Changes the cluster, then opens and closes the ports of its backends before it returns.
    ///
    /// # Errors
    /// A port cannot be opened.
    pub async fn update<T>(&self, update: impl FnOnce(&mut Model) -> T) -> io::Result<T> {
        let result = update(&mut self.shared.model());
        self.shared.update_ports().await?;
        Ok(result)
    }

    /// Advances the cluster's clock.
    ///
    /// # Errors
    /// A port cannot be opened.
    pub async fn advance(&self, by: Duration) -> io::Result<()> {
        self.update(|model| model.advance(by)).await
    }

    /// The port of all backends.
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// The self-signed certificate of all backends, in PEM. It names no address.
    pub fn certificate_pem(&self) -> &str {
        &self.shared.identity.pem
    }

    /// The URL to which the stand-in programs of a machine send their commands.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }
}

impl Drop for WekaCluster {
    fn drop(&mut self) {
        self.shared.servers().clear();
    }
}

impl std::fmt::Debug for WekaCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WekaCluster")
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

async fn run_clock(shared: Arc<Shared>, times: u32) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(CLOCK_INTERVAL).await;
        let now = Instant::now();
        shared.model().advance((now - last) * times);
        last = now;
        // An error means that a port cannot be opened, and time only closes ports.
        let _ = shared.update_ports().await;
    }
}

impl Shared {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<IpAddr, Server>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the ports of the backends that serve the API, and closes the others.
    async fn update_ports(self: &Arc<Self>) -> io::Result<()> {
        let _guard = self.listening.lock().await;
        let (serving, down) = {
            let model = self.model();
            let down = model.machines().iter().filter(|machine| !machine.running);
            let down: Vec<_> = down.map(|machine| machine.address).collect();
            (model.serving(), down)
        };
        let closing: Vec<IpAddr> = {
            let servers = self.servers();
            servers
                .keys()
                .filter(|address| !serving.contains(address))
                .copied()
                .collect()
        };
        for address in closing {
            let server = self.servers().remove(&address);
            if let Some(server) = server {
                server.close(down.contains(&address)).await;
            }
        }
        for address in serving {
            if !self.servers().contains_key(&address) {
                let server = Server::start(Arc::downgrade(self), SocketAddr::new(address, self.port))?;
                self.servers().insert(address, server);
            }
        }
        Ok(())
    }

    /// Runs a command that a stand-in program sends.
    async fn handle_command(self: &Arc<Self>, request: &http::Request) -> http::Response {
        let text = |status, text: String| http::response(status, "text/plain; charset=utf-8", text);
        if (request.method(), request.uri().path()) != (&hyper::Method::POST, "/weka") {
            return text(404, "not found".to_owned());
        }
        let result = {
            let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
            command::run(&mut self.model(), &mut agents, self.port, request.body())
        };
        if let Err(error) = self.update_ports().await {
            return text(500, format!("cannot open a port: {error}"));
        }
        match result {
            Ok(Outcome::Output(output)) => text(200, output),
            // A list of strings, each terminated by a zero byte: the number of variables, the variables, the command.
            Ok(Outcome::InContainer(process)) => {
                let count = process.environment.len().to_string();
                let fields = [count]
                    .into_iter()
                    .chain(process.environment)
                    .chain(process.command);
                text(202, fields.map(|field| field + "\0").collect())
            }
            Err(error) => text(400, error.message),
        }
    }
}
