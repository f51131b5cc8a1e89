//! A group and its instances, as the four requests of carrying out change them, with faults.

use super::{InstanceId, id};
use crate::test_support::{RespondWith, xml_response};
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// How a request fails that is about a certain instance.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// EC2 does not know the instance, and names it.
    NotFound,
    /// It is protected, and named.
    Protected,
    /// The caller may not, and is not told for whom.
    Unauthorized,
    /// It is not in the group, and named.
    NotInGroup,
    /// Too many requests.
    Throttled,
    /// There is never an answer.
    Silent,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(super) struct Called {
    pub(super) operation: String,
    pub(super) ids: Vec<InstanceId>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<(&'static str, InstanceId, Fault)>,
    termination_protected: BTreeSet<InstanceId>,
    scale_in_protected: BTreeSet<InstanceId>,
    terminated: BTreeSet<InstanceId>,
    detached: BTreeSet<InstanceId>,
    lowered: bool,
    called: Vec<Called>,
}

pub(super) struct Account(Arc<Mutex<State>>);

impl Account {
    /// So many instances, each protected in both ways.
    pub(super) fn of(number: usize) -> Self {
        let all: BTreeSet<_> = (0..number).map(id).collect();
        Self(Arc::new(Mutex::new(State {
            termination_protected: all.clone(),
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

    pub(super) fn faultless(&mut self) {
        self.state().faults.clear();
    }

    pub(super) fn client(&self) -> impl HttpClient + 'static {
        let state = Arc::clone(&self.0);
        RespondWith(move |form: BTreeMap<String, String>| state.lock().unwrap().answer(&form))
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

    pub(super) fn called(&self) -> Vec<Called> {
        self.state().called.clone()
    }

    /// Whether a request lowered the desired capacity.
    pub(super) fn lowered(&self) -> bool {
        self.state().lowered
    }
}

impl State {
    fn answer(&mut self, form: &BTreeMap<String, String>) -> Option<HttpResponse> {
        let operation = form["Action"].clone();
        let named = form.iter().filter(|(name, _)| {
            name.starts_with("InstanceId.") || name.starts_with("InstanceIds.") || *name == "InstanceId"
        });
        let ids: Vec<_> = named.map(|(_, id)| InstanceId(id.clone())).collect();
        self.called.push(Called {
            operation: operation.clone(),
            ids: ids.clone(),
        });
        let fault = self
            .faults
            .iter()
            .find(|(of, id, _)| *of == operation && ids.contains(id));
        let is_ec2 = matches!(
            operation.as_str(),
            "ModifyInstanceAttribute" | "TerminateInstances"
        );
        if let Some((_, id, fault)) = fault {
            return refusal(id, *fault, is_ec2);
        }
        match operation.as_str() {
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
                        "the wrong way round: {id}"
                    );
                }
                self.scale_in_protected.retain(|id| !ids.contains(id));
            }
            "TerminateInstances" => {
                if let Some(id) = ids.iter().find(|id| self.termination_protected.contains(id)) {
                    return refusal(id, Fault::Protected, true);
                }
                self.terminated.extend(ids.clone());
            }
            "DetachInstances" => {
                assert!(ids.len() <= 20);
                self.lowered |= form["ShouldDecrementDesiredCapacity"] != "false";
                self.detached.extend(ids.clone());
            }
            other => panic!("nobody asks for {other}"),
        }
        Some(done(&operation, &ids))
    }
}

fn done(operation: &str, ids: &[InstanceId]) -> HttpResponse {
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

fn refusal(id: &InstanceId, fault: Fault, is_ec2: bool) -> Option<HttpResponse> {
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
