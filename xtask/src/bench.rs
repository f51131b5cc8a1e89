//! `cargo xtask bench`: measures import, update, destroy and runs of the loop with a simulated network latency, and the start
//! time and memory of the functions.

mod scaling;

use crate::process::{Error, build_step, cargo, print, step};
use lab::lambda_runtime::{Function, Options};
use lab::{Moto, MotoOptions, StackOptions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Added to each response, in place of a network.
const LATENCY: Duration = Duration::from_millis(80);
/// The latency of a much slower network. The longest chain of calls follows from how much longer a run takes on it.
const HIGH_LATENCY: Duration = Duration::from_millis(480);
/// How often short operations are measured.
const REPETITIONS: usize = 20;
/// How often the whole lifecycle is measured.
const LIFECYCLES: usize = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measure the development build, which usually exists already, instead of the release build
    #[arg(long)]
    dev: bool,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<(), Error> {
    let mut build = vec!["build", "--workspace", "--bins", "--locked"];
    if !arguments.dev {
        build.push("--release");
    }
    build_step("building", &mut cargo(root, &build))?;
    let profile = if arguments.dev { "debug" } else { "release" };
    let target = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent()?.parent().map(Path::to_owned));
    let folder = target.unwrap_or_else(|| root.join("target")).join(profile);
    let package = crate::package::path_here(root);
    if !package.is_file() {
        return Err(Error::Other(
            "no Lambda package found: run `cargo xtask package` first".to_owned(),
        ));
    }
    let wekactl = folder.join("wekactl");
    print(&format!(
        "import, update and destroy with 80 ms per response, medians of {LIFECYCLES}\n"
    ));
    print("backends  run      calls  changing  wall s  chain  chain s  ratio\n");
    for backends in [6, 120] {
        measure_lifecycle(&wekactl, &package, backends)?;
    }
    measure_version(&wekactl)?;
    let bootstrap = folder.join("bootstrap");
    measure_functions(&wekactl, &bootstrap, &package)?;
    scaling::run(&wekactl, &bootstrap, &package)?;
    print("\nreading Weka's lists and planning\n");
    let mut lists = cargo(root, &["bench", "--workspace", "--locked", "--bench", "lists"]);
    step("benchmark of the lists", &mut lists)
}

struct Run {
    name: &'static str,
    calls: usize,
    changing: usize,
    wall: Duration,
}

/// Measures each command of a cluster's lifecycle and the length of its longest chain of calls.
fn measure_lifecycle(wekactl: &Path, package: &Path, backends: u32) -> Result<(), Error> {
    let lifecycles = (0..LIFECYCLES).map(|_| runs(wekactl, package, backends, LATENCY));
    let lifecycles = lifecycles.collect::<Result<Vec<_>, _>>()?;
    let slow = runs(wekactl, package, backends, HIGH_LATENCY)?;
    for (index, slow) in slow.iter().enumerate() {
        let run = &lifecycles[0][index];
        let times = lifecycles.iter().map(|lifecycle| lifecycle[index].wall);
        let wall = median(&mut times.collect::<Vec<_>>());
        let chain = chain_length(wall, slow.wall);
        let minimum = chain * LATENCY.as_secs_f64();
        let wall = wall.as_secs_f64();
        print(&format!(
            "{backends:>8}  {:<7}  {:>5}  {:>8}  {wall:>6.2}  {chain:>5.0}  {minimum:>7.2}  {:>5.2}\n",
            run.name,
            run.calls,
            run.changing,
            wall / minimum,
        ));
    }
    Ok(())
}

/// Imports a cluster, imports it again, updates it without changes, and destroys it.
fn runs(wekactl: &Path, package: &Path, backends: u32, latency: Duration) -> Result<Vec<Run>, Error> {
    let moto = Moto::start(MotoOptions {
        latency,
        record: true,
        check_requests: false,
        ..MotoOptions::default()
    });
    let moto = moto.map_err(Error::Lab)?;
    let options = StackOptions {
        backends,
        clients: 0,
        ..StackOptions::default()
    };
    lab::create_stack(&moto, &options).map_err(Error::Lab)?;
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

/// Returns the number of calls in the longest chain, in which each call waits for the response to the one before.
///
/// Concurrent calls add one latency together, and the machine's own time is the same with both latencies. So the difference
/// between the two times is a multiple of the difference between the two latencies.
fn chain_length(low: Duration, high: Duration) -> f64 {
    let difference = high.saturating_sub(low).as_secs_f64();
    (difference / (HIGH_LATENCY - LATENCY).as_secs_f64())
        .round()
        .max(1.0)
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

/// Runs a command without showing its output, and returns its duration.
fn timed(command: &mut Command) -> Result<Duration, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    let start = Instant::now();
    let output = command
        .output()
        .map_err(|source| Error::Start { program, source })?;
    let duration = start.elapsed();
    if output.status.success() {
        return Ok(duration);
    }
    Err(Error::Other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn measure_version(wekactl: &Path) -> Result<(), Error> {
    let mut times = Vec::new();
    for _ in 0..REPETITIONS {
        times.push(timed(Command::new(wekactl).arg("--version"))?);
    }
    print(&format!(
        "wekactl --version: {:.1} ms (median of {REPETITIONS})\n",
        median(&mut times).as_secs_f64() * 1000.0
    ));
    Ok(())
}

fn measure_functions(wekactl: &Path, bootstrap: &Path, package: &Path) -> Result<(), Error> {
    let moto = Moto::start(MotoOptions::default()).map_err(Error::Lab)?;
    lab::create_stack(
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
    for _ in 0..REPETITIONS {
        let (start, peak) = runtime.block_on(join_once(bootstrap.to_owned(), &moto))?;
        starts.push(start);
        memory = memory.max(peak);
    }
    let zip = std::fs::metadata(package).map_err(|source| Error::File {
        action: "read",
        path: package.display().to_string(),
        source,
    })?;
    let median = median(&mut starts).as_secs_f64() * 1000.0;
    let mebi = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0;
    print(&format!(
        "join: init {median:.1} ms (median of {REPETITIONS}), peak memory {:.1} MiB; package {:.2} MiB\n",
        mebi(memory),
        mebi(zip.len())
    ));
    Ok(())
}

/// Starts the join function, invokes it once, and returns its start time and its peak memory in bytes.
async fn join_once(bootstrap: PathBuf, moto: &Moto) -> Result<(Duration, u64), Error> {
    let other = |error: &dyn std::error::Error| Error::Other(error.to_string());
    // Requests without identity are answered until then. Signing a document would need the identity of a new instance.
    let deadline = (
        "IDENTITY_REQUIRED_AFTER".to_owned(),
        "2999-01-01T00:00:00Z".to_owned(),
    );
    let environment = moto.env().into_iter().chain([deadline]);
    let function = Function::start(Options::backend_function(bootstrap, "join", environment))
        .await
        .map_err(|error| other(&error))?;
    let event = json!({ "httpMethod": "GET", "path": "/wekactl-wk-Backends" });
    let response = function.invoke(&event).await.map_err(|error| other(&error))?;
    if response["statusCode"] != 200 {
        return Err(Error::Other(format!("join returned {response}")));
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
    fn chain_length_follows_from_the_difference_between_two_latencies() {
        // Fifteen calls and half a second of the machine's own time.
        let duration = |latency: Duration| latency * 15 + Duration::from_millis(500);
        assert!((chain_length(duration(LATENCY), duration(HIGH_LATENCY)) - 15.0).abs() < f64::EPSILON);
        let noisy = duration(HIGH_LATENCY) + Duration::from_millis(150);
        assert!((chain_length(duration(LATENCY), noisy) - 15.0).abs() < f64::EPSILON);
        assert!((chain_length(LATENCY, LATENCY) - 1.0).abs() < f64::EPSILON);
    }
}
