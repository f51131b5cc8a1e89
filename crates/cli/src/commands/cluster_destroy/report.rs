use crate::failure::{FAILED, Failure};
use crate::printer::{Printer, style};
use aws::cloud::Cloud;
use deployment::ResourceId;
use deployment::removal::{InstanceDisposition, Removal, StepId, Verb};

/// Prints which resources still exist, and returns the exit status.
pub(super) fn remaining(
    cloud: &Cloud,
    remaining: &Result<Removal, Failure>,
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
    for (kind, name) in &remaining.going {
        printer.line(&format!(
            "Deferred to AWS: {} {name} is being deleted",
            kind.label()
        ));
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
    for step in remaining.steps.iter().filter(|step| step.verb != Verb::SwitchOff) {
        printer.line(&format!("  {} {}", step.label(), step.name));
        // A later import does not resume suspended processes: that setting belongs to the user.
        if let StepId::Remove(ResourceId::AutoScalingGroup(_)) = step.id {
            printer.line(&format!(
                "    its processes may be suspended; to resume them: aws autoscaling resume-processes --auto-scaling-group-name {}",
                step.name
            ));
        }
    }
    FAILED
}
