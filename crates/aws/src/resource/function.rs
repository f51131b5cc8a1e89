use super::{From, Given, Left, Resource, Target, each, known};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::{ignore_not_found, is_not_ready, is_role_propagation_error};
use crate::inventory::Inventory;
use crate::retry;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime, State,
    TracingConfig, TracingMode, VpcConfig,
};
use backon::Retryable;
use deployment::plan::{ActualResource, Change};
use deployment::removal::{Remnant, Step};
use deployment::resource::{Function, ResourceId, Vpc};
use deployment::{FunctionType, Output, Secret, Tags, Value};
use std::collections::HashMap;

/// The environment variable of the key under which credentials are sealed.
const SEAL_KEY: &str = "SEAL_KEY";

impl Resource for Function {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let ResourceId::Function(group, function) = id else {
            return Err(Error::bug("lambda GetFunction", "not a function"));
        };
        let Some(answer) = inventory.function(group, function).await? else {
            return Ok(None);
        };
        let empty = FunctionConfiguration::builder().build();
        let found = answer.configuration().unwrap_or(&empty);
        let mut environment: HashMap<_, _> = found
            .environment()
            .and_then(|environment| environment.variables().cloned())
            .unwrap_or_default();
        let seal_key = environment.remove(SEAL_KEY).map(Secret::new);
        let vpc = found
            .vpc_config()
            .filter(|vpc| !vpc.subnet_ids().is_empty())
            .map(|vpc| Vpc {
                subnets: vpc.subnet_ids().iter().cloned().collect(),
                security_groups: vpc.security_group_ids().iter().cloned().collect(),
            });
        Ok(Some(ActualResource {
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
                seal_key,
                vpc,
                tracing: found
                    .tracing_config()
                    .and_then(|tracing| tracing.mode())
                    .map_or("PassThrough", TracingMode::as_str)
                    .to_owned(),
            }
            .into(),
            tags: Some(Tags(
                answer.tags().cloned().unwrap_or_default().into_iter().collect(),
            )),
            outputs: vec![(Output::Arn, found.function_arn().unwrap_or_default().to_owned())],
            name: inventory.names.function(group, function),
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        const ASK: &str = "lambda CreateFunction";
        let (role, key) = (known(&self.role, ASK)?, known(&self.kms_key, ASK)?);
        let code = FunctionCode::builder()
            .zip_file(Blob::new(&*cloud.package))
            .build();
        let ask = || async {
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
                .environment(self.variables())
                .set_vpc_config(self.vpc.as_ref().map(vpc_config))
                .set_tags(Some(tags(target.tags())))
                .send()
                .await
                .context(ASK)
        };
        let made = ask
            .retry(retry::role_propagation())
            .when(is_role_propagation_error)
            .await?;
        if made.state != Some(State::Active) {
            wait(cloud, target.name).await?;
        }
        Ok(vec![(Output::Arn, made.function_arn.unwrap_or_default())])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let lambda = &cloud.clients.lambda;
        // Lambda refuses a change while another is under way; a broken off run may have left one.
        if from.body_differs() {
            wait(cloud, target.name).await?;
        }
        // The code last: ours needs the runtime and the environment that come with the configuration, and what stands, the Go
        // tool's code too, runs with them as well. So every invocation in between finds what it needs.
        let is_code = |field: &str| ["code_sha256", "architecture"].contains(&field);
        let differs = |change: &Change| !change.field.starts_with("tags.") && !is_code(&change.field);
        if from.changes.iter().any(differs) {
            self.configure(cloud, target).await?;
            wait(cloud, target.name).await?;
        }
        if from.differs(&["code_sha256", "architecture"]) {
            let ask = lambda.update_function_code().function_name(target.name);
            let ask = ask.architectures(Architecture::from(self.architecture.as_str()));
            let ask = ask.zip_file(Blob::new(&*cloud.package));
            ask.send().await.context("lambda UpdateFunctionCode")?;
            wait(cloud, target.name).await?;
        }
        let new = from.new_tags(target);
        if !new.is_empty() {
            let ask = lambda.tag_resource().resource(from.output(Output::Arn));
            ask.set_tags(Some(tags(new.into_iter())))
                .send()
                .await
                .context("lambda TagResource")?;
        }
        Ok(from.given())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        each(step, async |function: &Remnant| {
            let ask = cloud
                .clients
                .lambda
                .delete_function()
                .function_name(&function.name);
            let answer = ask.send().await.context("lambda DeleteFunction");
            ignore_not_found(answer).map(drop)
        })
        .await?;
        // Only scale is in the VPC.
        let attached = matches!(step.id.resource(), ResourceId::Function(_, FunctionType::Scale));
        Ok(attached.then(|| {
            format!(
                "network interfaces of the function {}: AWS releases them within 20 to 45 minutes, and their security groups and subnets with them",
                step.name
            )
        }))
    }
}

trait Parts {
    fn variables(&self) -> Environment;
    async fn configure(&self, cloud: &Cloud, target: &Target<'_>) -> Result<()>;
}

impl Parts for Function {
    fn variables(&self) -> Environment {
        let mut variables: HashMap<_, _> = self.environment.clone().into_iter().collect();
        if let Some(key) = &self.seal_key {
            variables.insert(SEAL_KEY.to_owned(), key.reveal().to_owned());
        }
        Environment::builder().set_variables(Some(variables)).build()
    }

    async fn configure(&self, cloud: &Cloud, target: &Target<'_>) -> Result<()> {
        const ASK: &str = "lambda UpdateFunctionConfiguration";
        let (role, key) = (known(&self.role, ASK)?, known(&self.kms_key, ASK)?);
        let nowhere = || {
            VpcConfig::builder()
                .set_subnet_ids(Some(vec![]))
                .set_security_group_ids(Some(vec![]))
                .build()
        };
        let ask = || async {
            let ask = cloud
                .clients
                .lambda
                .update_function_configuration()
                .function_name(target.name);
            let ask = ask
                .description(&self.description)
                .runtime(Runtime::from(self.runtime.as_str()));
            let ask = ask
                .handler(&self.handler)
                .memory_size(self.memory_mib)
                .timeout(self.timeout_seconds);
            let ask = ask.role(&role).kms_key_arn(&key).environment(self.variables());
            let ask = ask.vpc_config(self.vpc.as_ref().map_or_else(nowhere, vpc_config));
            let mode = TracingMode::from(self.tracing.as_str());
            let ask = ask.tracing_config(TracingConfig::builder().mode(mode).build());
            ask.send().await.context(ASK)
        };
        ask.retry(retry::role_propagation())
            .when(is_role_propagation_error)
            .await
            .map(drop)
    }
}

fn vpc_config(vpc: &Vpc) -> VpcConfig {
    VpcConfig::builder()
        .set_subnet_ids(Some(vpc.subnets.iter().cloned().collect()))
        .set_security_group_ids(Some(vpc.security_groups.iter().cloned().collect()))
        .build()
}

/// Waits until Lambda says that the function can be called and changed.
async fn wait(cloud: &Cloud, name: &str) -> Result<()> {
    const ASK: &str = "lambda GetFunctionConfiguration";
    let ask = || async {
        let asked = cloud
            .clients
            .lambda
            .get_function_configuration()
            .function_name(name)
            .send()
            .await;
        let found = asked.context(ASK)?;
        let reason = |reason: Option<&str>| reason.unwrap_or("no reason given").to_owned();
        match (found.state(), found.last_update_status()) {
            (Some(State::Failed), _) => Ok(Err(Error::invalid_state(ASK, reason(found.state_reason())))),
            (_, Some(LastUpdateStatus::Failed)) => Ok(Err(Error::invalid_state(
                ASK,
                reason(found.last_update_status_reason()),
            ))),
            (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => Err(Error::not_ready(
                ASK,
                format!("function {name} is still being set up"),
            )),
            _ => Ok(Ok(())),
        }
    };
    ask.retry(retry::minutes()).when(is_not_ready).await?
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> HashMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
