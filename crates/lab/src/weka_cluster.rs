//! A simulated Weka cluster, which answers on its backends' own addresses as Weka's management API does.
//!
//! [`Model`] is the cluster: a plain value without a network or a clock of its own, for tests to look at and to change.
//! [`WekaCluster`] serves it, on the port of each backend that runs, and to the stand-in programs of a
//! machine that joins on a control address of its own.

mod api;
mod command;
mod model;
mod server;
mod tls;

pub use model::{
    Container, Credentials, Drive, DriveStatus, Event, Fault, FaultKind, Machine, Mode, Model, NewBackend,
    NewClient, NewContainer, Process, Refusal, Request, Settings, State, Status,
};

use crate::lambda_runtime::http::{self, Answer};
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

/// What a backend gives as `/dist/v1/install`: it leaves the mark by which the stand-in `weka` sees that it is installed.
const INSTALLER: &str =
    "#!/bin/sh\nset -e\nmkdir -p \"$WEKACTL_ROOT/opt/weka\"\n: >\"$WEKACTL_ROOT/opt/weka/agent\"\n";

/// How often a fast clock is moved on.
const TICK: Duration = Duration::from_millis(50);

/// How the cluster's clock goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clock {
    /// It stands until it is [moved](WekaCluster::advance).
    Moved,
    /// It goes this many times as fast as the real one.
    Fast(u32),
}

/// How a cluster is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port of every backend. Weka's is 14000; with 0 it is one that no other program has, so that tests run side by
    /// side.
    pub port: u16,
    /// How the clock goes.
    pub clock: Clock,
    /// The cluster.
    pub settings: Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 14000,
            clock: Clock::Moved,
            settings: Settings::default(),
        }
    }
}

/// A running cluster, of no backends at first. Dropping it closes all its ports.
pub struct WekaCluster {
    shared: Arc<Shared>,
    control: SocketAddr,
    _tasks: JoinSet<()>,
}

struct Shared {
    model: Mutex<Model>,
    port: u16,
    identity: Identity,
    servers: Mutex<HashMap<IpAddr, Server>>,
    /// Held while ports are opened and closed.
    listening: tokio::sync::Mutex<()>,
}

impl WekaCluster {
    /// Starts a cluster of no backends.
    ///
    /// # Errors
    /// No certificate could be made, or no control port opened.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let control = listener.local_addr()?;
        // No other cluster has the control port's number, nor then does any at the addresses of its backends.
        let port = if options.port == 0 {
            control.port()
        } else {
            options.port
        };
        let shared = Arc::new(Shared {
            model: Mutex::new(Model::new(options.settings)),
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
            tasks.spawn(tick(Arc::clone(&shared), times));
        }
        Ok(Self {
            shared,
            control,
            _tasks: tasks,
        })
    }

    /// Looks at the cluster.
    pub fn look<T>(&self, look: impl FnOnce(&Model) -> T) -> T {
        look(&self.shared.model())
    }

    /// Changes the cluster, and opens and closes the ports of the backends accordingly before it returns.
    ///
    /// # Errors
    /// A port could not be opened.
    pub async fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> io::Result<T> {
        let result = change(&mut self.shared.model());
        self.shared.listen().await?;
        Ok(result)
    }

    /// Moves the cluster's clock on.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn advance(&self, by: Duration) -> io::Result<()> {
        self.change(|model| model.advance(by)).await
    }

    /// The port of every backend.
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// The certificate that every backend shows, in PEM. It has signed itself and names no address.
    pub fn certificate_pem(&self) -> &str {
        &self.shared.identity.pem
    }

    /// Where the stand-in programs of a machine send their commands.
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

async fn tick(shared: Arc<Shared>, times: u32) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        let now = Instant::now();
        shared.model().advance((now - last) * times);
        last = now;
        // Time only closes ports.
        let _ = shared.listen().await;
    }
}

impl Shared {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<IpAddr, Server>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the ports of the backends that serve, and closes the others'.
    async fn listen(self: &Arc<Self>) -> io::Result<()> {
        let _alone = self.listening.lock().await;
        let (wanted, down) = {
            let model = self.model();
            let down = model.machines().iter().filter(|machine| !machine.running);
            let down: Vec<_> = down.map(|machine| machine.address).collect();
            (model.serving(), down)
        };
        let superfluous: Vec<IpAddr> = {
            let servers = self.servers();
            servers
                .keys()
                .filter(|address| !wanted.contains(address))
                .copied()
                .collect()
        };
        for address in superfluous {
            let server = self.servers().remove(&address);
            if let Some(server) = server {
                server.close(down.contains(&address)).await;
            }
        }
        for address in wanted {
            if !self.servers().contains_key(&address) {
                let server = Server::start(Arc::downgrade(self), SocketAddr::new(address, self.port))?;
                self.servers().insert(address, server);
            }
        }
        Ok(())
    }

    /// Carries out the command of a stand-in program.
    async fn handle_command(self: &Arc<Self>, request: &http::Request) -> Answer {
        let text = |status, text: String| Answer::new(status, "text/plain; charset=utf-8", text.into_bytes());
        if (request.method.as_str(), request.path.as_str()) != ("POST", "/weka") {
            return text(404, "there is no such path".to_owned());
        }
        let result = command::run(&mut self.model(), self.port, &request.body);
        if let Err(error) = self.listen().await {
            return text(500, format!("a port could not be opened: {error}"));
        }
        match result {
            Ok(printed) => text(200, printed),
            Err(refusal) => text(400, refusal.message),
        }
    }
}
