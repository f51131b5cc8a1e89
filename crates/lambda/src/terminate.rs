//! *terminate*: detaches and terminates instances of the group, based on the hosts that *scale* read last and on AWS's current
//! state.

use crate::failure::{Failure, chain, shorten};
use crate::{Clients, Environment, InvocationTime};
use aws::Error;
use aws::termination::{ExecutionResult, Target, execute, members};
use scaling::messages::{
    ScaleAnswer, ScaleResponse, TerminateResponse, TerminatedInstance, VERSION, transient_errors,
};
use scaling::terminate::{Action, Report, check, plan};
use std::time::Duration;

/// Time that is reserved at the end of the invocation to return the response.
const RESPONSE_MARGIN: Duration = Duration::from_millis(500);
/// The maximum length of one error in characters. AWS's authorization errors contain a kilobyte of ciphertext, and Step Functions
/// passes on at most 256 KiB.
const MAX_ERROR_LENGTH: usize = 500;

/// Reads the group, decides, and executes the plan. If *scale* refused the run, nothing is read or changed: its reason is the
/// response.
///
/// # Errors
/// The group cannot be read, or the message lacks facts that the decision needs. Nothing was changed.
pub async fn terminate(
    environment: &Environment,
    clients: &Clients,
    answer: ScaleAnswer,
    time: InvocationTime,
) -> Result<TerminateResponse, Failure> {
    let response = match answer {
        ScaleAnswer::Done(response) => response,
        ScaleAnswer::Refused(refusal) => {
            tracing::warn!(
                outcome = refusal.outcome,
                reason = refusal.reason,
                "scale refused the run"
            );
            return Ok(TerminateResponse {
                set_to_terminate_instances: vec![],
                outcome: Some(refusal.outcome),
                transient_errors: Some(vec![refusal.reason]),
                version: VERSION,
            });
        }
    };
    let (autoscaling, ec2) = (clients.autoscaling(), clients.ec2());
    let group = members(autoscaling, ec2, &environment.group_name, time.now).await;
    let (group, activities_error) = group.map_err(|source| Failure::Aws {
        doing: "reading the group's instances",
        source,
    })?;
    let (plan, report) =
        plan(&response, &group, time.now).map_err(|refusal| Failure::NoMembers { refusal })?;
    log(&report);
    check(&plan, &response, &group, time.now)
        .map_err(|violation| Failure::TerminationViolation { violation })?;

    let last_response = time
        .deadline
        .checked_sub(RESPONSE_MARGIN)
        .unwrap_or(time.deadline);
    let target = Target {
        autoscaling,
        ec2,
        group: &environment.group_name,
        last_response,
    };
    let outcome = execute(target, &plan).await;
    tracing::info!(
        instances = group.len(),
        terminated = outcome.terminated.len(),
        detached = outcome.detached.len(),
        marked_healthy = outcome.marked_healthy.len(),
        failed_steps = outcome.failed_steps.len(),
        "plan executed"
    );
    Ok(terminate_response(
        response,
        activities_error.as_ref(),
        &report,
        outcome,
    ))
}

/// The message to *transient*: the terminated instances, and the errors of *scale* and *terminate*.
fn terminate_response(
    response: ScaleResponse,
    activities_error: Option<&Error>,
    report: &Report,
    outcome: ExecutionResult,
) -> TerminateResponse {
    let activities_error = activities_error.map(|error| {
        let error = chain(error);
        format!("instances that EC2 does not list are not detached, because their age is unknown: {error}")
    });
    let mut own_errors: Vec<_> = activities_error.into_iter().collect();
    own_errors.extend(report.errors());
    own_errors.extend(outcome.failed_steps.iter().map(|step| chain(step)));
    for error in &mut own_errors {
        shorten(error, MAX_ERROR_LENGTH);
        tracing::warn!(error, "transient error");
    }
    let mut errors = response.transient_errors.unwrap_or_default();
    errors.extend(own_errors);
    let terminated = outcome
        .terminated
        .into_iter()
        .map(|termination| TerminatedInstance {
            instance_id: termination.id,
            creation_date: termination.launch_time,
        });
    TerminateResponse {
        set_to_terminate_instances: terminated.collect(),
        outcome: None,
        transient_errors: transient_errors(errors),
        version: VERSION,
    }
}

/// Logs one line per instance that is not simply kept: the action and its reason.
fn log(report: &Report) {
    for decision in &report.decisions {
        let (instance, verdict) = (decision.id.as_str(), decision.action.as_str());
        let reason = decision.action.to_string();
        match decision.action {
            Action::Skip(Some(_), _) => tracing::warn!(instance, verdict, reason, "decision"),
            _ => tracing::info!(instance, verdict, reason, "decision"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::termination::FailedStep;
    use scaling::terminate::{Decision, Reason, SkipReason, Step, Termination};
    use serde_json::json;
    use weka_types::ids::InstanceId;

    fn scale_response(errors: Option<Vec<String>>) -> ScaleResponse {
        ScaleResponse {
            hosts: vec![],
            to_terminate: vec![],
            members: None,
            transient_errors: errors,
            version: VERSION,
        }
    }

    #[test]
    fn response_has_terminated_instances_and_errors_of_both_functions() {
        let report = Report {
            decisions: vec![Decision {
                id: InstanceId::from("i-3"),
                action: Action::Skip(Some(Reason::LeftCluster), SkipReason::NotInGroup),
            }],
        };
        let outcome = ExecutionResult {
            terminated: vec![Termination {
                id: InstanceId::from("i-1"),
                launch_time: Some("2026-01-31T08:00:00Z".parse().unwrap()),
                reason: Reason::LeftCluster,
            }],
            detached: vec![],
            marked_healthy: vec![],
            failed_steps: vec![FailedStep {
                step: Step::Terminate,
                instances: vec![InstanceId::from("i-2"), InstanceId::from("i-4")],
                source: Error::InvalidState {
                    operation: "ec2 TerminateInstances",
                    message: "é".repeat(1_000),
                },
            }],
        };
        let denied = Error::InvalidState {
            operation: "autoscaling DescribeScalingActivities",
            message: "denied".to_owned(),
        };
        let response = terminate_response(
            scale_response(Some(vec!["error of scale".to_owned()])),
            Some(&denied),
            &report,
            outcome,
        );
        let errors = response.transient_errors.clone().unwrap();
        assert_eq!(errors[0], "error of scale");
        assert_eq!(
            errors[1],
            "instances that EC2 does not list are not detached, because their age is unknown: \
             autoscaling DescribeScalingActivities: denied"
        );
        assert_eq!(
            errors[2],
            "i-3 is not terminated, although scale requested it: it is not an instance of the group"
        );
        assert!(errors[3].starts_with("terminating i-2 i-4: ec2 TerminateInstances: éé"));
        assert!(errors[3].ends_with("é…") && errors[3].chars().count() == MAX_ERROR_LENGTH + 1);
        assert_eq!(
            serde_json::to_value(&response.set_to_terminate_instances).unwrap(),
            json!([{ "instance_id": "i-1", "creation_date": "2026-01-31T08:00:00Z" }])
        );
    }

    #[test]
    fn transient_errors_are_null_without_errors() {
        let report = Report { decisions: vec![] };
        let response = terminate_response(scale_response(None), None, &report, ExecutionResult::default());
        assert_eq!(
            serde_json::to_value(response).unwrap()["TransientErrors"],
            json!(null)
        );
    }
}
