//! Attacks on *join*: each of these requests has the API key, which anyone who can read the launch template knows. moto keeps the
//! claims and reports the instances.

use crate::{GROUP, config, function};
use aws::cloud::Clients;
use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMappingRequest as Mapping, LaunchTemplateEbsBlockDeviceRequest as Volume,
    LaunchTemplateIamInstanceProfileSpecificationRequest as Profile, RequestLaunchTemplateData,
};
use deployment::{HostGroup, Settings};
use jiff::Timestamp;
use lab::lambda_runtime::Function;
use lab::{Control, IdentityAuthority, IdentityDocument, Instance, Moto, MotoOptions};
use serde_json::{Value, json};
use std::time::Duration;

const PASSWORD: &str = "hunter2";
const OTHER_GROUP: &str = "wekactl-wk-Clients";

/// An account with a group of new instances, and the join function.
struct Scene {
    control: Control,
    clients: Clients,
    authority: IdentityAuthority,
    join: Function,
    variables: Vec<(String, String)>,
    moto: Moto,
}

impl Scene {
    async fn new() -> Self {
        let moto = Moto::start(MotoOptions::default()).unwrap();
        let clients = Clients::new(&config(&moto));
        let authority = IdentityAuthority::new().unwrap();
        let created = clients
            .iam
            .create_instance_profile()
            .instance_profile_name("backends");
        let profile = created.send().await.unwrap().instance_profile.unwrap().arn;
        let subnets = clients
            .ec2
            .describe_subnets()
            .send()
            .await
            .unwrap()
            .subnets
            .unwrap();
        let subnet = &subnets[0];
        let template = create_template(&clients, "wekactl-wk-Backends", &profile).await;
        for group in [GROUP, OTHER_GROUP] {
            create_group(&clients, group, &template, subnet.subnet_id().unwrap()).await;
        }
        let mut settings = Settings::default();
        settings.backends.instance_type = "i3en.2xlarge".to_owned();
        settings.vpc_id = subnet.vpc_id().unwrap().to_owned();
        settings.backends.subnet = subnet.subnet_id().unwrap().to_owned();
        settings.backends.iam_arn = profile;
        crate::table::create(&config(&moto), &settings, PASSWORD).await;
        let variables = vec![
            ("LAUNCH_TEMPLATE_ID".to_owned(), template),
            (
                "IDENTITY_CERTIFICATE".to_owned(),
                authority.certificate().unwrap(),
            ),
        ];
        Self {
            control: Control::new(&moto),
            join: function(&moto, "join", variables.clone()).await,
            variables,
            clients,
            authority,
            moto,
        }
    }

    async fn member_of(&self, group: &str) -> Instance {
        let instances = self.control.instances().await.unwrap();
        let mut members = instances
            .into_iter()
            .filter(|instance| instance.group.as_deref() == Some(group));
        members.next().unwrap()
    }

    /// A request with the document that EC2 issues to an instance now.
    fn request(&self, instance: &Instance, nonce: &str) -> Value {
        let address = instance.address.unwrap().to_string();
        let identity = self.authority.sign(&IdentityDocument {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            instance_id: instance.id.clone(),
            private_ip: address.clone(),
            pending_time: Timestamp::now(),
        });
        json!({
            "httpMethod": "GET",
            "headers": { "x-api-key": "key", "x-wekactl-identity": identity, "x-wekactl-nonce": nonce },
            "requestContext": { "identity": { "sourceIp": address } },
        })
    }

    /// Another join function of the same cluster, with changed variables.
    async fn function(&self, changes: &[(&str, &str)]) -> Function {
        let changes = changes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        function(&self.moto, "join", self.variables.iter().cloned().chain(changes)).await
    }

    async fn accepts(&self, request: &Value) {
        let response = self.join.invoke(request).await.unwrap();
        assert_eq!(response["statusCode"], 200, "{response}");
        assert!(response["body"].as_str().unwrap().contains(PASSWORD));
    }

    async fn refuses(&self, request: &Value) {
        refuses(&self.join, request).await;
    }
}

/// The response is the same for every reason.
async fn refuses(join: &Function, request: &Value) {
    let response = join.invoke(request).await.unwrap();
    assert_eq!(response["statusCode"], 403, "{response}");
    assert_eq!(response["body"], r#"{"message":"Forbidden"}"#);
}

async fn create_template(clients: &Clients, name: &str, profile: &str) -> String {
    let images = clients
        .ec2
        .describe_images()
        .send()
        .await
        .unwrap()
        .images
        .unwrap();
    let root = Mapping::builder()
        .device_name(images[0].root_device_name().unwrap())
        .ebs(Volume::builder().volume_size(8).build());
    let data = RequestLaunchTemplateData::builder()
        .block_device_mappings(root.build())
        .image_id(images[0].image_id().unwrap())
        .instance_type("i3en.2xlarge".into())
        .iam_instance_profile(Profile::builder().arn(profile).build());
    let request = clients.ec2.create_launch_template().launch_template_name(name);
    let created = request.launch_template_data(data.build()).send().await.unwrap();
    created.launch_template.unwrap().launch_template_id.unwrap()
}

async fn create_group(clients: &Clients, name: &str, template: &str, subnet: &str) {
    let template = LaunchTemplateSpecification::builder()
        .launch_template_id(template)
        .version("$Default");
    let request = clients
        .autoscaling
        .create_auto_scaling_group()
        .auto_scaling_group_name(name);
    let request = request
        .launch_template(template.build())
        .vpc_zone_identifier(subnet);
    request
        .min_size(0)
        .max_size(9)
        .desired_capacity(1)
        .send()
        .await
        .unwrap();
}

const OWN: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const ATTACKERS: &str = "0202020202020202020202020202020202020202020202020202020202020202";

async fn key_only(scene: &Scene) {
    scene
        .refuses(&json!({ "httpMethod": "GET", "headers": { "x-api-key": "key" } }))
        .await;
    scene.refuses(&json!({ "httpMethod": "GET" })).await;
    let nonce = json!({ "x-api-key": "key", "x-wekactl-nonce": OWN });
    scene
        .refuses(&json!({ "httpMethod": "GET", "headers": nonce }))
        .await;
}

/// Until the deadline, instances of the old template join without identity; the function enforces the deadline by itself.
async fn key_only_after_the_deadline_of_an_update(scene: &Scene) {
    let request = json!({ "httpMethod": "GET", "headers": { "x-api-key": "key" } });
    let within = scene
        .function(&[("IDENTITY_REQUIRED_AFTER", "2999-01-01T00:00:00Z")])
        .await;
    // There are no backends yet: 503 means that the identity was not required.
    assert_ne!(within.invoke(&request).await.unwrap()["statusCode"], 403);
    let after = scene
        .function(&[("IDENTITY_REQUIRED_AFTER", "2020-01-01T00:00:00Z")])
        .await;
    refuses(&after, &request).await;
    for function in [within, after] {
        function.stop().await;
    }
}

async fn copied_document_before_the_instance_joins(scene: &Scene, member: &Instance) {
    // Another signature, another region: the attacker's own account.
    let mut forged = scene.request(member, ATTACKERS);
    let document = IdentityDocument {
        account: "210987654321".to_owned(),
        region: "eu-west-1".to_owned(),
        instance_id: member.id.clone(),
        private_ip: member.address.unwrap().to_string(),
        pending_time: Timestamp::now(),
    };
    forged["headers"]["x-wekactl-identity"] = json!(scene.authority.sign(&document));
    scene.refuses(&forged).await;
    forged["headers"]["x-wekactl-identity"] = json!("MIAGCSqGSIb3DQEHAqCAMIAC");
    scene.refuses(&forged).await;
    // A private API sees that the request comes from elsewhere.
    let private = scene.function(&[("PRIVATE_API", "true")]).await;
    let mut copied = scene.request(member, ATTACKERS);
    copied["requestContext"]["identity"]["sourceIp"] = json!("10.9.9.9");
    refuses(&private, &copied).await;
    let log = private.stop().await;
    assert!(log.contains("WrongSource"), "{log}");
}

async fn replayed_document_after_the_claim(scene: &Scene, member: &Instance) {
    scene.accepts(&scene.request(member, OWN)).await;
    scene.refuses(&scene.request(member, ATTACKERS)).await;
    // The instance itself may retry, but not forever.
    for _ in 0..9 {
        scene.accepts(&scene.request(member, OWN)).await;
    }
    scene.refuses(&scene.request(member, OWN)).await;
}

async fn wrong_template(scene: &Scene, profile: &str) {
    let other = create_template(&scene.clients, "stranger", profile).await;
    let settings = aws::table::settings(&scene.clients.dynamodb, "wekactl-wk")
        .await
        .unwrap();
    let subnet = &settings.group(HostGroup::Backends).unwrap().subnet;
    create_group(&scene.clients, "stranger", &other, subnet).await;
    let stranger = scene.member_of("stranger").await;
    // The instance is tagged and is moved into the group.
    let autoscaling = &scene.clients.autoscaling;
    let detach = autoscaling.detach_instances().auto_scaling_group_name("stranger");
    let detach = detach
        .instance_ids(&stranger.id)
        .should_decrement_desired_capacity(true);
    detach.send().await.unwrap();
    let attach = autoscaling.attach_instances().auto_scaling_group_name(GROUP);
    attach.instance_ids(&stranger.id).send().await.unwrap();
    scene.refuses(&scene.request(&stranger, OWN)).await;
}

async fn stopped_and_started_old_instance(scene: &Scene, old: &Instance) {
    // EC2 issues a new document with a new pending time.
    scene
        .control
        .advance_time(Duration::from_secs(32 * 60))
        .await
        .unwrap();
    scene.refuses(&scene.request(old, OWN)).await;
}

#[tokio::test]
async fn attacks_on_the_join_api_are_refused() {
    let scene = Scene::new().await;
    let member = scene.member_of(GROUP).await;
    key_only(&scene).await;
    key_only_after_the_deadline_of_an_update(&scene).await;
    copied_document_before_the_instance_joins(&scene, &member).await;
    let stranger = scene.member_of(OTHER_GROUP).await;
    scene.refuses(&scene.request(&stranger, OWN)).await;
    let settings = aws::table::settings(&scene.clients.dynamodb, "wekactl-wk")
        .await
        .unwrap();
    wrong_template(&scene, &settings.backends.iam_arn).await;
    tag_as_backend(&scene, &member).await;
    replayed_document_after_the_claim(&scene, &member).await;
    stopped_and_started_old_instance(&scene, &stranger).await;
    stopped_and_started_old_instance(&scene, &member).await;

    let log = scene.join.stop().await;
    let refused = |reason: &str| {
        log.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["JoinRefused"] == 1 && line["Reason"] == reason)
            .count()
    };
    for (reason, times) in [
        ("NoIdentity", 3),
        ("WrongAccount", 1),
        ("InvalidDocument", 1),
        ("NotMember", 1),
        ("WrongTemplate", 1),
        ("Claimed", 1),
        ("TooManyTries", 1),
        ("OldInstance", 2),
    ] {
        assert_eq!(refused(reason), times, "{reason} in:\n{log}");
    }
    assert_eq!(log.matches("\"JoinConflict\":1").count(), 1, "{log}");
    assert!(
        !log.contains(PASSWORD) && !log.contains(OWN) && !log.contains("MIAG"),
        "{log}"
    );
}

/// The script needs a running backend.
async fn tag_as_backend(scene: &Scene, instance: &Instance) {
    let tag = |key: &str, value: &str| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    let request = scene.clients.ec2.create_tags().resources(&instance.id);
    let request = request.tags(tag(deployment::tags::CLUSTER_NAME, "wk"));
    request
        .tags(tag(deployment::tags::HOSTGROUP_TYPE, "backend"))
        .send()
        .await
        .unwrap();
}
