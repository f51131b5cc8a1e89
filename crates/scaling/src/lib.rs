//! What the scaling loop decides.
//!
//! Once a minute the state machine runs *fetch*, *scale*, *terminate* and, where there were errors, *transient*. What
//! they hand to each other are [`messages`]; the credentials among it travel under a [`seal`]. Pure: no runtime, no
//! AWS, no clock, no environment and no randomness; random values come in as arguments.

pub mod messages;
pub mod seal;
