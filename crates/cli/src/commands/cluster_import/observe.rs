use crate::failure::Failure;
use crate::session::Session;
use aws::discover::{self, NotFound};
use aws::inventory::Inventory;
use aws::observe::{self, Request};
use aws::permissions;
use deployment::actual::Observed;
use deployment::import::{DiscoveredCluster, ImportRequest, actual_instances};
use deployment::{Account, HostGroup, HostName, Names, ResourceId};
use std::collections::BTreeSet;

/// The state of the account.
pub(super) struct Observation {
    pub(super) account: Account,
    pub(super) discovered: DiscoveredCluster,
    pub(super) observed: Observed,
    /// Name of the hosted zone `--dns-zone-id`, if it exists.
    pub(super) zone: Option<String>,
    /// Required actions that no policy of the caller allows.
    pub(super) denied: Vec<String>,
    /// Required actions that the caller may not call according to IAM's simulator, which may be wrong.
    pub(super) doubtful: Vec<String>,
}

/// Discovers the cluster and reads the actual resources concurrently: most are found by the cluster's name alone.
pub(super) async fn observe(
    session: &Session,
    names: &Names,
    request: &ImportRequest,
    ids: &[String],
    check_permissions: bool,
) -> Result<Observation, Failure> {
    let failed = |error: aws::Error| Failure::aws("reading the state of the account", &error);
    let inventory = Inventory::new(&session.clients, names, &session.region);
    let discover = async {
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
        // Only the members show whether there are clients and which load balancer the stack has.
        let known = members.discovered();
        let load_balancer = known.classic_load_balancers.first().cloned();
        let mut more = Request {
            classic_load_balancer: load_balancer.as_deref(),
            ..Request::default()
        };
        if request.clients && !known.of_group(HostGroup::Clients).is_empty() {
            more.ids
                .extend(ResourceId::found_by_name(Some(HostGroup::Clients)));
        }
        let (discovered, observed) = tokio::join!(
            members.complete(&session.clients, request.image_id.as_deref()),
            observe::observe(&inventory, &more)
        );
        let discovered = discovered.map_err(|error| Failure::aws("finding the cluster", &error))?;
        Ok((discovered, observed.map_err(failed)?))
    };
    let read = async {
        let by_name = [None, Some(HostGroup::Backends)].map(ResourceId::found_by_name);
        let zone = request.dns_zone_id.as_deref();
        let alias = request.dns_alias.as_ref().map(HostName::as_str);
        let by_name = Request {
            ids: by_name.into_iter().flatten().collect(),
            alias: zone.zip(alias),
            ..Request::default()
        };
        let observed = observe::observe(&inventory, &by_name);
        let denied = async {
            let (caller, account) = tokio::try_join!(inventory.caller_arn(), inventory.account())?;
            if !check_permissions {
                return Ok(Vec::new());
            }
            Ok(permissions::denied(&session.clients.iam, caller, account, names).await)
        };
        let (observed, denied) = tokio::join!(observed, denied);
        // Without credentials every request fails; the error of GetCallerIdentity names the reason best.
        let denied = denied.map_err(failed)?;
        Ok::<_, Failure>((observed.map_err(failed)?, denied))
    };
    let zone_name = async {
        match &request.dns_zone_id {
            Some(id) => discover::zone_name(&session.clients, id).await.map_err(failed),
            None => Ok(None),
        }
    };
    let ((discovered, more), (mut observed, denied), zone) = tokio::try_join!(discover, read, zone_name)?;
    let account = inventory.account().await.map_err(failed)?.clone();
    let is_new = observed.is_empty();
    observed.extend(more);
    let (denied, doubtful): (Vec<_>, Vec<_>) = denied
        .into_iter()
        .filter(|denied| is_new || !denied.is_for_new_resource)
        .partition(|denied| denied.is_certain);
    let [denied, doubtful] =
        [denied, doubtful].map(|list| list.into_iter().map(|denied| denied.action).collect());
    let mut groups = vec![HostGroup::Backends];
    if request.clients && !discovered.of_group(HostGroup::Clients).is_empty() {
        groups.push(HostGroup::Clients);
    }
    for group in groups {
        observed.extend(actual_instances(
            names.cluster(),
            group,
            &request.tags,
            &discovered,
        ));
    }
    Ok(Observation {
        account,
        discovered,
        observed,
        zone,
        denied,
        doubtful,
    })
}
