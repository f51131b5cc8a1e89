//! `cargo xtask lab`: imports a Weka stack on a local AWS, then lets the real functions scale it.

mod demo;
mod table;

use crate::package::archive::{self, Compression};
use crate::process::{Error, build_step, cargo, file_error, log, print, step, with_installed};
use lab::weka_cluster::{self, WekaCluster};
use lab::{
    Control, Functions, Hardware, Moto, MotoOptions, ScalingLoop, ScalingLoopOptions, Stack, StackOptions,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The admin password of the simulated cluster.
const PASSWORD: &str = "lab-password";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Keep the lab running until Ctrl-C and print the environment variables that your own commands need
    #[arg(long)]
    keep: bool,
    /// Create the stack, but do not import it
    #[arg(long)]
    no_import: bool,
    /// Import the stack, but do not run the demo
    #[arg(long)]
    no_demo: bool,
    /// Import with this Lambda package instead of a development build
    #[arg(long, value_name = "FILE", conflicts_with = "no_import")]
    package: Option<PathBuf>,
    /// Number of backends in the stack
    #[arg(long, default_value_t = 6)]
    backends: u32,
    /// Number of clients in the stack
    #[arg(long, default_value_t = 2)]
    clients: u32,
    /// Name of the stack and the cluster
    #[arg(long, default_value = "wk")]
    name: String,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<(), Error> {
    // Everything slow comes first, so that the demo runs without a pause.
    let programs = with_installed(&[lab::ensure_python], || {
        if arguments.no_import {
            Ok(None)
        } else {
            build(root, arguments.package.as_deref()).map(Some)
        }
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Other(format!("cannot start the async runtime: {error}")))?;
    runtime.block_on(run_lab(root, arguments, programs.as_ref()))
}

async fn run_lab(root: &Path, arguments: &Arguments, programs: Option<&Programs>) -> Result<(), Error> {
    log("== starting the local AWS (moto)");
    let functions = match programs {
        Some(programs) => Some(Functions::serve(&programs.bootstrap).await.map_err(Error::Lab)?),
        None => None,
    };
    let moto = Moto::start(MotoOptions {
        functions: functions.as_ref().map(|functions| functions.url().to_owned()),
        ..MotoOptions::default()
    })
    .map_err(Error::Lab)?;
    log(&format!("listening on {}", moto.endpoint()));
    log("== creating a Weka stack");
    let options = StackOptions {
        name: arguments.name.clone(),
        backends: arguments.backends,
        clients: arguments.clients,
        ..StackOptions::default()
    };
    let stack = lab::create_stack(&moto, &options).map_err(Error::Lab)?;
    log(&describe(&stack));
    let scaling_loop = match programs {
        Some(programs) => {
            import(&moto, &stack, programs)?;
            Some(start_loop(&moto, &stack).await?)
        }
        None => None,
    };
    log("== resources in the account");
    print(&table::render(&table::rows(
        &lab::dump(&moto).map_err(Error::Lab)?,
    )));
    let Some(mut scaling_loop) = scaling_loop else {
        return if arguments.keep {
            print_environment(root, &moto)?;
            std::future::pending().await
        } else {
            log(STOPPED);
            Ok(())
        };
    };
    if !arguments.no_demo {
        demo::run(&mut scaling_loop, arguments.backends).await?;
    }
    if arguments.keep {
        print_environment(root, &moto)?;
        demo::run_until_interrupted(&mut scaling_loop).await
    } else {
        log(STOPPED);
        Ok(())
    }
}

const STOPPED: &str = "== the lab has stopped; use --keep to keep it running";

fn import(moto: &Moto, stack: &Stack, programs: &Programs) -> Result<(), Error> {
    let authority = lab::IdentityAuthority::new().map_err(Error::Lab)?;
    let mut import = Command::new(&programs.wekactl);
    import
        .args([
            "cluster",
            "import",
            "--yes",
            "--name",
            &stack.name,
            "--username",
            "admin",
            "--lambda-package",
        ])
        .arg(&programs.package)
        .arg("--identity-cert")
        .arg(authority.certificate_file())
        .env("WEKA_PASSWORD", PASSWORD)
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .envs(moto.env());
    step("wekactl cluster import", &mut import)
}

/// Starts Weka on the stack's instances, and the loop that scales it.
async fn start_loop(moto: &Moto, stack: &Stack) -> Result<ScalingLoop, Error> {
    let mut options = weka_cluster::Options::default();
    options.settings.credentials.password = PASSWORD.to_owned();
    let weka = WekaCluster::start(options)
        .await
        .map_err(|source| Error::Lab(lab::Error::WekaCluster { source }))?;
    let options = ScalingLoopOptions::for_backends(&stack.name, Hardware::default())
        .map_err(|error| Error::Other(error.to_string()))?;
    ScalingLoop::start(Control::new(moto), weka, options)
        .await
        .map_err(Error::Lab)
}

struct Programs {
    wekactl: PathBuf,
    package: PathBuf,
    /// Extracted from `package`, so that the program that import uploads is the one that runs.
    bootstrap: PathBuf,
    _folder: TempDir,
}

/// Builds the CLI and, unless a package is given, a package from the development build of the functions.
fn build(root: &Path, package: Option<&Path>) -> Result<Programs, Error> {
    // One build for lab and tests, of the whole workspace: a single package gets other features, and the AWS crates would be built
    // twice.
    build_step(
        "building wekactl and the functions (about seven minutes the first time)",
        &mut cargo(root, &["build", "--workspace", "--bins", "--locked"]),
    )?;
    // Cargo puts all programs into the folder of this one.
    let this_program = std::env::current_exe().map_err(file_error("find", Path::new("this program")))?;
    let folder =
        TempDir::with_prefix("lab-").map_err(file_error("create a folder in", &std::env::temp_dir()))?;
    let package = match package {
        Some(package) => package.to_owned(),
        None => create_package(&this_program.with_file_name("bootstrap"), folder.path())?,
    };
    let bootstrap = extract_bootstrap(&package, folder.path())?;
    Ok(Programs {
        wekactl: this_program.with_file_name("wekactl"),
        package,
        bootstrap,
        _folder: folder,
    })
}

/// Zips a development build. It is for the lab only: Lambda may have an older C library than this machine.
fn create_package(bootstrap: &Path, folder: &Path) -> Result<PathBuf, Error> {
    let stripped = folder.join("bootstrap.stripped");
    step(
        "removing the debug information from bootstrap",
        Command::new("strip").arg("-o").arg(&stripped).arg(bootstrap),
    )?;
    let program = fs::read(&stripped).map_err(file_error("read", &stripped))?;
    let archive = archive::zip("bootstrap", &program, Compression::Fast)
        .map_err(|error| Error::Other(format!("cannot create the Lambda package: {error}")))?;
    let path = folder.join("lambda.zip");
    fs::write(&path, archive).map_err(file_error("write", &path))?;
    Ok(path)
}

fn extract_bootstrap(package: &Path, folder: &Path) -> Result<PathBuf, Error> {
    let invalid = |error| {
        Error::Other(format!(
            "{} is not a valid Lambda package: {error}",
            package.display()
        ))
    };
    let archive = fs::File::open(package).map_err(file_error("read", package))?;
    let mut archive = zip::ZipArchive::new(archive).map_err(invalid)?;
    let mut program = archive.by_name("bootstrap").map_err(invalid)?;
    let path = folder.join("bootstrap");
    let mut file = fs::File::create(&path).map_err(file_error("write", &path))?;
    std::io::copy(&mut program, &mut file).map_err(file_error("write", &path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .map_err(file_error("make executable", &path))?;
    Ok(path)
}

fn describe(stack: &Stack) -> String {
    format!(
        "{}: {} backends and {} clients in {}, classic load balancer {}",
        stack.name,
        stack.backends.len(),
        stack.clients.len(),
        stack.vpc,
        stack.load_balancer.as_deref().unwrap_or("none")
    )
}

/// Prints what a person needs to run commands on a lab that keeps running. The local AWS ends with this process.
fn print_environment(root: &Path, moto: &Moto) -> Result<(), Error> {
    let exports: String = moto
        .env()
        .iter()
        .map(|(name, value)| format!("export {name}={value}\n"))
        .collect();
    let file = root.join(".lab/env");
    fs::create_dir_all(root.join(".lab"))
        .and_then(|()| fs::write(&file, &exports))
        .map_err(file_error("write", &file))?;
    log("== the lab keeps running; set this in another terminal:");
    print(&exports);
    log("or, in the workspace, run `. .lab/env`; then, for example, `target/debug/wekactl cluster list`");
    log("Ctrl-C stops the lab and discards everything in it");
    Ok(())
}
