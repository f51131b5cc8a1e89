//! *fetch*: reads the host group from AWS for *scale*.
//!
//! The function trusts nothing in its event: it only copies the id of the execution to its message, which is valid in that
//! execution. Whoever invokes it gets what the schedule gets, and no credentials without the key.

use crate::failure::Failure;
use crate::{Clients, Environment, random};
use aws::backends::RunningInstance;
use aws::group::Group;
use deployment::HostGroup;
use deployment::settings::Settings;
use scaling::authentication::Run;
use scaling::messages::{HostGroupInfo, Instance, Role, VERSION};
use scaling::seal::{Binding, seal};
use weka_types::{Credentials, WekaApi};

/// Reads the group, its instances, the running backends, the protocol settings and, unless *scale* reads them itself, the
/// credentials.
///
/// # Errors
/// A read failed. *scale* gets complete data or none.
pub async fn fetch(
    environment: &Environment,
    clients: &Clients,
    run: Run<'_>,
) -> Result<HostGroupInfo, Failure> {
    let group = async {
        let group = aws::group::group(clients.autoscaling(), &environment.group_name)
            .await
            .map_err(|source| Failure::Aws {
                doing: "reading the Auto Scaling group",
                source,
            })?;
        let instances = aws::group::addresses(clients.ec2(), &group.instances)
            .await
            .map_err(|source| Failure::Aws {
                doing: "reading the group's instances",
                source,
            })?;
        Ok((group, instances))
    };
    let backends = async {
        aws::backends::running(clients.ec2(), &environment.cluster)
            .await
            .map_err(|source| Failure::Aws {
                doing: "reading the running backends",
                source,
            })
    };
    let settings = async {
        aws::table::settings(clients.dynamodb(), &environment.table)
            .await
            .map_err(|source| Failure::Aws {
                doing: "reading the settings",
                source,
            })
    };
    let ((group, instances), backends, settings, credentials) =
        tokio::try_join!(group, backends, settings, credentials(environment, clients))?;
    let mut info = HostGroupInfo {
        weka: weka_api(settings),
        ..info(environment.host_group, &group, instances, backends)
    };
    info.sealed = sealed(environment, run, &info, credentials)?;
    tracing::info!(
        desired_capacity = info.desired_capacity,
        instances = info.instances.len(),
        backends = info.backend_ips.len(),
        sealed = info.sealed.is_some(),
        "fetched"
    );
    Ok(info)
}

/// The credentials; `None` if *scale* reads them.
async fn credentials(environment: &Environment, clients: &Clients) -> Result<Option<Credentials>, Failure> {
    if environment.scale_reads_table {
        return Ok(None);
    }
    let credentials = aws::table::credentials(clients.dynamodb(), &environment.table).await;
    credentials.map(Some).map_err(|source| Failure::Aws {
        doing: "reading the credentials",
        source,
    })
}

/// The credentials, sealed for this message.
fn sealed(
    environment: &Environment,
    run: Run<'_>,
    info: &HostGroupInfo,
    credentials: Option<Credentials>,
) -> Result<Option<String>, Failure> {
    let Some(credentials) = credentials else {
        return Ok(None);
    };
    let nonce = random::bytes().map_err(|source| Failure::Random { source })?;
    seal(
        &credentials,
        &environment.keys()?.seal,
        Binding::new(run, info),
        nonce,
    )
    .map(Some)
    .map_err(|source| Failure::Seal { source })
}

/// How to connect to the backends; `None` for the default.
fn weka_api(settings: Settings) -> Option<WekaApi> {
    let weka = WekaApi {
        protocol: settings.weka_protocol,
        ca: settings.weka_ca,
    };
    (weka != WekaApi::default()).then_some(weka)
}

/// The message for *scale*, without the protocol settings and the credentials.
pub fn info(
    host_group: HostGroup,
    group: &Group,
    instances: Vec<RunningInstance>,
    backends: Vec<RunningInstance>,
) -> HostGroupInfo {
    let instance = |member: RunningInstance| Instance {
        id: member.id,
        private_ip: member.private_ip,
    };
    HostGroupInfo {
        sealed: None,
        desired_capacity: group.desired_capacity,
        instances: instances.into_iter().map(instance).collect(),
        backend_ips: backends.into_iter().map(|backend| backend.private_ip).collect(),
        role: match host_group {
            HostGroup::Backends => Role::Backend,
            HostGroup::Clients => Role::Client,
        },
        weka: None,
        version: VERSION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn message_has_all_fields_and_no_plaintext_credentials() {
        let member = |n: u8| RunningInstance {
            id: format!("i-{n}"),
            private_ip: format!("10.0.0.{n}"),
        };
        let group = Group {
            desired_capacity: 3,
            instances: vec!["i-1".into(), "i-gone".into()],
        };
        let info = info(
            HostGroup::Clients,
            &group,
            vec![member(1)],
            vec![member(2), member(3)],
        );
        assert_eq!(
            serde_json::to_value(info).unwrap(),
            json!({
                "desired_capacity": 3,
                "instances": [{ "Id": "i-1", "PrivateIp": "10.0.0.1" }],
                "backend_ips": ["10.0.0.2", "10.0.0.3"],
                "role": "client",
                "version": 2,
            })
        );
    }
}
