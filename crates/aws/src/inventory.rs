//! Looking at what stands: every resource by one call or a few, all of them side by side.
//!
//! What several resources need (the roles below the cluster's path, the load balancer, the account, what uses a role) is
//! asked for once.

use crate::cloud::Clients;
use crate::error::{Context, Error, Result, required_field};
use crate::error_codes::ignore_not_found;
use crate::leftovers::Leftovers;
use crate::pages::all;
use crate::resource;
use crate::role_consumers::RoleConsumers;
use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
use aws_sdk_iam::types::{Role, Tag};
use deployment::plan::Observed;
use deployment::{Account, HostGroup, Names, ResourceId, RoleUse, tags};
use futures::future::try_join_all;
use std::sync::OnceLock;
use tokio::sync::OnceCell;

/// A look at one cluster.
#[derive(Debug)]
pub struct Inventory<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) names: &'a Names,
    region: String,
    caller: OnceCell<(String, Account)>,
    account: OnceCell<Account>,
    load_balancer: OnceCell<Option<LoadBalancer>>,
    roles: OnceCell<Vec<Role>>,
    pub(crate) role_consumers: RoleConsumers,
    alias: OnceLock<(String, String)>,
    classic_load_balancer: OnceLock<String>,
    pub(crate) leftovers: Leftovers,
}

impl<'a> Inventory<'a> {
    /// A look at the cluster with these names.
    pub fn new(clients: &'a Clients, names: &'a Names, region: &str) -> Self {
        Self {
            clients,
            names,
            region: region.to_owned(),
            caller: OnceCell::new(),
            account: OnceCell::new(),
            load_balancer: OnceCell::new(),
            roles: OnceCell::new(),
            role_consumers: RoleConsumers::default(),
            alias: OnceLock::new(),
            classic_load_balancer: OnceLock::new(),
            leftovers: Leftovers::default(),
        }
    }

    /// The same in an account that is known: it is not asked for.
    #[must_use]
    pub(crate) fn with_account(self, account: &Account) -> Self {
        Self {
            account: OnceCell::new_with(Some(account.clone())),
            ..self
        }
    }

    /// What stands of these resources, all asked for at once.
    ///
    /// # Errors
    /// The first request that failed: what could not be seen is not taken for absent.
    pub async fn at(&self, ids: impl IntoIterator<Item = ResourceId>) -> Result<Observed> {
        let seen = try_join_all(ids.into_iter().map(|id| async move {
            Ok::<_, Error>(resource::observe(self, id).await?.map(|standing| (id, standing)))
        }));
        Ok(seen.await?.into_iter().flatten().collect())
    }

    /// The caller's account.
    ///
    /// # Errors
    /// There are no credentials, or they are not valid.
    pub async fn account(&self) -> Result<&Account> {
        let ask = self
            .account
            .get_or_try_init(|| async { Ok(self.caller().await?.1.clone()) });
        ask.await
    }

    /// The caller's ARN.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn caller_arn(&self) -> Result<&str> {
        Ok(&self.caller().await?.0)
    }

    async fn caller(&self) -> Result<&(String, Account)> {
        let ask = self.caller.get_or_try_init(|| async {
            const ASK: &str = "sts GetCallerIdentity";
            let caller = self.clients.sts.get_caller_identity().send().await.context(ASK)?;
            let arn = required_field(caller.arn, ASK, "ARN")?;
            let account = required_field(Account::of_caller(&arn, &self.region), ASK, "ARN of an account")?;
            Ok((arn, account))
        });
        ask.await
    }

    pub(crate) async fn load_balancer(&self) -> Result<Option<&LoadBalancer>> {
        let found = self.load_balancer.get_or_try_init(|| async {
            let ask = self
                .clients
                .elbv2
                .describe_load_balancers()
                .names(self.names.load_balancer());
            let answer = ask
                .send()
                .await
                .context("elasticloadbalancing DescribeLoadBalancers");
            let answer = ignore_not_found(answer)?;
            Ok(answer.and_then(|answer| answer.load_balancers.unwrap_or_default().pop()))
        });
        Ok(found.await?.as_ref())
    }

    /// The roles below the cluster's path. IAM lists roles without their tags: each is asked for.
    pub(crate) async fn roles(&self) -> Result<&[Role]> {
        let roles = self.roles.get_or_try_init(|| async {
            let iam = &self.clients.iam;
            let pages = iam
                .list_roles()
                .path_prefix(self.names.role_path())
                .into_paginator()
                .items()
                .send();
            let listed = all(pages, "iam ListRoles").await?;
            let each = listed.into_iter().map(|role| async move {
                let answer = iam
                    .get_role()
                    .role_name(role.role_name())
                    .send()
                    .await
                    .context("iam GetRole");
                Ok::<_, Error>(ignore_not_found(answer)?.and_then(|answer| answer.role))
            });
            Ok::<_, Error>(try_join_all(each).await?.into_iter().flatten().collect())
        });
        Ok(roles.await?)
    }

    /// The role of a host group for a use: the one whose tag says so; else, because the Go tool's roles have no such tag,
    /// the one without it that the function, the state machine or the rule uses.
    pub(crate) async fn role(&self, group: HostGroup, user: RoleUse) -> Result<Option<&Role>> {
        let cluster = self.names.cluster().as_str();
        let roles = self.roles().await?.iter();
        let ours = roles.filter(|role| tag(role, tags::CLUSTER_NAME) == Some(cluster));
        let known = ours.clone().find(|role| {
            tag(role, tags::HOSTGROUP_NAME) == Some(group.name()) && tag(role, tags::USE) == Some(user.name())
        });
        if known.is_some() {
            return Ok(known);
        }
        let unsaid: Vec<_> = ours.filter(|role| tag(role, tags::USE).is_none()).collect();
        if unsaid.is_empty() {
            return Ok(None);
        }
        let used = self.roles_used(group, user).await?;
        let mut found = used
            .iter()
            .filter_map(|arn| unsaid.iter().find(|role| role.arn() == *arn));
        Ok(found.next().copied())
    }

    /// Has the alias record of this name in this hosted zone looked at, too. Where it is to be is not known by the cluster's name.
    pub fn has_alias(&self, zone: &str, alias: &str) {
        self.alias.get_or_init(|| (zone.to_owned(), alias.to_owned()));
    }

    pub(crate) fn alias(&self) -> Option<(&str, &str)> {
        let (zone, alias) = self.alias.get()?;
        Some((zone, alias))
    }

    /// Has the stack's classic load balancer looked at, too. It is found while other things are looked at already.
    pub fn has_classic_load_balancer(&self, name: &str) {
        self.classic_load_balancer.get_or_init(|| name.to_owned());
    }

    pub(crate) fn classic_load_balancer(&self) -> Option<&str> {
        self.classic_load_balancer.get().map(String::as_str)
    }
}

fn tag<'r>(role: &'r Role, key: &str) -> Option<&'r str> {
    let tag = role.tags().iter().find(|tag| tag.key() == key);
    tag.map(Tag::value)
}
