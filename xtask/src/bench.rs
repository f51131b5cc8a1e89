//! `cargo xtask bench`: how long import, update, destroy and a minute of scaling take with a network in between, and what the functions cost.

mod scaling;

use crate::run::{Error, cargo, print, step};
use lab::lambda_runtime::{Function, Options};
use lab::{Moto, MotoOptions, StackOptions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What each answer takes longer, in place of a network.
const LATENCY: Duration = Duration::from_millis(80);
/// The same of a network far slower: by how much longer a run takes over it, its longest chain of calls is measured.
const FAR: Duration = Duration::from_millis(480);
/// How many times a short thing is measured.
const TIMES: usize = 20;
/// How many times a cluster's life is.
const LIVES: usize = 3;

/// What to measure with.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measure the development build, which is there already, in place of the release build
    #[arg(long)]
    dev: bool,
}

/// Runs it.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<(), Error> {
    let mut build = vec!["build", "--workspace", "--bins", "--locked"];
    if !arguments.dev {
        build.push("--release");
    }
    step("building", &mut cargo(root, &build))?;
    let profile = if arguments.dev { "debug" } else { "release" };
    let target = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent()?.parent().map(Path::to_owned));
    let folder = target.unwrap_or_else(|| root.join("target")).join(profile);
    let package = crate::package::path_here(root);
    if !package.is_file() {
        return Err(Error::Other(
            "there is no Lambda package: run `cargo xtask package` first".to_owned(),
        ));
    }
    let wekactl = folder.join("wekactl");
    print(&format!(
        "import, update and destroy, 80 ms an answer, medians of {LIVES}\n"
    ));
    print("backends  run      calls  changing  wall s  chain  chain s  ratio\n");
    for backends in [6, 120] {
        life(&wekactl, &package, backends)?;
    }
    version(&wekactl)?;
    let bootstrap = folder.join("bootstrap");
    functions(&wekactl, &bootstrap, &package)?;
    scaling::run(&wekactl, &bootstrap, &package)?;
    print("\nWeka's lists, and deciding about them\n");
    let mut lists = cargo(root, &["bench", "--workspace", "--locked", "--bench", "lists"]);
    step("building what reads them", &mut lists)
}

/// A run of wekactl.
struct Run {
    name: &'static str,
    calls: usize,
    changing: usize,
    wall: Duration,
}

/// A cluster's life, and how long the longest chain of calls was in each of its runs.
fn life(wekactl: &Path, package: &Path, backends: u32) -> Result<(), Error> {
    let lives = (0..LIVES).map(|_| runs(wekactl, package, backends, LATENCY));
    let lives = lives.collect::<Result<Vec<_>, _>>()?;
    let far = runs(wekactl, package, backends, FAR)?;
    for (index, far) in far.iter().enumerate() {
        let run = &lives[0][index];
        let wall = median(&mut lives.iter().map(|life| life[index].wall).collect::<Vec<_>>());
        let chain = chain(wall, far.wall);
        let least = chain * LATENCY.as_secs_f64();
        let wall = wall.as_secs_f64();
        print(&format!(
            "{backends:>8}  {:<7}  {:>5}  {:>8}  {wall:>6.2}  {chain:>5.0}  {least:>7.2}  {:>5.2}\n",
            run.name,
            run.calls,
            run.changing,
            wall / least,
        ));
    }
    Ok(())
}

/// A cluster is imported, imported again, updated with nothing to do, and destroyed.
fn runs(wekactl: &Path, package: &Path, backends: u32, latency: Duration) -> Result<Vec<Run>, Error> {
    let moto = Moto::start(MotoOptions {
        latency,
        record: true,
        ..MotoOptions::default()
    });
    let moto = moto.map_err(Error::Lab)?;
    let options = StackOptions {
        backends,
        clients: 0,
        ..StackOptions::default()
    };
    lab::create(&moto, &options).map_err(Error::Lab)?;
    let destroy = ["destroy", "-n", "wk"];
    let update = ["update", "-n", "wk", "--yes", "--lambda-package"];
    let mut update = cluster_command(wekactl, &moto, &update);
    update.arg(package);
    let commands = [
        ("import", import_command(wekactl, package, &moto)),
        ("again", import_command(wekactl, package, &moto)),
        ("update", update),
        (
            "dry run",
            cluster_command(wekactl, &moto, &[&destroy[..], &["--dry-run"]].concat()),
        ),
        (
            "destroy",
            cluster_command(wekactl, &moto, &[&destroy[..], &["--yes"]].concat()),
        ),
    ];
    let mut runs = Vec::new();
    for (name, mut command) in commands {
        let before = moto.calls().map_err(Error::Lab)?.len();
        let wall = timed(&mut command)?;
        let calls = moto.calls().map_err(Error::Lab)?.split_off(before);
        runs.push(Run {
            name,
            calls: calls.len(),
            changing: calls.iter().filter(|call| call.mutating).count(),
            wall,
        });
    }
    Ok(runs)
}

/// How many calls the longest chain has, each of which waits for the answer to the one before: as many as there are latencies more
/// in the time over the far network. What is done side by side takes one latency, and what the machine itself takes cancels out.
fn chain(near: Duration, far: Duration) -> f64 {
    let longer = far.saturating_sub(near).as_secs_f64();
    (longer / (FAR - LATENCY).as_secs_f64()).round().max(1.0)
}

fn import_command(wekactl: &Path, package: &Path, moto: &Moto) -> Command {
    let arguments = ["import", "-n", "wk", "-u", "admin", "--yes", "--lambda-package"];
    let mut import = cluster_command(wekactl, moto, &arguments);
    import.arg(package).env("WEKA_PASSWORD", "bench");
    import
}

fn cluster_command(wekactl: &Path, moto: &Moto, arguments: &[&str]) -> Command {
    let mut command = Command::new(wekactl);
    command
        .arg("cluster")
        .args(arguments)
        .envs(moto.env())
        .stdin(Stdio::null());
    command
}

/// Runs it silently, and says for how long.
fn timed(command: &mut Command) -> Result<Duration, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    #[expect(clippy::disallowed_methods, reason = "measuring time is what this is for")]
    let begun = Instant::now();
    let output = command
        .output()
        .map_err(|source| Error::Start { program, source })?;
    let took = begun.elapsed();
    if output.status.success() {
        return Ok(took);
    }
    Err(Error::Other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn version(wekactl: &Path) -> Result<(), Error> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        times.push(timed(Command::new(wekactl).arg("--version"))?);
    }
    print(&format!(
        "wekactl --version: {:.1} ms (median of {TIMES})\n",
        median(&mut times).as_secs_f64() * 1000.0
    ));
    Ok(())
}

fn functions(wekactl: &Path, bootstrap: &Path, package: &Path) -> Result<(), Error> {
    let moto = Moto::start(MotoOptions::default()).map_err(Error::Lab)?;
    lab::create(
        &moto,
        &StackOptions {
            clients: 0,
            ..StackOptions::default()
        },
    )
    .map_err(Error::Lab)?;
    timed(&mut import_command(wekactl, package, &moto))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Other(error.to_string()))?;
    let mut starts = Vec::new();
    let mut memory = 0;
    for _ in 0..TIMES {
        let (start, peak) = runtime.block_on(join_once(bootstrap.to_owned(), &moto))?;
        starts.push(start);
        memory = memory.max(peak);
    }
    let zip = std::fs::metadata(package).map_err(|source| Error::File {
        doing: "read",
        path: package.display().to_string(),
        source,
    })?;
    let median = median(&mut starts).as_secs_f64() * 1000.0;
    let mebi = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0;
    print(&format!(
        "join: init {median:.1} ms (median of {TIMES}), peak memory {:.1} MiB; package {:.2} MiB\n",
        mebi(memory),
        mebi(zip.len())
    ));
    Ok(())
}

/// Starts the join function, calls it once, and says how long the start took and how much memory it had at most.
async fn join_once(bootstrap: PathBuf, moto: &Moto) -> Result<(Duration, u64), Error> {
    let other = |error: &dyn std::error::Error| Error::Other(error.to_string());
    let variables = [
        ("LAMBDA", "join"),
        ("REGION", "eu-west-1"),
        ("CLUSTER_NAME", "wk"),
        ("ASG_NAME", "wekactl-wk-Backends"),
        ("TABLE_NAME", "wekactl-wk"),
        ("ROLE", "backend"),
        ("USE_DYNAMODB_ENDPOINT", "false"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let function = Function::start(Options {
        binary: bootstrap,
        name: "wekactl-wk-join-Backends".to_owned(),
        region: "eu-west-1".to_owned(),
        timeout: Duration::from_secs(15),
        environment: moto.env().into_iter().chain(variables).collect(),
    })
    .await
    .map_err(|error| other(&error))?;
    let event = json!({ "httpMethod": "GET", "path": "/wekactl-wk-Backends" });
    let answer = function.invoke(&event).await.map_err(|error| other(&error))?;
    if answer["statusCode"] != 200 {
        return Err(Error::Other(format!("join answered {answer}")));
    }
    let peak = function.peak_memory().map_err(|error| other(&error))?;
    let init = function.init_time();
    function.stop().await;
    Ok((init, peak))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_what_a_far_network_takes_longer() {
        // Fifteen calls, and half a second of the machine's own.
        let of = |latency: Duration| latency * 15 + Duration::from_millis(500);
        assert!((chain(of(LATENCY), of(FAR)) - 15.0).abs() < f64::EPSILON);
        let noisy = of(FAR) + Duration::from_millis(150);
        assert!((chain(of(LATENCY), noisy) - 15.0).abs() < f64::EPSILON);
        assert!((chain(LATENCY, LATENCY) - 1.0).abs() < f64::EPSILON);
    }
}
