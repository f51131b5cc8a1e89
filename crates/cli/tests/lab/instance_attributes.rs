//! Import copies attributes of the imported instances to the launch template.

use crate::common::Lab;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, CapacityReservationSpecification, CapacityReservationTarget, EbsBlockDevice,
    IamInstanceProfileSpecification, InstanceMetadataTagsState, Placement, RequestLaunchTemplateData,
    RunInstancesMonitoringEnabled, VolumeType,
};
use lab::Stack;
use serde_json::{Value, json};

const TEMPLATE: &str = "wekactl-wk-Backends";

/// The newest version of the backends' launch template.
fn template(lab: &Lab) -> Value {
    let dump = lab::dump(&lab.moto).unwrap();
    let versions = dump["launchtemplates"][0]["versions"].as_array().unwrap().clone();
    versions.last().unwrap()["LaunchTemplateData"].clone()
}

/// Five instances with every attribute, and the ARN of the key that encrypts their volumes.
async fn instances_with_attributes(lab: &Lab, stack: &Stack) -> (Vec<String>, String) {
    let clients = lab.clients();
    let role = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": ["arn:aws:iam::123456789012:root", role] }, "Action": "kms:*", "Resource": "*" }
    ] });
    let request = clients.kms.create_key().policy(policy.to_string());
    let key = request.send().await.unwrap();
    let key = key.key_metadata.unwrap().arn.unwrap();
    let backend = clients.ec2.describe_instances().instance_ids(&stack.backends[0]);
    let backend = backend.send().await.unwrap().reservations.unwrap().remove(0);
    let backend = backend.instances.unwrap().remove(0);
    let profile = backend.iam_instance_profile().unwrap().arn().unwrap();
    let volume = EbsBlockDevice::builder()
        .volume_size(40)
        .volume_type(VolumeType::Gp3)
        .encrypted(true)
        .kms_key_id(&key);
    let reservation = CapacityReservationTarget::builder().capacity_reservation_id("cr-0123456789abcdef0");
    let reservation = CapacityReservationSpecification::builder()
        .capacity_reservation_target(reservation.build())
        .build();
    let run = clients
        .ec2
        .run_instances()
        .image_id(backend.image_id().unwrap())
        .instance_type(backend.instance_type().unwrap().clone())
        .subnet_id(&stack.subnets[0])
        .security_group_ids(&stack.security_group)
        .min_count(5)
        .max_count(5)
        .block_device_mappings(
            BlockDeviceMapping::builder()
                .device_name("/dev/sda1")
                .ebs(volume.build())
                .build(),
        )
        .placement(Placement::builder().group_name("close").build())
        .capacity_reservation_specification(reservation)
        .monitoring(RunInstancesMonitoringEnabled::builder().enabled(true).build())
        .disable_api_stop(true);
    let instances = run.send().await.unwrap().instances.unwrap();
    let mut ids = Vec::new();
    for instance in instances {
        let id = instance.instance_id.unwrap();
        let volume = instance.block_device_mappings.unwrap().remove(0).ebs.unwrap();
        let volume = clients.ec2.modify_volume().volume_id(volume.volume_id.unwrap());
        volume.iops(6000).throughput(500).send().await.unwrap();
        let associate = clients.ec2.associate_iam_instance_profile().instance_id(&id);
        let specification = IamInstanceProfileSpecification::builder().arn(profile);
        associate
            .iam_instance_profile(specification.build())
            .send()
            .await
            .unwrap();
        ids.push(id);
    }
    (ids, key)
}

#[tokio::test]
async fn launch_template_copies_the_attributes_of_the_instances() {
    let (lab, stack) = Lab::without_clients();
    let (ids, key) = instances_with_attributes(&lab, &stack).await;
    let ids = ids.join(",");
    lab.import(&["-i", &ids]).ok();
    let imported = template(&lab);
    assert_eq!(imported["Placement"], json!({ "GroupName": "close" }));
    assert_eq!(
        imported["CapacityReservationSpecification"],
        json!({ "CapacityReservationTarget": { "CapacityReservationId": "cr-0123456789abcdef0" } })
    );
    assert_eq!(imported["Monitoring"]["Enabled"], true);
    assert_eq!(imported["DisableApiStop"], true);
    let volume = &imported["BlockDeviceMappings"][0]["Ebs"];
    assert_eq!(volume["Encrypted"], true);
    assert_eq!(volume["KmsKeyId"], *key);
    assert_eq!(
        (&volume["Iops"], &volume["Throughput"]),
        (&json!(6000), &json!(500))
    );
    let calls = lab.calls().len();
    lab.import(&["-i", &ids]).ok();
    lab.update(&["-y"]).ok();
    assert_eq!(lab.changes_since(calls), [""; 0]);

    let ec2 = lab.clients().ec2;
    let request = ec2
        .create_launch_template_version()
        .launch_template_name(TEMPLATE);
    let empty = RequestLaunchTemplateData::builder().image_id("ami-mine").build();
    request.launch_template_data(empty).send().await.unwrap();
    lab.update(&["-y"]).ok();
    assert_eq!(template(&lab), imported);

    // Stop protection prevents a termination too.
    let destroyed = lab.wekactl(&["cluster", "destroy", "-n", "wk", "-y"]).ok();
    destroyed.shows("No resources of cluster wk remain.");
}

#[test]
fn launch_template_of_instances_without_attributes_has_none() {
    let (lab, _) = Lab::without_clients();
    lab.import(&[]).ok();
    let data = template(&lab);
    for absent in [
        "Placement",
        "CapacityReservationSpecification",
        "Monitoring",
        "DisableApiStop",
    ] {
        assert_eq!(data[absent], Value::Null, "{absent}");
    }
    let volume = &data["BlockDeviceMappings"][0]["Ebs"];
    for absent in ["Encrypted", "KmsKeyId", "Iops", "Throughput"] {
        assert_eq!(volume[absent], Value::Null, "{absent}");
    }
    assert_eq!(
        data["MetadataOptions"],
        json!({ "HttpTokens": "required", "HttpPutResponseHopLimit": 1 })
    );
    lab.import(&["--http-tokens", "optional", "-y"]).ok();
    assert_eq!(template(&lab)["MetadataOptions"]["HttpTokens"], "optional");
}

#[tokio::test]
async fn instance_with_tags_in_its_metadata_is_rejected() {
    let (lab, stack) = Lab::without_clients();
    let request = lab.clients().ec2.modify_instance_metadata_options();
    let request = request.instance_id(&stack.backends[0]);
    request
        .instance_metadata_tags(InstanceMetadataTagsState::Enabled)
        .send()
        .await
        .unwrap();
    let calls = lab.calls().len();
    let ran = lab.import(&[]);
    ran.fails(1).shows(&format!(
        "{} allows instance tags in the instance metadata",
        stack.backends[0]
    ));
    assert_eq!(lab.changes_since(calls), [""; 0]);
}
