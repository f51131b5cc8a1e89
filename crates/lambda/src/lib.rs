//! The five functions of a host group, as Lambda runs them: one binary, `bootstrap`, whose [`Environment`] says which of
//! them it is.
//!
//! | function | state |
//! |---|---|
//! | [`join`] | complete: answers a new instance with its join script |
//! | [`fetch`] | complete: reads the group for *scale* |
//! | [`scale`] | complete: decides which machines leave the cluster, and has Weka do it |
//! | [`terminate`] | complete: detaches and terminates what the group and the cluster need no more |
//! | [`transient`] | complete: fails the execution with the errors that did not stop the run |
//!
//! Each function is an edge that reads AWS and a pure part that makes the answer of what was read.

mod clients;
mod environment;
mod failure;
pub mod fetch;
pub mod join;
pub mod metrics;
mod proxy;
mod random;
pub mod scale;
pub mod terminate;
pub mod transient;

pub use clients::Clients;
pub use environment::{Environment, InvalidEnvironment};
pub use failure::Failure;
pub use proxy::Response;

use deployment::FunctionType;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

/// When an invocation runs.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The time: what decisions are made by.
    pub now: Timestamp,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
}

/// Answers an invocation.
///
/// # Errors
/// What the invocation fails with. `join` never fails: API Gateway is to pass the reason on.
pub async fn invoke(
    environment: &Environment,
    clients: &Clients,
    event: &Value,
    moment: Moment,
) -> Result<Value, Failure> {
    match environment.function {
        FunctionType::Join => json(&join::join(environment, clients, event).await),
        FunctionType::Fetch => json(&fetch::fetch(environment, clients).await?),
        FunctionType::Scale => json(&scale::scale(environment, clients, event, moment).await?),
        FunctionType::Terminate => json(&terminate::terminate(environment, clients, event, moment).await?),
        FunctionType::Transient => transient::transient(event),
    }
}

fn json<T: serde::Serialize>(answer: &T) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(|source| Failure::Answer { source })
}
