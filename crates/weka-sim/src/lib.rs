//! A simulated Weka cluster: a plain value with a clock of its own. No network, no real time, no randomness.
//!
//! [`Model`] is the cluster. Tests read it, change it and move its clock with [`Model::advance`].
//! [`Model::lists`] returns what a scaling run reads, and [`Model::execute`] executes the calls that it decides on.
//! [`api::handle`] answers a request to the management API, and [`command::run`] executes a command line of `weka`.

pub mod api;
pub mod command;
mod model;

pub use model::{
    ApiVersion, Container, Credentials, Drive, Event, Fault, FaultKind, Machine, Model, NewBackend,
    NewClient, NewContainer, Process, Request, RpcError, Settings,
};
