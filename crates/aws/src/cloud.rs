//! The clients of every service that the CLI talks to, for one cluster.

use crate::requests::{LogRequests, MAX_IN_FLIGHT, limited};
use aws_config::SdkConfig;
use deployment::{Account, Names};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident;)*) => {
        /// A client for each service. The Lambda functions use single clients instead, so that their binary contains only the services
        /// that they call.
        #[derive(Debug, Clone)]
        pub struct Clients {
            $($(#[$doc])* pub $name: $sdk::Client,)*
        }

        impl Clients {
            fn alike(config: &SdkConfig) -> Self {
                Self {
                    $($name: $sdk::Client::from_conf(
                        $sdk::config::Builder::from(config).interceptor(LogRequests).build(),
                    ),)*
                }
            }

            /// The same with at most [`MAX_IN_FLIGHT`] concurrent requests to all services together.
            fn limited(&self) -> Self {
                let permits = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
                Self {
                    $($name: {
                        let config = self.$name.config();
                        let client = config.http_client().map(|client| limited(client, &permits));
                        let mut config = config.to_builder();
                        config.set_http_client(client);
                        $sdk::Client::from_conf(config.build())
                    },)*
                }
            }
        }
    };
}

clients! {
    /// API Gateway.
    apigateway: aws_sdk_apigateway;
    /// EC2 Auto Scaling.
    autoscaling: aws_sdk_autoscaling;
    /// CloudFormation.
    cloudformation: aws_sdk_cloudformation;
    /// DynamoDB.
    dynamodb: aws_sdk_dynamodb;
    /// EC2.
    ec2: aws_sdk_ec2;
    /// Classic load balancers.
    elb: aws_sdk_elasticloadbalancing;
    /// Application load balancers.
    elbv2: aws_sdk_elasticloadbalancingv2;
    /// EventBridge.
    events: aws_sdk_eventbridge;
    /// IAM.
    iam: aws_sdk_iam;
    /// KMS.
    kms: aws_sdk_kms;
    /// Lambda.
    lambda: aws_sdk_lambda;
    /// CloudWatch Logs.
    logs: aws_sdk_cloudwatchlogs;
    /// Route 53.
    route53: aws_sdk_route53;
    /// Step Functions.
    sfn: aws_sdk_sfn;
    /// Resource Groups Tagging.
    tagging: aws_sdk_resourcegroupstagging;
    /// STS.
    sts: aws_sdk_sts;
}

/// Attempts of a request to API Gateway. Its limits are low and per account: one REST API in three seconds, one deployment in five, one
/// update of a usage plan in twenty; an import with clients sends two of each concurrently.
const API_GATEWAY_ATTEMPTS: u32 = 10;

impl Clients {
    /// The clients with this configuration; each request is logged. API Gateway gets more attempts, unless retries are disabled.
    pub fn new(config: &SdkConfig) -> Self {
        let mut clients = Self::alike(config);
        if let Some(retry) = config.retry_config().filter(|retry| retry.has_retry()) {
            let config = clients.apigateway.config().to_builder();
            let config = config.retry_config(retry.clone().with_max_attempts(API_GATEWAY_ATTEMPTS));
            clients.apigateway = aws_sdk_apigateway::Client::from_conf(config.build());
        }
        clients
    }
}

/// What executing a plan needs in addition to the plan.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub clients: Clients,
    pub account: Account,
    pub names: Names,
    /// The code of the functions, as a zip archive.
    pub package: Arc<[u8]>,
    /// How long a deletion waits for what AWS itself deletes later: see [`Error::Postponed`](crate::Error::Postponed).
    pub wait_for_interfaces: Duration,
}

impl Cloud {
    /// The same for requests that change resources: AWS throttles those earlier than read requests.
    pub(crate) fn limited(&self) -> Self {
        Self {
            clients: self.clients.limited(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{config, json_response, replay};
    use aws_config::retry::RetryConfig;
    use serde_json::json;

    #[tokio::test]
    async fn throttled_api_gateway_requests_are_retried_longer() {
        let throttled = || {
            json_response(
                429,
                &json!({ "__type": "TooManyRequestsException", "message": "slower" }),
            )
        };
        let responses = std::iter::repeat_with(throttled).take(8);
        let created = json_response(201, &json!({ "id": "d1" }));
        let retrying = |client| {
            let config = config(client).into_builder();
            let retry = RetryConfig::standard().with_max_attempts(4);
            let quick = retry.with_initial_backoff(Duration::from_millis(1));
            Clients::new(&config.retry_config(quick).build())
        };
        let clients = retrying(replay(responses.chain([created])));
        let request = clients
            .apigateway
            .create_deployment()
            .rest_api_id("a1")
            .stage_name("default");
        assert_eq!(request.send().await.unwrap().id(), Some("d1"));
        // Other services get the configured number of attempts.
        let clients = retrying(replay(std::iter::repeat_with(throttled).take(8)));
        assert!(clients.sfn.list_state_machines().send().await.is_err());
    }
}
