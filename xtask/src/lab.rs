//! `cargo xtask lab`: a Weka stack in the local AWS, imported.

use crate::run::{Error, cargo, print, say, step};
use lab::{Moto, MotoOptions, Stack, StackOptions};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The cluster's password in the lab; nobody checks it.
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
        Some(build(root)?)
    };
    say("== the local AWS (moto)");
    let moto = Moto::start(MotoOptions::default()).map_err(Error::Lab)?;
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
    if let Some(Programs { wekactl, package }) = programs {
        let mut import = Command::new(wekactl);
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
            .arg(package)
            .env("WEKA_PASSWORD", PASSWORD)
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .envs(moto.env());
        step("wekactl cluster import", &mut import)?;
    }
    say("== what stands");
    print(&table(&rows(&lab::dump(&moto).map_err(Error::Lab)?)));
    if arguments.keep {
        keep(root, &moto)
    } else {
        say("== the lab is stopped; with --keep it stays up");
        Ok(())
    }
}

struct Programs {
    wekactl: PathBuf,
    package: PathBuf,
}

/// Builds the CLI and the functions' package.
fn build(root: &Path) -> Result<Programs, Error> {
    let myself = std::env::current_exe().map_err(|source| Error::File {
        doing: "found",
        path: "this program".to_owned(),
        source,
    })?;
    step(
        "the functions' package (cargo xtask package)",
        Command::new(&myself).arg("package"),
    )?;
    // The same selection as in `cargo xtask test`: a package chosen alone has other features, and AWS's crates would be
    // built twice.
    step("wekactl", &mut cargo(root, &["build", "--workspace", "--locked"]))?;
    // Built by the same cargo into the same directory as this program.
    let wekactl = myself.with_file_name("wekactl");
    let package = crate::package::path_here(root);
    for path in [&wekactl, &package] {
        if !path.is_file() {
            return Err(Error::Other(format!(
                "{} was built, but is not there",
                path.display()
            )));
        }
    }
    Ok(Programs { wekactl, package })
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

/// Leaves the lab up until somebody stops this process; the local AWS ends with it.
fn keep(root: &Path, moto: &Moto) -> Result<(), Error> {
    let exports: String = moto
        .env()
        .iter()
        .map(|(name, value)| format!("export {name}={value}\n"))
        .collect();
    let file = root.join(".lab/env");
    fs::create_dir_all(root.join(".lab"))
        .and_then(|()| fs::write(&file, &exports))
        .map_err(|source| Error::File {
            doing: "written",
            path: file.display().to_string(),
            source,
        })?;
    say("== the lab stays up; in another terminal:");
    print(&exports);
    say("or, in the workspace: `. .lab/env`; then for example `target/debug/wekactl cluster list`");
    say("Ctrl-C here stops the lab and forgets all that is in it");
    loop {
        // Woken for no reason it goes back to sleep.
        std::thread::park();
    }
}

/// A kind of resource in the dump, what to call it, and where in an entry its name and a fact about it lie.
const KINDS: [(&str, &str, &str, &str); 15] = [
    ("kms", "KMS key", "/aliases/0", "/meta/KeyState"),
    (
        "dynamodb",
        "DynamoDB table",
        "/table/TableName",
        "/table/TableStatus",
    ),
    (
        "iam",
        "IAM role",
        "/name",
        "/assume/Statement/0/Principal/Service",
    ),
    (
        "loggroups",
        "log group",
        "/group/logGroupName",
        "/group/retentionInDays",
    ),
    (
        "lambda",
        "Lambda function",
        "/config/FunctionName",
        "/config/State",
    ),
    (
        "apigateway",
        "REST API",
        "/api/name",
        "/api/endpointConfiguration/types/0",
    ),
    ("usageplans", "usage plan", "/plan/name", "/keys/0/name"),
    ("apikeys", "API key", "/name", "/enabled"),
    (
        "launchtemplates",
        "launch template",
        "/template/LaunchTemplateName",
        "/template/LatestVersionNumber",
    ),
    ("sfn", "state machine", "/machine/name", "/machine/status"),
    (
        "events",
        "EventBridge rule",
        "/rule/Name",
        "/rule/ScheduleExpression",
    ),
    ("elbv2", "load balancer", "/lb/LoadBalancerName", "/lb/Scheme"),
    (
        "targetgroups",
        "target group",
        "/tg/TargetGroupName",
        "/tg/HealthCheckPath",
    ),
    (
        "autoscaling",
        "Auto Scaling group",
        "/AutoScalingGroupName",
        "/DesiredCapacity",
    ),
    (
        "elb",
        "classic load balancer",
        "/LoadBalancerName",
        "/HealthCheck/Target",
    ),
];

fn rows(account: &Value) -> Vec<[String; 3]> {
    let mut rows = Vec::new();
    for (key, kind, name, fact) in KINDS {
        for entry in entries(account, key) {
            rows.push([kind.to_owned(), text(entry, name), text(entry, fact)]);
        }
    }
    // Of 120 instances nobody wants 120 lines.
    let instances = entries(account, "instances");
    let count = |wanted: &dyn Fn(&Value) -> bool| instances.iter().filter(|one| wanted(one)).count();
    let tagged = count(&|one| {
        let tags = one.pointer("/instance/Tags").and_then(Value::as_array);
        tags.is_some_and(|tags| tags.iter().any(|tag| tag["Key"] == "wekactl.io/cluster_name"))
    });
    let protected = count(&|one| one["termination_protection"] == true);
    let facts = format!("{tagged} tagged by wekactl, {protected} protected from termination");
    rows.push(["instances".to_owned(), instances.len().to_string(), facts]);
    rows
}

fn entries<'a>(account: &'a Value, key: &str) -> &'a [Value] {
    account[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(entry: &Value, pointer: &str) -> String {
    match entry.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn table(rows: &[[String; 3]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    rows.iter()
        .map(|[kind, name, fact]| format!("{kind:first$}  {name:second$}  {fact}\n"))
        .collect()
}
