mod interfaces;
mod policies;
mod removal;

use super::{DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_each};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result, required_field};
use crate::error_codes::is_not_found;
use crate::inventory::Inventory;
use crate::retry;
use crate::tags::tags_from;
use aws_sdk_iam::types::Tag;
use deployment::actual::Actual;
use deployment::found::{FoundResource, role_key};
use deployment::plan::Teardown;
use deployment::policy::Policy;
use deployment::resource::Role;
use deployment::{FunctionType, HostGroup, Output, RoleUse, Tags};
use percent_encoding::percent_decode_str;
use policies::Policies;

impl Observe for Role {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let (group, role_use) = key;
        let Some(role) = inventory.role(group, role_use).await? else {
            return Ok(None);
        };
        let name = role.role_name();
        let policies = Policies::find(
            &inventory.clients.iam,
            name,
            &inventory.names.policy(group, role_use),
        )
        .await?;
        let trust = role.assume_role_policy_document().unwrap_or_default();
        Ok(Some(Actual {
            name: name.to_owned(),
            body: Self {
                trust: document(trust),
                permissions: document(&policies.ours),
                other_policies: policies.others,
                attached_policies: policies.attached,
                permissions_boundary: role
                    .permissions_boundary()
                    .and_then(|boundary| boundary.permissions_boundary_arn().map(str::to_owned)),
            },
            tags: Some(tags_from(role.tags(), |tag| (Some(tag.key()), Some(tag.value())))),
            outputs: vec![(Output::Arn, role.arn().to_owned())],
        }))
    }
}

impl Resource for Role {
    type Key = (HostGroup, RoleUse);

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let created = cloud
            .clients
            .iam
            .create_role()
            .role_name(target.name)
            .path(cloud.names.role_path())
            .assume_role_policy_document(self.trust.document())
            .set_permissions_boundary(self.permissions_boundary.clone())
            .set_tags(Some(tags(target.tags())?))
            .send()
            .await
            .context("iam CreateRole")?;
        let role = required_field(created.role, "iam CreateRole", "role")?;
        put_policy(cloud, target, &self.permissions).await?;
        Ok(vec![(Output::Arn, role.arn)])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let iam = &cloud.clients.iam;
        // A policy of the organization may deny every other change of a role without its boundary.
        if let Some(boundary) = &self.permissions_boundary
            && self.permissions_boundary != current.body.permissions_boundary
        {
            let request = iam.put_role_permissions_boundary().role_name(target.name);
            let request = request.permissions_boundary(boundary);
            request.send().await.context("iam PutRolePermissionsBoundary")?;
        }
        if self.permissions != current.body.permissions {
            put_policy(cloud, target, &self.permissions).await?;
        }
        policies::remove_others(iam, target.name, &current.body).await?;
        if self.trust != current.body.trust {
            let request = iam.update_assume_role_policy().role_name(target.name);
            let request = request.policy_document(self.trust.document());
            request.send().await.context("iam UpdateAssumeRolePolicy")?;
        }
        let new = target.new_tags(current);
        if !new.is_empty() {
            let request = iam
                .tag_role()
                .role_name(target.name)
                .set_tags(Some(tags(new.into_iter())?));
            request.send().await.context("iam TagRole")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for Role {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        let roles = inventory.roles().await?.iter().map(|role| {
            let tags = tags_from(role.tags(), |tag| (Some(tag.key()), Some(tag.value())));
            FoundResource::named(role.role_name().to_owned(), Some(tags))
        });
        let of = |role: &FoundResource| {
            role_key(
                inventory.names,
                &role.name,
                role.tags.as_ref().unwrap_or(&Tags::default()),
            )
        };
        Ok(roles.filter(|role| of(role) == key).collect())
    }
}

impl Delete for Role {
    async fn delete(cloud: &Cloud, key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        let (group, role_use) = key;
        // Only scale is attached to a VPC.
        if role_use == RoleUse::Function(FunctionType::Scale) {
            let function = cloud.names.function(group, FunctionType::Scale);
            interfaces::check_deleted(&cloud.clients.ec2, &function).await?;
        }
        let policy = cloud.names.policy(group, role_use);
        delete_each(&teardown.found, |role| {
            removal::delete(&cloud.clients.iam, &role.handle, &policy)
        })
        .await
    }
}

async fn put_policy(cloud: &Cloud, target: &Target<'_, (HostGroup, RoleUse)>, policy: &Policy) -> Result<()> {
    let (group, role_use) = target.key;
    let request = cloud.clients.iam.put_role_policy().role_name(target.name);
    let request = request
        .policy_name(cloud.names.policy(group, role_use))
        .policy_document(policy.document());
    let put = || async { request.clone().send().await.context("iam PutRolePolicy") };
    // The role may have been created a moment ago: IAM may not find it yet.
    retry::until_accepted_or(is_not_found, put).await.map(drop)
}

/// A document as IAM returns it, percent-encoded. An unreadable document becomes an empty one: it differs and is replaced.
fn document(encoded: &str) -> Policy {
    Policy::parse(&percent_decode_str(encoded).decode_utf8_lossy()).unwrap_or_else(|_| Policy::empty())
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| Error::bug("iam TagRole", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_document_is_percent_decoded() {
        let plain =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"é+","Resource":"c"}]}"#;
        let encoded = plain
            .replace('"', "%22")
            .replace('é', "%C3%A9")
            .replace(' ', "%20");
        assert_eq!(document(&encoded), Policy::parse(plain).unwrap());
        assert_eq!(document(plain), Policy::parse(plain).unwrap());
        assert_eq!(document("100%"), Policy::empty());
    }
}
