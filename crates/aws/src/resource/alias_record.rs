use super::{From, Given, Resource, Target, known};
use crate::cloud::Cloud;
use crate::error::{Asked, Error, Result};
use crate::look::Look;
use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use deployment::Value;
use deployment::plan::Standing;
use deployment::resource::{AliasRecord, ResourceId};

impl Resource for AliasRecord {
    async fn observe(look: &Look<'_>, _id: ResourceId) -> Result<Option<Standing>> {
        let Some((zone, alias)) = look.alias() else {
            return Ok(None);
        };
        let alias = alias.trim_end_matches('.');
        let ask = look
            .clients
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone);
        let ask = ask
            .start_record_name(alias)
            .start_record_type(RrType::A)
            .max_items(1);
        let found = ask.send().await.asked("route53 ListResourceRecordSets")?;
        // Without the record the list begins with the one that would come after it.
        let Some(record) = found.resource_record_sets().first().filter(|record| {
            record.name().trim_end_matches('.').eq_ignore_ascii_case(alias) && *record.r#type() == RrType::A
        }) else {
            return Ok(None);
        };
        let target = record.alias_target();
        let dns = target
            .map(|target| target.dns_name().trim_end_matches('.'))
            .unwrap_or_default();
        Ok(Some(Standing {
            name: alias.to_owned(),
            body: Self {
                zone_id: zone.to_owned(),
                name: alias.to_owned(),
                target: Value::from(dns),
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
}

async fn change(record: &AliasRecord, cloud: &Cloud, action: ChangeAction) -> Result<Given> {
    const ASK: &str = "route53 ChangeResourceRecordSets";
    let unbuilt = |error: BuildError| Error::other(ASK, error.to_string());
    let target = AliasTarget::builder()
        .hosted_zone_id(known(&record.target_zone_id, ASK)?)
        .dns_name(known(&record.target, ASK)?)
        .evaluate_target_health(true)
        .build()
        .map_err(unbuilt)?;
    let set = ResourceRecordSet::builder()
        .name(&record.name)
        .r#type(RrType::A)
        .alias_target(target);
    let set = set.build().map_err(unbuilt)?;
    let change = Change::builder()
        .action(action)
        .resource_record_set(set)
        .build()
        .map_err(unbuilt)?;
    let batch = ChangeBatch::builder().changes(change).build().map_err(unbuilt)?;
    let ask = cloud
        .clients
        .route53
        .change_resource_record_sets()
        .hosted_zone_id(&record.zone_id);
    ask.change_batch(batch).send().await.asked(ASK)?;
    Ok(Vec::new())
}
