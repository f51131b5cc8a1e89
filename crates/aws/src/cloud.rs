//! The clients of every service that the CLI talks to, for one cluster.

use crate::requests::Log;
use aws_config::SdkConfig;
use deployment::{Account, Names};

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident;)*) => {
        /// A client for each service. The functions in Lambda use single clients instead, so that their binary holds no
        /// code of services that they do not call.
        #[derive(Debug, Clone)]
        pub struct Clients {
            $($(#[$doc])* pub $name: $sdk::Client,)*
        }

        impl Clients {
            /// The clients with this configuration, each request of theirs logged.
            pub fn new(config: &SdkConfig) -> Self {
                Self {
                    $($name: $sdk::Client::from_conf(
                        $sdk::config::Builder::from(config).interceptor(Log).build(),
                    ),)*
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

/// What carrying out a plan needs beside the plan.
#[derive(Debug)]
pub struct Cloud {
    /// The clients.
    pub clients: Clients,
    /// The account and region.
    pub account: Account,
    /// The names of the cluster's resources.
    pub names: Names,
    /// The functions' code as a zip archive.
    pub package: Vec<u8>,
}
