mod cluster;
mod group;

use super::{Answer, observed, xml};
use cluster::of_cluster;
use deployment::{Output, ResourceId};
use group::of_group;
use serde_json::Value as Json;

/// The tag by which a resource is the cluster's, as most services write it.
const TAG: &str = r#"{"Key":"wekactl.io/cluster_name","Value":"wk"}"#;
const TAG_MAP: &str = r#"{"wekactl.io/cluster_name":"wk"}"#;
const TAG_XML: &str = "<member><Key>wekactl.io/cluster_name</Key><Value>wk</Value></member>";

/// A resource as AWS tells of it, and what is to be seen of it.
struct Case {
    id: ResourceId,
    name: &'static str,
    answers: Vec<Answer>,
    fields: Json,
    tagged: bool,
    outputs: &'static [(Output, &'static str)],
}

fn answer(asked: &'static str, body: impl Into<String>) -> Answer {
    (asked, 200, body.into())
}

fn form(asked: &'static str, result: &str) -> Answer {
    (asked, 200, xml(asked, result))
}

/// The tags of what the load balancing service keeps.
fn described_tags() -> Answer {
    let tags = format!("<TagDescriptions><member><Tags>{TAG_XML}</Tags></member></TagDescriptions>");
    form("DescribeTags", &tags)
}

#[tokio::test]
async fn what_stands_is_seen_as_it_is() {
    let cluster = "wk".parse().unwrap();
    for case in of_cluster().into_iter().chain(of_group()) {
        let id = case.id;
        let seen = observed(id, &case.answers)
            .await
            .unwrap_or_else(|| panic!("{id:?} is not seen"));
        assert_eq!(seen.name, case.name, "{id:?}");
        assert_eq!(seen.body.kind(), id.kind(), "{id:?}");
        assert_eq!(seen.body.fields(), case.fields, "{id:?}");
        assert_eq!(
            seen.tags.is_some_and(|tags| tags.are_of(&cluster)),
            case.tagged,
            "{id:?}"
        );
        let outputs: Vec<_> = seen
            .outputs
            .iter()
            .map(|(output, value)| (*output, value.as_str()))
            .collect();
        assert_eq!(outputs, case.outputs, "{id:?}");
    }
}

#[tokio::test]
async fn secrets_are_seen_and_never_shown() {
    for case in of_cluster().into_iter().chain(of_group()) {
        let seen = observed(case.id, &case.answers).await.unwrap();
        for (field, secret) in seen.body.secrets() {
            let secret = secret.map(|secret| secret.reveal().to_owned());
            let expected = match field {
                "password" => Some("hunter2"),
                "seal_key" => Some("c2VjcmV0"),
                "user_data" => Some("#!/bin/sh"),
                other => panic!("{other}"),
            };
            assert_eq!(secret.as_deref(), expected, "{:?}", case.id);
            assert!(
                !format!("{:?}", seen.body).contains(expected.unwrap()),
                "{:?}",
                case.id
            );
        }
    }
}
