//! `cluster import`: observe, verify, plan, confirm, execute.

mod arguments;
mod observe;
mod plan;
mod report;

pub(crate) use arguments::Import;

use crate::apply::{Applied, apply};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Connect;
use crate::verify_credentials::{self, Api, Check, Verification};
use crate::{package, password};
use aws::cloud::Cloud;
use deployment::import::{DiscoveredCluster, ImportRequest, differences, launch_warnings};
use deployment::{HostGroup, Names, Secret};

pub(crate) async fn run(arguments: Import, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let request = arguments.request()?;
    if arguments.weka_http {
        printer.warn("--weka-http: the functions send the Weka password to the backends unencrypted");
    }
    let package = package::find(&arguments.package)?;
    let password = password::read(&arguments.login, printer)?;
    let session = connect.connect().await?;
    let names = Names::new(request.cluster.clone());
    let observation = observe::observe(
        &session,
        &names,
        &request,
        &arguments.instance_ids,
        !arguments.no_permission_check,
    )
    .await?;
    let credentials = (arguments.login.username.as_str(), &password);
    let check = if arguments.no_verify {
        Check {
            verification: Verification::Skipped("--no-verify".to_owned()),
            unsupported: None,
        }
    } else {
        check(&request, &observation.discovered, credentials).await?
    };
    let (settings, plan) = plan::plan(&request, &observation, &package, credentials, &check)?;
    for difference in differences(&observation.discovered, settings.groups()) {
        printer.warn(&difference.to_string());
    }
    for warning in launch_warnings(&request, &observation.discovered) {
        printer.warn(&warning);
    }
    if let Verification::Skipped(reason) = &check.verification {
        printer.line(&format!(
            "The username and password were not verified with Weka: {reason}."
        ));
    }
    let doubts = if observation.doubtful.is_empty() {
        ""
    } else {
        printer.warn(&format!(
            "IAM's policy simulator denies {} to the AWS credentials: a policy with conditions may allow them",
            observation.doubtful.join(", ")
        ));
        ", although permissions may be missing"
    };
    let question = format!("Import cluster {} with this plan{doubts}?", names.cluster());
    let cloud = Cloud {
        clients: session.clients,
        account: observation.account,
        names,
        package: package.archive.into(),
        wait_for_interfaces: std::time::Duration::ZERO,
    };
    let flags = (&arguments.dry_run, &arguments.yes);
    Ok(match apply(&cloud, &plan, &question, flags, printer).await? {
        Applied::DryRun(code) => code,
        Applied::Executed(result) => report::finish(&cloud, &plan, &settings, &result, printer),
    })
}

/// Logs in to one of the backends to import, and checks whether wekactl supports the cluster.
async fn check(
    request: &ImportRequest,
    discovered: &DiscoveredCluster,
    (username, password): (&str, &Secret),
) -> Result<Check, Failure> {
    let api = Api {
        protocol: request.weka_protocol,
        ca: request.weka_ca.as_deref(),
    };
    let backends = discovered.of_group(HostGroup::Backends).into_iter();
    let addresses = backends.filter_map(|backend| backend.address.clone());
    verify_credentials::check(addresses, api, username, password).await
}
