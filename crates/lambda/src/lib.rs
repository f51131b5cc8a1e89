//! The five functions of a host group, as Lambda runs them. The [`Environment`] of the one binary, `bootstrap`, selects the
//! function.
//!
//! | function | task |
//! |---|---|
//! | [`join`] | returns the join script to a new instance |
//! | [`fetch`] | reads the group for *scale* |
//! | [`scale`] | decides which machines leave the cluster, and removes them from Weka |
//! | [`terminate`] | detaches and terminates the instances that neither the group nor the cluster needs |
//! | [`transient`] | fails the execution with the errors that did not stop the run |
//!
//! Each function reads AWS and Weka and passes the data to pure code, which decides.

mod clients;
mod environment;
mod failure;
pub mod fetch;
mod identification;
pub mod join;
pub mod metrics;
mod proxy;
mod random;
pub mod scale;
pub mod terminate;
pub mod transient;

pub use clients::Clients;
pub use environment::{Environment, InvalidEnvironment, Requirements};
pub use failure::Failure;
pub use proxy::Response;

use deployment::FunctionType;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

/// The time of an invocation.
#[derive(Debug, Clone, Copy)]
pub struct InvocationTime {
    /// The time that all decisions use.
    pub now: Timestamp,
    /// When Lambda terminates the invocation.
    pub deadline: Instant,
}

/// Handles an invocation.
///
/// # Errors
/// Why the invocation failed. `join` never fails, so that API Gateway returns the reason.
pub async fn invoke(
    environment: &Environment,
    clients: &Clients,
    event: &Value,
    time: InvocationTime,
) -> Result<Value, Failure> {
    match environment.function {
        FunctionType::Join => json(&join::join(environment, clients, event, time.now).await),
        FunctionType::Fetch => json(&fetch::fetch(environment, clients).await?),
        FunctionType::Scale => json(&scale::scale(environment, clients, event, time).await?),
        FunctionType::Terminate => json(&terminate::terminate(environment, clients, event, time).await?),
        FunctionType::Transient => transient::transient(event),
    }
}

fn json<T: serde::Serialize>(response: &T) -> Result<Value, Failure> {
    serde_json::to_value(response).map_err(|source| Failure::Response { source })
}
