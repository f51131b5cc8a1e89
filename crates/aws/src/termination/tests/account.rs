//! A simulated group and its instances, with the requests of an execution and with faults.

use super::{InstanceId, id};
use crate::test_support::{RespondWith, xml_response};
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// How a request that includes a certain instance fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// The instance does not exist; the error names it.
    NotFound,
    /// The instance is protected; the error names it.
    Protected,
    /// The caller is not authorized; the error names no instance.
    Unauthorized,
    /// The instance is not in the group; the error names it.
    NotInGroup,
    Throttled,
    /// The request never gets a response.
    Silent,
}

/// A recorded request.
#[derive(Debug, Clone)]
pub(super) struct Called {
    pub(super) operation: String,
    pub(super) ids: Vec<InstanceId>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<(&'static str, InstanceId, Fault)>,
    termination_protected: BTreeSet<InstanceId>,
    stop_protected: BTreeSet<InstanceId>,
    scale_in_protected: BTreeSet<InstanceId>,
    terminated: BTreeSet<InstanceId>,
    detached: BTreeSet<InstanceId>,
    healthy: BTreeSet<InstanceId>,
    decremented: bool,
    called: Vec<Called>,
}

pub(super) struct Account(Arc<Mutex<State>>);

impl Account {
    /// `number` instances with termination protection, stop protection and scale-in protection.
    pub(super) fn of(number: usize) -> Self {
        let all: BTreeSet<_> = (0..number).map(id).collect();
        Self(Arc::new(Mutex::new(State {
            termination_protected: all.clone(),
            stop_protected: all.clone(),
            scale_in_protected: all,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn fault(&mut self, operation: &'static str, number: usize, fault: Fault) {
        self.state().faults.push((operation, id(number), fault));
    }

    pub(super) fn clear_faults(&mut self) {
        self.state().faults.clear();
    }

    pub(super) fn client(&self) -> impl HttpClient + 'static {
        let state = Arc::clone(&self.0);
        RespondWith(move |form: BTreeMap<String, String>| state.lock().unwrap().respond(&form))
    }

    pub(super) fn terminated(&self) -> BTreeSet<InstanceId> {
        self.state().terminated.clone()
    }

    pub(super) fn detached(&self) -> BTreeSet<InstanceId> {
        self.state().detached.clone()
    }

    pub(super) fn scale_in_protected(&self) -> BTreeSet<InstanceId> {
        self.state().scale_in_protected.clone()
    }

    pub(super) fn healthy(&self) -> BTreeSet<InstanceId> {
        self.state().healthy.clone()
    }

    pub(super) fn called(&self) -> Vec<Called> {
        self.state().called.clone()
    }

    /// Whether a request decremented the desired capacity.
    pub(super) fn decremented(&self) -> bool {
        self.state().decremented
    }
}

impl State {
    fn respond(&mut self, form: &BTreeMap<String, String>) -> Option<HttpResponse> {
        let operation = form["Action"].clone();
        let id_fields = form.iter().filter(|(name, _)| {
            name.starts_with("InstanceId.") || name.starts_with("InstanceIds.") || *name == "InstanceId"
        });
        let ids: Vec<_> = id_fields.map(|(_, id)| InstanceId(id.clone())).collect();
        self.called.push(Called {
            operation: operation.clone(),
            ids: ids.clone(),
        });
        let fault = self
            .faults
            .iter()
            .find(|(faulty, id, _)| *faulty == operation && ids.contains(id));
        let is_ec2 = matches!(
            operation.as_str(),
            "ModifyInstanceAttribute" | "TerminateInstances"
        );
        if let Some((_, id, fault)) = fault {
            return rejection(id, *fault, is_ec2);
        }
        match operation.as_str() {
            "ModifyInstanceAttribute" if form.contains_key("DisableApiStop.Value") => {
                assert_eq!(form["DisableApiStop.Value"], "false");
                self.stop_protected.retain(|id| !ids.contains(id));
            }
            "ModifyInstanceAttribute" => {
                assert_eq!(form["DisableApiTermination.Value"], "false");
                self.termination_protected.retain(|id| !ids.contains(id));
            }
            "SetInstanceProtection" if form["ProtectedFromScaleIn"] == "true" => {
                self.scale_in_protected.extend(ids.clone());
            }
            "SetInstanceProtection" => {
                assert!(ids.len() <= 50);
                for id in &ids {
                    assert!(
                        !self.termination_protected.contains(id),
                        "scale-in protection disabled before termination protection: {id}"
                    );
                }
                self.scale_in_protected.retain(|id| !ids.contains(id));
            }
            "TerminateInstances" => {
                let protected = |id: &&InstanceId| {
                    self.termination_protected.contains(id) || self.stop_protected.contains(id)
                };
                if let Some(id) = ids.iter().find(protected) {
                    return rejection(id, Fault::Protected, true);
                }
                self.terminated.extend(ids.clone());
            }
            "DetachInstances" => {
                assert!(ids.len() <= 20);
                self.decremented |= form["ShouldDecrementDesiredCapacity"] != "false";
                self.detached.extend(ids.clone());
            }
            "SetInstanceHealth" => {
                assert_eq!(form["HealthStatus"], "Healthy");
                self.healthy.extend(ids.clone());
            }
            other => panic!("unexpected operation {other}"),
        }
        Some(success(&operation, &ids))
    }
}

fn success(operation: &str, ids: &[InstanceId]) -> HttpResponse {
    let body = match operation {
        "TerminateInstances" => {
            let items: String = ids
                .iter()
                .map(|id| format!("<item><instanceId>{id}</instanceId></item>"))
                .collect();
            format!("<instancesSet>{items}</instancesSet>")
        }
        "ModifyInstanceAttribute" => "<return>true</return>".to_owned(),
        _ => format!("<{operation}Result/>"),
    };
    xml_response(200, &format!("<{operation}Response>{body}</{operation}Response>"))
}

fn rejection(id: &InstanceId, fault: Fault, is_ec2: bool) -> Option<HttpResponse> {
    let (code, message) = match fault {
        Fault::NotFound => (
            "InvalidInstanceID.NotFound",
            format!("The instance ID '{id}' does not exist"),
        ),
        Fault::Protected => (
            "OperationNotPermitted",
            format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and \
                 try again."
            ),
        ),
        Fault::Unauthorized => (
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. Encoded authorization failure message: 9f0e"
                .to_owned(),
        ),
        Fault::NotInGroup => (
            "ValidationError",
            format!("The instance {id} is not part of Auto Scaling group g."),
        ),
        Fault::Throttled => ("RequestLimitExceeded", "Request limit exceeded.".to_owned()),
        Fault::Silent => return None,
    };
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Some(if is_ec2 {
        xml_response(400, &format!("<Response><Errors>{error}</Errors></Response>"))
    } else {
        xml_response(400, &format!("<ErrorResponse>{error}</ErrorResponse>"))
    })
}
