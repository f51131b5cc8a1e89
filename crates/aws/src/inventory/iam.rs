use super::Inventory;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::pages::all;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_iam::types::{Role, Tag};
use deployment::{HostGroup, RoleUse, tags};
use futures::future::try_join_all;
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    roles: OnceCell<Vec<Role>>,
}

impl Inventory<'_> {
    /// The roles below the cluster's path. IAM lists roles without tags: each role is requested separately.
    pub(crate) async fn roles(&self) -> Result<&[Role]> {
        let roles = self.iam.roles.get_or_try_init(|| async {
            let iam = &self.clients.iam;
            let pages = iam
                .list_roles()
                .path_prefix(self.names.role_path())
                .into_paginator();
            let listed = all(pages.items().send(), "iam ListRoles").await?;
            let each = listed.into_iter().map(|role| async move {
                let response = iam.get_role().role_name(role.role_name()).send().await;
                let response = ignore_not_found(response.context("iam GetRole"))?;
                Ok::<_, Error>(response.and_then(|response| response.role))
            });
            Ok::<_, Error>(try_join_all(each).await?.into_iter().flatten().collect())
        });
        Ok(roles.await?)
    }

    /// The role of a host group for a use: the role whose tag says so. Roles of wekactl 1.x do not have this tag: such a role is
    /// identified by the function, state machine or rule that uses it.
    pub(crate) async fn role(&self, group: HostGroup, role_use: RoleUse) -> Result<Option<&Role>> {
        let cluster = self.names.cluster().as_str();
        let roles = self.roles().await?.iter();
        let owned = roles.filter(|role| tag(role, tags::CLUSTER_NAME) == Some(cluster));
        let tagged = owned.clone().find(|role| {
            tag(role, tags::HOSTGROUP_NAME) == Some(group.name())
                && tag(role, tags::USE) == Some(role_use.name())
        });
        if tagged.is_some() {
            return Ok(tagged);
        }
        let without_use: Vec<_> = owned.filter(|role| tag(role, tags::USE).is_none()).collect();
        if without_use.is_empty() {
            return Ok(None);
        }
        let used = self.used_roles(group, role_use).await?;
        let mut found = used
            .iter()
            .filter_map(|arn| without_use.iter().find(|role| role.arn() == *arn));
        Ok(found.next().copied())
    }

    /// The ARNs of the roles with this use. A rule can have several: wekactl 1.x may have added targets.
    async fn used_roles(&self, group: HostGroup, role_use: RoleUse) -> Result<Vec<&str>> {
        Ok(match role_use {
            RoleUse::Function(function) => {
                let found = self.function(group, function).await?;
                let role = found.and_then(|found| found.configuration()?.role());
                role.into_iter().collect()
            }
            RoleUse::StateMachine => {
                let found = self.state_machine(group).await?;
                found.map(|found| found.role_arn()).into_iter().collect()
            }
            RoleUse::Rule => {
                let targets = self.targets(group).await?.iter();
                targets.filter_map(Target::role_arn).collect()
            }
        })
    }
}

fn tag<'r>(role: &'r Role, key: &str) -> Option<&'r str> {
    let tag = role.tags().iter().find(|tag| tag.key() == key);
    tag.map(Tag::value)
}
