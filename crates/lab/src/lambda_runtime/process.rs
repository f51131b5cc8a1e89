//! The function's process: it has its own environment, its output is recorded, and it is killed when dropped.

use super::{FunctionError, exited};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

#[derive(Debug)]
pub(super) struct Process {
    id: u32,
    log: Arc<Mutex<Vec<u8>>>,
    kill: Arc<Notify>,
    exit: watch::Receiver<Option<String>>,
    /// Wait for the process and read its output. Dropping them kills the process.
    tasks: JoinSet<()>,
}

impl Process {
    pub(super) fn spawn(binary: &Path, environment: BTreeMap<String, String>) -> io::Result<Self> {
        let mut child = Command::new(binary)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let id = child
            .id()
            .ok_or_else(|| io::Error::other("the process has no id"))?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            tasks.spawn(record(stdout, Arc::clone(&log)));
        }
        if let Some(stderr) = child.stderr.take() {
            tasks.spawn(record(stderr, Arc::clone(&log)));
        }
        let kill = Arc::new(Notify::new());
        let (sender, exit) = watch::channel(None);
        let killed = Arc::clone(&kill);
        tasks.spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = killed.notified() => {
                    // Fails if the process has just exited by itself.
                    let _ = child.start_kill();
                    child.wait().await
                }
            };
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            let _ = sender.send(Some(status));
        });
        Ok(Self {
            id,
            log,
            kill,
            exit,
            tasks,
        })
    }

    /// Waits until the process exits and returns the error that Lambda reports.
    pub(super) async fn exited(&self) -> FunctionError {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(status) => exited(&format!(
                "runtime exited: {}",
                status.as_deref().unwrap_or("unknown")
            )),
            Err(_) => exited("the process was dropped"),
        }
    }

    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    pub(super) async fn stop(mut self) -> String {
        self.kill();
        while self.tasks.join_next().await.is_some() {}
        self.log()
    }

    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    pub(super) fn peak_memory(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let kilobytes = status.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        });
        kilobytes
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| io::Error::other("the process has exited"))
    }
}

async fn record(mut output: impl AsyncRead + Unpin, log: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 8192];
    while let Ok(length @ 1..) = output.read(&mut buffer).await {
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(&buffer[..length]);
    }
}
