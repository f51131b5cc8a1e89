//! Creating a resource that AWS makes visible only later.

use super::cloud;
use crate::cloud::Clients;
use crate::resource::create;
use crate::test_support::{config, json_response, replay};
use deployment::plan::Desired;
use deployment::resource::KmsKey;
use deployment::{Output, ResourceId, Tags};
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn new_key_gets_its_alias_when_it_is_visible() {
    let not_visible = || {
        json_response(
            400,
            &json!({ "__type": "NotFoundException", "message": "Key 'k1' does not exist" }),
        )
    };
    let done = || json_response(200, &json!({}));
    let created = json!({ "KeyMetadata": { "KeyId": "k1", "Arn": "arn:k1" } });
    // Alias and rotation are requested concurrently.
    let client = replay([
        json_response(200, &created),
        not_visible(),
        not_visible(),
        done(),
        done(),
    ]);
    let cloud = cloud(Clients::new(&config(client.clone())));
    let key = KmsKey {
        alias: "alias/wekactl-wk".to_owned(),
        state: "Enabled".to_owned(),
        rotation: true,
    };
    let desired = Desired {
        id: ResourceId::KmsKey,
        name: "alias/wekactl-wk".to_owned(),
        body: key.into(),
        tags: Some(Tags::default()),
        depends_on: BTreeSet::new(),
    };
    let outputs = create(&cloud, &desired, &desired.body).await.unwrap();
    assert_eq!(
        outputs,
        [(Output::Arn, "arn:k1".to_owned()), (Output::Id, "k1".to_owned())]
    );
    let requests = client.actual_requests();
    let operations: Vec<_> = requests
        .map(|request| request.headers().get("x-amz-target").unwrap().to_owned())
        .collect();
    let times = |operation: &str| operations.iter().filter(|sent| sent.ends_with(operation)).count();
    assert_eq!(
        (
            times("CreateKey"),
            times("CreateAlias"),
            times("EnableKeyRotation"),
            operations.len()
        ),
        (1, 2, 2, 5)
    );
}
