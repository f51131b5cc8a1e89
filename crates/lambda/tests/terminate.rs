//! *terminate* against moto: the requests are ones that an AWS takes, in the batches that it takes, and the group and its
//! instances stand afterwards as they are to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_config::SdkConfig;
use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::types::RequestLaunchTemplateData;
use lab::lambda_runtime::{Function, Options};
use lab::{Moto, MotoOptions};
use scaling::messages::{TerminateResponse, read};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const GROUP: &str = "wekactl-wk-Backends";

/// An account with a group, and the function that terminates its instances.
struct Scene {
    moto: Moto,
    autoscaling: aws_sdk_autoscaling::Client,
    ec2: aws_sdk_ec2::Client,
    function: Function,
    /// The group's instances at first: ids and addresses.
    instances: Vec<(String, String)>,
}

impl Scene {
    /// A group of so many, protected in both ways.
    async fn of(number: i32) -> Self {
        let moto = Moto::start(MotoOptions {
            record: true,
            ..MotoOptions::default()
        })
        .unwrap();
        let variables: BTreeMap<_, _> = moto.env().into_iter().collect();
        let config =
            aws::config::from_lambda_environment("test", "eu-west-1", |name| variables.get(name).cloned())
                .unwrap();
        let ec2 = aws_sdk_ec2::Client::new(&config);
        group(&config, number).await;
        let mut instances: Vec<_> = described(&ec2)
            .await
            .into_iter()
            .map(|(id, (address, _))| (id, address))
            .collect();
        instances.sort();
        assert_eq!(instances.len(), usize::try_from(number).unwrap());
        Self {
            function: function(&variables).await,
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            moto,
            ec2,
            instances,
        }
    }

    /// A message of *scale* that asks for those of the instances, and knows the others.
    fn told(&self, asked: std::ops::Range<usize>) -> Value {
        let to_terminate: Vec<_> = self.instances[asked.clone()]
            .iter()
            .map(|(id, address)| json!({ "Id": id, "PrivateIp": address }))
            .collect();
        let others = self.instances[..asked.start]
            .iter()
            .chain(&self.instances[asked.end..]);
        let members: Vec<_> = others.map(|(_, address)| address).collect();
        json!({ "hosts": [], "to_terminate": to_terminate, "members": members, "TransientErrors": null, "version": 1 })
    }

    async fn run(&self, message: &Value) -> TerminateResponse {
        read(self.function.invoke(message).await.unwrap()).unwrap()
    }

    /// The instances of a state.
    async fn of_state(&self, state: &str) -> BTreeSet<String> {
        let described = described(&self.ec2).await;
        let of = described.into_iter().filter(|(_, (_, has))| has == state);
        of.map(|(id, _)| id).collect()
    }

    /// The group's members, with whether they are protected from scale-in.
    async fn members(&self) -> BTreeMap<String, bool> {
        let ask = self.autoscaling.describe_auto_scaling_groups();
        let answer = ask.auto_scaling_group_names(GROUP).send().await.unwrap();
        let members = answer.auto_scaling_groups.unwrap().remove(0).instances.unwrap();
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

    /// How often each operation was asked for since a number of calls.
    fn calls_since(&self, before: usize) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for call in self.moto.calls().unwrap().split_off(before) {
            *calls.entry(call.operation).or_insert(0) += 1;
        }
        calls
    }
}

async fn described(ec2: &aws_sdk_ec2::Client) -> BTreeMap<String, (String, String)> {
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

async fn function(variables: &BTreeMap<String, String>) -> Function {
    let own = [
        ("LAMBDA", "terminate"),
        ("REGION", "eu-west-1"),
        ("CLUSTER_NAME", "wk"),
        ("ASG_NAME", GROUP),
        ("TABLE_NAME", "wekactl-wk"),
        ("ROLE", "backend"),
        ("USE_DYNAMODB_ENDPOINT", "false"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Function::start(Options {
        binary: env!("CARGO_BIN_EXE_bootstrap").into(),
        name: "wekactl-wk-terminate-Backends".to_owned(),
        region: "eu-west-1".to_owned(),
        timeout: Duration::from_secs(15),
        environment: variables.clone().into_iter().chain(own).collect(),
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn sixty_instances_go_in_two_runs_and_the_others_stay() {
    let scene = Scene::of(70).await;
    let message = scene.told(0..60);
    let before = scene.moto.calls().unwrap().len();
    let response = scene.run(&message).await;
    assert_eq!(response.transient_errors, None);
    assert_eq!(response.set_to_terminate_instances.len(), 50);
    assert_eq!(scene.of_state("terminated").await, scene.ids(0..50));
    let calls = scene.calls_since(before);
    for (operation, number) in [
        ("ModifyInstanceAttribute", 50),
        ("SetInstanceProtection", 1),
        ("TerminateInstances", 1),
    ] {
        assert_eq!(calls[operation], number, "{operation}");
    }

    // The others of the 60, and what is terminated by now is detached: the group launches as many anew.
    let before = scene.moto.calls().unwrap().len();
    let response = scene.run(&message).await;
    assert_eq!(response.set_to_terminate_instances.len(), 10);
    assert_eq!(scene.of_state("terminated").await, scene.ids(0..60));
    assert_eq!(scene.calls_since(before)["DetachInstances"], 3);
    let members = scene.members().await;
    assert!(scene.ids(60..70).iter().all(|id| members[id]), "still protected");
    assert!(scene.ids(0..50).iter().all(|id| !members.contains_key(id)));

    let response = scene.run(&message).await;
    assert_eq!(response.set_to_terminate_instances, []);
    let members = scene.members().await;
    assert!(scene.ids(0..60).iter().all(|id| !members.contains_key(id)));
    assert_eq!(members.len(), 70, "the desired capacity is the user's");

    let before = scene.moto.calls().unwrap().len();
    scene.run(&message).await;
    let again = scene.calls_since(before);
    let reading = ["DescribeAutoScalingGroups", "DescribeInstances"];
    assert!(
        again.keys().all(|call| reading.contains(&call.as_str())),
        "{again:?}"
    );
}

#[tokio::test]
async fn what_stopped_is_replaced_unless_weka_knows_it() {
    let scene = Scene::of(4).await;
    let stop = scene.ids(0..2).into_iter().collect();
    let stop = scene.ec2.stop_instances().set_instance_ids(Some(stop));
    // Termination protection does not keep an instance from being stopped.
    stop.send().await.unwrap();
    for id in scene.ids(0..2) {
        let unhealthy = scene.autoscaling.set_instance_health().instance_id(id);
        unhealthy.health_status("Unhealthy").send().await.unwrap();
    }
    let mut message = scene.told(0..1);
    message["to_terminate"] = json!([]);
    let response = scene.run(&message).await;
    assert_eq!(response.transient_errors, None);
    let terminated: BTreeSet<_> = response
        .set_to_terminate_instances
        .iter()
        .map(|terminated| terminated.instance_id.to_string())
        .collect();
    assert_eq!(terminated, scene.ids(0..1));
    assert_eq!(scene.of_state("terminated").await, scene.ids(0..1));
    assert_eq!(scene.of_state("stopped").await, scene.ids(1..2));
    let members = scene.members().await;
    assert!(!members.contains_key(&scene.instances[0].0), "{members:?}");
    assert_eq!(members.len(), 4, "another was launched for it");
    assert!(members[&scene.instances[1].0]);
}
