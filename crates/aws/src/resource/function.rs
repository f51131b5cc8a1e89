use super::{
    DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_with, found_by_observing,
    resolved,
};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::{is_not_found, is_not_ready, is_retryable_delete};
use crate::inventory::Inventory;
use crate::retry;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime, State,
    TracingConfig, TracingMode, VpcConfig,
};
use backon::Retryable;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::{Function, Vpc};
use deployment::{FunctionType, HostGroup, Output, Secret, Tags, Value};
use std::collections::HashMap;

/// The environment variable with the key that seals the credentials.
const SEAL_KEY: &str = "SEAL_KEY";
/// The environment variable with the id of the launch template.
const LAUNCH_TEMPLATE: &str = "LAUNCH_TEMPLATE_ID";

impl Observe for Function {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let (group, function) = key;
        let Some(response) = inventory.function(group, function).await? else {
            return Ok(None);
        };
        let empty = FunctionConfiguration::builder().build();
        let found = response.configuration().unwrap_or(&empty);
        let mut environment: HashMap<_, _> = found
            .environment()
            .and_then(|environment| environment.variables().cloned())
            .unwrap_or_default();
        let seal_key = environment.remove(SEAL_KEY).map(Secret::new);
        let launch_template = environment.remove(LAUNCH_TEMPLATE).map(Value::Resolved);
        let vpc = found
            .vpc_config()
            .filter(|vpc| !vpc.subnet_ids().is_empty())
            .map(|vpc| Vpc {
                subnets: vpc.subnet_ids().iter().cloned().collect(),
                security_groups: vpc.security_group_ids().iter().cloned().collect(),
            });
        Ok(Some(Actual {
            body: Self {
                description: found.description().unwrap_or_default().to_owned(),
                runtime: found.runtime().map_or("", Runtime::as_str).to_owned(),
                handler: found.handler().unwrap_or_default().to_owned(),
                architecture: found
                    .architectures()
                    .first()
                    .map_or("x86_64", Architecture::as_str)
                    .to_owned(),
                memory_mib: found.memory_size().unwrap_or_default(),
                timeout_seconds: found.timeout().unwrap_or_default(),
                code_sha256: found.code_sha256().unwrap_or_default().to_owned(),
                role: Value::from(found.role().unwrap_or_default()),
                kms_key: Value::from(found.kms_key_arn().unwrap_or_default()),
                environment: environment.into_iter().collect(),
                launch_template,
                seal_key,
                vpc,
                tracing: found
                    .tracing_config()
                    .and_then(|tracing| tracing.mode())
                    .map_or("PassThrough", TracingMode::as_str)
                    .to_owned(),
            },
            tags: Some(Tags(
                response.tags().cloned().unwrap_or_default().into_iter().collect(),
            )),
            outputs: vec![(Output::Arn, found.function_arn().unwrap_or_default().to_owned())],
            name: inventory.names.function(group, function),
        }))
    }
}

impl Resource for Function {
    type Key = (HostGroup, FunctionType);

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        const OPERATION: &str = "lambda CreateFunction";
        let (role, key) = (
            resolved(&self.role, OPERATION)?,
            resolved(&self.kms_key, OPERATION)?,
        );
        let environment = self.variables(OPERATION)?;
        let code = FunctionCode::builder()
            .zip_file(Blob::new(&*cloud.package))
            .build();
        let request = || async {
            cloud
                .clients
                .lambda
                .create_function()
                .function_name(target.name)
                .description(&self.description)
                .runtime(Runtime::from(self.runtime.as_str()))
                .handler(&self.handler)
                .architectures(Architecture::from(self.architecture.as_str()))
                .memory_size(self.memory_mib)
                .timeout(self.timeout_seconds)
                .code(code.clone())
                .role(&role)
                .kms_key_arn(&key)
                .environment(environment.clone())
                .set_vpc_config(self.vpc.as_ref().map(vpc_config))
                .set_tags(Some(tags(target.tags())))
                .send()
                .await
                .context(OPERATION)
        };
        let created = retry::until_role_works(request).await?;
        if created.state != Some(State::Active) {
            wait(cloud, target.name).await?;
        }
        Ok(vec![(Output::Arn, created.function_arn.unwrap_or_default())])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let lambda = &cloud.clients.lambda;
        // Lambda rejects a change while another is in progress, which an interrupted run may have left.
        if *self != current.body {
            wait(cloud, target.name).await?;
        }
        // The code comes last: it needs the new runtime and environment. The old code, also that of wekactl 1.x, runs with them
        // as well, so invocations in between succeed.
        let configuration = Self {
            code_sha256: current.body.code_sha256.clone(),
            architecture: current.body.architecture.clone(),
            ..self.clone()
        };
        if configuration != current.body {
            self.configure(cloud, target).await?;
            wait(cloud, target.name).await?;
        }
        if self.code_sha256 != current.body.code_sha256 || self.architecture != current.body.architecture {
            let request = lambda.update_function_code().function_name(target.name);
            let request = request.architectures(Architecture::from(self.architecture.as_str()));
            let request = request.zip_file(Blob::new(&*cloud.package));
            let change = || async { request.clone().send().await.context("lambda UpdateFunctionCode") };
            retry::until_accepted(change).await?;
            wait(cloud, target.name).await?;
        }
        let new = target.new_tags(current);
        if !new.is_empty() {
            let request = lambda.tag_resource().resource(current.output(Output::Arn));
            request
                .set_tags(Some(tags(new.into_iter())))
                .send()
                .await
                .context("lambda TagResource")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for Function {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        found_by_observing::<Self>(inventory, key).await
    }
}

impl Delete for Function {
    async fn delete(cloud: &Cloud, key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        // Only scale is attached to a VPC.
        if key.1 == FunctionType::Scale {
            for function in &teardown.found {
                detach(cloud, &function.name).await?;
            }
        }
        delete_with("lambda DeleteFunction", &teardown.found, |found| {
            let request = cloud.clients.lambda.delete_function();
            request.function_name(&found.name).send()
        })
        .await
    }
}

/// Detaches a function from its VPC, so that Lambda starts to delete its network interfaces.
///
/// The function may be broken, for example without a role: it is deleted in any case. Only errors that are worth a retry are returned.
async fn detach(cloud: &Cloud, function: &str) -> Result<()> {
    const OPERATION: &str = "lambda UpdateFunctionConfiguration";
    let request = cloud.clients.lambda.update_function_configuration();
    let request = request.function_name(function).vpc_config(no_vpc());
    let detached = match request.send().await.context(OPERATION) {
        Ok(_) => wait(cloud, function).await,
        Err(error) => Err(error),
    };
    match detached {
        Err(error) if is_retryable_delete(&error) => Err(error),
        Err(error) => {
            tracing::warn!(function, %error, "function is deleted without being detached from its VPC");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

trait Parts {
    fn variables(&self, operation: &'static str) -> Result<Environment>;
    async fn configure(&self, cloud: &Cloud, target: &Target<'_, (HostGroup, FunctionType)>) -> Result<()>;
}

impl Parts for Function {
    fn variables(&self, operation: &'static str) -> Result<Environment> {
        let mut variables: HashMap<_, _> = self.environment.clone().into_iter().collect();
        if let Some(key) = &self.seal_key {
            variables.insert(SEAL_KEY.to_owned(), key.reveal().to_owned());
        }
        if let Some(template) = &self.launch_template {
            variables.insert(LAUNCH_TEMPLATE.to_owned(), resolved(template, operation)?);
        }
        Ok(Environment::builder().set_variables(Some(variables)).build())
    }

    async fn configure(&self, cloud: &Cloud, target: &Target<'_, (HostGroup, FunctionType)>) -> Result<()> {
        const OPERATION: &str = "lambda UpdateFunctionConfiguration";
        let (role, key) = (
            resolved(&self.role, OPERATION)?,
            resolved(&self.kms_key, OPERATION)?,
        );
        let environment = self.variables(OPERATION)?;
        let request = || async {
            let request = cloud
                .clients
                .lambda
                .update_function_configuration()
                .function_name(target.name);
            let request = request
                .description(&self.description)
                .runtime(Runtime::from(self.runtime.as_str()));
            let request = request
                .handler(&self.handler)
                .memory_size(self.memory_mib)
                .timeout(self.timeout_seconds);
            let request = request
                .role(&role)
                .kms_key_arn(&key)
                .environment(environment.clone());
            let request = request.vpc_config(self.vpc.as_ref().map_or_else(no_vpc, vpc_config));
            let mode = TracingMode::from(self.tracing.as_str());
            let request = request.tracing_config(TracingConfig::builder().mode(mode).build());
            request.send().await.context(OPERATION)
        };
        retry::until_role_works(request).await.map(drop)
    }
}

fn no_vpc() -> VpcConfig {
    VpcConfig::builder()
        .set_subnet_ids(Some(vec![]))
        .set_security_group_ids(Some(vec![]))
        .build()
}

fn vpc_config(vpc: &Vpc) -> VpcConfig {
    VpcConfig::builder()
        .set_subnet_ids(Some(vpc.subnets.iter().cloned().collect()))
        .set_security_group_ids(Some(vpc.security_groups.iter().cloned().collect()))
        .build()
}

/// Waits until the function can be invoked and changed.
async fn wait(cloud: &Cloud, name: &str) -> Result<()> {
    const OPERATION: &str = "lambda GetFunctionConfiguration";
    let request = || async {
        let response = cloud
            .clients
            .lambda
            .get_function_configuration()
            .function_name(name)
            .send()
            .await;
        let found = response.context(OPERATION)?;
        let reason = |reason: Option<&str>| reason.unwrap_or("no reason given").to_owned();
        match (found.state(), found.last_update_status()) {
            (Some(State::Failed), _) => {
                Ok(Err(Error::invalid_state(OPERATION, reason(found.state_reason()))))
            }
            (_, Some(LastUpdateStatus::Failed)) => Ok(Err(Error::invalid_state(
                OPERATION,
                reason(found.last_update_status_reason()),
            ))),
            (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => Err(Error::not_ready(
                OPERATION,
                format!("function {name} is still being set up"),
            )),
            _ => Ok(Ok(())),
        }
    };
    // Lambda does not find a new function for some seconds.
    request
        .retry(retry::minutes())
        .when(|error| is_not_ready(error) || is_not_found(error))
        .await?
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> HashMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
