//! What the scaling loop decides.
//!
//! Once a minute the state machine runs *fetch*, *scale*, *terminate* and, where there were errors, *transient*. What
//! they hand to each other are [`messages`]; the credentials among it travel under a [`seal`]. *scale* sees a cluster as
//! Weka's [`lists`] tell it and changes it by [`calls`]. Pure: no runtime, no AWS, no clock, no environment and no
//! randomness; random values and the time come in as arguments.

pub mod check;
pub mod cluster_view;
pub mod execute;
pub mod messages;
pub mod plan;
pub mod policy;
pub mod report;
pub mod seal;
pub mod termination;
