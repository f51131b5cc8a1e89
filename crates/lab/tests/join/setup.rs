//! A cluster of five backends and a new machine, and what the tests assert about both.

use instances::{BackendJoin, Profile, UserData, profile_of};
use lab::http::{response, serve};
use lab::machine::{Boot, BootOptions, CallFault, LAYOUTS, Layout, Machine, Outcome};
use lab::weka_cluster::{Clock, DriveStatus, HostState, HostStatus, NewBackend, Options, WekaCluster};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::net::TcpListener;

/// A password with characters that are special in a shell.
pub(crate) const PASSWORD: &str = "p'a\"s$s`w\\o rd!";

pub(crate) const API_KEY: &str = "the-api-key-0123456789";
/// The identity document of the new machine.
pub(crate) const IDENTITY: &str = "the-identity-document";

pub(crate) fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 10, 202, last).into()
}

/// The address of the new machine.
pub(crate) fn new_ip() -> IpAddr {
    ip(9)
}

pub(crate) async fn cluster() -> WekaCluster {
    let mut options = Options {
        port: 0,
        // An hour of the cluster is a second and a half.
        clock: Clock::Fast(2400),
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

pub(crate) fn backend_join(profile: Profile) -> BackendJoin {
    BackendJoin {
        backends: [1, 2, 3].map(|last| ip(last).to_string()).to_vec(),
        username: "admin".to_owned(),
        password: PASSWORD.to_owned(),
        profile,
    }
}

pub(crate) fn profile() -> Profile {
    profile_of("i3en.2xlarge").unwrap()
}

/// A machine that runs this script, with three secondary interfaces, two local drives and three usable cores.
pub(crate) fn options(cluster: &WekaCluster, layout: Layout, script: &str) -> BootOptions {
    BootOptions {
        instance_id: "i-9".to_owned(),
        private_ip: new_ip(),
        user_data: script.to_owned(),
        identity: IDENTITY.to_owned(),
        join_url: None,
        control_url: cluster.control_url(),
        weka_port: cluster.port(),
        cores: 4,
        drives: 2,
        interfaces: 3,
        volume: true,
        layout,
        pause: Duration::ZERO,
        trace: true,
    }
}

fn user_data(io_cores: u32) -> String {
    let user_data = UserData {
        join_url: "https://abc123.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends".to_owned(),
        api_key: API_KEY.to_owned(),
        region: "eu-west-1".to_owned(),
        subnet: "subnet-1".to_owned(),
        security_groups: vec!["sg-1".to_owned()],
        io_cores,
    };
    user_data.render()
}

/// Boots a new machine of a new cluster, with a join API that returns this script.
pub(crate) async fn boot_with_join_api(
    layout: Layout,
    io_cores: u32,
    script: String,
    fault: Option<CallFault>,
) -> (Lab, Boot) {
    boot_changed(layout, io_cores, script, fault, |_| {}).await
}

/// The same, with a change of the machine before it boots.
pub(crate) async fn boot_changed(
    layout: Layout,
    io_cores: u32,
    script: String,
    fault: Option<CallFault>,
    change: impl FnOnce(&Lab),
) -> (Lab, Boot) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let cluster = cluster().await;
    let mut options = options(&cluster, layout, &user_data(io_cores));
    options.join_url = Some(format!("http://{}/default/join", listener.local_addr().unwrap()));
    options.interfaces = 0;
    let lab = Lab {
        machine: Machine::new(options).unwrap(),
        cluster,
    };
    change(&lab);
    let join_api = serve(listener, move |_| {
        let response = response(200, "text/x-shellscript", script.clone());
        async move { response }
    });
    let boot = tokio::select! {
        boot = lab.machine.boot(fault) => boot.unwrap(),
        () = join_api => unreachable!("the join API serves until it is dropped"),
    };
    assert_no_secret(&boot);
    assert!(!boot.log.contains(API_KEY), "{}", boot.log);
    (lab, boot)
}

/// A new machine and its cluster.
pub(crate) struct Lab {
    pub(crate) cluster: WekaCluster,
    pub(crate) machine: Machine,
}

impl Lab {
    pub(crate) async fn of(layout: Layout, script: &str) -> Self {
        Self::with(layout, script, |_| {}).await
    }

    pub(crate) async fn with(layout: Layout, script: &str, change: impl FnOnce(&mut BootOptions)) -> Self {
        let cluster = cluster().await;
        let mut options = options(&cluster, layout, script);
        change(&mut options);
        let machine = Machine::new(options).unwrap();
        Self { cluster, machine }
    }

    /// Boots, and asserts that no secret is printed or passed as an argument.
    pub(crate) async fn boot(&self) -> Boot {
        let boot = self.machine.boot(None).await.unwrap();
        assert_no_secret(&boot);
        boot
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.machine.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.machine.path(name), text).unwrap();
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.machine.path(name).exists()
    }

    /// The number of temporary files that the scripts left behind.
    pub(crate) fn temporary_files(&self) -> usize {
        ["tmp", "root/opt/weka/tmp"]
            .iter()
            .filter_map(|folder| std::fs::read_dir(self.machine.path(folder)).ok())
            .map(Iterator::count)
            .sum()
    }

    /// Asserts that the machine is a member with all of its containers and drives, and that nothing is left of earlier attempts.
    pub(crate) fn assert_member(&self, context: &str) {
        self.cluster.read(|model| {
            let containers: Vec<_> = model
                .containers_of(new_ip())
                .map(|container| (container.name.as_str(), container.state, container.status()))
                .collect();
            let up = |name| (name, HostState::Active, HostStatus::Up);
            assert_eq!(
                containers,
                ["drives0", "compute0", "frontend0"].map(up),
                "{context}"
            );
            let drives: Vec<_> = model.drives_of(new_ip()).map(|drive| drive.status).collect();
            let member =
                |status: &DriveStatus| matches!(status, DriveStatus::PhasingIn | DriveStatus::Active);
            assert!(
                drives.len() == 2 && drives.iter().all(member),
                "{context}: {drives:?}"
            );
            assert!(model.serving().contains(&new_ip()), "{context}");
        });
    }
}

/// Runs a test on every layout, concurrently.
pub(crate) async fn on_every_layout<F: Future<Output = ()> + Send + 'static>(test: impl Fn(Layout) -> F) {
    let mut tests = tokio::task::JoinSet::new();
    for layout in LAYOUTS {
        tests.spawn(test(layout));
    }
    tests.join_all().await;
}

pub(crate) fn assert_no_secret(boot: &Boot) {
    let seen = [boot.log.clone(), boot.calls.join("\n")].concat();
    for secret in [PASSWORD, "p'a", "s$s", "w\\o", "AKID", "session"] {
        assert!(!seen.contains(secret), "{secret} in:\n{seen}");
    }
}

pub(crate) fn assert_joined(boot: &Boot, layout: Layout) {
    assert_eq!(boot.outcome, Outcome::Joined, "{}:\n{}", layout.name, boot.log);
}

/// Asserts that the script failed and printed `message`.
pub(crate) fn assert_failed(boot: &Boot, layout: Layout, message: &str) {
    let failed = matches!(boot.outcome, Outcome::Failed(_)) && boot.log.contains(message);
    assert!(
        failed,
        "{}: no failure with '{message}':\n{}",
        layout.name, boot.log
    );
}
