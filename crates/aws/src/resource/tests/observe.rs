mod cluster;
mod group;

use super::{Response, observed, xml};
use cluster::of_cluster;
use deployment::{Output, ResourceId};
use group::of_group;
use serde_json::Value as Json;

/// The tag of the cluster, as most services return it.
const TAG: &str = r#"{"Key":"wekactl.io/cluster_name","Value":"wk"}"#;
const TAG_MAP: &str = r#"{"wekactl.io/cluster_name":"wk"}"#;
const TAG_XML: &str = "<member><Key>wekactl.io/cluster_name</Key><Value>wk</Value></member>";

/// The responses for a resource, and its expected actual state.
struct Case {
    id: ResourceId,
    name: &'static str,
    responses: Vec<Response>,
    fields: Json,
    tagged: bool,
    outputs: &'static [(Output, &'static str)],
}

fn response(operation: &'static str, body: impl Into<String>) -> Response {
    (operation, 200, body.into())
}

fn form(operation: &'static str, result: &str) -> Response {
    (operation, 200, xml(operation, result))
}

/// The tags of a load balancing resource.
fn described_tags() -> Response {
    let tags = format!("<TagDescriptions><member><Tags>{TAG_XML}</Tags></member></TagDescriptions>");
    form("DescribeTags", &tags)
}

#[tokio::test]
async fn actual_state_is_observed() {
    let cluster = "wk".parse().unwrap();
    for case in of_cluster().into_iter().chain(of_group()) {
        let id = case.id;
        let actual = observed(id, &case.responses)
            .await
            .unwrap_or_else(|| panic!("{id:?} is missing"));
        assert_eq!(actual.name, case.name, "{id:?}");
        assert_eq!(actual.body.kind(), id.kind(), "{id:?}");
        assert_eq!(actual.body.fields(), case.fields, "{id:?}");
        assert_eq!(
            actual.tags.is_some_and(|tags| tags.are_of(&cluster)),
            case.tagged,
            "{id:?}"
        );
        let outputs: Vec<_> = actual
            .outputs
            .iter()
            .map(|(output, value)| (*output, value.as_str()))
            .collect();
        assert_eq!(outputs, case.outputs, "{id:?}");
    }
}

#[tokio::test]
async fn secrets_are_observed_but_never_shown() {
    for case in of_cluster().into_iter().chain(of_group()) {
        let actual = observed(case.id, &case.responses).await.unwrap();
        for (field, secret) in actual.body.secrets() {
            let secret = secret.map(|secret| secret.reveal().to_owned());
            let expected = match field {
                "password" => Some("hunter2"),
                "seal_key" => Some("c2VjcmV0"),
                "user_data" => Some("#!/bin/sh"),
                other => panic!("{other}"),
            };
            assert_eq!(secret.as_deref(), expected, "{:?}", case.id);
            assert!(
                !format!("{:?}", actual.body).contains(expected.unwrap()),
                "{:?}",
                case.id
            );
        }
    }
}
