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
pub mod graph;
pub mod group;
mod leftovers;
pub mod look;
mod pages;
mod patience;
pub mod permissions;
pub mod remove;
pub mod requests;
mod resource;
pub mod table;
pub mod termination;
mod users;

#[cfg(test)]
mod replayed;

pub use error::{Error, Result};
