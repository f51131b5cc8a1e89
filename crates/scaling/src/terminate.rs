//! What a run of *terminate* does: which instances of the group it detaches, which it terminates, and why not the others.
//!
//! *terminate* cannot call Weka: all it knows of the cluster is the message of *scale*. An instance that may be a member is
//! skipped, whatever the reason to terminate it (invariant I1), and so is an instance with a missing fact.

mod check;
mod execute;
mod group;
mod membership;
mod plan;
mod report;

pub use check::{Violation, check};
pub use execute::{ExecutionResult, FailedStep, Step, StepResult, execute};
pub use group::{Ec2, Lifecycle, Member, State};
pub use plan::{Plan, Refusal, Termination, plan};
pub use report::{Action, Decision, DetachReason, Reason, Report, SkipReason};
