//! The clients of every service that the CLI talks to, for one cluster.

use crate::requests::{LogRequests, MAX_IN_FLIGHT, limited};
use aws_config::SdkConfig;
use deployment::{Account, Names};
use std::sync::Arc;
use tokio::sync::Semaphore;

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident;)*) => {
        /// A client for each service. The functions in Lambda use single clients instead, so that their binary holds no
        /// code of services that they do not call.
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

            /// The same, with no more than [`MAX_IN_FLIGHT`] requests under way at once, whatever service they go to.
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
    /// STS.
    sts: aws_sdk_sts;
}

/// How often API Gateway is asked before a request counts as failed. Its limits are by account and slow: a REST API in three seconds, a
/// deployment in five, a change of a usage plan in twenty; an import with clients makes two of each at once.
const API_GATEWAY_ATTEMPTS: u32 = 10;

impl Clients {
    /// The clients with this configuration, each request of theirs logged. API Gateway is asked more often than the configuration says,
    /// where that has anything asked again.
    pub fn new(config: &SdkConfig) -> Self {
        let mut clients = Self::alike(config);
        if let Some(retry) = config.retry_config().filter(|retry| retry.has_retry()) {
            let patient = clients.apigateway.config().to_builder();
            let patient = patient.retry_config(retry.clone().with_max_attempts(API_GATEWAY_ATTEMPTS));
            clients.apigateway = aws_sdk_apigateway::Client::from_conf(patient.build());
        }
        clients
    }
}

/// What carrying out a plan needs beside the plan.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// The clients.
    pub clients: Clients,
    /// The account and region.
    pub account: Account,
    /// The names of the cluster's resources.
    pub names: Names,
    /// The functions' code as a zip archive.
    pub package: Arc<[u8]>,
}

impl Cloud {
    /// The same, for a burst of requests that change something: AWS answers fewer of those than of questions.
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
    use std::time::Duration;

    #[tokio::test]
    async fn the_slow_limits_of_api_gateway_are_waited_for() {
        let refused = || {
            json_response(
                429,
                &json!({ "__type": "TooManyRequestsException", "message": "slower" }),
            )
        };
        let answers = std::iter::repeat_with(refused).take(8);
        let made = json_response(201, &json!({ "id": "d1" }));
        let patient = |client| {
            let config = config(client).into_builder();
            let retry = RetryConfig::standard().with_max_attempts(4);
            let quick = retry.with_initial_backoff(Duration::from_millis(1));
            Clients::new(&config.retry_config(quick).build())
        };
        let clients = patient(replay(answers.chain([made])));
        let ask = clients
            .apigateway
            .create_deployment()
            .rest_api_id("a1")
            .stage_name("default");
        assert_eq!(ask.send().await.unwrap().id(), Some("d1"));
        // Others are asked as often as the configuration says.
        let clients = patient(replay(std::iter::repeat_with(refused).take(8)));
        assert!(clients.sfn.list_state_machines().send().await.is_err());
    }
}
