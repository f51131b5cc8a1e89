use crate::failure::{FAILED, Failure};
use crate::plan_view;
use crate::printer::{Printer, style};
use aws::cloud::Cloud;
use deployment::ResourceId;
use deployment::ownership::InstanceDisposition;
use deployment::plan::{Plan, StepId};

/// Prints which resources still exist, and returns the exit status.
pub(super) fn remaining(
    cloud: &Cloud,
    remaining: &Result<Plan, Failure>,
    disposition: InstanceDisposition,
    printer: &Printer,
) -> u8 {
    let cluster = cloud.names.cluster();
    let remaining = match remaining {
        Ok(remaining) => remaining,
        Err(failure) => {
            for error in &failure.errors {
                printer.warn(error);
            }
            return FAILED;
        }
    };
    for deleting in plan_view::deleting(remaining) {
        let (kind, name) = (deleting.kind.label(), &deleting.name);
        printer.line(&format!("Deferred to AWS: {kind} {name} is being deleted"));
    }
    if remaining.is_empty() {
        let head = style::HEAD;
        let instances = match disposition {
            InstanceDisposition::Terminate => "",
            InstanceDisposition::Keep => " Its instances keep running.",
        };
        printer.line(&format!(
            "{head}No resources of cluster {cluster} remain.{head:#}{instances} Its CloudFormation stack, with its classic load balancer, is kept."
        ));
        return 0;
    }
    printer.line(&format!("Remaining resources of cluster {cluster}:"));
    let disable = |id| matches!(id, StepId::Disable(_));
    for step in remaining.steps.iter().filter(|step| !disable(step.id)) {
        printer.line(&format!("  {} {}", plan_view::kind(step), step.name));
        // A later import does not resume suspended processes: that setting belongs to the user.
        if let StepId::Delete(ResourceId::AutoScalingGroup(_)) = step.id {
            printer.line(&format!(
                "    its processes may be suspended; to resume them: aws autoscaling resume-processes --auto-scaling-group-name {}",
                step.name
            ));
        }
    }
    FAILED
}
