mod policies;
mod removal;

use super::{From, Given, Left, Resource, Target, each, tags_from};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result, required_field};
use crate::inventory::Inventory;
use aws_sdk_iam::types::Tag;
use deployment::plan::ActualResource;
use deployment::policy::Policy;
use deployment::removal::{Remnant, Step, role_id};
use deployment::resource::{ResourceId, Role};
use deployment::{HostGroup, Output, RoleUse, Tags};
use policies::Policies;

impl Resource for Role {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let (group, user) = of(id)?;
        let Some(role) = inventory.role(group, user).await? else {
            return Ok(None);
        };
        let name = role.role_name();
        let policies =
            Policies::find(&inventory.clients.iam, name, &inventory.names.policy(group, user)).await?;
        let trust = role.assume_role_policy_document().unwrap_or_default();
        Ok(Some(ActualResource {
            name: name.to_owned(),
            body: Self {
                trust: document(trust),
                permissions: document(&policies.ours),
                other_policies: policies.others,
                attached_policies: policies.attached,
            }
            .into(),
            tags: Some(tags_from(role.tags(), |tag| (Some(tag.key()), Some(tag.value())))),
            outputs: vec![(Output::Arn, role.arn().to_owned())],
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let made = cloud
            .clients
            .iam
            .create_role()
            .role_name(target.name)
            .path(cloud.names.role_path())
            .assume_role_policy_document(self.trust.document())
            .set_tags(Some(tags(target.tags())?))
            .send()
            .await
            .context("iam CreateRole")?;
        let role = required_field(made.role, "iam CreateRole", "role")?;
        put_policy(cloud, target, &self.permissions).await?;
        Ok(vec![(Output::Arn, role.arn)])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let iam = &cloud.clients.iam;
        if from.differs(&["permissions"]) {
            put_policy(cloud, target, &self.permissions).await?;
        }
        let fields = from.standing.body.fields();
        policies::remove_others(iam, target.name, &fields).await?;
        if from.differs(&["trust"]) {
            let ask = iam.update_assume_role_policy().role_name(target.name);
            let ask = ask.policy_document(self.trust.document());
            ask.send().await.context("iam UpdateAssumeRolePolicy")?;
        }
        let new = from.new_tags(target);
        if !new.is_empty() {
            let ask = iam
                .tag_role()
                .role_name(target.name)
                .set_tags(Some(tags(new.into_iter())?));
            ask.send().await.context("iam TagRole")?;
        }
        Ok(from.given())
    }

    async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        let roles = inventory.roles().await?.iter().map(|role| {
            let tags = tags_from(role.tags(), |tag| (Some(tag.key()), Some(tag.value())));
            Remnant::named(role.role_name().to_owned(), Some(tags))
        });
        let of = |role: &Remnant| {
            role_id(
                inventory.names,
                &role.name,
                role.tags.as_ref().unwrap_or(&Tags::default()),
            )
        };
        Ok(roles.filter(|role| of(role) == id).collect())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        let (group, user) = of(step.id.resource())?;
        let policy = cloud.names.policy(group, user);
        each(step, |role| {
            removal::delete(&cloud.clients.iam, &role.handle, &policy)
        })
        .await
    }
}

async fn put_policy(cloud: &Cloud, target: &Target<'_>, policy: &Policy) -> Result<()> {
    let (group, user) = of(target.id)?;
    let ask = cloud.clients.iam.put_role_policy().role_name(target.name);
    let ask = ask
        .policy_name(cloud.names.policy(group, user))
        .policy_document(policy.document());
    ask.send().await.context("iam PutRolePolicy").map(drop)
}

fn of(id: ResourceId) -> Result<(HostGroup, RoleUse)> {
    match id {
        ResourceId::Role(group, user) => Ok((group, user)),
        _ => Err(Error::bug("iam GetRole", "not a role")),
    }
}

/// A document as IAM gives it, percent-encoded. One that is none of ours reads as an empty one: it differs, and is replaced.
fn document(encoded: &str) -> Policy {
    Policy::parse(&decoded(encoded)).unwrap_or_else(|_| Policy::empty())
}

fn decoded(encoded: &str) -> String {
    let bytes = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| encoded.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| Error::bug("iam TagRole", error.to_string()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn decodes_what_iam_encodes() {
        assert_eq!(
            super::decoded("%7B%22a%22%3A%20%22%C3%A9+%22%7D"),
            "{\"a\": \"é+\"}"
        );
        assert_eq!(super::decoded("{\"plain\": 100%}"), "{\"plain\": 100%}");
    }
}
