//! What `cluster destroy` leaves alone, and what it finds though it is not where it belongs.

use crate::common::Lab;
use lab::{Control, InstanceState, StackOptions};
use serde_json::Value;
use std::path::Path;

/// Runs Python with boto3 on the lab's AWS.
fn python(lab: &Lab, program: &str) {
    let path = lab.file(
        "program.py",
        &format!("import boto3, json\n{program}\nprint('null')\n"),
    );
    let _: Value = lab.moto.run(Path::new(&path), None::<&str>).unwrap();
}

async fn standing(lab: &Lab) -> Vec<String> {
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
async fn another_cluster_whose_name_begins_alike_is_not_touched() {
    let (lab, _) = Lab::with(&small("prod", 10));
    lab::create_stack(&lab.moto, &small("prod-2", 20)).unwrap();
    lab::create_stack(&lab.moto, &small("prod-Backends", 30)).unwrap();
    for name in ["prod-2", "prod-Backends"] {
        lab.import_as(name, &[]).ok();
    }
    let others = standing(&lab).await;
    lab.import_as("prod", &[]).ok();
    lab.destroy_as("prod", &["-k"]).ok();
    assert_eq!(standing(&lab).await, others);
}

/// What else a large account holds; one of the keys has the cluster's name as the value of another tag.
const CROWD: &str = r#"
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
async fn in_a_crowded_account_only_the_named_cluster_changes_and_no_more_is_asked() {
    let (lab, _) = Lab::with(&small("wk", 10));
    lab::create_stack(&lab.moto, &small("wk-2", 20)).unwrap();
    lab::create_stack(&lab.moto, &small("wk-Backends", 30)).unwrap();
    for name in ["wk-2", "wk-Backends"] {
        lab.import_as(name, &[]).ok();
    }
    // How many calls an update and a look before a destroy take where there is nobody else.
    let package = lab.other_package();
    let update = ["cluster", "update", "-n", "wk-2", "--dry-run", "--lambda-package"];
    let asked = |arguments: &[&str]| {
        let before = lab.calls().len();
        lab.wekactl_with(arguments, &[]).ok();
        lab.calls().len() - before
    };
    let package = package.to_str().unwrap();
    let (updating, destroying) = (
        asked(&[&update[..], &[package]].concat()),
        asked(&["cluster", "destroy", "-n", "wk-2", "--dry-run"]),
    );
    python(&lab, CROWD);
    // A page of REST APIs, keys or plans holds 500.
    assert_eq!(asked(&[&update[..], &[package]].concat()), updating);
    assert_eq!(
        asked(&["cluster", "destroy", "-n", "wk-2", "--dry-run"]),
        destroying
    );

    let others = standing(&lab).await;
    lab.import(&[]).ok();
    let imported = standing(&lab).await;
    let calls = lab.calls().len();
    let update = ["cluster", "update", "-n", "wk", "--lambda-package", package];
    lab.wekactl_with(&update, &[]).ok();
    assert_eq!(lab.changes_since(calls), ["lambda UpdateFunctionCode"; 5]);
    assert_eq!(standing(&lab).await, imported);
    lab.destroy(&["-k"]).ok();
    assert_eq!(standing(&lab).await, others);
}

/// Made by somebody else under the names of cluster `wk`, none of it with the tag.
const SOMEBODYS: &str = r#"
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
async fn what_bears_the_names_without_the_tag_is_reported_and_stays() {
    let (lab, _) = Lab::with(&small("wk", 10));
    python(&lab, SOMEBODYS);
    let before = standing(&lab).await;
    let calls = lab.calls().len();
    let ran = lab.destroy(&[]).ok();
    assert_eq!(lab.changes_since(calls), [""; 0]);
    for told in [
        "DynamoDB table 'wekactl-wk' is not wekactl's (no tag wekactl.io/cluster_name): it is left alone",
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
        assert!(ran.stderr.contains(told), "{told}:\n{}", ran.stderr);
    }
    assert_eq!(standing(&lab).await, before);
}

/// What answers that were lost, the Go tool and users leave beside what import makes.
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
async fn what_stands_twice_untagged_or_under_other_names_goes_too() {
    let (lab, _) = Lab::with(&small("wk", 10));
    let before = standing(&lab).await;
    lab.import(&[]).ok();
    python(&lab, LEFTOVERS);
    lab.destroy(&["-k"]).ok();
    assert_eq!(standing(&lab).await, before);
}

#[tokio::test]
async fn instances_that_are_the_clusters_no_more_are_left_running() {
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
    for told in [
        format!("instance '{moved}' is a member of the Auto Scaling group mine"),
        format!("instance '{guest}' belongs to cluster 'other'"),
    ] {
        assert!(ran.stderr.contains(&told), "{told}:\n{}", ran.stderr);
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

/// A program that gives the alias's name to something else.
fn point_elsewhere(zone: &str) -> String {
    format!(
        r#"
boto3.client("route53").change_resource_record_sets(HostedZoneId="{zone}", ChangeBatch={{"Changes": [{{"Action": "UPSERT",
    "ResourceRecordSet": {{"Name": "weka.example.com", "Type": "A", "AliasTarget": {{"HostedZoneId": "Z2", "DNSName": "other.example.com",
    "EvaluateTargetHealth": False}}}}}}]}})"#
    )
}

#[tokio::test]
async fn the_alias_record_goes_where_it_is_ours_and_another_stays() {
    let (lab, _) = Lab::with(&small("wk", 10));
    let zone = r#"
zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"].split("/")[-1]
print(json.dumps(zone)); raise SystemExit
"#;
    let path = lab.file("zone.py", &format!("import boto3, json\n{zone}"));
    let zone: String = lab.moto.run(Path::new(&path), None::<&str>).unwrap();
    let before = standing(&lab).await;
    let alias = ["-l", "weka.example.com", "-z", &zone];
    // A name that stands for something else is not taken over.
    let taken = lab.fork().await;
    python(&taken, &point_elsewhere(&zone));
    let ran = taken.import(&alias);
    assert_eq!(ran.status, 1);
    let told = "weka.example.com points at other.example.com already: remove that record, or choose another --dns-alias";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    lab.import(&alias).ok();
    let copy = lab.fork().await;
    lab.destroy(&["-k"]).ok();
    assert_eq!(standing(&lab).await, before);
    // Somebody has given the name to something else.
    python(&copy, &point_elsewhere(&zone));
    let ran = copy.destroy(&["-k"]).ok();
    let told =
        "alias record 'weka.example.com' points at other.example.com, not at the cluster's load balancer";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert!(
        standing(&copy)
            .await
            .iter()
            .any(|line| line.starts_with("record weka.example.com"))
    );
}

#[tokio::test]
async fn a_cluster_goes_without_its_table_its_group_or_readable_settings() {
    let (lab, stack) = Lab::with(&small("wk", 10));
    let before = standing(&lab).await;
    lab.import(&[]).ok();
    let group = r#"boto3.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="wekactl-wk-Backends", ForceDelete=True)"#;
    let settings = r#"boto3.client("dynamodb").put_item(TableName="wekactl-wk", Item={"Key": {"S": "cluster-settings"}, "DnsAlias": {"N": "1"}})"#;
    for (program, told) in [
        (
            r#"boto3.client("dynamodb").delete_table(TableName="wekactl-wk")"#,
            "",
        ),
        (settings, "the settings cannot be read (DnsAlias is no text)"),
    ] {
        let copy = lab.fork().await;
        python(&copy, program);
        let ran = copy.destroy(&["-k"]).ok();
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert_eq!(standing(&copy).await, before, "{program}");
    }
    // A group that is gone has taken its members with it; who is stopped and tagged is still the cluster's.
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
        standing(&copy)
            .await
            .iter()
            .all(|line| !line.starts_with("instance "))
    );
}
