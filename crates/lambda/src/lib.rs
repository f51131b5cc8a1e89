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
mod exchange;
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
pub use environment::{Environment, InvalidEnvironment, Keys, Requirements};
pub use failure::Failure;
pub use proxy::Response;

use deployment::FunctionType;
use exchange::Exchange;
use jiff::Timestamp;
use scaling::messages::{HostGroupInfo, ScaleAnswer};
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
/// Why the invocation failed. `join` never fails, so that API Gateway returns the reason. *scale* returns why it refused a run,
/// so that only *transient* fails.
pub async fn invoke(
    environment: &Environment,
    clients: &Clients,
    event: &Value,
    time: InvocationTime,
) -> Result<Value, Failure> {
    match environment.function {
        FunctionType::Join => json(&join::join(environment, clients, event, time.now).await),
        FunctionType::Fetch => {
            let exchange = Exchange::new(environment, event, time.now)?;
            let info = fetch::fetch(environment, clients, exchange.run()).await?;
            exchange.signed::<HostGroupInfo>(&info)
        }
        FunctionType::Scale => {
            let exchange = Exchange::new(environment, event, time.now)?;
            let (run, info) = (exchange.run(), exchange.received()?);
            let answer = match scale::scale(environment, clients, run, info, time).await {
                Ok(response) => ScaleAnswer::Done(response),
                Err(failure) => ScaleAnswer::Refused(failure.into_refusal()?),
            };
            exchange.signed::<ScaleAnswer>(&answer)
        }
        FunctionType::Terminate => {
            let answer = Exchange::new(environment, event, time.now)?.received()?;
            json(&terminate::terminate(environment, clients, answer, time).await?)
        }
        FunctionType::Transient => transient::transient(event),
    }
}

fn json<T: serde::Serialize>(response: &T) -> Result<Value, Failure> {
    serde_json::to_value(response).map_err(|source| Failure::Response { source })
}
