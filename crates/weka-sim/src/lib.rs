//! A simulated Weka cluster: a plain value with a clock of its own. No network, no real time, no randomness.
//!
//! [`Model`] is the cluster. Tests read it, change it and move its clock with [`Model::advance`].
//! [`Model::status`], [`Model::hosts_list`], [`Model::disks_list`], [`Model::nodes_list`] and
//! [`Model::manual_override_list`] are the lists that a scaling run reads, as JSON in Weka's format.
//! [`api::handle`] answers a request to the management API, and [`command::run`] executes a command line of `weka`.

pub mod api;
pub mod command;
mod model;

pub use model::{
    Container, Credentials, Drive, DriveStatus, Event, Fault, FaultKind, Machine, Mode, Model, NewBackend,
    NewClient, NewContainer, Process, Request, RpcError, Settings, State, Status,
};
