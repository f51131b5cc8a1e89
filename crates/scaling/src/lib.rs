//! The decisions of the scaling loop.
//!
//! Once a minute, the state machine runs *fetch*, *scale* and *terminate*, and *transient* if there were errors. The
//! functions pass [`messages`] to each other, which are [authenticated](authentication); credentials in a message are encrypted
//! with a [`seal`]. *scale* builds a
//! [`cluster_view`] from Weka's lists and [drains](drain) machines; *terminate* [terminates](terminate) their instances. Pure: no
//! async runtime, no AWS crate, no network, no clock, no environment and no randomness; the time and random values are
//! arguments.

pub mod authentication;
pub mod cluster_view;
pub mod drain;
pub mod messages;
pub mod policy;
pub mod seal;
pub mod terminate;
