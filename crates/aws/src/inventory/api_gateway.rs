use super::Inventory;
use crate::error::{Error, Result};
use crate::pages::all;
use aws_sdk_apigateway::types::{ApiKey, RestApi, UsagePlan};
use deployment::HostGroup;
use futures::future::try_join_all;
use tokio::sync::OnceCell;

/// Limit of API Gateway.
const PAGE: i32 = 500;

#[derive(Debug, Default)]
pub(super) struct Cache {
    apis: OnceCell<Vec<RestApi>>,
    plans: OnceCell<Vec<UsagePlan>>,
    keys: OnceCell<Vec<ApiKey>>,
}

impl Inventory<'_> {
    /// All REST APIs of the account.
    pub(crate) async fn apis(&self) -> Result<&[RestApi]> {
        let apis = self.api_gateway.apis.get_or_try_init(|| async {
            let pages = self
                .clients
                .apigateway
                .get_rest_apis()
                .limit(PAGE)
                .into_paginator();
            all(pages.items().send(), "apigateway GetRestApis").await
        });
        Ok(apis.await?)
    }

    /// All usage plans of the account.
    pub(crate) async fn usage_plans(&self) -> Result<&[UsagePlan]> {
        let plans = self.api_gateway.plans.get_or_try_init(|| async {
            let pages = self
                .clients
                .apigateway
                .get_usage_plans()
                .limit(PAGE)
                .into_paginator();
            all(pages.items().send(), "apigateway GetUsagePlans").await
        });
        Ok(plans.await?)
    }

    /// The API keys whose names start with the cluster's names, without their values.
    pub(crate) async fn api_keys(&self) -> Result<&[ApiKey]> {
        let keys = self.api_gateway.keys.get_or_try_init(|| async {
            let each = HostGroup::ALL.map(|group| async move {
                let request = self.clients.apigateway.get_api_keys().limit(PAGE);
                let pages = request.name_query(self.names.of(group)).into_paginator();
                all(pages.items().send(), "apigateway GetApiKeys").await
            });
            let found = try_join_all(each).await?;
            Ok::<_, Error>(found.into_iter().flatten().collect())
        });
        Ok(keys.await?)
    }
}
