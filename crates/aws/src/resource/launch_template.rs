use super::{DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_with};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result, required_field};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use crate::placement::{capacity_reservation, placement_group};
use crate::tags::tags_from;
use aws_sdk_ec2::types::{
    CapacityReservationPreference, CapacityReservationTarget, InstanceType,
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateCapacityReservationSpecificationRequest,
    LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateIamInstanceProfileSpecificationRequest, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateInstanceNetworkInterfaceSpecificationRequest, LaunchTemplatePlacementRequest,
    LaunchTemplateTagSpecification, LaunchTemplateTagSpecificationRequest, LaunchTemplatesMonitoringRequest,
    RequestLaunchTemplateData, ResourceType, ResponseLaunchTemplateData, Tag, TagSpecification, VolumeType,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::placement::{CapacityReservation, PlacementGroup};
use deployment::plan::Teardown;
use deployment::resource::{LaunchTemplate, Mapping, UserData};
use deployment::{HostGroup, Output, Secret, Tags};

impl Observe for LaunchTemplate {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let name = inventory.names.launch_template(key);
        let ec2 = &inventory.clients.ec2;
        let (template, version) = tokio::join!(
            async {
                let request = ec2.describe_launch_templates().launch_template_names(&name);
                request.send().await.context("ec2 DescribeLaunchTemplates")
            },
            async {
                let request = ec2
                    .describe_launch_template_versions()
                    .launch_template_name(&name)
                    .versions("$Latest");
                request.send().await.context("ec2 DescribeLaunchTemplateVersions")
            },
        );
        let template = ignore_not_found(template)?.and_then(|t| t.launch_templates.unwrap_or_default().pop());
        let Some(template) = template else { return Ok(None) };
        let version = version?.launch_template_versions.unwrap_or_default().pop();
        let is_default = template.default_version_number == template.latest_version_number;
        let data = required_field(
            version.and_then(|version| version.launch_template_data),
            "ec2 DescribeLaunchTemplateVersions",
            "data",
        )?;
        Ok(Some(Actual {
            name,
            body: read(&data, is_default),
            tags: Some(tags_from(template.tags(), |tag| (tag.key(), tag.value()))),
            outputs: vec![(Output::Id, template.launch_template_id.unwrap_or_default())],
        }))
    }
}

impl Resource for LaunchTemplate {
    type Key = HostGroup;

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let created = cloud
            .clients
            .ec2
            .create_launch_template()
            .launch_template_name(target.name)
            .launch_template_data(self.data()?)
            .tag_specifications(
                TagSpecification::builder()
                    .resource_type(ResourceType::LaunchTemplate)
                    .set_tags(Some(target.tags().map(tag).collect()))
                    .build(),
            )
            .send()
            .await
            .context("ec2 CreateLaunchTemplate")?;
        let template = required_field(created.launch_template, "ec2 CreateLaunchTemplate", "template")?;
        Ok(vec![(
            Output::Id,
            template.launch_template_id.unwrap_or_default(),
        )])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let ec2 = &cloud.clients.ec2;
        let content = Self {
            is_default: current.body.is_default,
            ..self.clone()
        };
        let newest = if content != current.body {
            let request = ec2
                .create_launch_template_version()
                .launch_template_name(target.name);
            let created = request.launch_template_data(self.data()?).send().await;
            let created = created
                .context("ec2 CreateLaunchTemplateVersion")?
                .launch_template_version;
            let number = created.and_then(|version| version.version_number);
            Some(required_field(
                number,
                "ec2 CreateLaunchTemplateVersion",
                "version number",
            )?)
        } else if *self != current.body {
            let request = ec2.describe_launch_templates().launch_template_names(target.name);
            let found = request
                .send()
                .await
                .context("ec2 DescribeLaunchTemplates")?
                .launch_templates;
            let found = found.unwrap_or_default().pop();
            let number = found.and_then(|template| template.latest_version_number);
            Some(required_field(
                number,
                "ec2 DescribeLaunchTemplates",
                "latest version",
            )?)
        } else {
            None
        };
        if let Some(number) = newest {
            let request = ec2.modify_launch_template().launch_template_name(target.name);
            request
                .default_version(number.to_string())
                .send()
                .await
                .context("ec2 ModifyLaunchTemplate")?;
        }
        let new: Vec<_> = target.new_tags(current).into_iter().map(tag).collect();
        if !new.is_empty() {
            let request = ec2
                .create_tags()
                .resources(current.output(Output::Id))
                .set_tags(Some(new));
            request.send().await.context("ec2 CreateTags")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for LaunchTemplate {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        let name = inventory.names.launch_template(key);
        let found = inventory.templates().await?.iter();
        let found = found.filter(|template| template.launch_template_name() == Some(&name));
        let found_template = |template: &aws_sdk_ec2::types::LaunchTemplate| {
            let tags = tags_from(template.tags(), |tag| (tag.key(), tag.value()));
            let id = template.launch_template_id().unwrap_or_default();
            FoundResource::named(name.clone(), Some(tags)).with_handle(id)
        };
        Ok(found.map(found_template).collect())
    }
}

impl Delete for LaunchTemplate {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        delete_with("ec2 DeleteLaunchTemplate", &teardown.found, |found| {
            let request = cloud.clients.ec2.delete_launch_template();
            request.launch_template_id(&found.handle).send()
        })
        .await
    }
}

fn read(data: &ResponseLaunchTemplateData, is_default: bool) -> LaunchTemplate {
    let interface = data.network_interfaces().first();
    let specifications = data.tag_specifications();
    let tags_of = |specification: &LaunchTemplateTagSpecification| -> Tags {
        tags_from(specification.tags(), |tag| (tag.key(), tag.value()))
    };
    let instance = specifications
        .iter()
        .find(|specification| specification.resource_type() == Some(&ResourceType::Instance));
    let instance_tags = instance.map(tags_of).unwrap_or_default();
    // A specification for the template itself does not tag instances.
    let mut tagged: Vec<_> = specifications
        .iter()
        .filter(|specification| specification.resource_type() != Some(&ResourceType::LaunchTemplate))
        .filter(|specification| tags_of(specification) == instance_tags)
        .filter_map(|specification| specification.resource_type().map(|kind| kind.as_str().to_owned()))
        .collect();
    tagged.sort();
    let script = data
        .user_data()
        .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    LaunchTemplate {
        image_id: data.image_id().unwrap_or_default().to_owned(),
        instance_type: data.instance_type().map_or("", InstanceType::as_str).to_owned(),
        key_name: data.key_name().map(str::to_owned),
        instance_profile: data
            .iam_instance_profile()
            .and_then(|profile| profile.arn())
            .unwrap_or_default()
            .to_owned(),
        security_groups: interface
            .map(|interface| interface.groups().to_vec())
            .unwrap_or_default(),
        subnet: interface
            .and_then(|interface| interface.subnet_id())
            .unwrap_or_default()
            .to_owned(),
        public_address: interface.is_some_and(|i| i.associate_public_ip_address() == Some(true)),
        volumes: data
            .block_device_mappings()
            .iter()
            .filter_map(|mapping| {
                let ebs = mapping.ebs()?;
                Some(Mapping {
                    device: mapping.device_name()?.to_owned(),
                    volume_type: ebs.volume_type().map_or("", VolumeType::as_str).to_owned(),
                    size_gib: u32::try_from(ebs.volume_size()?).ok()?,
                    delete_on_termination: ebs.delete_on_termination() == Some(true),
                    encrypted: ebs.encrypted() == Some(true),
                    kms_key: ebs.kms_key_id().map(str::to_owned),
                    iops: ebs.iops().and_then(|iops| u32::try_from(iops).ok()),
                    throughput_mib: ebs.throughput().and_then(|mib| u32::try_from(mib).ok()),
                })
            })
            .collect(),
        http_tokens: data
            .metadata_options()
            .and_then(|options| options.http_tokens())
            .map_or("", |tokens| tokens.as_str())
            .to_owned(),
        http_hop_limit: data
            .metadata_options()
            .and_then(|options| options.http_put_response_hop_limit()),
        placement_group: data
            .placement()
            .and_then(|placement| placement_group(placement.group_id(), placement.group_name())),
        capacity_reservation: data
            .capacity_reservation_specification()
            .and_then(|specification| {
                let target = specification.capacity_reservation_target();
                let preference = specification.capacity_reservation_preference();
                capacity_reservation(target, preference)
            }),
        detailed_monitoring: data.monitoring().and_then(|monitoring| monitoring.enabled()) == Some(true),
        termination_protection: data.disable_api_termination() == Some(true),
        stop_protection: data.disable_api_stop() == Some(true),
        instance_tags,
        tagged,
        user_data: UserData::Script(Secret::new(
            script
                .and_then(|script| String::from_utf8(script).ok())
                .unwrap_or_default(),
        )),
        is_default,
    }
}

trait Data {
    fn data(&self) -> Result<RequestLaunchTemplateData>;
}

impl Data for LaunchTemplate {
    fn data(&self) -> Result<RequestLaunchTemplateData> {
        let UserData::Script(script) = &self.user_data else {
            return Err(Error::bug(
                "ec2 CreateLaunchTemplate",
                "the join API that the user data needs does not exist",
            ));
        };
        let interface = LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
            .device_index(0)
            .associate_public_ip_address(self.public_address)
            .set_groups(Some(self.security_groups.clone()))
            .subnet_id(&self.subnet)
            .delete_on_termination(true)
            .build();
        let tags: Vec<Tag> = self.instance_tags.iter().map(tag).collect();
        Ok(RequestLaunchTemplateData::builder()
            .image_id(&self.image_id)
            .instance_type(InstanceType::from(self.instance_type.as_str()))
            .set_key_name(self.key_name.clone())
            .iam_instance_profile(
                LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
                    .arn(&self.instance_profile)
                    .build(),
            )
            .network_interfaces(interface)
            .set_block_device_mappings(Some(self.volumes.iter().map(mapping).collect()))
            .metadata_options(
                LaunchTemplateInstanceMetadataOptionsRequest::builder()
                    .http_tokens(LaunchTemplateHttpTokensState::from(self.http_tokens.as_str()))
                    .set_http_put_response_hop_limit(self.http_hop_limit)
                    .build(),
            )
            .set_placement(self.placement_group.as_ref().map(placement_request))
            .set_capacity_reservation_specification(
                self.capacity_reservation.as_ref().map(reservation_request),
            )
            .set_monitoring(
                self.detailed_monitoring
                    .then(|| LaunchTemplatesMonitoringRequest::builder().enabled(true).build()),
            )
            .disable_api_termination(self.termination_protection)
            .set_disable_api_stop(self.stop_protection.then_some(true))
            .set_tag_specifications(Some(
                self.tagged
                    .iter()
                    .map(|kind| {
                        LaunchTemplateTagSpecificationRequest::builder()
                            .resource_type(ResourceType::from(kind.as_str()))
                            .set_tags(Some(tags.clone()))
                            .build()
                    })
                    .collect(),
            ))
            .user_data(BASE64_STANDARD.encode(script.reveal()))
            .build())
    }
}

fn mapping(volume: &Mapping) -> LaunchTemplateBlockDeviceMappingRequest {
    let ebs = LaunchTemplateEbsBlockDeviceRequest::builder()
        .volume_type(VolumeType::from(volume.volume_type.as_str()))
        .volume_size(number(volume.size_gib))
        .delete_on_termination(volume.delete_on_termination)
        // EC2 refuses `false` for a volume from an encrypted snapshot.
        .set_encrypted(volume.encrypted.then_some(true))
        .set_kms_key_id(volume.kms_key.clone())
        .set_iops(volume.iops.map(number))
        .set_throughput(volume.throughput_mib.map(number))
        .build();
    LaunchTemplateBlockDeviceMappingRequest::builder()
        .device_name(&volume.device)
        .ebs(ebs)
        .build()
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn placement_request(group: &PlacementGroup) -> LaunchTemplatePlacementRequest {
    let request = LaunchTemplatePlacementRequest::builder();
    match group {
        PlacementGroup::Id(id) => request.group_id(id),
        PlacementGroup::Name(name) => request.group_name(name),
    }
    .build()
}

fn reservation_request(
    reservation: &CapacityReservation,
) -> LaunchTemplateCapacityReservationSpecificationRequest {
    let request = LaunchTemplateCapacityReservationSpecificationRequest::builder();
    let target = CapacityReservationTarget::builder();
    match reservation {
        CapacityReservation::Preference(preference) => {
            request.capacity_reservation_preference(CapacityReservationPreference::from(preference.as_str()))
        }
        CapacityReservation::Id(id) => {
            request.capacity_reservation_target(target.capacity_reservation_id(id).build())
        }
        CapacityReservation::ResourceGroup(arn) => {
            request.capacity_reservation_target(target.capacity_reservation_resource_group_arn(arn).build())
        }
    }
    .build()
}

fn tag((key, value): (&str, &str)) -> Tag {
    Tag::builder().key(key).value(value).build()
}
