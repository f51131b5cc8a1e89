//! *join* and *fetch* against moto: they read the cluster's table, its instances and its group.

use crate::{GROUP, SEAL_KEY, config, function, table};
use aws_config::SdkConfig;
use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::Settings;
use lab::{Moto, MotoOptions, RUN, event};
use scaling::messages::HostGroupInfo;
use scaling::seal::{Binding, SealKey, open};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// An instance's id and private address.
type Instance = (String, String);

#[tokio::test]
async fn join_and_fetch_read_the_actual_state() {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let config = config(&moto);
    let mut settings = Settings::default();
    settings.backends.instance_type = "i3en.2xlarge".to_owned();
    table::create(&config, &settings, "hunter2").await;
    let mut running = instances(&config).await;
    running.sort();

    let seal_key = || [("SEAL_KEY".to_owned(), SEAL_KEY.to_owned())];
    // An instance of an older version of the launch template.
    let deadline = (
        "IDENTITY_REQUIRED_AFTER".to_owned(),
        "2999-01-01T00:00:00Z".to_owned(),
    );
    let join = function(&moto, "join", [deadline]).await;
    let response = join.invoke(&json!({ "httpMethod": "GET" })).await.unwrap();
    assert_eq!(response["statusCode"], 200, "{response}");
    let script = response["body"].as_str().unwrap();
    assert!(
        running
            .iter()
            .all(|(_, address)| script.contains(&format!("'{address}'"))),
        "{script}"
    );
    assert!(
        script.contains("hunter2") && script.contains("31796436575B"),
        "{script}"
    );

    let fetch = function(&moto, "fetch", seal_key()).await;
    let response: Value = fetch.invoke(&event(&json!({}))).await.unwrap();
    let info: HostGroupInfo = serde_json::from_value(response).unwrap();
    assert_eq!(info.desired_capacity, 2);
    let members: Vec<Instance> = info
        .instances
        .iter()
        .cloned()
        .map(|i| (i.id, i.private_ip))
        .collect();
    assert_eq!(members, running);
    let addresses: Vec<_> = running.iter().map(|(_, address)| address.clone()).collect();
    assert_eq!(info.backend_ips, addresses);
    let key = SealKey::from_base64(SEAL_KEY).unwrap();
    let sealed = info.sealed.as_deref().unwrap();
    let credentials = open(sealed, &key, Binding::new(RUN, &info)).unwrap();
    assert_eq!(
        (
            credentials.username.as_str(),
            credentials.password.expose_secret()
        ),
        ("admin", "hunter2")
    );

    for function in [join, fetch] {
        let log = function.stop().await;
        assert!(log.contains("completed") && !log.contains("hunter2"), "{log}");
        assert!(
            !log.contains(&BASE64_STANDARD.encode("hunter2")) && !log.contains(SEAL_KEY),
            "{log}"
        );
    }
}

/// Creates three tagged backends, of which one is stopped, and the group of the other two.
async fn instances(config: &SdkConfig) -> Vec<Instance> {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let images = ec2.describe_images().send().await.unwrap().images.unwrap();
    let image = images[0].image_id().unwrap();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::Instance)
        .tags(tag("wekactl.io/cluster_name", "wk"))
        .tags(tag("wekactl.io/hostgroup_type", "backend"));
    let run = ec2
        .run_instances()
        .image_id(image)
        .instance_type(InstanceType::from("i3en.2xlarge"));
    let run = run.min_count(3).max_count(3).tag_specifications(tags.build());
    let mut running: Vec<Instance> = run
        .send()
        .await
        .unwrap()
        .instances
        .unwrap()
        .into_iter()
        .map(|instance| {
            (
                instance.instance_id.unwrap(),
                instance.private_ip_address.unwrap(),
            )
        })
        .collect();
    let (stopped, _) = running.pop().unwrap();
    ec2.stop_instances().instance_ids(stopped).send().await.unwrap();

    let autoscaling = aws_sdk_autoscaling::Client::new(config);
    let template = autoscaling
        .create_launch_configuration()
        .launch_configuration_name("wk");
    template
        .image_id(image)
        .instance_type("i3en.2xlarge")
        .send()
        .await
        .unwrap();
    let group = autoscaling
        .create_auto_scaling_group()
        .auto_scaling_group_name(GROUP);
    let group = group
        .launch_configuration_name("wk")
        .availability_zones("eu-west-1a");
    group
        .min_size(0)
        .max_size(21)
        .desired_capacity(0)
        .send()
        .await
        .unwrap();
    let ids = running.iter().map(|(id, _)| id.clone()).collect();
    let attach = autoscaling.attach_instances().auto_scaling_group_name(GROUP);
    attach.set_instance_ids(Some(ids)).send().await.unwrap();
    running
}
