//! The program against the lab, as a user runs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its lab has failed")]

mod bad_input;
mod common;
mod credentials;
mod destroy;
mod drift;
mod go_migration;
mod import;
mod in_flight;
mod instances;
mod interruption;
mod jrpc;
mod ownership;
mod permitted;
mod reference;
mod scaled;
mod scaling;
mod ticks;
mod update;
