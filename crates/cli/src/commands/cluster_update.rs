//! `cluster update`: what stands, brought to what this version makes.

use super::join_params::{cluster_name, settings};
use crate::args::Update;
use crate::execute::execute;
use crate::failure::{FAILED, Failure};
use crate::generated::Generated;
use crate::package::{self, Package};
use crate::printer::Printer;
use crate::session::{Connect, Session};
use crate::{confirm, plan_view};
use aws::cloud::Cloud;
use aws::group;
use aws::inventory::Inventory;
use deployment::desired::Request;
use deployment::plan::{Conflict, Observed, Plan};
use deployment::{Account, HostGroup, Names, ResourceId, Settings, update};
use serde_json::json;
use std::collections::BTreeSet;

/// Runs the command.
pub(crate) async fn run(arguments: Update, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    run_part(arguments, connect, printer, |_| true).await
}

/// An update of these resources alone.
pub(super) async fn run_part(
    arguments: Update,
    connect: Connect,
    printer: &Printer,
    chosen: impl Fn(ResourceId) -> bool,
) -> Result<u8, Failure> {
    let names = Names::new(cluster_name(&arguments.name)?);
    let package = package::find(arguments.lambda_package.as_deref())?;
    let session = connect.connect().await?;
    let seen = observe(&session, &names).await?;
    let plan = plan(&names, &seen, &package)?;
    let plan = plan.only(chosen).map_err(|absent| {
        let absent: Vec<_> = absent
            .iter()
            .map(|(kind, name)| format!("{} {name}", kind.label()))
            .collect();
        Failure::plain(format!(
            "this needs what is not there: {}; `wekactl cluster update` makes all of it",
            absent.join(", ")
        ))
    })?;
    for group in seen
        .settings
        .groups()
        .filter(|group| !seen.groups.contains(group))
    {
        printer.line(&format!(
            "host group {group} stands in the settings, and nothing was made of it: `cluster import` would make it"
        ));
    }
    plan_view::show(&plan, printer);
    if arguments.dry_run {
        return Ok(plan_view::dry_run(
            names.cluster(),
            &plan,
            arguments.detailed_exitcode,
            printer,
        ));
    }
    if !plan.is_empty() {
        let question = format!("Update cluster {} with this plan?", names.cluster());
        confirm::confirm(printer, arguments.yes, &question)?;
    }
    let cloud = Cloud {
        clients: session.clients,
        account: seen.account,
        names,
        package: package.archive.into(),
    };
    let carried = execute(&cloud, &plan, printer).await?;
    if printer.is_json() {
        printer.json(&carried.json(&cloud, &plan, json!({})));
    }
    Ok(carried.exit_code())
}

/// What was seen of the account.
struct Seen {
    account: Account,
    settings: Settings,
    groups: BTreeSet<HostGroup>,
    observed: Observed,
}

/// Reads the settings and looks at what stands, side by side: what wekactl makes is known by the cluster's name alone.
async fn observe(session: &Session, names: &Names) -> Result<Seen, Failure> {
    let asking = |error: aws::Error| Failure::aws("looking at the account", &error);
    let inventory = Inventory::new(&session.clients, names, &session.region);
    let by_name = ResourceId::found_by_name(None).chain(ResourceId::found_by_name(Some(HostGroup::Backends)));
    let (stored, observed, members) = tokio::join!(
        settings(session, names),
        inventory.at(by_name),
        group::members(&session.clients, names)
    );
    // That there is no such cluster says more than what else went wrong for that reason.
    let (stored, mut observed, members) = (stored?, observed.map_err(asking)?, members.map_err(asking)?);
    let settings = update::settings(stored, &observed, env!("CARGO_PKG_VERSION"));
    // What only the settings tell: names of others, and whether there are clients.
    let mut more = Vec::new();
    if settings.clients.is_some() {
        more.extend(ResourceId::found_by_name(Some(HostGroup::Clients)));
    }
    if let Some((zone, alias)) = settings.dns_zone_id.as_ref().zip(settings.dns_alias.as_ref()) {
        inventory.has_alias(zone, alias);
        more.push(ResourceId::AliasRecord);
    }
    if let Some(name) = &settings.classic_load_balancer {
        inventory.has_classic_load_balancer(name);
        more.push(ResourceId::ClassicHealthCheck);
    }
    let account = inventory.account().await.map_err(asking)?.clone();
    observed.extend(inventory.at(more).await.map_err(asking)?);
    let groups = update::actual_groups(&settings, &observed);
    for &group in &groups {
        let members = members.iter().filter(|member| member.host_group == group);
        let members = members.map(|member| (member.id.as_str(), &member.tags));
        observed.extend([update::actual_members(
            names.cluster(),
            group,
            &settings.tags_map,
            members,
        )]);
    }
    Ok(Seen {
        account,
        settings,
        groups,
        observed,
    })
}

fn plan(names: &Names, seen: &Seen, package: &Package) -> Result<Plan, Failure> {
    let generated = Generated::new(&seen.settings)?;
    let request = Request {
        cluster: names.cluster(),
        account: &seen.account,
        settings: &seen.settings,
        package: &package.facts,
        credentials: None,
        uuids: &generated.uuids,
        seal_keys: &generated.seal_keys,
    };
    let wanted = update::wanted(&request, &seen.groups);
    Plan::new(names.cluster(), wanted, seen.observed.clone())
        .map_err(|conflicts| Failure::all(FAILED, conflicts.iter().map(Conflict::to_string).collect()))
}
