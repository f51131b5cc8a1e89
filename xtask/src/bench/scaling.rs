//! The cost of a run of the loop: *scale* with nothing to do, and *terminate* with many instances.

use super::{LATENCY, import_command, median, timed};
use crate::process::{Error, print};
use lab::lambda_runtime::{Function, Options};
use lab::weka_cluster::{self, Credentials, Model, NewBackend, Settings, WekaCluster};
use lab::{Control, Moto, MotoOptions, StackOptions, signed_event};
use scaling::authentication::Signed;
use scaling::messages::{HostGroupInfo, ScaleAnswer, VERSION};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

/// The machines of the cluster that *scale* reads.
const MACHINES: u8 = 100;
/// The instances that *terminate* terminates.
const TERMINATED: usize = 50;
const GROUP_SIZE: u32 = 60;
/// The key of the functions.
const SEAL_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// How often *scale* is measured.
const REPETITIONS: usize = 10;

pub(super) fn run(wekactl: &Path, bootstrap: &Path, package: &Path) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| other(&error))?;
    runtime.block_on(scale(wekactl, bootstrap, package))?;
    runtime.block_on(terminate(wekactl, bootstrap, package))
}

fn other(error: &dyn std::error::Error) -> Error {
    Error::Other(error.to_string())
}

/// Starts a local AWS with an imported cluster.
fn import(options: MotoOptions, backends: u32, wekactl: &Path, package: &Path) -> Result<Moto, Error> {
    let moto = Moto::start(options).map_err(Error::Lab)?;
    let stack = StackOptions {
        backends,
        clients: 0,
        ..StackOptions::default()
    };
    lab::create_stack(&moto, &stack).map_err(Error::Lab)?;
    timed(&mut import_command(wekactl, package, &moto))?;
    Ok(moto)
}

async fn start_function(name: &str, bootstrap: &Path, moto: &Moto) -> Result<Function, Error> {
    // Credentials come from the table: sealed ones would need the key that import created.
    let variables = [("USE_DYNAMODB_ENDPOINT", "true"), ("SEAL_KEY", SEAL_KEY)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = moto.env().into_iter().chain(variables);
    let options = Options::backend_function(bootstrap.to_owned(), name, environment);
    Function::start(options).await.map_err(|error| other(&error))
}

/// The event of the state machine with this message.
fn event<T: Signed>(message: Value) -> Result<Value, Error> {
    signed_event::<T>(message, SEAL_KEY).map_err(Error::Lab)
}

/// Invokes a function and returns its duration and its response.
async fn invoke(function: &Function, event: &Value) -> Result<(Duration, Value), Error> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    let start = Instant::now();
    let response = function.invoke(event).await.map_err(|error| other(&error))?;
    Ok((start.elapsed(), response))
}

async fn scale(wekactl: &Path, bootstrap: &Path, package: &Path) -> Result<(), Error> {
    let moto = import(MotoOptions::default(), 6, wekactl, package)?;
    let credentials = Credentials {
        username: "admin".to_owned(),
        password: "bench".to_owned(),
    };
    let settings = Settings {
        credentials,
        ..Settings::default()
    };
    let weka = WekaCluster::start(weka_cluster::Options {
        settings,
        ..weka_cluster::Options::default()
    });
    let weka = weka.await.map_err(|error| other(&error))?;
    let mut instances = Vec::new();
    for number in 1..=MACHINES {
        let address = IpAddr::V4(Ipv4Addr::new(127, 30, 0, number));
        let id = format!("i-{number:017}");
        let added = weka
            .update(|model| model.add_backend(&NewBackend::new(address, &id)))
            .await;
        added.map_err(|error| other(&error))?;
        instances.push(json!({ "Id": id, "PrivateIp": address.to_string() }));
    }
    let addresses: Vec<_> = instances
        .iter()
        .map(|instance| instance["PrivateIp"].clone())
        .collect();
    let message = json!({
        "desired_capacity": MACHINES, "instances": instances, "backend_ips": addresses, "role": "backend",
        "version": VERSION,
    });
    let function = start_function("scale", bootstrap, &moto).await?;
    let mut times = Vec::new();
    let mut requests = 0;
    for _ in 0..REPETITIONS {
        let event = event::<HostGroupInfo>(message.clone())?;
        times.push(invoke(&function, &event).await?.0);
        let run = weka
            .update(Model::take_requests)
            .await
            .map_err(|error| other(&error))?;
        requests = requests.max(run.len());
    }
    let peak = function.peak_memory().map_err(|error| other(&error))?;
    print(&format!(
        "scale: {MACHINES} machines, nothing to do: {requests} requests to Weka, {:.0} ms (median of {REPETITIONS}), peak memory {} MiB\n",
        median(&mut times).as_secs_f64() * 1e3,
        peak / 1024 / 1024,
    ));
    Ok(())
}

async fn terminate(wekactl: &Path, bootstrap: &Path, package: &Path) -> Result<(), Error> {
    let options = MotoOptions {
        latency: LATENCY,
        record: true,
        check_requests: false,
        ..MotoOptions::default()
    };
    let moto = import(options, GROUP_SIZE, wekactl, package)?;
    let instances = Control::new(&moto).instances().await.map_err(Error::Lab)?;
    let all_instances = || {
        instances
            .iter()
            .map(|instance| json!({ "Id": instance.id, "PrivateIp": instance.address }))
    };
    let message = json!({
        "hosts": [],
        "to_terminate": all_instances().take(TERMINATED).collect::<Vec<_>>(),
        "members": all_instances().skip(TERMINATED).map(|instance| instance["PrivateIp"].clone()).collect::<Vec<_>>(),
        "TransientErrors": null,
        "version": VERSION,
    });
    let event = event::<ScaleAnswer>(message)?;
    let function = start_function("terminate", bootstrap, &moto).await?;
    let before = moto.calls().map_err(Error::Lab)?.len();
    let (duration, response) = invoke(&function, &event).await?;
    let calls = moto.calls().map_err(Error::Lab)?.len() - before;
    let terminated = response["set_to_terminate_instances"]
        .as_array()
        .map_or(0, Vec::len);
    if terminated != TERMINATED || !response["TransientErrors"].is_null() {
        return Err(Error::Other(format!(
            "terminate terminated {terminated}: {response}"
        )));
    }
    print(&format!(
        "terminate: {TERMINATED} instances of {GROUP_SIZE}, 80 ms per response: {calls} calls, {:.2} s\n",
        duration.as_secs_f64()
    ));
    Ok(())
}
