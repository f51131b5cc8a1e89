//! *terminate*: which instances of the group are detached and terminated, by what *scale* saw last and what AWS says now.

use crate::failure::{Failure, chain};
use crate::{Clients, Environment, Moment};
use aws::termination::{Outcome, Target, execute, members};
use scaling::messages::{
    ScaleResponse, TerminateResponse, TerminatedInstance, VERSION, read, transient_errors,
};
use scaling::terminate::{Action, Report, check, plan};
use serde_json::Value;
use std::time::Duration;

/// What is left of the invocation's time when the last request must have been answered: for the answer's own way.
const FOR_THE_ANSWER: Duration = Duration::from_millis(500);
/// The longest that one error may be, in characters: AWS's refusals carry a kilobyte of ciphertext, and Step Functions hands
/// on 256 KiB in all.
const ERROR_LENGTH: usize = 500;

/// Reads the group, decides, and carries out.
///
/// # Errors
/// Nothing was changed: the message or the group cannot be read, or the message says nothing by which could be decided.
pub async fn terminate(
    environment: &Environment,
    clients: &Clients,
    event: &Value,
    moment: Moment,
) -> Result<TerminateResponse, Failure> {
    let response: ScaleResponse = read(event.clone()).map_err(|source| Failure::Message { source })?;
    let (autoscaling, ec2) = (clients.autoscaling(), clients.ec2());
    let group = members(autoscaling, ec2, &environment.group_name).await;
    let group = group.map_err(|source| Failure::Aws {
        doing: "reading the group's instances",
        source,
    })?;
    let (plan, report) =
        plan(&response, &group, moment.now).map_err(|refusal| Failure::NoMembers { refusal })?;
    log(&report);
    check(&plan, &response, &group, moment.now)
        .map_err(|violation| Failure::TerminationViolation { violation })?;

    let last_response = moment
        .deadline
        .checked_sub(FOR_THE_ANSWER)
        .unwrap_or(moment.deadline);
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
        undone = outcome.failed_steps.len(),
        "carried out"
    );
    Ok(answer(response, &report, outcome))
}

/// The message to *transient*: what was terminated, and the errors of both functions.
fn answer(response: ScaleResponse, report: &Report, outcome: Outcome) -> TerminateResponse {
    let mut own = report.errors();
    own.extend(outcome.failed_steps.iter().map(|undone| chain(undone)));
    for error in &mut own {
        if let Some((end, _)) = error.char_indices().nth(ERROR_LENGTH) {
            error.truncate(end);
            error.push('…');
        }
        tracing::warn!(error, "transient error");
    }
    let mut errors = response.transient_errors.unwrap_or_default();
    errors.extend(own);
    let terminated = outcome
        .terminated
        .into_iter()
        .map(|termination| TerminatedInstance {
            instance_id: termination.id,
            creation_date: termination.launch_time,
        });
    TerminateResponse {
        set_to_terminate_instances: terminated.collect(),
        transient_errors: transient_errors(errors),
        version: VERSION,
    }
}

/// A line an instance with which not all is well, with what is done with it and why.
fn log(report: &Report) {
    for decision in &report.decisions {
        let (instance, verdict) = (decision.id.as_str(), decision.action.as_str());
        let reason = decision.action.to_string();
        match decision.action {
            Action::Skip(Some(_), _) => tracing::warn!(instance, verdict, reason, "decided"),
            _ => tracing::info!(instance, verdict, reason, "decided"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::termination::{FailedStep, Step};
    use scaling::terminate::{Decision, Reason, SkipReason, Termination};
    use serde_json::json;
    use weka_types::ids::InstanceId;

    fn told(errors: Option<Vec<String>>) -> ScaleResponse {
        ScaleResponse {
            hosts: vec![],
            to_terminate: vec![],
            members: None,
            transient_errors: errors,
            version: VERSION,
        }
    }

    #[test]
    fn the_answer_has_what_was_terminated_and_the_errors_of_both() {
        let report = Report {
            decisions: vec![Decision {
                id: InstanceId::from("i-3"),
                action: Action::Skip(Some(Reason::LeftCluster), SkipReason::NotInGroup),
            }],
        };
        let outcome = Outcome {
            terminated: vec![Termination {
                id: InstanceId::from("i-1"),
                launch_time: Some("2026-01-31T08:00:00Z".parse().unwrap()),
                reason: Reason::LeftCluster,
            }],
            detached: vec![],
            failed_steps: vec![FailedStep {
                step: Step::Terminate,
                instances: vec![InstanceId::from("i-2"), InstanceId::from("i-4")],
                source: aws::Error::InvalidState {
                    operation: "ec2 TerminateInstances",
                    message: "é".repeat(1_000),
                },
            }],
        };
        let answer = answer(told(Some(vec!["of scale".to_owned()])), &report, outcome);
        let errors = answer.transient_errors.clone().unwrap();
        assert_eq!(errors[0], "of scale");
        assert_eq!(
            errors[1],
            "i-3 is not terminated, although scale requested it: it is not an instance of the group"
        );
        assert!(errors[2].starts_with("terminating i-2 i-4: ec2 TerminateInstances: éé"));
        assert!(errors[2].ends_with("é…") && errors[2].chars().count() == ERROR_LENGTH + 1);
        assert_eq!(
            serde_json::to_value(&answer.set_to_terminate_instances).unwrap(),
            json!([{ "instance_id": "i-1", "creation_date": "2026-01-31T08:00:00Z" }])
        );
    }

    #[test]
    fn without_errors_the_answer_has_null_for_them() {
        let report = Report { decisions: vec![] };
        let answer = answer(told(None), &report, Outcome::default());
        assert_eq!(
            serde_json::to_value(answer).unwrap()["TransientErrors"],
            json!(null)
        );
    }
}
