//! `cargo xtask lab`: a Weka stack in the local AWS, imported, and then scaled by the real functions.

mod demo;
mod table;

use crate::run::{Error, cargo, print, say, step};
use lab::weka_cluster::{self, WekaCluster};
use lab::{Control, Functions, Hardware, Loop, LoopOptions, Moto, MotoOptions, Stack, StackOptions};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The cluster's password in the lab.
const PASSWORD: &str = "lab-password";

/// How the lab shall be.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leave the lab up until Ctrl-C, and print the environment for trying commands by hand
    #[arg(long)]
    keep: bool,
    /// Make the stack only, without importing it
    #[arg(long)]
    no_import: bool,
    /// Import, and leave it at that: nothing is scaled and nothing fails
    #[arg(long)]
    no_story: bool,
    /// The functions' package to import with, instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "no_import")]
    package: Option<PathBuf>,
    /// The number of backends
    #[arg(long, default_value_t = 6)]
    backends: u32,
    /// The number of clients
    #[arg(long, default_value_t = 2)]
    clients: u32,
    /// The name of the stack, and of the cluster
    #[arg(long, default_value = "wk")]
    name: String,
}

/// Tells the story.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<(), Error> {
    // First what takes long, so that the story is told in one go.
    let programs = if arguments.no_import {
        None
    } else {
        Some(build(root, arguments.package.as_deref())?)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Other(format!("no runtime can be made: {error}")))?;
    runtime.block_on(tell(root, arguments, programs.as_ref()))
}

async fn tell(root: &Path, arguments: &Arguments, programs: Option<&Programs>) -> Result<(), Error> {
    say("== the local AWS (moto)");
    let functions = match programs {
        Some(programs) => Some(Functions::serve(&programs.bootstrap).await.map_err(Error::Lab)?),
        None => None,
    };
    let moto = Moto::start(MotoOptions {
        functions: functions.as_ref().map(|functions| functions.url().to_owned()),
        ..MotoOptions::default()
    })
    .map_err(Error::Lab)?;
    say(&format!("listens on {}", moto.endpoint()));
    say("== a Weka stack");
    let options = StackOptions {
        name: arguments.name.clone(),
        backends: arguments.backends,
        clients: arguments.clients,
        ..StackOptions::default()
    };
    let stack = lab::create(&moto, &options).map_err(Error::Lab)?;
    say(&describe(&stack));
    let minutes = match programs {
        Some(programs) => {
            import(&moto, &stack, programs)?;
            Some(cluster(&moto, &stack).await?)
        }
        None => None,
    };
    say("== what stands");
    print(&table::table(&table::rows(
        &lab::dump(&moto).map_err(Error::Lab)?,
    )));
    let Some(mut minutes) = minutes else {
        return if arguments.keep {
            invite(root, &moto)?;
            std::future::pending().await
        } else {
            say("== the lab is stopped; with --keep it stays up");
            Ok(())
        };
    };
    if !arguments.no_story {
        demo::tell(&mut minutes, arguments.backends).await?;
    }
    if arguments.keep {
        invite(root, &moto)?;
        demo::go_on(&mut minutes).await
    } else {
        say("== the lab is stopped; with --keep it stays up");
        Ok(())
    }
}

fn import(moto: &Moto, stack: &Stack, programs: &Programs) -> Result<(), Error> {
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
        .env("WEKA_PASSWORD", PASSWORD)
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .envs(moto.env());
    step("wekactl cluster import", &mut import)
}

/// Weka on the stack's instances, and the loop that scales it.
async fn cluster(moto: &Moto, stack: &Stack) -> Result<Loop, Error> {
    let mut options = weka_cluster::Options::default();
    options.settings.credentials.password = PASSWORD.to_owned();
    let weka = WekaCluster::start(options)
        .await
        .map_err(|source| Error::Lab(lab::Error::WekaCluster { source }))?;
    let options = LoopOptions::backends_of(&stack.name, Hardware::default())
        .map_err(|error| Error::Other(error.to_string()))?;
    Loop::start(Control::of(moto), weka, options)
        .await
        .map_err(Error::Lab)
}

struct Programs {
    wekactl: PathBuf,
    package: PathBuf,
    /// Out of the package: the very program that import uploads is the one that runs.
    bootstrap: PathBuf,
    _folder: TempDir,
}

/// Builds the CLI, and the functions' package unless there is one.
fn build(root: &Path, package: Option<&Path>) -> Result<Programs, Error> {
    let myself = std::env::current_exe().map_err(file("found", Path::new("this program")))?;
    if package.is_none() {
        step(
            "the functions' package (cargo xtask package)",
            Command::new(&myself).arg("package"),
        )?;
    }
    // The same selection as in `cargo xtask test`: a package chosen alone has other features, and AWS's crates would be
    // built twice.
    step("wekactl", &mut cargo(root, &["build", "--workspace", "--locked"]))?;
    // Built by the same cargo into the same directory as this program.
    let wekactl = myself.with_file_name("wekactl");
    let package = package.map_or_else(|| crate::package::path_here(root), Path::to_owned);
    for path in [&wekactl, &package] {
        if !path.is_file() {
            return Err(Error::Other(format!(
                "{} was built, but is not there",
                path.display()
            )));
        }
    }
    let folder = TempDir::with_prefix("lab-").map_err(file("made", &std::env::temp_dir()))?;
    let bootstrap = unpack(&package, folder.path())?;
    Ok(Programs {
        wekactl,
        package,
        bootstrap,
        _folder: folder,
    })
}

/// Takes the functions' program out of their package.
fn unpack(package: &Path, folder: &Path) -> Result<PathBuf, Error> {
    let bad = |error| {
        Error::Other(format!(
            "{} is no package of functions: {error}",
            package.display()
        ))
    };
    let archive = fs::File::open(package).map_err(file("read", package))?;
    let mut archive = zip::ZipArchive::new(archive).map_err(bad)?;
    let mut program = archive.by_name("bootstrap").map_err(bad)?;
    let path = folder.join("bootstrap");
    let mut unpacked = fs::File::create(&path).map_err(file("written", &path))?;
    std::io::copy(&mut program, &mut unpacked).map_err(file("written", &path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(file("made executable", &path))?;
    Ok(path)
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File { doing, path, source }
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

/// Says how to try commands by hand on a lab that stays up. The local AWS ends with this process.
fn invite(root: &Path, moto: &Moto) -> Result<(), Error> {
    let exports: String = moto
        .env()
        .iter()
        .map(|(name, value)| format!("export {name}={value}\n"))
        .collect();
    let env = root.join(".lab/env");
    fs::create_dir_all(root.join(".lab"))
        .and_then(|()| fs::write(&env, &exports))
        .map_err(file("written", &env))?;
    say("== the lab stays up; in another terminal:");
    print(&exports);
    say("or, in the workspace: `. .lab/env`; then for example `target/debug/wekactl cluster list`");
    say("Ctrl-C here stops the lab and forgets all that is in it");
    Ok(())
}
