//! `cluster destroy` skips resources of others and finds misplaced resources of the cluster.

use crate::common::Lab;
use lab::{Control, InstanceState, StackOptions};
use serde_json::Value;
use std::path::Path;

/// Runs Python with boto3 on the AWS of the lab.
fn python(lab: &Lab, program: &str) {
    let path = lab.file(
        "program.py",
        &format!("import boto3, json\n{program}\nprint('null')\n"),
    );
    let _: Value = lab.moto.run(Path::new(&path), None::<&str>).unwrap();
}

async fn inventory(lab: &Lab) -> Vec<String> {
    Control::new(&lab.moto).list_resources().await.unwrap()
}

fn small(name: &str, network: u8) -> StackOptions {
    StackOptions {
        name: name.to_owned(),
        network,
        clients: 0,
        ..StackOptions::default()
    }
}

#[tokio::test]
async fn destroy_skips_clusters_with_the_same_name_prefix() {
    let (lab, _) = Lab::with(&small("prod", 10));
    lab::create_stack(&lab.moto, &small("prod-2", 20)).unwrap();
    lab::create_stack(&lab.moto, &small("prod-Backends", 30)).unwrap();
    for name in ["prod-2", "prod-Backends"] {
        lab.import_as(name, &[]).ok();
    }
    let others = inventory(&lab).await;
    lab.import_as("prod", &[]).ok();
    lab.destroy_as("prod", &["-k"]).ok();
    assert_eq!(inventory(&lab).await, others);
}

/// Other resources of a large account. One of the keys has the name of the cluster in another tag.
const OTHER_RESOURCES: &str = r#"
import io, zipfile
gateway, kms, iam = boto3.client("apigateway"), boto3.client("kms"), boto3.client("iam")
tables, functions = boto3.client("dynamodb"), boto3.client("lambda")
for number in range(150):
    kms.create_key(Tags=[{"TagKey": "team", "TagValue": "wk" if number == 77 else "other"}])
for number in range(110):
    tables.create_table(TableName=f"table-{number}", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "Key", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "Key", "AttributeType": "S"}])
for number in range(60):
    gateway.create_rest_api(name=f"api-{number}")
    gateway.create_api_key(name=f"wekactl-wk-Backends-{number}")
    gateway.create_usage_plan(name=f"plan-{number}")
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as archive:
    archive.writestr("bootstrap", "")
trust = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]})
for number in range(120):
    role = iam.create_role(RoleName=f"role-{number}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    functions.create_function(FunctionName=f"function-{number}", Runtime="provided.al2023", Handler="bootstrap", Role=role,
        Code={"ZipFile": code.getvalue()})
"#;

#[tokio::test]
async fn crowded_account_needs_no_more_calls_and_its_other_clusters_are_unchanged() {
    let (lab, _) = Lab::with(&small("wk", 10));
    lab::create_stack(&lab.moto, &small("wk-2", 20)).unwrap();
    lab::create_stack(&lab.moto, &small("wk-Backends", 30)).unwrap();
    for name in ["wk-2", "wk-Backends"] {
        lab.import_as(name, &[]).ok();
    }
    // The number of calls of an update and a destroy in an account without other resources.
    let package = lab.other_package();
    let update = ["cluster", "update", "-n", "wk-2", "--dry-run", "--lambda-package"];
    let count_calls = |arguments: &[&str]| {
        let before = lab.calls().len();
        lab.wekactl_with(arguments, &[]).ok();
        lab.calls().len() - before
    };
    let package = package.to_str().unwrap();
    let (update_calls, destroy_calls) = (
        count_calls(&[&update[..], &[package]].concat()),
        count_calls(&["cluster", "destroy", "-n", "wk-2", "--dry-run"]),
    );
    python(&lab, OTHER_RESOURCES);
    // A page of REST APIs, keys or plans has 500 items.
    assert_eq!(count_calls(&[&update[..], &[package]].concat()), update_calls);
    assert_eq!(
        count_calls(&["cluster", "destroy", "-n", "wk-2", "--dry-run"]),
        destroy_calls
    );

    let others = inventory(&lab).await;
    lab.import(&[]).ok();
    let imported = inventory(&lab).await;
    let calls = lab.calls().len();
    let update = ["cluster", "update", "-n", "wk", "--lambda-package", package];
    lab.wekactl_with(&update, &[]).ok();
    let mut changes = lab.changes_since(calls);
    changes.sort();
    let (rule, code) = (["events PutRule"; 2], ["lambda UpdateFunctionCode"; 5]);
    assert_eq!(changes, [&rule[..], &code].concat());
    assert_eq!(inventory(&lab).await, imported);
    lab.destroy(&["-k"]).ok();
    assert_eq!(inventory(&lab).await, others);
}

/// Resources of somebody else with the names of cluster `wk` but without its tag.
const UNTAGGED: &str = r#"
ec2, elb, iam = boto3.client("ec2"), boto3.client("elbv2"), boto3.client("iam")
boto3.client("dynamodb").create_table(TableName="wekactl-wk", BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "Key", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "Key", "AttributeType": "S"}])
elb.create_target_group(Name="wekactl-wk-api", Protocol="HTTP", Port=80, VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
boto3.client("events").put_rule(Name="wekactl-wk-Backends", ScheduleExpression="rate(5 minutes)")
trust = json.dumps({"Version": "2012-10-17", "Statement": []})
iam.create_role(RoleName="mine", Path="/wekactl/wk/", AssumeRolePolicyDocument=trust)
role = iam.create_role(RoleName="wk", Path="/wekactl/wk/", AssumeRolePolicyDocument=trust,
    Tags=[{"Key": "wekactl.io/cluster_name", "Value": "wk-2"}])["Role"]
gateway = boto3.client("apigateway")
gateway.create_rest_api(name="wekactl-wk-Backends")
gateway.create_usage_plan(name="wekactl-wk-Backends")
gateway.create_api_key(name="wekactl-wk-Backends")
boto3.client("logs").create_log_group(logGroupName="/aws/lambda/wekactl-wk-join-Backends")
key = boto3.client("kms").create_key(Tags=[{"TagKey": "wekactl.io/cluster_name", "TagValue": "wk-2"}])["KeyMetadata"]
boto3.client("kms").create_alias(AliasName="alias/wekactl-wk", TargetKeyId=key["KeyId"])
"#;

#[tokio::test]
async fn untagged_resources_with_our_names_are_reported_and_skipped() {
    let (lab, _) = Lab::with(&small("wk", 10));
    python(&lab, UNTAGGED);
    let before = inventory(&lab).await;
    let calls = lab.calls().len();
    let ran = lab.destroy(&[]).ok();
    assert_eq!(lab.changes_since(calls), [""; 0]);
    for message in [
        "DynamoDB table 'wekactl-wk' is not wekactl's (no tag wekactl.io/cluster_name): skipped",
        "target group 'wekactl-wk-api' is not wekactl's",
        "EventBridge rule 'wekactl-wk-Backends' is not wekactl's",
        "IAM role 'mine' is not wekactl's",
        "IAM role 'wk' belongs to cluster 'wk-2'",
        "REST API 'wekactl-wk-Backends' is not wekactl's",
        "REST API 'wekactl-wk-Backends (usage plan)' is not wekactl's",
        "REST API 'wekactl-wk-Backends (API key)' is not wekactl's",
        "log group '/aws/lambda/wekactl-wk-join-Backends' is not wekactl's",
        "KMS key 'alias/wekactl-wk' belongs to cluster 'wk-2'",
    ] {
        assert!(ran.stderr.contains(message), "{message}:\n{}", ran.stderr);
    }
    assert_eq!(inventory(&lab).await, before);
}

/// Resources that lost responses, wekactl 1.x and users leave next to those that import creates.
const LEFTOVERS: &str = r#"
gateway, iam, logs = boto3.client("apigateway"), boto3.client("iam"), boto3.client("logs")
tags = {"wekactl.io/cluster_name": "wk"}
first = gateway.get_rest_apis()["items"][0]
gateway.create_rest_api(name="wekactl-wk-Backends", tags=tags)
gateway.create_usage_plan(name="wekactl-wk-Backends", tags=tags)
gateway.create_api_key(name="wekactl-wk-Backends", tags=tags)
gateway.create_usage_plan(name="wekactl-wk-Backends", apiStages=[{"apiId": first["id"], "stage": "default"}])
trust = json.dumps({"Version": "2012-10-17", "Statement": []})
several = [{"Key": "wekactl.io/cluster_name", "Value": "wk"}, {"Key": "wekactl.io/hostgroup_name", "Value": "Backends"}]
for name, use in (("a", "join"), ("b", "join")):
    iam.create_role(RoleName=name, Path="/wekactl/wk/", AssumeRolePolicyDocument=trust,
        Tags=[*several, {"Key": "wekactl.io/use", "Value": use}])
iam.create_role(RoleName="wekactl-wk-Backends-sm-of-the-go-tool", Path="/wekactl/wk/", AssumeRolePolicyDocument=trust, Tags=several)
may = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
for policy in ("one", "two"):
    iam.put_role_policy(RoleName="wekactl-wk-Backends-sm-of-the-go-tool", PolicyName=policy, PolicyDocument=may)
group = "/aws/lambda/wekactl-wk-join-Backends"
arn = next(g["arn"] for g in logs.describe_log_groups()["logGroups"] if g["logGroupName"] == group).removesuffix(":*")
logs.untag_resource(resourceArn=arn, tagKeys=list(logs.list_tags_for_resource(resourceArn=arn)["tags"]))
"#;

#[tokio::test]
async fn duplicate_and_renamed_resources_of_the_cluster_are_deleted() {
    let (lab, _) = Lab::with(&small("wk", 10));
    let before = inventory(&lab).await;
    lab.import(&[]).ok();
    python(&lab, LEFTOVERS);
    lab.destroy(&["-k"]).ok();
    assert_eq!(inventory(&lab).await, before);
}

#[tokio::test]
async fn instances_that_left_the_cluster_keep_running() {
    let (lab, stack) = Lab::with(&small("wk", 10));
    lab.import(&[]).ok();
    let [given, moved, guest] = [0, 1, 2].map(|n| stack.backends[n].clone());
    let program = format!(
        r#"
ec2, scaling = boto3.client("ec2"), boto3.client("autoscaling")
group = "wekactl-wk-Backends"
scaling.detach_instances(AutoScalingGroupName=group, InstanceIds=["{given}", "{moved}"], ShouldDecrementDesiredCapacity=True)
ec2.delete_tags(Resources=["{given}"], Tags=[{{"Key": "wekactl.io/cluster_name"}}])
ec2.create_tags(Resources=["{guest}"], Tags=[{{"Key": "wekactl.io/cluster_name", "Value": "other"}}])
template = {{"LaunchTemplateName": group, "Version": "$Latest"}}
scaling.create_auto_scaling_group(AutoScalingGroupName="mine", MinSize=0, MaxSize=9, DesiredCapacity=0,
    LaunchTemplate=template, AvailabilityZones=["eu-west-1a"])
scaling.attach_instances(AutoScalingGroupName="mine", InstanceIds=["{moved}"])
"#
    );
    python(&lab, &program);
    let ran = lab.destroy(&[]).ok();
    for message in [
        format!("instance '{moved}' is a member of the Auto Scaling group mine"),
        format!("instance '{guest}' belongs to cluster 'other'"),
    ] {
        assert!(ran.stderr.contains(&message), "{message}:\n{}", ran.stderr);
    }
    let instances = Control::new(&lab.moto).instances().await.unwrap();
    for instance in instances {
        let kept = [&given, &moved, &guest].contains(&&instance.id);
        assert_eq!(
            instance.state,
            if kept { "running" } else { "terminated" },
            "{}",
            instance.id
        );
        assert!(!kept || instance.termination_protection, "{}", instance.id);
    }
}

/// A program that points the alias to something else.
fn point_elsewhere(zone: &str) -> String {
    format!(
        r#"
boto3.client("route53").change_resource_record_sets(HostedZoneId="{zone}", ChangeBatch={{"Changes": [{{"Action": "UPSERT",
    "ResourceRecordSet": {{"Name": "weka.example.com", "Type": "A", "AliasTarget": {{"HostedZoneId": "Z2", "DNSName": "other.example.com",
    "EvaluateTargetHealth": False}}}}}}]}})"#
    )
}

#[tokio::test]
async fn only_our_alias_record_is_deleted() {
    let (lab, _) = Lab::with(&small("wk", 10));
    let zone = r#"
zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"].split("/")[-1]
print(json.dumps(zone)); raise SystemExit
"#;
    let path = lab.file("zone.py", &format!("import boto3, json\n{zone}"));
    let zone: String = lab.moto.run(Path::new(&path), None::<&str>).unwrap();
    let before = inventory(&lab).await;
    let alias = ["-l", "weka.example.com", "-z", &zone];
    // An alias that points to something else is not changed.
    let taken = lab.fork().await;
    python(&taken, &point_elsewhere(&zone));
    let ran = taken.import(&alias);
    assert_eq!(ran.status, 1);
    let message = "weka.example.com already points at other.example.com: remove that record, or choose another --dns-alias";
    ran.shows(message);
    lab.import(&alias).ok();
    let copy = lab.fork().await;
    lab.destroy(&["-k"]).ok();
    assert_eq!(inventory(&lab).await, before);
    // Somebody points the alias to something else.
    python(&copy, &point_elsewhere(&zone));
    let ran = copy.destroy(&["-k"]).ok();
    let message =
        "alias record 'weka.example.com' points at other.example.com, not at the cluster's load balancer";
    ran.shows(message);
    assert!(
        inventory(&copy)
            .await
            .iter()
            .any(|line| line.starts_with("record weka.example.com"))
    );
}

#[tokio::test]
async fn destroy_works_without_table_group_or_valid_settings() {
    let (lab, stack) = Lab::with(&small("wk", 10));
    let before = inventory(&lab).await;
    lab.import(&[]).ok();
    let group = r#"boto3.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="wekactl-wk-Backends", ForceDelete=True)"#;
    let settings = r#"boto3.client("dynamodb").put_item(TableName="wekactl-wk", Item={"Key": {"S": "cluster-settings"}, "DnsAlias": {"N": "1"}})"#;
    for (program, message) in [
        (
            r#"boto3.client("dynamodb").delete_table(TableName="wekactl-wk")"#,
            "",
        ),
        (settings, "the settings cannot be read (DnsAlias is not text)"),
    ] {
        let copy = lab.fork().await;
        python(&copy, program);
        let ran = copy.destroy(&["-k"]).ok();
        ran.shows(message);
        assert_eq!(inventory(&copy).await, before, "{program}");
    }
    // Deleting the group terminates its members; a stopped instance with the tag still belongs to the cluster.
    let copy = lab.fork().await;
    let program = format!(
        r#"boto3.client("autoscaling").detach_instances(AutoScalingGroupName="wekactl-wk-Backends", InstanceIds=["{}"],
    ShouldDecrementDesiredCapacity=True)"#,
        stack.backends[0]
    );
    python(&copy, &format!("{program}\n{group}"));
    let control = Control::new(&copy.moto);
    control
        .set_state(&stack.backends[0], InstanceState::Stopped)
        .await
        .unwrap();
    copy.destroy(&[]).ok();
    assert!(
        inventory(&copy)
            .await
            .iter()
            .all(|line| !line.starts_with("instance "))
    );
}
