//! Shows a plan and, unless it is a dry run, executes it after confirmation.

use crate::execute::{ExecutionResult, execute};
use crate::failure::Failure;
use crate::flags::{DryRunFlags, YesFlag};
use crate::printer::Printer;
use crate::{confirm, plan_view};
use aws::cloud::Cloud;
use deployment::plan::Plan;
use serde_json::json;

pub(crate) enum Applied {
    /// The plan was only shown. Has the exit status.
    DryRun(u8),
    Executed(ExecutionResult),
}

/// # Errors
/// The user did not confirm, or interrupted the execution.
pub(crate) async fn apply(
    cloud: &Cloud,
    plan: &Plan,
    question: &str,
    (dry_run, yes): (&DryRunFlags, &YesFlag),
    printer: &Printer,
) -> Result<Applied, Failure> {
    plan_view::show(plan, printer);
    if dry_run.dry_run {
        let code = plan_view::finish(cloud.names.cluster(), plan, dry_run, json!({}), printer);
        return Ok(Applied::DryRun(code));
    }
    if !plan.is_empty() {
        confirm::confirm(printer, yes, question)?;
    }
    execute(cloud, plan, printer).await.map(Applied::Executed)
}
