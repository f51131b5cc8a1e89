//! An imported cluster whose functions run, and whose backends answer.

use crate::common::{Lab, PASSWORD};
use assert_cmd::cargo::cargo_bin;
use deployment::{FunctionType, HostGroup, Names};
use lab::weka_cluster::{self, HostState, WekaCluster};
use lab::{
    Control, Execution, Functions, GoImportOptions, Hardware, MotoOptions, ScalingLoop, ScalingLoopOptions,
    Stack, StackOptions, Tick,
};
use std::path::Path;

/// The cluster `wk` of a stack of six backends and a client.
pub(crate) struct Scaled {
    /// The local AWS.
    _lab: Lab,
    pub(crate) stack: Stack,
    pub(crate) functions: Functions,
    pub(crate) scaling_loop: ScalingLoop,
}

impl Scaled {
    /// DiscoveredCluster. In a network of its own, 127.<network>.0.0/16: other tests run at the same time.
    pub(crate) async fn start(network: u8) -> Self {
        let (functions, lab, stack) = Self::stack(network).await;
        lab.import(&[]).ok();
        Self::run(functions, lab, stack, PASSWORD).await
    }

    /// DiscoveredCluster by the Go tool, and taken over.
    pub(crate) async fn taken_over(network: u8, options: &GoImportOptions, password: &str) -> Self {
        let (functions, lab, stack) = Self::stack(network).await;
        lab::go_import(&lab.moto, &stack, options).unwrap();
        lab.update(&["-y"]).ok();
        Self::run(functions, lab, stack, password).await
    }

    async fn stack(network: u8) -> (Functions, Lab, Stack) {
        let bootstrap = cargo_bin("wekactl").with_file_name("bootstrap");
        let functions = Functions::serve(Path::new(&bootstrap)).await.unwrap();
        let options = MotoOptions {
            functions: Some(functions.url().to_owned()),
            ..MotoOptions::default()
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
            _lab: lab,
            stack,
            functions,
            scaling_loop,
        }
    }

    /// The name of a function.
    pub(crate) fn function(&self, function: FunctionType) -> String {
        Names::new(self.stack.name.parse().unwrap()).function(HostGroup::Backends, function)
    }

    /// A minute. The password stands nowhere in it, and what was terminated in it was no member of the cluster.
    pub(crate) async fn tick(&mut self) -> Tick {
        let minute = self.scaling_loop.tick().await.unwrap();
        for execution in &minute.executions {
            assert!(!execution.text().contains(PASSWORD), "{}", execution.text());
        }
        for (id, boot) in &minute.booted {
            assert!(!boot.log.contains(PASSWORD), "{id}: {}", boot.log);
        }
        for id in &minute.terminated {
            let address = self.scaling_loop.address_of(id).unwrap();
            let active = self.scaling_loop.weka().read(|model| {
                let containers = model.containers_of(address);
                containers
                    .filter(|container| container.state == HostState::Active)
                    .count()
            });
            assert_eq!(active, 0, "{id} was terminated as a member: {}", told(&minute));
        }
        for function in FunctionType::ALL {
            let log = self.functions.log(&self.function(function));
            assert!(!log.contains(PASSWORD), "{log}");
        }
        minute
    }

    /// A minute's one execution.
    pub(crate) async fn execution(&mut self) -> Execution {
        let mut executions = self.tick().await.executions;
        assert_eq!(executions.len(), 1);
        executions.remove(0)
    }

    /// Lets minutes pass until this holds, an hour at most, and tells what they came to.
    #[track_caller]
    pub(crate) fn until(&mut self, holds: impl Fn(&Tick) -> bool) -> impl Future<Output = Vec<Tick>> {
        let caller = std::panic::Location::caller();
        async move {
            let mut minutes = Vec::new();
            while minutes.len() < 60 {
                minutes.push(self.tick().await);
                if minutes.last().is_some_and(&holds) {
                    return minutes;
                }
            }
            let mut told: Vec<_> = minutes.iter().map(told).collect();
            told.dedup_by(|later, earlier| after_number(later) == after_number(earlier));
            panic!("{caller}: not in an hour:\n{}", told.join("\n"));
        }
    }

    /// Until group and cluster are of this size and nothing is under way.
    #[track_caller]
    pub(crate) fn until_settled(&mut self, size: usize) -> impl Future<Output = Vec<Tick>> {
        self.until(move |minute| {
            minute.in_group == size
                && (minute.healthy, minute.unhealthy, minute.draining) == (size, 0, 0)
                && minute.errors().is_empty()
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

/// What a line says, whenever that was.
fn after_number(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(_, said)| said)
}

/// A minute in a line, for who reads why a test has failed.
fn told(minute: &Tick) -> String {
    format!(
        "{}: desired {}, in group {}, healthy {}, unhealthy {}, draining {}, terminated {:?}, errors {:?}",
        minute.number,
        minute.desired,
        minute.in_group,
        minute.healthy,
        minute.unhealthy,
        minute.draining,
        minute.terminated,
        minute.errors()
    )
}
