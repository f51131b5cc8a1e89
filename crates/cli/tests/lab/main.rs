//! The program against the lab, as a user runs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its lab has failed")]

mod bad_input;
mod broken_off;
mod common;
mod credentials;
mod destroy;
mod drift;
mod import;
mod in_flight;
mod instances;
mod jrpc;
mod minutes;
mod others_stay;
mod permitted;
mod reference;
mod scaled;
mod scaling;
mod takeover;
mod update;
