//! `cluster update`: observe, plan, confirm, execute.

use crate::apply::{Applied, apply};
use crate::certificate_file;
use crate::failure::{FAILED, Failure};
use crate::flags::{ClusterFlag, DryRunFlags, PackageFlag, YesFlag};
use crate::generated::Generated;
use crate::package::{self, Package};
use crate::printer::Printer;
use crate::session::{Connect, Session};
use aws::cloud::Cloud;
use aws::group;
use aws::inventory::Inventory;
use aws::observe::{self, Request as Observe};
use clap::Args;
use deployment::actual::Observed;
use deployment::desired::{InstanceIds, Request};
use deployment::import::check_identity_certificate;
use deployment::plan::{Conflict, Plan};
use deployment::{Account, HostGroup, Names, ResourceId, Settings, update};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Upgrade the resources of an imported cluster to this version and revert drift
#[derive(Debug, Args)]
#[command(mut_arg("dry_run", |dry_run| dry_run.short('d')))]
pub(crate) struct Update {
    #[command(flatten)]
    cluster: ClusterFlag,
    /// PEM file of the RSA-2048 certificate that verifies the identity documents of new instances, for a region that wekactl does
    /// not know. If it is omitted, the stored one is kept
    #[arg(long, value_name = "FILE")]
    identity_cert: Option<PathBuf>,
    #[command(flatten)]
    package: PackageFlag,
    #[command(flatten)]
    dry_run: DryRunFlags,
    #[command(flatten)]
    yes: YesFlag,
}

pub(crate) async fn run(arguments: Update, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    run_part(arguments, connect, printer, |_| true).await
}

/// Updates only the resources that `selected` accepts.
pub(super) async fn run_part(
    arguments: Update,
    connect: Connect,
    printer: &Printer,
    selected: impl Fn(ResourceId) -> bool,
) -> Result<u8, Failure> {
    let names = arguments.cluster.names()?;
    let package = package::find(&arguments.package)?;
    let certificate = arguments.identity_cert.as_deref().map(certificate_file::identity);
    let certificate = certificate.transpose().map_err(Failure::usage)?;
    let session = connect.connect().await?;
    let mut observation = observe(&session, &names).await?;
    observation.settings.identity_certificate =
        certificate.or(observation.settings.identity_certificate.take());
    let given = observation.settings.identity_certificate.as_deref();
    check_identity_certificate(given, &observation.account)
        .map_err(|error| Failure::plain(error.to_string()))?;
    let plan = plan(&names, &observation, &package)?;
    let plan = plan.only(selected).map_err(|missing| {
        let missing: Vec<_> = missing
            .iter()
            .map(|(kind, name)| format!("{} {name}", kind.label()))
            .collect();
        Failure::plain(format!(
            "nothing was changed: required resources are missing: {}; run `wekactl cluster update` to create them",
            missing.join(", ")
        ))
    })?;
    for group in observation
        .settings
        .groups()
        .filter(|group| !observation.groups.contains(group))
    {
        printer.line(&format!(
            "host group {group} is configured but has no resources; run `wekactl cluster import` to create them"
        ));
    }
    let question = format!("Update cluster {} with this plan?", names.cluster());
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
        Applied::Executed(result) => {
            if printer.is_json() {
                printer.json(&result.json(&cloud, &plan, []));
            }
            result.exit_code()
        }
    })
}

/// The state of the account.
struct Observation {
    account: Account,
    settings: Settings,
    groups: BTreeSet<HostGroup>,
    instances: InstanceIds,
    observed: Observed,
}

/// Reads the settings and the actual resources concurrently: most are found by the cluster's name alone.
async fn observe(session: &Session, names: &Names) -> Result<Observation, Failure> {
    let failed = |error: aws::Error| Failure::aws("reading the state of the account", &error);
    let inventory = Inventory::new(&session.clients, names, &session.region);
    let by_name = ResourceId::found_by_name(None).chain(ResourceId::found_by_name(Some(HostGroup::Backends)));
    let by_name = Observe {
        ids: by_name.collect(),
        ..Observe::default()
    };
    let (stored, observed, members) = tokio::join!(
        session.settings(names),
        observe::observe(&inventory, &by_name),
        group::members(&session.clients, names)
    );
    // A cluster that is not imported causes the other errors too: report that one.
    let (stored, mut observed, members) = (stored?, observed.map_err(failed)?, members.map_err(failed)?);
    let settings = update::settings(stored, &observed, env!("CARGO_PKG_VERSION"));
    // Only the settings have the names of resources that wekactl did not create, and whether there are clients.
    let mut more = Observe {
        alias: settings.dns_zone_id.as_deref().zip(settings.dns_alias.as_deref()),
        classic_load_balancer: settings.classic_load_balancer.as_deref(),
        ..Observe::default()
    };
    if settings.clients.is_some() {
        more.ids
            .extend(ResourceId::found_by_name(Some(HostGroup::Clients)));
    }
    let account = inventory.account().await.map_err(failed)?.clone();
    observed.extend(observe::observe(&inventory, &more).await.map_err(failed)?);
    let groups = update::actual_groups(&settings, &observed);
    let mut instances = InstanceIds::new();
    for &group in &groups {
        let members = members.iter().filter(|member| member.host_group == group);
        instances.insert(group, members.clone().map(|member| member.id.clone()).collect());
        let members = members.map(|member| (member.id.as_str(), &member.tags));
        observed.extend([update::actual_members(
            names.cluster(),
            group,
            &settings.tags_map,
            members,
        )]);
    }
    Ok(Observation {
        account,
        settings,
        groups,
        instances,
        observed,
    })
}

fn plan(names: &Names, observation: &Observation, package: &Package) -> Result<Plan, Failure> {
    let generated = Generated::new(&observation.settings)?;
    let request = Request {
        cluster: names.cluster(),
        account: &observation.account,
        settings: &observation.settings,
        package: &package.metadata,
        credentials: None,
        uuids: &generated.uuids,
        seal_keys: &generated.seal_keys,
        identity_required_after: &generated.identity_required_after,
        instances: &observation.instances,
    };
    let desired = update::desired_update(&request, &observation.groups);
    Plan::new(names.cluster(), desired, observation.observed.clone())
        .map_err(|conflicts| Failure::all(FAILED, conflicts.iter().map(Conflict::to_string).collect()))
}
