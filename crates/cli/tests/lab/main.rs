//! End-to-end tests: runs the program against the lab as a user does.

#![expect(clippy::unwrap_used, reason = "a test fails if its lab cannot be set up")]

mod aws_behaviours;
mod common;
mod concurrency;
mod credentials;
mod debug_instances;
mod debug_jrpc;
mod destroy;
mod drift;
mod every_command;
mod go_migration;
mod go_reference;
mod import;
mod instance_attributes;
mod interruption;
mod invalid_input;
mod logs;
mod ownership;
mod permissions;
mod policies;
mod proxy;
mod scaled_cluster;
mod scaling;
mod state_machine;
mod update;
