//! Instances boot with the user data and the join script that wekactl renders, and join the simulated cluster.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use instances::{BackendJoin, ClientJoin, Profile, UserData, profile_of};
use lab::http::{response, serve};
use lab::machine::{AMAZON_LINUX_2023, Boot, BootOptions, Outcome, boot};
use lab::weka_cluster::{
    DriveStatus, Fault, FaultKind, HostState, HostStatus, Mode, NewBackend, Options, WekaCluster,
};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

const API_KEY: &str = "the-api-key-0123456789";
const IDENTITY: &str =
    "the-identity-document-of-the-instance-which-is-longer-than-one-line-of-the-metadata-service";
const PASSWORD: &str = "p'a\"s$s`w\\o rd!";
fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 10, 201, last).into()
}

async fn cluster() -> WekaCluster {
    let mut options = Options {
        port: 0,
        ..Options::default()
    };
    options.settings.credentials.password = PASSWORD.to_owned();
    let cluster = WekaCluster::start(options).await.unwrap();
    let added = cluster.update(|model| {
        for last in 1..=5 {
            model.add_backend(&NewBackend::new(ip(last), &format!("i-{last}")));
        }
    });
    added.await.unwrap();
    cluster
}

fn backend(password: &str) -> String {
    let profile: Profile = profile_of("i3en.2xlarge").unwrap();
    // No backend listens at the first address.
    let backends = [9, 1, 2].map(|last| ip(last).to_string()).to_vec();
    let username = "admin".to_owned();
    let password = password.to_owned();
    let join = BackendJoin {
        backends,
        username,
        password,
        profile,
    };
    join.render()
}

fn client() -> String {
    let join = ClientJoin {
        backends: vec![ip(1).to_string()],
        mounts: vec!["default=/mnt/weka".parse().unwrap()],
    };
    join.render()
}

fn options(cluster: &WekaCluster, last: u8, io_cores: u32) -> BootOptions {
    let user_data = UserData {
        join_url: "https://abc123.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends".to_owned(),
        api_key: API_KEY.to_owned(),
        region: "eu-west-1".to_owned(),
        subnet: "subnet-1".to_owned(),
        security_groups: vec!["sg-1".to_owned()],
        io_cores,
    };
    BootOptions {
        instance_id: format!("i-{last}"),
        private_ip: ip(last),
        user_data: user_data.render(),
        identity: IDENTITY.to_owned(),
        join_url: None,
        control_url: cluster.control_url(),
        weka_port: cluster.port(),
        cores: 4,
        drives: 2,
        interfaces: 0,
        volume: true,
        layout: AMAZON_LINUX_2023,
        pause: Duration::ZERO,
        trace: true,
    }
}

/// Boots with a join API that returns this response. Also returns the number of requests to the join API.
async fn boot_with(mut options: BootOptions, status: u16, script: &str) -> (Boot, usize) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    options.join_url = Some(format!("http://{}/default/join", listener.local_addr().unwrap()));
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let first = Arc::new(Mutex::new(None));
    let script = script.to_owned();
    let join_api = serve(listener, move |request| {
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("GET", "/default/join")
        );
        assert_eq!(request.headers()["x-api-key"], API_KEY);
        assert_eq!(request.headers()["x-wekactl-identity"], IDENTITY);
        let nonce = request.headers()["x-wekactl-nonce"].to_str().unwrap().to_owned();
        assert!(nonce.len() == 64 && nonce.bytes().all(|digit| digit.is_ascii_hexdigit()));
        // All attempts of a boot have the same nonce.
        assert_eq!(*first.lock().unwrap().get_or_insert(nonce.clone()), nonce);
        counter.fetch_add(1, Ordering::Relaxed);
        let response = response(status, "text/x-shellscript", script.clone());
        async move { response }
    });
    let boot = tokio::select! {
        boot = boot(options) => boot.unwrap(),
        () = join_api => unreachable!("the join API serves until it is dropped"),
    };
    for secret in [API_KEY, PASSWORD] {
        assert!(!boot.log.contains(secret), "{}", boot.log);
    }
    (boot, requests.load(Ordering::Relaxed))
}

#[tokio::test]
async fn backend_joins_at_boot() {
    let cluster = cluster().await;
    let (boot, requests) = boot_with(options(&cluster, 6, 3), 200, &backend(PASSWORD)).await;
    assert_eq!((boot.outcome, requests), (Outcome::Joined, 1), "{}", boot.log);
    assert!(boot.log.contains("wekactl: joined"), "{}", boot.log);
    cluster.read(|model| {
        let names: Vec<_> = model
            .containers_of(ip(6))
            .map(|container| {
                (
                    container.name.as_str(),
                    container.mode,
                    container.state,
                    container.status(),
                )
            })
            .collect();
        let member = |name| (name, Mode::Backend, HostState::Active, HostStatus::Up);
        assert_eq!(names, ["drives0", "compute0", "frontend0"].map(member));
        let drives: Vec<_> = model.drives_of(ip(6)).map(|drive| drive.status).collect();
        assert_eq!(drives, [DriveStatus::PhasingIn; 2]);
        assert_eq!(model.machines().last().unwrap().instance_id, "i-6");
        assert!(model.serving().contains(&ip(6)));
        let event = &model.events().last().unwrap().message;
        assert!(
            event.contains(&format!("{} has joined the cluster", ip(6))),
            "{event}"
        );
    });
}

#[tokio::test]
async fn client_joins_at_boot() {
    let cluster = cluster().await;
    let (boot, _) = boot_with(options(&cluster, 20, 0), 200, &client()).await;
    assert_eq!(boot.outcome, Outcome::Joined, "{}", boot.log);
    cluster.read(|model| {
        let containers: Vec<_> = model.containers_of(ip(20)).collect();
        assert_eq!(containers.len(), 1);
        assert_eq!(
            (containers[0].name.as_str(), containers[0].mode),
            ("client", Mode::Client)
        );
        assert!(!model.serving().contains(&ip(20)));
        assert_eq!(model.drives_of(ip(20)).count(), 0);
    });
}

#[tokio::test]
async fn instance_without_join_script_shuts_itself_down() {
    let cluster = cluster().await;
    let (boot, requests) = boot_with(options(&cluster, 6, 1), 500, "{}").await;
    assert_eq!((boot.outcome, requests), (Outcome::ShutDown, 7), "{}", boot.log);
    assert!(boot.log.contains("could not join; shutting down"), "{}", boot.log);
    assert_eq!(cluster.read(|model| model.containers_of(ip(6)).count()), 0);
}

#[tokio::test]
async fn instance_with_wrong_password_does_not_join() {
    let cluster = cluster().await;
    let (boot, _) = boot_with(options(&cluster, 6, 3), 200, &backend("another")).await;
    assert_eq!(boot.outcome, Outcome::ShutDown, "{}", boot.log);
    assert!(
        boot.log.contains("weka: wrong username or password"),
        "{}",
        boot.log
    );
    assert_eq!(cluster.read(|model| model.containers_of(ip(6)).count()), 0);
}

#[tokio::test]
async fn join_retries_while_backends_are_unavailable() {
    let cluster = cluster().await;
    let faults = cluster.update(|model| {
        for last in 1..=5 {
            model.add_fault(
                ip(last),
                Fault::new(FaultKind::Status(503))
                    .on("client_query_backend")
                    .times(1),
            );
        }
    });
    faults.await.unwrap();
    let (boot, requests) = boot_with(options(&cluster, 6, 3), 200, &backend(PASSWORD)).await;
    assert_eq!((boot.outcome, requests), (Outcome::Joined, 2), "{}", boot.log);
    assert_eq!(cluster.read(|model| model.containers_of(ip(6)).count()), 3);
}

#[tokio::test]
async fn dropping_a_boot_kills_its_processes() {
    let cluster = cluster().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut options = options(&cluster, 6, 1);
    options.join_url = Some(format!("http://{}/", listener.local_addr().unwrap()));
    // The join API accepts the connection and never responds.
    let connection = tokio::select! {
        boot = boot(options) => panic!("{boot:?}"),
        connection = listener.accept() => connection.unwrap().0,
    };
    // The boot is dropped: curl, a grandchild process, is killed and its connection is closed.
    let mut rest = Vec::new();
    loop {
        connection.readable().await.unwrap();
        match connection.try_read_buf(&mut rest) {
            Ok(0) => break,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
            Ok(_) | Err(_) => {}
        }
    }
}

#[test]
fn stand_ins_pass_shellcheck() {
    let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("machine");
    let folders = [
        machine.clone(),
        machine.join("programs"),
        machine.join("container"),
    ];
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let programs = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let output = Command::new("shellcheck")
        .args(["--norc", "--shell=bash", "--severity=style"])
        .args(programs)
        .output()
        .expect("shellcheck is needed: `cargo xtask test` installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
