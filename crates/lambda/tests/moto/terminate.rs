//! *terminate* against moto: moto accepts the requests and their batch sizes, and the group and its instances have the expected
//! state afterwards.

use crate::{GROUP, SEAL_KEY, config, function};
use aws_config::SdkConfig;
use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::types::RequestLaunchTemplateData;
use lab::lambda_runtime::Function;
use lab::{Moto, MotoOptions, signed_event};
use scaling::messages::{ScaleAnswer, TerminateResponse, read};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An account with a group, and the function that terminates its instances.
struct Scene {
    moto: Moto,
    autoscaling: aws_sdk_autoscaling::Client,
    ec2: aws_sdk_ec2::Client,
    function: Function,
    /// The group's initial instances: ids and addresses.
    instances: Vec<(String, String)>,
}

impl Scene {
    /// A group of `number` instances with termination protection and scale-in protection.
    async fn of(number: i32) -> Self {
        let moto = Moto::start(MotoOptions {
            record: true,
            ..MotoOptions::default()
        })
        .unwrap();
        let config = config(&moto);
        let ec2 = aws_sdk_ec2::Client::new(&config);
        group(&config, number).await;
        let mut instances: Vec<_> = describe_instances(&ec2)
            .await
            .into_iter()
            .map(|(id, (address, _))| (id, address))
            .collect();
        instances.sort();
        assert_eq!(instances.len(), usize::try_from(number).unwrap());
        Self {
            function: function(&moto, "terminate", [("SEAL_KEY".to_owned(), SEAL_KEY.to_owned())]).await,
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            moto,
            ec2,
            instances,
        }
    }

    /// A message of *scale* that requests the termination of `requested`; the other instances are members of the cluster.
    fn message(&self, requested: std::ops::Range<usize>) -> Value {
        let to_terminate: Vec<_> = self.instances[requested.clone()]
            .iter()
            .map(|(id, address)| json!({ "Id": id, "PrivateIp": address }))
            .collect();
        let others = self.instances[..requested.start]
            .iter()
            .chain(&self.instances[requested.end..]);
        let members: Vec<_> = others.map(|(_, address)| address).collect();
        json!({ "hosts": [], "to_terminate": to_terminate, "members": members, "TransientErrors": null, "version": 2 })
    }

    async fn run(&self, message: &Value) -> TerminateResponse {
        let event = signed_event::<ScaleAnswer>(message.clone(), SEAL_KEY).unwrap();
        read(self.function.invoke(&event).await.unwrap()).unwrap()
    }

    /// The ids of the instances in a state.
    async fn in_state(&self, state: &str) -> BTreeSet<String> {
        let instances = describe_instances(&self.ec2).await;
        let matching = instances.into_iter().filter(|(_, (_, actual))| actual == state);
        matching.map(|(id, _)| id).collect()
    }

    /// The group's members, and whether they have scale-in protection.
    async fn members(&self) -> BTreeMap<String, bool> {
        let request = self.autoscaling.describe_auto_scaling_groups();
        let response = request.auto_scaling_group_names(GROUP).send().await.unwrap();
        let members = response.auto_scaling_groups.unwrap().remove(0).instances.unwrap();
        members
            .into_iter()
            .map(|member| {
                (
                    member.instance_id.unwrap(),
                    member.protected_from_scale_in.unwrap(),
                )
            })
            .collect()
    }

    fn ids(&self, range: std::ops::Range<usize>) -> BTreeSet<String> {
        self.instances[range].iter().map(|(id, _)| id.clone()).collect()
    }

    /// The number of calls of each operation after the first `before` calls.
    fn calls_since(&self, before: usize) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for call in self.moto.calls().unwrap().split_off(before) {
            *calls.entry(call.operation).or_insert(0) += 1;
        }
        calls
    }
}

async fn describe_instances(ec2: &aws_sdk_ec2::Client) -> BTreeMap<String, (String, String)> {
    let pages = ec2.describe_instances().into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let reservations = pages.into_iter().flat_map(|page| page.reservations.unwrap());
    reservations
        .flat_map(|reservation| reservation.instances.unwrap())
        .map(|instance| {
            let state = instance.state.unwrap().name.unwrap().as_str().to_owned();
            let address = instance.private_ip_address.unwrap_or_default();
            (instance.instance_id.unwrap(), (address, state))
        })
        .collect()
}

async fn group(config: &SdkConfig, number: i32) {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let images = ec2.describe_images().send().await.unwrap().images.unwrap();
    let data = RequestLaunchTemplateData::builder()
        .image_id(images[0].image_id().unwrap())
        .instance_type("i3en.2xlarge".into())
        .disable_api_termination(true);
    let template = ec2.create_launch_template().launch_template_name(GROUP);
    template.launch_template_data(data.build()).send().await.unwrap();
    let subnets = ec2.describe_subnets().send().await.unwrap().subnets.unwrap();
    let template = LaunchTemplateSpecification::builder()
        .launch_template_name(GROUP)
        .version("$Latest");
    let autoscaling = aws_sdk_autoscaling::Client::new(config);
    let group = autoscaling
        .create_auto_scaling_group()
        .auto_scaling_group_name(GROUP)
        .launch_template(template.build())
        .vpc_zone_identifier(subnets[0].subnet_id().unwrap())
        .new_instances_protected_from_scale_in(true)
        .min_size(0)
        .max_size(200)
        .desired_capacity(number);
    group.send().await.unwrap();
    let suspend = autoscaling.suspend_processes().auto_scaling_group_name(GROUP);
    suspend
        .scaling_processes("ReplaceUnhealthy")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn sixty_instances_are_terminated_in_two_runs_and_others_are_kept() {
    let scene = Scene::of(70).await;
    let message = scene.message(0..60);
    let before = scene.moto.calls().unwrap().len();
    let response = scene.run(&message).await;
    assert_eq!(response.transient_errors, None);
    assert_eq!(response.set_to_terminate_instances.len(), 50);
    assert_eq!(scene.in_state("terminated").await, scene.ids(0..50));
    let calls = scene.calls_since(before);
    for (operation, number) in [
        ("ModifyInstanceAttribute", 100),
        ("SetInstanceProtection", 1),
        ("TerminateInstances", 1),
    ] {
        assert_eq!(calls[operation], number, "{operation}");
    }

    // The second run terminates the other 10 and detaches the 50 that are terminated; the group launches replacements.
    let before = scene.moto.calls().unwrap().len();
    let response = scene.run(&message).await;
    assert_eq!(response.set_to_terminate_instances.len(), 10);
    assert_eq!(scene.in_state("terminated").await, scene.ids(0..60));
    assert_eq!(scene.calls_since(before)["DetachInstances"], 3);
    let members = scene.members().await;
    assert!(scene.ids(60..70).iter().all(|id| members[id]), "still protected");
    assert!(scene.ids(0..50).iter().all(|id| !members.contains_key(id)));

    let response = scene.run(&message).await;
    assert_eq!(response.set_to_terminate_instances, []);
    let members = scene.members().await;
    assert!(scene.ids(0..60).iter().all(|id| !members.contains_key(id)));
    assert_eq!(members.len(), 70, "the desired capacity must not change");

    let before = scene.moto.calls().unwrap().len();
    scene.run(&message).await;
    let calls = scene.calls_since(before);
    let read_only = ["DescribeAutoScalingGroups", "DescribeInstances"];
    assert!(
        calls.keys().all(|call| read_only.contains(&call.as_str())),
        "{calls:?}"
    );
}

#[tokio::test]
async fn stopped_instance_is_replaced_unless_it_is_a_member_and_restarted_member_is_marked_healthy() {
    let scene = Scene::of(4).await;
    let stop = scene.ids(0..3).into_iter().collect();
    let stop = scene.ec2.stop_instances().set_instance_ids(Some(stop));
    // An instance with termination protection can be stopped.
    stop.send().await.unwrap();
    let restarted = scene.instances[2].0.as_str();
    let start = scene.ec2.start_instances().instance_ids(restarted);
    start.send().await.unwrap();
    // EC2 Auto Scaling reports a stopped instance as unhealthy, and never as healthy again.
    for id in scene.ids(0..3) {
        let unhealthy = scene.autoscaling.set_instance_health().instance_id(id);
        unhealthy.health_status("Unhealthy").send().await.unwrap();
    }
    let mut message = scene.message(0..1);
    message["to_terminate"] = json!([]);
    let response = scene.run(&message).await;
    assert_eq!(response.transient_errors, None);
    let terminated: BTreeSet<_> = response
        .set_to_terminate_instances
        .iter()
        .map(|terminated| terminated.instance_id.to_string())
        .collect();
    assert_eq!(terminated, scene.ids(0..1));
    assert_eq!(scene.in_state("terminated").await, scene.ids(0..1));
    assert_eq!(scene.in_state("stopped").await, scene.ids(1..2));
    let members = scene.members().await;
    assert!(!members.contains_key(&scene.instances[0].0), "{members:?}");
    assert_eq!(members.len(), 4, "a replacement must be launched");
    assert!(members[&scene.instances[1].0]);
    let request = scene.autoscaling.describe_auto_scaling_groups();
    let response = request.auto_scaling_group_names(GROUP).send().await.unwrap();
    let mut instances = response.auto_scaling_groups()[0].instances().iter();
    let restarted = instances.find(|instance| instance.instance_id() == Some(restarted));
    assert_eq!(restarted.unwrap().health_status(), Some("Healthy"));
}
