use super::{From, Given, Left, Resource, Target, each, known};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use crate::leftovers::Alias;
use aws_sdk_route53::Client;
use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use deployment::Value;
use deployment::plan::ActualResource;
use deployment::removal::{Facts, Remnant, Step};
use deployment::resource::{AliasRecord, ResourceId};

const CHANGE: &str = "route53 ChangeResourceRecordSets";

/// What Route 53 answers of a hosted zone that is not there.
impl Resource for AliasRecord {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        let Some((zone, alias)) = inventory.alias() else {
            return Ok(None);
        };
        let alias = alias.trim_end_matches('.');
        let Some(record) = find(&inventory.clients.route53, zone, alias).await? else {
            return Ok(None);
        };
        let target = record.alias_target();
        Ok(Some(ActualResource {
            name: alias.to_owned(),
            body: Self {
                zone_id: zone.to_owned(),
                name: alias.to_owned(),
                target: Value::from(target_of(&record)),
                target_zone_id: Value::from(target.map(|target| target.hosted_zone_id()).unwrap_or_default()),
            }
            .into(),
            tags: None,
            outputs: Vec::new(),
        }))
    }

    async fn create(&self, cloud: &Cloud, _target: &Target<'_>) -> Result<Given> {
        // CREATE and not UPSERT: a record that has come since the plan is somebody else's.
        change(self, cloud, ChangeAction::Create).await
    }

    async fn update(&self, cloud: &Cloud, _target: &Target<'_>, _from: &From<'_>) -> Result<Given> {
        change(self, cloud, ChangeAction::Upsert).await
    }

    /// The settings know the zone and the name.
    async fn remnants(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Vec<Remnant>> {
        let Alias::Of(zone, alias) = inventory.stored_alias().await? else {
            return Ok(Vec::new());
        };
        let name = alias.trim_end_matches('.');
        let found = find(&inventory.clients.route53, zone, name).await?;
        let remnant = |record: ResourceRecordSet| {
            let target = Facts::Target(target_of(&record));
            Remnant::named(name.to_owned(), None).by(zone).with(target)
        };
        Ok(found.map(remnant).into_iter().collect())
    }

    /// The record as it stands, if it still points where it pointed when it was taken for the cluster's.
    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        let route53 = &cloud.clients.route53;
        each(step, async |seen: &Remnant| {
            let record = find(route53, &seen.handle, &seen.name).await?;
            let is_it = |record: &ResourceRecordSet| Facts::Target(target_of(record)) == seen.facts;
            match record.filter(is_it) {
                Some(record) => send(route53, &seen.handle, ChangeAction::Delete, record).await,
                None => Ok(()),
            }
        })
        .await
    }
}

/// The `A` record of a name. A zone that is gone has taken it with it.
async fn find(route53: &Client, zone: &str, name: &str) -> Result<Option<ResourceRecordSet>> {
    let ask = route53.list_resource_record_sets().hosted_zone_id(zone);
    let ask = ask
        .start_record_name(name)
        .start_record_type(RrType::A)
        .max_items(1);
    let found = ask.send().await.context("route53 ListResourceRecordSets");
    let Some(found) = ignore_not_found(found)? else {
        return Ok(None);
    };
    // Without the record the list begins with the one that would come after it.
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
    let change = change.build().map_err(unbuilt)?;
    let batch = ChangeBatch::builder().changes(change).build().map_err(unbuilt)?;
    let ask = route53.change_resource_record_sets().hosted_zone_id(zone);
    ask.change_batch(batch).send().await.context(CHANGE).map(drop)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unbuilt(error: BuildError) -> Error {
    Error::bug(CHANGE, error.to_string())
}

async fn change(record: &AliasRecord, cloud: &Cloud, action: ChangeAction) -> Result<Given> {
    let target = AliasTarget::builder()
        .hosted_zone_id(known(&record.target_zone_id, CHANGE)?)
        .dns_name(known(&record.target, CHANGE)?)
        .evaluate_target_health(true)
        .build()
        .map_err(unbuilt)?;
    let set = ResourceRecordSet::builder()
        .name(&record.name)
        .r#type(RrType::A)
        .alias_target(target);
    let set = set.build().map_err(unbuilt)?;
    send(&cloud.clients.route53, &record.zone_id, action, set).await?;
    Ok(Vec::new())
}
