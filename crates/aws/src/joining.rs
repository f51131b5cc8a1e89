//! What proves that a new instance may join: what EC2 reports about it, and its claim in the table.

use crate::error::{Context, Result};
use crate::group::describe_instances_by_id;
use crate::tags::tags_from;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use deployment::settings::CLAIM_PREFIX;
use jiff::{SignedDuration, Timestamp};

/// How many requests of an instance are answered. Its user data sends at most seven.
const MAX_TRIES: u32 = 10;
/// When DynamoDB deletes a claim: long after the instance's identity document has expired.
const CLAIM_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

const UPDATE_ITEM: &str = "dynamodb UpdateItem";

/// What EC2 reports about an instance; `None` if EC2 does not list it.
///
/// # Errors
/// The request failed.
pub async fn instance(client: &aws_sdk_ec2::Client, id: &str) -> Result<Option<identity::Instance>> {
    let found = describe_instances_by_id(client, &[id.to_owned()]).await?.pop();
    Ok(found.map(|instance| {
        let tags = tags_from(instance.tags(), |tag| (tag.key(), tag.value()));
        let tag = |key| tags.get(key).unwrap_or_default().to_owned();
        let primary = instance
            .network_interfaces()
            .iter()
            .filter_map(|interface| interface.attachment())
            .find(|attachment| attachment.device_index() == Some(0));
        let root = instance
            .block_device_mappings()
            .iter()
            .find(|mapping| mapping.device_name() == instance.root_device_name())
            .and_then(|mapping| mapping.ebs());
        let time =
            |time: Option<&aws_sdk_ec2::primitives::DateTime>| Timestamp::from_second(time?.secs()).ok();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        identity::Instance {
            state: text(
                instance
                    .state()
                    .and_then(|state| state.name())
                    .map(|name| name.as_str()),
            ),
            private_ip: text(instance.private_ip_address()),
            vpc: text(instance.vpc_id()),
            subnet: text(instance.subnet_id()),
            profile: text(instance.iam_instance_profile().and_then(|profile| profile.arn())),
            group: tag("aws:autoscaling:groupName"),
            template: tag("aws:ec2launchtemplate:id"),
            interface_attached: time(primary.and_then(|attachment| attachment.attach_time())),
            root_attached: time(root.and_then(|volume| volume.attach_time())),
        }
    }))
}

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The request is the first for the instance, or has the nonce of the first.
    Held,
    /// Another request holds the claim.
    Conflict,
    TooManyTries,
}

/// Claims an instance for the request with this nonce. The write is conditional: of two concurrent requests, one gets it.
///
/// # Errors
/// The request failed.
pub async fn claim(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    instance: &str,
    nonce_hash: &str,
    now: Timestamp,
) -> Result<Claim> {
    let number = |number: i64| AttributeValue::N(number.to_string());
    let hash = AttributeValue::S(nonce_hash.to_owned());
    let request = client
        .update_item()
        .table_name(table)
        .key("Key", AttributeValue::S(format!("{CLAIM_PREFIX}{instance}")))
        .update_expression("SET NonceHash = :hash, #expires = :expires ADD Tries :one")
        .condition_expression("attribute_not_exists(#key) OR (NonceHash = :hash AND Tries < :max)")
        .expression_attribute_names("#key", "Key")
        .expression_attribute_names("#expires", "expires")
        .expression_attribute_values(":hash", hash.clone())
        .expression_attribute_values(":expires", number((now + CLAIM_LIFETIME).as_second()))
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":max", number(MAX_TRIES.into()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let response = request.send().await;
    if let Err(error) = &response
        && let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
    {
        let stored = failed.item().and_then(|item| item.get("NonceHash"));
        return Ok(if stored == Some(&hash) {
            Claim::TooManyTries
        } else {
            Claim::Conflict
        });
    }
    response.context(UPDATE_ITEM)?;
    Ok(Claim::Held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{config, json_response, replay, xml_response};
    use serde_json::{Value as Json, json};

    const EC2: &str = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-9</instanceId>\
        <instanceState><code>0</code><name>pending</name></instanceState><privateIpAddress>10.0.0.9</privateIpAddress>\
        <vpcId>vpc-1</vpcId><subnetId>subnet-1</subnetId><rootDeviceName>/dev/xvda</rootDeviceName>\
        <iamInstanceProfile><arn>arn:profile</arn></iamInstanceProfile>\
        <tagSet><item><key>aws:autoscaling:groupName</key><value>group</value></item>\
        <item><key>aws:ec2launchtemplate:id</key><value>lt-1</value></item></tagSet>\
        <blockDeviceMapping><item><deviceName>/dev/sdp</deviceName><ebs><attachTime>2020-01-01T00:00:00.000Z</attachTime></ebs></item>\
        <item><deviceName>/dev/xvda</deviceName><ebs><attachTime>2026-01-01T12:00:02.000Z</attachTime></ebs></item></blockDeviceMapping>\
        <networkInterfaceSet><item><attachment><deviceIndex>1</deviceIndex><attachTime>2020-01-01T00:00:00.000Z</attachTime></attachment></item>\
        <item><attachment><deviceIndex>0</deviceIndex><attachTime>2026-01-01T12:00:01.000Z</attachTime></attachment></item></networkInterfaceSet>\
        </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";

    fn at(time: &str) -> Option<Timestamp> {
        Some(time.parse().unwrap())
    }

    #[tokio::test]
    async fn primary_interface_root_volume_and_tags_of_aws_are_read() {
        let client = aws_sdk_ec2::Client::new(&config(replay([xml_response(200, EC2)])));
        let found = instance(&client, "i-9").await.unwrap().unwrap();
        let expected = identity::Instance {
            state: "pending".into(),
            private_ip: "10.0.0.9".into(),
            vpc: "vpc-1".into(),
            subnet: "subnet-1".into(),
            profile: "arn:profile".into(),
            group: "group".into(),
            template: "lt-1".into(),
            interface_attached: at("2026-01-01T12:00:01Z"),
            root_attached: at("2026-01-01T12:00:02Z"),
        };
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn unknown_instance_is_none_and_missing_values_are_empty() {
        let empty = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
        let bare = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-9</instanceId></item>\
            </instancesSet></item></reservationSet></DescribeInstancesResponse>";
        let client = aws_sdk_ec2::Client::new(&config(replay([
            xml_response(200, empty),
            xml_response(200, bare),
        ])));
        assert_eq!(instance(&client, "i-9").await.unwrap(), None);
        assert_eq!(
            instance(&client, "i-9").await.unwrap(),
            Some(identity::Instance::default())
        );
    }

    async fn claimed(status: u16, response: &Json) -> (Result<Claim>, Json) {
        let replay = replay([json_response(status, response)]);
        let client = aws_sdk_dynamodb::Client::new(&config(replay.clone()));
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let claim = claim(&client, "wekactl-wk", "i-9", "hash", now).await;
        let request = replay.actual_requests().next().unwrap();
        (
            claim,
            serde_json::from_slice(request.body().bytes().unwrap()).unwrap(),
        )
    }

    #[tokio::test]
    async fn claim_is_one_conditional_write() {
        let (claim, request) = claimed(200, &json!({})).await;
        assert_eq!(claim.unwrap(), Claim::Held);
        assert_eq!(request["Key"], json!({ "Key": { "S": "join-claim/i-9" } }));
        assert_eq!(
            request["ExpressionAttributeValues"][":expires"],
            json!({ "N": "1767355200" })
        );
        assert_eq!(request["ExpressionAttributeValues"][":max"], json!({ "N": "10" }));
    }

    #[tokio::test]
    async fn failed_condition_tells_a_conflict_from_too_many_tries() {
        let failed = |item: Json| {
            let mut body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "no" });
            if item != Json::Null {
                body["Item"] = item;
            }
            body
        };
        for (item, claim) in [
            (
                json!({ "NonceHash": { "S": "hash" }, "Tries": { "N": "10" } }),
                Claim::TooManyTries,
            ),
            (
                json!({ "NonceHash": { "S": "another" }, "Tries": { "N": "1" } }),
                Claim::Conflict,
            ),
            (Json::Null, Claim::Conflict),
        ] {
            assert_eq!(claimed(400, &failed(item)).await.0.unwrap(), claim);
        }
        let denied = json!({ "__type": "com.amazonaws#AccessDeniedException", "message": "no" });
        let error = claimed(400, &denied).await.0.unwrap_err();
        assert_eq!(
            error.to_string(),
            "dynamodb UpdateItem: AccessDeniedException: no"
        );
    }
}
