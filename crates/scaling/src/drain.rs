//! What a run of *scale* changes in the Weka cluster: which machines are drained, which are deregistered, and why not the
//! others.
//!
//! [`plan`] decides, [`check`] verifies the plan independently, [`execute`] sends its calls, and [`finish`] decides by the list
//! of hosts that is read last which instances *terminate* may terminate.

mod capacity;
mod check;
mod execute;
mod gates;
mod notice;
mod plan;
mod refusal;
mod report;

pub use check::{Violation, check};
pub use execute::{
    CallFailure, ExecutionResult, MAX_CONTAINERS_IN_MESSAGE, StillMember, ends_task, execute, finish,
};
pub use gates::{Gate, Protocol};
pub use notice::Notice;
pub use plan::{Plan, Task, plan};
pub use refusal::Refusal;
pub use report::{Action, Blocked, Counts, Decision, Reason, Report, Unmanaged};
