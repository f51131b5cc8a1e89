//! AWS as wekactl uses it.
//!
//! What decides stands in the pure crates; here it is carried out. Every call goes through the official SDK, whose
//! configuration [`config::load`] composes once for a program; each request is reported by [`requests`].

pub mod apply;
pub mod backends;
pub mod cloud;
pub mod clusters;
pub mod config;
pub mod discover;
mod elbv2;
mod error;
mod error_codes;
pub mod graph;
pub mod group;
pub mod inventory;
mod leftovers;
mod pages;
pub mod permissions;
pub mod remove;
pub mod requests;
mod resource;
mod retry;
mod role_consumers;
pub mod table;
mod tags;
pub mod termination;

#[cfg(test)]
mod test_support;

pub use error::{Error, Result};
