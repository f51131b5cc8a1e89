//! Host group: join API.

use super::{Drift, Ids, drift, patch};
use aws::cloud::Clients;

pub(super) fn drifts<'a>(aws: &'a Clients, ids: &'a Ids) -> Vec<Drift<'a>> {
    let gateway = &aws.apigateway;
    let api = ids.api.as_str();
    let arn = |part: String| format!("arn:aws:apigateway:eu-west-1::/{part}");
    let method = || {
        gateway
            .update_method()
            .rest_api_id(api)
            .resource_id(&ids.resource)
            .http_method("GET")
    };
    vec![
        drift(
            "REST API",
            &["api_key_required", "deployed"],
            &["apigateway UpdateMethod", "apigateway CreateDeployment"],
            method()
                .patch_operations(patch("/apiKeyRequired", "false"))
                .send(),
        ),
        drift(
            "REST API",
            &["deployed", "integration_uri"],
            &["apigateway PutIntegration", "apigateway CreateDeployment"],
            gateway
                .put_integration()
                .rest_api_id(api)
                .resource_id(&ids.resource)
                .http_method("GET")
                .r#type("AWS_PROXY".into())
                .integration_http_method("POST")
                .uri("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/mine/invocations")
                .send(),
        ),
        drift(
            "REST API",
            &["deployed", "endpoint_type"],
            &["apigateway UpdateRestApi", "apigateway CreateDeployment"],
            gateway
                .update_rest_api()
                .rest_api_id(api)
                .patch_operations(patch("/endpointConfiguration/types/REGIONAL", "EDGE"))
                .send(),
        ),
        // The API is correct, but the stage serves an old deployment: the state after an interrupted update.
        drift(
            "REST API",
            &["deployed"],
            &["apigateway CreateDeployment"],
            gateway
                .create_deployment()
                .rest_api_id(api)
                .stage_name("default")
                .send(),
        ),
        drift(
            "REST API",
            &["throttle.burst", "throttle.rate"],
            &["apigateway UpdateUsagePlan"],
            gateway
                .update_usage_plan()
                .usage_plan_id(&ids.plan)
                .patch_operations(patch("/throttle/rateLimit", "1"))
                .patch_operations(patch("/throttle/burstLimit", "1"))
                .send(),
        ),
        drift(
            "REST API",
            &["key_enabled"],
            &["apigateway UpdateApiKey"],
            gateway
                .update_api_key()
                .api_key(&ids.api_key)
                .patch_operations(patch("/enabled", "false"))
                .send(),
        ),
        drift(
            "REST API",
            &["key_enabled"],
            &["apigateway CreateUsagePlanKey"],
            gateway
                .delete_usage_plan_key()
                .usage_plan_id(&ids.plan)
                .key_id(&ids.api_key)
                .send(),
        ),
        drift(
            "REST API",
            &["tags.team"],
            &["apigateway TagResource"],
            gateway
                .untag_resource()
                .resource_arn(arn(format!("restapis/{api}")))
                .tag_keys("team")
                .send(),
        ),
        drift(
            "REST API",
            &["key_enabled"],
            &["apigateway TagResource"],
            gateway
                .untag_resource()
                .resource_arn(arn(format!("usageplans/{}", ids.plan)))
                .tag_keys("team")
                .send(),
        ),
    ]
}
