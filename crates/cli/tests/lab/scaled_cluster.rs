//! An imported cluster with running functions and responding backends.

use crate::common::{Lab, PASSWORD};
use assert_cmd::cargo::cargo_bin;
use deployment::{FunctionType, HostGroup, Names};
use lab::weka_cluster::{self, HostState, WekaCluster};
use lab::{
    Control, Execution, Functions, GoImportOptions, Hardware, IdentityAuthority, MotoOptions, ScalingLoop,
    ScalingLoopOptions, Stack, StackOptions, Tick,
};
use std::path::Path;

/// The certificate of the lab, which signs the identity documents of new instances.
fn identity_cert() -> String {
    let file = IdentityAuthority::new().unwrap().certificate_file();
    file.to_str().unwrap().to_owned()
}

/// The cluster `wk` of a stack of six backends and a client.
pub(crate) struct ScaledCluster {
    pub(crate) lab: Lab,
    pub(crate) stack: Stack,
    pub(crate) functions: Functions,
    pub(crate) scaling_loop: ScalingLoop,
}

impl ScaledCluster {
    /// An imported cluster in its own network, 127.<network>.0.0/16: other tests run concurrently.
    pub(crate) async fn start(network: u8) -> Self {
        Self::start_with(network, MotoOptions::default()).await
    }

    pub(crate) async fn start_with(network: u8, options: MotoOptions) -> Self {
        let (functions, lab, stack) = Self::stack(network, options).await;
        lab.import(&["--identity-cert", &identity_cert()]).ok();
        Self::run(functions, lab, stack, PASSWORD).await
    }

    /// A cluster that wekactl 1.x (Go) imported and `update` migrated.
    pub(crate) async fn start_migrated(network: u8, options: &GoImportOptions, password: &str) -> Self {
        let (functions, lab, stack) = Self::stack(network, MotoOptions::default()).await;
        lab::go_import(&lab.moto, &stack, options).unwrap();
        lab.update(&["-y", "--identity-cert", &identity_cert()]).ok();
        Self::run(functions, lab, stack, password).await
    }

    async fn stack(network: u8, options: MotoOptions) -> (Functions, Lab, Stack) {
        let bootstrap = cargo_bin("wekactl").with_file_name("bootstrap");
        let functions = Functions::serve(Path::new(&bootstrap)).await.unwrap();
        let options = MotoOptions {
            functions: Some(functions.url().to_owned()),
            ..options
        };
        let stack = StackOptions {
            network,
            clients: 1,
            ..StackOptions::default()
        };
        let (lab, stack) = Lab::with_options(options, &stack);
        (functions, lab, stack)
    }

    async fn run(functions: Functions, lab: Lab, stack: Stack, password: &str) -> Self {
        let mut options = weka_cluster::Options::default();
        options.settings.credentials.password = password.to_owned();
        let weka = WekaCluster::start(options).await.unwrap();
        let options = ScalingLoopOptions::for_backends(&stack.name, Hardware::default()).unwrap();
        let scaling_loop = ScalingLoop::start(Control::new(&lab.moto), weka, options)
            .await
            .unwrap();
        Self {
            lab,
            stack,
            functions,
            scaling_loop,
        }
    }

    pub(crate) fn function(&self, function: FunctionType) -> String {
        Names::new(self.stack.name.parse().unwrap()).function(HostGroup::Backends, function)
    }

    /// Runs a tick, and asserts that no log has the password and that no terminated instance was a member of the cluster.
    pub(crate) async fn tick(&mut self) -> Tick {
        let tick = self.scaling_loop.tick().await.unwrap();
        for execution in &tick.executions {
            assert!(!execution.text().contains(PASSWORD), "{}", execution.text());
        }
        for (id, boot) in &tick.booted {
            assert!(!boot.log.contains(PASSWORD), "{id}: {}", boot.log);
        }
        for id in &tick.terminated {
            let address = self.scaling_loop.address_of(id).unwrap();
            let active = self.scaling_loop.weka().read(|model| {
                let containers = model.containers_of(address);
                containers
                    .filter(|container| container.state == HostState::Active)
                    .count()
            });
            assert_eq!(active, 0, "{id} was terminated as a member: {}", describe(&tick));
        }
        for function in FunctionType::ALL {
            let log = self.functions.log(&self.function(function));
            assert!(!log.contains(PASSWORD), "{log}");
        }
        tick
    }

    /// Runs a tick and returns its only execution.
    pub(crate) async fn execution(&mut self) -> Execution {
        let mut executions = self.tick().await.executions;
        assert_eq!(executions.len(), 1);
        executions.remove(0)
    }

    /// Runs ticks until `holds`, at most 60, and returns them.
    #[track_caller]
    pub(crate) fn until(&mut self, holds: impl Fn(&Tick) -> bool) -> impl Future<Output = Vec<Tick>> {
        let caller = std::panic::Location::caller();
        async move {
            let mut ticks = Vec::new();
            while ticks.len() < 60 {
                ticks.push(self.tick().await);
                if ticks.last().is_some_and(&holds) {
                    return ticks;
                }
            }
            let mut descriptions: Vec<_> = ticks.iter().map(describe).collect();
            descriptions.dedup_by(|later, earlier| without_number(later) == without_number(earlier));
            panic!("{caller}: not within 60 ticks:\n{}", descriptions.join("\n"));
        }
    }

    /// Runs ticks until the group and the cluster have this size and nothing is in progress.
    #[track_caller]
    pub(crate) fn until_settled(&mut self, size: usize) -> impl Future<Output = Vec<Tick>> {
        self.until(move |tick| {
            tick.in_group == size
                && (tick.healthy, tick.unhealthy, tick.draining) == (size, 0, 0)
                && tick.errors().is_empty()
        })
    }

    /// The instances in the group, sorted.
    pub(crate) async fn members(&self) -> Vec<String> {
        let mut group = self
            .scaling_loop
            .control()
            .group(self.scaling_loop.group())
            .await
            .unwrap();
        group.members.sort();
        group.members
    }
}

/// A description without its tick number.
fn without_number(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(_, message)| message)
}

/// One line per tick, for the message of a failed test.
fn describe(tick: &Tick) -> String {
    format!(
        "{}: desired {}, in group {}, healthy {}, unhealthy {}, draining {}, terminated {:?}, errors {:?}",
        tick.number,
        tick.desired,
        tick.in_group,
        tick.healthy,
        tick.unhealthy,
        tick.draining,
        tick.terminated,
        tick.errors()
    )
}
