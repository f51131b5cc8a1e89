use super::{DeferredCleanup, Delete, Find, Outputs, Resource, Target, delete_each, resolved};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::{Inventory, StoredAlias};
use aws_sdk_route53::Client;
use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use deployment::Value;
use deployment::actual::Actual;
use deployment::found::{Details, FoundResource};
use deployment::plan::Teardown;
use deployment::resource::AliasRecord;

const CHANGE: &str = "route53 ChangeResourceRecordSets";

impl Resource for AliasRecord {
    type Key = ();

    async fn create(&self, cloud: &Cloud, _target: &Target<'_, Self::Key>) -> Result<Outputs> {
        // CREATE and not UPSERT: a record that was created after the plan is foreign.
        change(self, cloud, ChangeAction::Create).await
    }

    async fn update(
        &self,
        cloud: &Cloud,
        _target: &Target<'_, Self::Key>,
        _current: &Actual<Self>,
    ) -> Result<Outputs> {
        change(self, cloud, ChangeAction::Upsert).await
    }
}

impl Find for AliasRecord {
    /// Zone and name are in the settings.
    async fn find(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Vec<FoundResource>> {
        let StoredAlias::Record(zone, alias) = inventory.stored_alias().await? else {
            return Ok(Vec::new());
        };
        let name = alias.trim_end_matches('.');
        let found = find(&inventory.clients.route53, zone, name).await?;
        let found_record = |record: ResourceRecordSet| {
            let target = Details::Target(target_of(&record));
            FoundResource::named(name.to_owned(), None)
                .with_handle(zone)
                .with(target)
        };
        Ok(found.map(found_record).into_iter().collect())
    }
}

impl Delete for AliasRecord {
    /// Deletes the record if its target is still the one that identified it as the cluster's.
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        let route53 = &cloud.clients.route53;
        delete_each(&teardown.found, async |found: &FoundResource| {
            let record = find(route53, &found.handle, &found.name).await?;
            let is_same = |record: &ResourceRecordSet| Details::Target(target_of(record)) == found.details;
            match record.filter(is_same) {
                Some(record) => send(route53, &found.handle, ChangeAction::Delete, record).await,
                None => Ok(()),
            }
        })
        .await
    }
}

/// Looks for the record `alias` in the hosted zone.
pub(crate) async fn observe(
    inventory: &Inventory<'_>,
    zone: &str,
    alias: &str,
) -> Result<Option<Actual<AliasRecord>>> {
    let alias = alias.trim_end_matches('.');
    let Some(record) = find(&inventory.clients.route53, zone, alias).await? else {
        return Ok(None);
    };
    let target = record.alias_target();
    Ok(Some(Actual {
        name: alias.to_owned(),
        body: AliasRecord {
            zone_id: zone.to_owned(),
            name: alias.to_owned(),
            target: Value::from(target_of(&record)),
            target_zone_id: Value::from(target.map(|target| target.hosted_zone_id()).unwrap_or_default()),
        },
        tags: None,
        outputs: Vec::new(),
    }))
}

/// The `A` record of a name; `None` also if the zone does not exist.
async fn find(route53: &Client, zone: &str, name: &str) -> Result<Option<ResourceRecordSet>> {
    let request = route53.list_resource_record_sets().hosted_zone_id(zone);
    let request = request
        .start_record_name(name)
        .start_record_type(RrType::A)
        .max_items(1);
    let found = request.send().await.context("route53 ListResourceRecordSets");
    let Some(found) = ignore_not_found(found)? else {
        return Ok(None);
    };
    // If the record does not exist, the list starts with the next one.
    Ok(found.resource_record_sets.into_iter().next().filter(|record| {
        record.name().trim_end_matches('.').eq_ignore_ascii_case(name) && *record.r#type() == RrType::A
    }))
}

fn target_of(record: &ResourceRecordSet) -> String {
    let target = record.alias_target();
    target.map_or_else(String::new, |target| AliasRecord::comparable(target.dns_name()))
}

async fn send(route53: &Client, zone: &str, action: ChangeAction, set: ResourceRecordSet) -> Result<()> {
    let change = Change::builder().action(action).resource_record_set(set);
    let change = change.build().map_err(invalid_request)?;
    let batch = ChangeBatch::builder()
        .changes(change)
        .build()
        .map_err(invalid_request)?;
    let request = route53.change_resource_record_sets().hosted_zone_id(zone);
    request.change_batch(batch).send().await.context(CHANGE).map(drop)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid_request(error: BuildError) -> Error {
    Error::bug(CHANGE, error.to_string())
}

async fn change(record: &AliasRecord, cloud: &Cloud, action: ChangeAction) -> Result<Outputs> {
    let target = AliasTarget::builder()
        .hosted_zone_id(resolved(&record.target_zone_id, CHANGE)?)
        .dns_name(resolved(&record.target, CHANGE)?)
        .evaluate_target_health(true)
        .build()
        .map_err(invalid_request)?;
    let set = ResourceRecordSet::builder()
        .name(&record.name)
        .r#type(RrType::A)
        .alias_target(target);
    let set = set.build().map_err(invalid_request)?;
    send(&cloud.clients.route53, &record.zone_id, action, set).await?;
    Ok(Vec::new())
}
