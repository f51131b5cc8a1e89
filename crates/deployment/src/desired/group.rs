//! The resources of a host group: roles, functions, join API, launch template, state machine, Auto Scaling group.

use super::build::{Build, instance_tags};
use super::definition::definition;
use crate::id::ResourceId;
use crate::names::{FunctionType, HostGroup, RoleUse};
use crate::plan::Desired;
use crate::policy;
use crate::resource::{
    AttachedInstances, AutoScalingGroup, Function, InvokePermission, LaunchTemplate, LogGroup, Mapping,
    PreparedInstances, RestApi, Role, Rule, StateMachine, Throttle, UserData, Vpc,
};
use crate::settings::GroupSettings;
use crate::tags::{self, Tags};
use crate::value::{Output, Value};
use uuid::Uuid;

/// The join API's stage.
const STAGE: &str = "default";
/// The id of the rule's target.
const TARGET_ID: &str = "state-machine";
/// The id of the statement in the policy of the join function.
const STATEMENT_ID: &str = "join-api";
/// The number of network interfaces that a client's user data attaches: Weka attaches one for each core itself when it mounts.
const CLIENT_IO_CORES: u32 = 0;
/// Only the instance itself can read its metadata, not a container on it.
const HTTP_HOP_LIMIT: i32 = 1;
/// Limits of the join API: a group that grows by hundreds of instances calls it within seconds, and retries later.
const THROTTLE: Throttle = Throttle { rate: 50, burst: 100 };

impl Build<'_> {
    pub(super) fn of_group(
        &self,
        group: HostGroup,
        settings: &GroupSettings,
        uuids: &mut impl Iterator<Item = Uuid>,
    ) -> Vec<Desired> {
        let instances = self.request.instances.get(&group).cloned().unwrap_or_default();
        let mut resources = Vec::new();
        for role_use in RoleUse::ALL {
            // Without a random id, the role exists: the plan uses its actual name.
            resources.push(self.role(group, role_use, uuids.next().unwrap_or_default()));
        }
        resources.push(self.log_group(group, None));
        for function in FunctionType::ALL {
            resources.push(self.log_group(group, Some(function)));
            resources.push(self.function(group, function));
        }
        resources.extend([
            self.rest_api(group),
            self.invoke_permission(group),
            self.launch_template(group, settings),
            self.state_machine(group),
            self.rule(group),
            self.auto_scaling_group(group, settings),
            Desired {
                tags: Some(instance_tags(
                    self.names.cluster(),
                    group,
                    &self.settings().tags_map,
                )),
                ..self.resource(
                    ResourceId::PreparedInstances(group),
                    self.names.of(group),
                    PreparedInstances {
                        tagged: instances.clone(),
                        protected: Some(instances.clone()),
                    },
                    &[],
                )
            },
            self.resource(
                ResourceId::AttachedInstances(group),
                self.names.of(group),
                AttachedInstances {
                    attached: instances.clone(),
                    protected_from_scale_in: instances,
                },
                &[
                    ResourceId::AutoScalingGroup(group),
                    ResourceId::PreparedInstances(group),
                ],
            ),
        ]);
        resources
    }

    fn role(&self, group: HostGroup, role_use: RoleUse, uuid: Uuid) -> Desired {
        let permissions = policy::permissions(self.request.account, &self.names, group, role_use);
        let mut tags = Tags::managed(
            self.names.cluster(),
            Some(group),
            &permissions.version(),
            &self.settings().tags_map,
        );
        tags.set(tags::USE, role_use.name());
        let body = Role {
            trust: policy::trust(self.request.account, role_use),
            permissions,
            other_policies: Vec::new(),
            attached_policies: Vec::new(),
            permissions_boundary: self.settings().permissions_boundary.clone(),
        };
        let depends_on: &[ResourceId] = match role_use {
            RoleUse::Function(FunctionType::Join | FunctionType::Fetch | FunctionType::Scale) => {
                &[ResourceId::KmsKey]
            }
            _ => &[],
        };
        let name = self.names.role(group, role_use, uuid);
        Desired {
            tags: Some(tags),
            ..self.resource(ResourceId::Role(group, role_use), name, body, depends_on)
        }
    }

    fn log_group(&self, group: HostGroup, function: Option<FunctionType>) -> Desired {
        let name = match function {
            Some(function) => self.names.function_log_group(group, function),
            None => self.names.state_machine_log_group(group),
        };
        self.resource(
            ResourceId::LogGroup(group, function),
            name,
            LogGroup { retention_days: 30 },
            &[],
        )
    }

    fn function(&self, group: HostGroup, function: FunctionType) -> Desired {
        let role = ResourceId::Role(group, RoleUse::Function(function));
        let variables = [
            ("LAMBDA", function.name().to_owned()),
            ("REGION", self.request.account.region.clone()),
            ("CLUSTER_NAME", self.names.cluster().to_string()),
            ("ASG_NAME", self.names.of(group)),
            ("TABLE_NAME", self.names.base()),
            ("ROLE", group.role().to_owned()),
            (
                "USE_DYNAMODB_ENDPOINT",
                self.settings().use_dynamodb_endpoint.to_string(),
            ),
        ];
        let joining = function == FunctionType::Join;
        let identity = joining.then(|| self.identity_variables());
        // Only scale calls the backends. The others call AWS, which may be unreachable from a private subnet.
        let backends = &self.settings().backends;
        let vpc = (function == FunctionType::Scale).then(|| Vpc {
            subnets: [backends.subnet.clone()].into(),
            security_groups: backends.security_groups_ids.iter().cloned().collect(),
        });
        let body = Function {
            description: format!("Wekactl {function}"),
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            architecture: self.request.package.architecture.clone(),
            memory_mib: 256,
            timeout_seconds: 15,
            code_sha256: self.request.package.sha256.clone(),
            role: Value::Of(role, Output::Arn),
            kms_key: Value::Of(ResourceId::KmsKey, Output::Arn),
            environment: variables
                .into_iter()
                .chain(identity.into_iter().flatten())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            launch_template: joining.then_some(Value::Of(ResourceId::LaunchTemplate(group), Output::Id)),
            seal_key: function
                .has_seal_key()
                .then(|| self.request.seal_keys.get(&group).cloned())
                .flatten(),
            vpc,
            tracing: "PassThrough".to_owned(),
        };
        let mut depends_on = vec![
            role,
            ResourceId::KmsKey,
            ResourceId::LogGroup(group, Some(function)),
        ];
        depends_on.extend(joining.then_some(ResourceId::LaunchTemplate(group)));
        self.resource(
            ResourceId::Function(group, function),
            self.names.function(group, function),
            body,
            &depends_on,
        )
    }

    /// Depends on nothing: API Gateway accepts the ARN of a function that does not exist, and cannot call it before the
    /// permission exists, which depends on both.
    fn rest_api(&self, group: HostGroup) -> Desired {
        let account = self.request.account;
        let function = policy::function_arn(account, &self.names, group, FunctionType::Join);
        let private = self.settings().private_subnet;
        let body = RestApi {
            endpoint_type: if private { "PRIVATE" } else { "REGIONAL" }.to_owned(),
            policy: private.then(|| policy::private_api(&self.settings().vpc_id)),
            path: self.names.of(group),
            api_key_required: true,
            integration: "AWS_PROXY".to_owned(),
            integration_uri: format!(
                "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{function}/invocations",
                account.partition, account.region
            ),
            stage: STAGE.to_owned(),
            deployed: true,
            throttle: Some(THROTTLE),
            key_enabled: true,
        };
        self.resource(ResourceId::RestApi(group), self.names.of(group), body, &[])
    }

    fn invoke_permission(&self, group: HostGroup) -> Desired {
        let api = ResourceId::RestApi(group);
        let body = InvokePermission {
            statement_id: STATEMENT_ID.to_owned(),
            source_arn: Value::Of(api, Output::ExecuteArn),
            others: Vec::new(),
        };
        let depends_on = [api, ResourceId::Function(group, FunctionType::Join)];
        let name = self.names.function(group, FunctionType::Join);
        self.resource(ResourceId::InvokePermission(group), name, body, &depends_on)
    }

    fn launch_template(&self, group: HostGroup, settings: &GroupSettings) -> Desired {
        let api = ResourceId::RestApi(group);
        let io_cores = match group {
            HostGroup::Backends => settings.profile().map_or(0, |profile| profile.cores.io_cores()),
            HostGroup::Clients => CLIENT_IO_CORES,
        };
        let body = LaunchTemplate {
            image_id: settings.image_id.clone(),
            instance_type: settings.instance_type.clone(),
            key_name: settings.key_name.clone(),
            instance_profile: settings.iam_arn.clone(),
            security_groups: settings.security_groups_ids.clone(),
            subnet: settings.subnet.clone(),
            public_address: !self.settings().private_subnet,
            volumes: settings
                .volumes_info
                .iter()
                .map(|volume| Mapping {
                    device: volume.name.clone(),
                    volume_type: volume.r#type.clone(),
                    size_gib: volume.size,
                    delete_on_termination: true,
                    encrypted: volume.encrypted,
                    kms_key: volume.kms_key.clone(),
                    iops: volume.iops,
                    throughput_mib: volume.throughput,
                })
                .collect(),
            http_tokens: settings.http_tokens.clone(),
            http_hop_limit: Some(HTTP_HOP_LIMIT),
            placement_group: settings.placement_group.clone(),
            capacity_reservation: settings.capacity_reservation.clone(),
            detailed_monitoring: settings.detailed_monitoring,
            termination_protection: true,
            stop_protection: settings.stop_protection,
            instance_tags: instance_tags(self.names.cluster(), group, &self.settings().tags_map),
            tagged: ["instance", "network-interface", "volume"]
                .map(str::to_owned)
                .to_vec(),
            user_data: UserData::Of {
                join_url: Value::Of(api, Output::Url),
                api_key: Value::Of(api, Output::ApiKey),
                region: self.request.account.region.clone(),
                subnet: settings.subnet.clone(),
                security_groups: settings.security_groups_ids.clone(),
                io_cores,
            },
            is_default: true,
        };
        self.resource(
            ResourceId::LaunchTemplate(group),
            self.names.launch_template(group),
            body,
            &[api],
        )
    }

    fn state_machine(&self, group: HostGroup) -> Desired {
        let account = self.request.account;
        let role = ResourceId::Role(group, RoleUse::StateMachine);
        let logs = ResourceId::LogGroup(group, None);
        let log_group = format!("log-group:{}:*", self.names.state_machine_log_group(group));
        let body = StateMachine {
            definition: definition(|function| policy::function_arn(account, &self.names, group, function)),
            role: Value::Of(role, Output::Arn),
            log_level: "ERROR".to_owned(),
            log_group: Some(account.arn("logs", &log_group)),
        };
        let mut depends_on = vec![role, logs];
        depends_on
            .extend(FunctionType::OF_STATE_MACHINE.map(|function| ResourceId::Function(group, function)));
        self.resource(
            ResourceId::StateMachine(group),
            self.names.state_machine(group),
            body,
            &depends_on,
        )
    }

    fn rule(&self, group: HostGroup) -> Desired {
        let role = ResourceId::Role(group, RoleUse::Rule);
        let body = Rule {
            schedule: "rate(1 minute)".to_owned(),
            state: "ENABLED".to_owned(),
            target_id: TARGET_ID.to_owned(),
            target_arn: policy::state_machine_arn(self.request.account, &self.names, group),
            role: Value::Of(role, Output::Arn),
            other_targets: Vec::new(),
        };
        // A run that sees only some of the imported instances could act on them: the schedule starts last.
        let depends_on = [
            role,
            ResourceId::StateMachine(group),
            ResourceId::AttachedInstances(group),
        ];
        self.resource(ResourceId::Rule(group), self.names.rule(group), body, &depends_on)
    }

    fn auto_scaling_group(&self, group: HostGroup, settings: &GroupSettings) -> Desired {
        let backends = group == HostGroup::Backends;
        let body = AutoScalingGroup {
            min_size: 0,
            max_size: i32::try_from(settings.max_size).unwrap_or(i32::MAX),
            protected_from_scale_in: true,
            suspended: vec!["ReplaceUnhealthy".to_owned()],
            subnet: settings.subnet.clone(),
            launch_template: self.names.launch_template(group),
            launch_template_version: "$Latest".to_owned(),
            target_groups: if backends {
                vec![Value::Of(ResourceId::TargetGroup, Output::Arn)]
            } else {
                Vec::new()
            },
            classic_load_balancers: self
                .settings()
                .classic_load_balancer
                .iter()
                .filter(|_| backends)
                .cloned()
                .collect(),
        };
        // Instances that the group launches get their join script, which is built from the table items.
        let mut depends_on = vec![
            ResourceId::LaunchTemplate(group),
            ResourceId::InvokePermission(group),
            ResourceId::StateMachine(group),
            ResourceId::SettingsItem,
        ];
        if self.request.credentials.is_some() {
            depends_on.push(ResourceId::Credentials);
        }
        if backends {
            depends_on.push(ResourceId::TargetGroup);
        }
        let mut resource = self.resource(
            ResourceId::AutoScalingGroup(group),
            self.names.of(group),
            body,
            &depends_on,
        );
        if let Some(tags) = &mut resource.tags {
            tags.set("Name", &format!("{}-{group}", self.names.cluster()));
        }
        resource
    }
}
