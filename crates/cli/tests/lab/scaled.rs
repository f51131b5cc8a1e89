//! An imported cluster whose functions run, and whose backends answer.

use crate::common::{Lab, PASSWORD};
use assert_cmd::cargo::cargo_bin;
use deployment::{FunctionType, HostGroup, Names};
use lab::weka_cluster::{self, WekaCluster};
use lab::{
    Control, Execution, Functions, Hardware, Loop, LoopOptions, Minute, MotoOptions, Stack, StackOptions,
};
use std::path::Path;

/// The cluster `wk` of a stack of six backends and a client.
pub(crate) struct Scaled {
    /// The local AWS.
    _lab: Lab,
    pub(crate) stack: Stack,
    pub(crate) functions: Functions,
    pub(crate) minutes: Loop,
}

impl Scaled {
    /// In a network of its own, 127.<network>.0.0/16: other tests run at the same time.
    pub(crate) async fn start(network: u8) -> Self {
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
        lab.import(&[]).ok();
        let mut options = weka_cluster::Options::default();
        options.settings.credentials.password = PASSWORD.to_owned();
        let weka = WekaCluster::start(options).await.unwrap();
        let options = LoopOptions::backends_of(&stack.name, Hardware::default()).unwrap();
        let minutes = Loop::start(Control::of(&lab.moto), weka, options).await.unwrap();
        Self {
            _lab: lab,
            stack,
            functions,
            minutes,
        }
    }

    /// The name of a function.
    pub(crate) fn function(&self, function: FunctionType) -> String {
        Names::new(self.stack.name.parse().unwrap()).function(HostGroup::Backends, function)
    }

    /// A minute; that the password stands nowhere in it.
    pub(crate) async fn minute(&mut self) -> Minute {
        let minute = self.minutes.minute().await.unwrap();
        for execution in &minute.executions {
            assert!(!execution.text().contains(PASSWORD), "{}", execution.text());
        }
        for (id, boot) in &minute.booted {
            assert!(!boot.log.contains(PASSWORD), "{id}: {}", boot.log);
        }
        for function in FunctionType::ALL {
            let log = self.functions.log(&self.function(function));
            assert!(!log.contains(PASSWORD), "{log}");
        }
        minute
    }

    /// A minute's one execution.
    pub(crate) async fn execution(&mut self) -> Execution {
        let mut executions = self.minute().await.executions;
        assert_eq!(executions.len(), 1);
        executions.remove(0)
    }
}
