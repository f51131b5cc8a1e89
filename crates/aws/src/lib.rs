//! AWS as wekactl uses it.
//!
//! The pure crates decide; this crate executes. Every call goes through the official SDK. [`config::load`] builds its configuration
//! once per program, and [`requests`] logs each request.

pub mod backends;
pub mod cloud;
pub mod clusters;
pub mod config;
pub mod discover;
mod elbv2;
mod error;
pub mod error_codes;
pub mod execute;
pub mod graph;
pub mod group;
pub mod inventory;
pub mod joining;
pub mod observe;
mod once;
mod pages;
pub mod permissions;
mod placement;
mod proxy;
pub mod requests;
mod resource;
mod retry;
pub mod table;
mod tags;
pub mod termination;

#[cfg(test)]
mod test_support;

pub use error::{Error, Result};
