//! `cluster import`: look, check, plan, show, ask, carry out.

use crate::args::Import;
use crate::execute::{ExecutionResult, execute};
use crate::failure::{FAILED, Failure, USAGE};
use crate::generated::Generated;
use crate::package::{self, Package};
use crate::printer::Printer;
use crate::session::{Connect, Session};
use crate::verify_credentials::{self, Api, Verification};
use crate::{confirm, password, plan_view, weka_ca};
use aws::cloud::Cloud;
use aws::discover::{self, NotFound};
use aws::inventory::Inventory;
use aws::permissions;
use deployment::desired::{self, Request};
use deployment::import::{
    DiscoveredCluster, ImportRequest, actual_instances, alias_outside_zone, alias_ownership,
};
use deployment::plan::{Conflict, Observed, Plan};
use deployment::resource::Body;
use deployment::{
    Account, ClusterName, HostGroup, HostName, Names, Output, Outputs, ResourceId, Secret, Settings, Tags,
};
use instances::{ComputeMemory, Cores, MountScript, Profile};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use weka_types::WekaProtocol;

/// Runs the command.
pub(crate) async fn run(arguments: Import, connect: Connect, printer: &Printer) -> Result<u8, Failure> {
    let wish = wish(&arguments)?;
    if arguments.weka_http {
        printer.warn("--weka-http: the functions send Weka's password to the backends unencrypted");
    }
    let package = package::find(arguments.lambda_package.as_deref())?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the command reads its own environment variable"
    )]
    let password = password::read(&arguments.password, std::env::var("WEKA_PASSWORD").ok(), printer)?;
    let session = connect.connect().await?;
    let names = Names::new(wish.cluster.clone());
    let seen = observe(&session, &names, &wish, &arguments.instance_ids).await?;
    let credentials = (arguments.username.as_str(), &password);
    let tried = if arguments.no_verify {
        Verification::Skipped("--no-verify".to_owned())
    } else {
        try_on_weka(&wish, &seen.found, credentials).await?
    };
    let (settings, plan) = plan(&wish, &seen, &package, credentials, &tried)?;
    if let Verification::Skipped(why) = &tried {
        printer.line(&format!("User and password were not tried on Weka: {why}."));
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
        confirm::confirm(
            printer,
            arguments.yes,
            &format!("Import cluster {} with this plan?", names.cluster()),
        )?;
    }
    let cloud = Cloud {
        clients: session.clients,
        account: seen.account,
        names,
        package: package.archive.into(),
    };
    let carried = execute(&cloud, &plan, printer).await?;
    Ok(finish(&cloud, &plan, &settings, &carried, printer))
}

/// What the user asks for, all that is wrong with it said at once.
fn wish(arguments: &Import) -> Result<ImportRequest, Failure> {
    let mut errors = Vec::new();
    let cluster = arguments
        .name
        .parse::<ClusterName>()
        .map_err(|error| errors.push(error.to_string()))
        .ok();
    let tags = Tags::from_arguments(arguments.tags.iter().map(String::as_str));
    let tags = tags
        .map_err(|bad| errors.extend(bad.iter().map(ToString::to_string)))
        .unwrap_or_default();
    let profile = match (&arguments.cores, &arguments.compute_memory) {
        (None, None) => None,
        (Some(cores), Some(memory)) => {
            let cores = cores
                .parse::<Cores>()
                .map_err(|error| errors.push(error.to_string()));
            let memory = memory
                .parse::<ComputeMemory>()
                .map_err(|error| errors.push(error.to_string()));
            cores
                .ok()
                .zip(memory.ok())
                .map(|(cores, compute_memory)| Profile {
                    cores,
                    compute_memory,
                })
        }
        _ => {
            errors.push("--cores and --compute-memory go together: give both or neither".to_owned());
            None
        }
    };
    let dns_alias = arguments.dns_alias.as_deref().and_then(|name| {
        let name = name
            .parse::<HostName>()
            .map_err(|error| errors.push(format!("--dns-alias: {error}")));
        name.ok()
    });
    if arguments.dns_alias.is_some() != arguments.dns_zone_id.is_some() {
        errors.push("--dns-alias and --dns-zone-id go together: give both or neither".to_owned());
    }
    let weka_ca = arguments.weka_ca.as_deref().and_then(|path| {
        let ca = weka_ca::read("--weka-ca", path).map_err(|error| errors.push(error));
        ca.ok().map(|ca| ca.pem().to_owned())
    });
    if arguments.username.is_empty() {
        errors.push("--username is empty".to_owned());
    }
    for id in &arguments.instance_ids {
        let hex = id.strip_prefix("i-").unwrap_or_default();
        if hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            errors.push(format!(
                "'{id}' is no instance id: one is written like i-0123456789abcdef0"
            ));
        }
    }
    let (Some(cluster), true) = (cluster, errors.is_empty()) else {
        return Err(Failure::all(USAGE, errors));
    };
    Ok(ImportRequest {
        cluster,
        tags,
        private_subnet: arguments.private_subnet,
        additional_subnet: arguments.additional_alb_subnet.clone(),
        dns_alias,
        dns_zone_id: arguments.dns_zone_id.clone(),
        use_dynamodb_endpoint: arguments.use_dynamodb_endpoint,
        weka_protocol: if arguments.weka_http {
            WekaProtocol::Http
        } else {
            WekaProtocol::Https
        },
        weka_ca,
        clients: !arguments.no_clients,
        profile,
        build_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Logs in to a backend that is to be imported.
async fn try_on_weka(
    wish: &ImportRequest,
    found: &DiscoveredCluster,
    (username, password): (&str, &Secret),
) -> Result<Verification, Failure> {
    let api = Api {
        protocol: wish.weka_protocol,
        ca: wish.weka_ca.as_deref(),
    };
    let backends = found.of_group(HostGroup::Backends).into_iter();
    let addresses = backends.filter_map(|backend| backend.address.clone());
    verify_credentials::log_in(addresses, api, username, password).await
}

/// What was seen of the account.
struct Seen {
    account: Account,
    found: DiscoveredCluster,
    observed: Observed,
    /// The name of the hosted zone that `--dns-zone-id` names, if there is one.
    zone: Option<String>,
    denied: Vec<String>,
}

/// Finds the cluster and looks at what stands, side by side: what wekactl makes is known by the cluster's name alone.
async fn observe(
    session: &Session,
    names: &Names,
    wish: &ImportRequest,
    ids: &[String],
) -> Result<Seen, Failure> {
    let asking = |error: aws::Error| Failure::aws("looking at the account", &error);
    let inventory = Inventory::new(&session.clients, names, &session.region);
    if let Some((zone, alias)) = wish.dns_zone_id.as_ref().zip(wish.dns_alias.as_ref()) {
        inventory.has_alias(zone, alias.as_str());
    }
    let found = async {
        let members = if ids.is_empty() {
            discover::of_stack(&session.clients, names.cluster()).await
        } else {
            let ids: BTreeSet<_> = ids.iter().cloned().collect();
            let members = discover::of_instances(&session.clients, ids).await;
            members.map_err(NotFound::Aws)
        };
        let members = members.map_err(|error| match error {
            NotFound::Stack(_) => Failure::plain(error.to_string()),
            NotFound::Aws(error) => Failure::aws("finding the cluster", &error),
        })?;
        // What only they tell: the stack's load balancer, and whether there are clients.
        let mut more = Vec::new();
        if wish.clients && !members.discovered().of_group(HostGroup::Clients).is_empty() {
            more.extend(ResourceId::found_by_name(Some(HostGroup::Clients)));
        }
        if let Some(name) = members.discovered().classic_load_balancers.first() {
            inventory.has_classic_load_balancer(name);
            more.push(ResourceId::ClassicHealthCheck);
        }
        let (found, observed) = tokio::join!(members.complete(&session.clients), inventory.at(more));
        let found = found.map_err(|error| Failure::aws("finding the cluster", &error))?;
        Ok((found, observed.map_err(asking)?))
    };
    let standing = async {
        let by_name = [None, Some(HostGroup::Backends)].map(ResourceId::found_by_name);
        let observed = inventory.at(by_name.into_iter().flatten());
        let denied = async {
            let caller = inventory.caller_arn().await?;
            Ok(permissions::denied(&session.clients.iam, caller).await)
        };
        let (observed, denied) = tokio::join!(observed, denied);
        // Without credentials every request fails: the question who one is says it best.
        let denied = denied.map_err(asking)?;
        Ok::<_, Failure>((observed.map_err(asking)?, denied))
    };
    let zone = async {
        match &wish.dns_zone_id {
            Some(id) => discover::zone_name(&session.clients, id).await.map_err(asking),
            None => Ok(None),
        }
    };
    let ((found, more), (mut observed, denied), zone) = tokio::try_join!(found, standing, zone)?;
    let account = inventory.account().await.map_err(asking)?.clone();
    observed.extend(more);
    let mut groups = vec![HostGroup::Backends];
    if wish.clients && !found.of_group(HostGroup::Clients).is_empty() {
        groups.push(HostGroup::Clients);
    }
    for group in groups {
        observed.extend(actual_instances(names.cluster(), group, &wish.tags, &found));
    }
    Ok(Seen {
        account,
        found,
        observed,
        zone,
        denied,
    })
}

/// Checks everything, and makes the settings and the plan; nothing has been made yet.
fn plan(
    wish: &ImportRequest,
    seen: &Seen,
    package: &Package,
    credentials: (&str, &Secret),
    tried: &Verification,
) -> Result<(Settings, Plan), Failure> {
    let mut errors: Vec<String> = Vec::new();
    if let Verification::Refused(why) = tried {
        errors.push(format!(
            "the user or the password is no good: {why}; --no-verify imports with them all the same"
        ));
    }
    if !seen.denied.is_empty() {
        errors.push(format!(
            "the credentials may not {}; docs/permissions.md has the whole policy",
            seen.denied.join(", ")
        ));
    }
    let stored = match seen
        .observed
        .get(&ResourceId::SettingsItem)
        .map(|standing| &standing.body)
    {
        Some(Body::SettingsItem(item)) => Settings::from_item(&item.attributes)
            .map_err(|error| errors.push(error.to_string()))
            .ok(),
        _ => None,
    };
    let outside = alias_outside_zone(wish, seen.zone.as_deref());
    errors.extend(outside.map(|outside| outside.to_string()));
    errors.extend(alias_ownership(wish, stored.as_ref(), &seen.observed).map(|taken| taken.to_string()));
    let settings = Settings::from_import(wish, &seen.found, &seen.account, stored.as_ref());
    let settings = settings.map_err(|problems| errors.extend(problems.iter().map(ToString::to_string)));
    let Ok(settings) = settings else {
        return Err(Failure::all(FAILED, errors));
    };
    let generated = Generated::new(&settings)?;
    let desired = desired::desired(&Request {
        cluster: &wish.cluster,
        account: &seen.account,
        settings: &settings,
        package: &package.facts,
        credentials: Some(credentials),
        uuids: &generated.uuids,
        seal_keys: &generated.seal_keys,
    });
    let plan = Plan::new(&wish.cluster, desired, seen.observed.clone());
    let plan = plan.map_err(|conflicts| errors.extend(conflicts.iter().map(Conflict::to_string)));
    match plan {
        Ok(plan) if errors.is_empty() => Ok((settings, plan)),
        _ => Err(Failure::all(FAILED, errors)),
    }
}

/// What to do next: shown once everything stands.
fn finish(
    cloud: &Cloud,
    plan: &Plan,
    settings: &Settings,
    carried: &ExecutionResult,
    printer: &Printer,
) -> u8 {
    let code = carried.exit_code();
    let script = if carried.is_whole() {
        host(settings, &carried.outputs).map(|host| MountScript { host }.render())
    } else {
        None
    };
    if printer.is_json() {
        let script = script.map_or(Json::Null, Json::from);
        printer.json(&carried.json(cloud, plan, json!({ "mount_script": script })));
    } else if let Some(script) = script {
        printer.line(&next_steps(cloud));
        printer.data(&script);
    }
    code
}

fn next_steps(cloud: &Cloud) -> String {
    format!(
        "Scale by changing the desired capacity of the Auto Scaling group {}.\nStateless clients mount with this script:",
        cloud.names.of(HostGroup::Backends)
    )
}

/// The name under which clients reach the cluster.
fn host(settings: &Settings, outputs: &Outputs) -> Option<String> {
    let load_balancer = || outputs.get(ResourceId::LoadBalancer, Output::DnsName);
    settings
        .dns_alias
        .clone()
        .or_else(|| Some(load_balancer()?.reveal().to_owned()))
}
