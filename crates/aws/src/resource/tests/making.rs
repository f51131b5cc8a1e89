//! How a resource is made, where AWS is not as quick as its answers.

use super::cloud;
use crate::cloud::Clients;
use crate::resource::{Target, create};
use crate::test_support::{config, json_response, replay};
use deployment::resource::KmsKey;
use deployment::{Output, ResourceId, Tags};
use serde_json::json;

#[tokio::test]
async fn a_new_key_gets_its_alias_once_all_of_kms_knows_it() {
    let unknown = || {
        json_response(
            400,
            &json!({ "__type": "NotFoundException", "message": "Key 'k1' does not exist" }),
        )
    };
    let done = || json_response(200, &json!({}));
    let made = json!({ "KeyMetadata": { "KeyId": "k1", "Arn": "arn:k1" } });
    // Alias and rotation are asked for side by side.
    let client = replay([json_response(200, &made), unknown(), unknown(), done(), done()]);
    let cloud = cloud(Clients::new(&config(client.clone())));
    let tags = Tags::default();
    let target = Target {
        id: ResourceId::KmsKey,
        name: "alias/wekactl-wk",
        tags: Some(&tags),
    };
    let key = KmsKey {
        state: "Enabled".to_owned(),
        rotation: true,
    };
    let given = create(&cloud, &target, &key.into()).await.unwrap();
    assert_eq!(
        given,
        [(Output::Arn, "arn:k1".to_owned()), (Output::Id, "k1".to_owned())]
    );
    let asked = client.actual_requests();
    let asked: Vec<_> = asked
        .map(|request| request.headers().get("x-amz-target").unwrap().to_owned())
        .collect();
    let times = |operation: &str| asked.iter().filter(|asked| asked.ends_with(operation)).count();
    assert_eq!(
        (
            times("CreateKey"),
            times("CreateAlias"),
            times("EnableKeyRotation"),
            asked.len()
        ),
        (1, 2, 2, 5)
    );
}
