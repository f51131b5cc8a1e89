"""Tests `python/moto_patches/` on a stack with a terminated backend and required tokens. Prints the failures."""

import base64
import io
import json
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

failures = []
once = Config(retries={"total_max_attempts": 1})


def client(service):
    return boto3.client(service, config=once)


def check(behaviour, condition):
    if not condition:
        failures.append(behaviour)


def check_error(call, code, **arguments):
    try:
        call(**arguments)
        failures.append(f"{call.__name__} succeeds instead of failing with {code}")
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            failures.append(f"{call.__name__} fails with {error} instead of {code}")


stacks, ec2, groups, iam, functions = map(client, ("cloudformation", "ec2", "autoscaling", "iam", "lambda"))
gateway, machines, rules, logs = map(client, ("apigateway", "stepfunctions", "events", "logs"))
balancers, classic, tables = map(client, ("elbv2", "elb", "dynamodb"))

resources = stacks.get_paginator("list_stack_resources").paginate(StackName="wk")
ids = {r["LogicalResourceId"]: r["PhysicalResourceId"] for page in resources for r in page["StackResourceSummaries"]}
backends = [ids[f"Backend{number}"] for number in range(6)]
terminated = ids["Backend6"]
TAGS = [{"Key": "env", "Value": "prod"}, {"Key": "team", "Value": "storage"}]


def instance(id_):
    return ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]


def stack():
    backend = instance(backends[0])
    check("groups of a stack's instance", [g["GroupId"] for g in backend["SecurityGroups"]] == [ids["SecurityGroup"]])
    check("metadata options of a stack's instance", backend["MetadataOptions"]["HttpTokens"] == "required")
    check("public address by the subnet", "PublicIpAddress" in backend)
    metadata = {"InstanceId": backends[0], "InstanceMetadataTags": "enabled"}
    ec2.modify_instance_metadata_options(**metadata)
    slash = {"Resources": [backends[0]], "Tags": [{"Key": "a/b", "Value": "c"}]}
    check_error(ec2.create_tags, "InvalidParameterValue", **slash)
    ec2.modify_instance_metadata_options(**metadata | {"InstanceMetadataTags": "disabled", "HttpTokens": "required"})
    ec2.create_tags(**slash)
    terminated_instance = instance(terminated)
    check("a terminated instance has no network", "SubnetId" not in terminated_instance and "PrivateIpAddress" not in terminated_instance)
    subnets = [ids["Subnet"], ids["SecondSubnet"]]
    for values in (subnets, subnets[:1], [subnets[0], "subnet-0"]):
        found = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": values}])["RouteTables"]
        check(f"the route table of {len(values)} subnets", [t["RouteTableId"] for t in found] == [ids["RouteTable"]])
    network = classic.describe_load_balancers(LoadBalancerNames=["wk-elb"])["LoadBalancerDescriptions"][0]
    check("network of the classic load balancer", network["VPCId"] == ids["VPC"] and network["Subnets"] == subnets[:1])
    check_error(ec2.describe_instances, "InvalidInstanceID.Malformed", InstanceIds=["web-1"])
    check_error(ec2.describe_instances, "InvalidInstanceID.NotFound", InstanceIds=["i-0123456789abcdef0"])
    check("an instance can be terminated twice", ec2.terminate_instances(InstanceIds=[terminated])["TerminatingInstances"])


def trust(service):
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role(name, service):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))["Role"]["Arn"]


def roles_and_functions():
    check_error(iam.create_role, "ValidationError", RoleName="r" * 65, AssumeRolePolicyDocument=trust("lambda"))
    caller = client("sts").get_caller_identity()["Arn"]
    simulated = iam.simulate_principal_policy(PolicySourceArn=caller, ActionNames=["kms:CreateKey"])
    check("SimulatePrincipalPolicy", simulated["EvaluationResults"][0]["EvalDecision"] == "allowed")
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("bootstrap", "")
    settings = {
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Code": {"ZipFile": package.getvalue()},
        "Role": role("function", "lambda"),
        "VpcConfig": {"SubnetIds": [ids["Subnet"]], "SecurityGroupIds": [ids["SecurityGroup"]]},
    }
    states = role("machine", "states")
    other_role = settings | {"Role": states}
    check_error(functions.create_function, "InvalidParameterValueException", FunctionName="g", **other_role)
    check_error(functions.create_function, "ValidationException", FunctionName="f" * 65, **settings)
    check("a new function is pending", functions.create_function(FunctionName="f", **settings)["State"] == "Pending")
    config = functions.get_function(FunctionName="f")["Configuration"]
    check("VPC of a function", config["VpcConfig"]["VpcId"] == ids["VPC"])
    check("a function becomes active", config["State"] == "Active" and config["LoggingConfig"]["LogGroup"] == "/aws/lambda/f")
    functions.update_function_code(FunctionName="f", ZipFile=package.getvalue(), Architectures=["arm64"])
    functions.update_function_configuration(FunctionName="f", TracingConfig={"Mode": "Active"})
    config = functions.get_function(FunctionName="f")["Configuration"]
    check("architecture can change", config["Architectures"] == ["arm64"])
    check("tracing can change", config["TracingConfig"]["Mode"] == "Active")
    permission = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "StatementId": "s"}
    functions.add_permission(FunctionName="f", **permission)
    check_error(functions.add_permission, "ResourceConflictException", FunctionName="f", **permission)

    logs.create_log_group(logGroupName="g", tags={"a": "b"})
    arn = logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"][0]["arn"]
    check("tags of a log group", logs.list_tags_for_resource(resourceArn=arn.removesuffix(":*"))["tags"] == {"a": "b"})
    check_error(logs.list_tags_for_resource, "ResourceNotFoundException", resourceArn=arn)
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    machine = {"name": "m", "definition": definition, "roleArn": states}
    check_error(machines.create_state_machine, "AccessDeniedException", **machine | {"roleArn": settings["Role"]})
    check_error(machines.create_state_machine, "InvalidDefinition", **machine | {"definition": "{"})
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": arn.removesuffix(":*")}}
    logging = {"level": "ERROR", "destinations": [destination]}
    check_error(machines.create_state_machine, "InvalidLoggingConfiguration", **machine | {"loggingConfiguration": logging})
    machines.create_state_machine(**machine)
    other = machine | {"definition": definition.replace("A", "B")}
    check_error(machines.create_state_machine, "StateMachineAlreadyExists", **other)
    check_error(rules.put_rule, "ValidationException", Name="r" * 65, ScheduleExpression="rate(1 minute)")
    rules.put_rule(Name="rule", ScheduleExpression="rate(1 minute)")
    targets = [{"Id": str(number), "Arn": "arn:aws:sqs:eu-west-1:123456789012:queue"} for number in range(6)]
    rules.put_targets(Rule="rule", Targets=targets[:5])
    rules.put_targets(Rule="rule", Targets=targets[:2])
    check_error(rules.put_targets, "LimitExceededException", Rule="rule", Targets=targets[5:])


def apis():
    for number in range(3):
        gateway.create_rest_api(name=f"api-{number}")
        key = gateway.create_api_key(name=f"key-{number}")["id"]
    api = gateway.create_rest_api(name="api", tags={"a": "b"})
    root = {"restApiId": api["id"], "parentId": api["rootResourceId"], "pathPart": "p"}
    resource = gateway.create_resource(**root)["id"]
    check_error(gateway.create_resource, "ConflictException", **root)
    at = {"restApiId": api["id"], "resourceId": resource, "httpMethod": "GET"}
    gateway.put_method(**at, authorizationType="NONE")
    gateway.put_integration(**at, type="MOCK")
    gateway.create_deployment(restApiId=api["id"], stageName="default")
    plan = gateway.create_usage_plan(name="plan", apiStages=[{"apiId": api["id"], "stage": "default"}])["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    check_error(gateway.create_usage_plan_key, "ConflictException", usagePlanId=plan, keyId=key, keyType="API_KEY")
    check_error(gateway.delete_usage_plan, "BadRequestException", usagePlanId=plan)
    page = gateway.get_rest_apis(limit=3)
    check("pagination of REST APIs", len(page["items"]) == 3 and len(gateway.get_rest_apis(position=page["position"])["items"]) == 1)
    for kind, id_ in (("restapis", api["id"]), ("usageplans", plan), ("apikeys", key)):
        arn = f"arn:aws:apigateway:eu-west-1::/{kind}/{id_}"
        gateway.tag_resource(resourceArn=arn, tags={"c": "d"})
        check(f"tags of {kind} can be added", gateway.get_tags(resourceArn=arn)["tags"].get("c") == "d")
        gateway.untag_resource(resourceArn=arn, tagKeys=["c"])
        check(f"tags of {kind} can be removed", "c" not in gateway.get_tags(resourceArn=arn)["tags"])


def load_balancers_and_tables():
    both = [ids["Subnet"], ids["SecondSubnet"]]
    check_error(balancers.create_load_balancer, "ValidationError", Name="l" * 33, Subnets=both)
    check_error(balancers.create_load_balancer, "ValidationError", Name="l", Subnets=both[:1])
    balancer = balancers.create_load_balancer(Name="l", Subnets=both)["LoadBalancers"][0]["LoadBalancerArn"]
    again = balancers.create_load_balancer(Name="l", Subnets=both)["LoadBalancers"][0]["LoadBalancerArn"]
    check("a repeated creation of a load balancer returns the same one", again == balancer)
    other = {"Name": "l", "Subnets": both, "Scheme": "internal"}
    check_error(balancers.create_load_balancer, "DuplicateLoadBalancerName", **other)
    target = balancers.create_target_group(Name="t", Protocol="HTTP", Port=14000, VpcId=ids["VPC"])["TargetGroups"][0]
    forward = [{"Type": "forward", "TargetGroupArn": target["TargetGroupArn"]}]
    listener = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 14000, "DefaultActions": forward}
    balancers.create_listener(**listener)
    check_error(balancers.create_listener, "DuplicateListener", **listener)
    table = tables.create_table(
        TableName="table",
        AttributeDefinitions=[{"AttributeName": "Key", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "Key", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=TAGS,
    )["TableDescription"]["TableArn"]
    tables.tag_resource(ResourceArn=table, Tags=[{"Key": "env", "Value": "test"}])
    tags = tables.list_tags_of_resource(ResourceArn=table)["Tags"]
    check("tag of a table can change", sorted(t["Value"] for t in tags) == ["storage", "test"])
    key = client("kms").create_key()["KeyMetadata"]
    encryption = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["KeyId"]}
    tables.update_table(TableName="table", SSESpecification=encryption)
    found = tables.describe_table(TableName="table")["Table"]["SSEDescription"]
    check("a table returns the ARN of its key", found["KMSMasterKeyArn"] == key["Arn"])
    check_error(tables.update_table, "ValidationException", TableName="table", SSESpecification=encryption)


def group():
    return groups.describe_auto_scaling_groups(AutoScalingGroupNames=["g"])["AutoScalingGroups"][0]


def members():
    return {member["InstanceId"]: member for member in group()["Instances"]}


def auto_scaling():
    profile = instance(backends[0])["IamInstanceProfile"]["Arn"]
    kinds = ("instance", "volume", "network-interface")
    volumes = [("/dev/sda1", 16), ("/dev/sdp", 100)]
    data = {
        "ImageId": "ami-03cf127a",
        "InstanceType": "i3en.2xlarge",
        "IamInstanceProfile": {"Arn": profile},
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "AssociatePublicIpAddress": True,
                "SubnetId": ids["Subnet"],
                "Groups": [ids["SecurityGroup"]],
            }
        ],
        "BlockDeviceMappings": [
            {"DeviceName": device, "Ebs": {"VolumeSize": size, "VolumeType": "gp3"}} for device, size in volumes
        ],
        "MetadataOptions": {"HttpTokens": "required"},
        "DisableApiTermination": True,
        "DisableApiStop": True,
        "Monitoring": {"Enabled": True},
        "Placement": {"GroupName": "close"},
        "CapacityReservationSpecification": {"CapacityReservationPreference": "none"},
        "UserData": base64.b64encode(b"one").decode(),
        "TagSpecifications": [{"ResourceType": kind, "Tags": TAGS} for kind in kinds],
    }
    own = [{"ResourceType": "launch-template", "Tags": TAGS}]
    ec2.create_launch_template(LaunchTemplateName="template", LaunchTemplateData=data, TagSpecifications=own)
    stored = ec2.describe_launch_template_versions(LaunchTemplateName="template", Versions=["$Latest"])
    stored = stored["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    check("a template's own tags are not its instances'", stored["TagSpecifications"] == data["TagSpecifications"])
    second = data | {"UserData": base64.b64encode(b"two").decode()}
    ec2.create_launch_template_version(LaunchTemplateName="template", LaunchTemplateData=second)
    found = ec2.describe_launch_templates(LaunchTemplateNames=["template"])["LaunchTemplates"][0]
    ec2.create_tags(Resources=[found["LaunchTemplateId"]], Tags=[{"Key": "env", "Value": "test"}])
    found = ec2.describe_launch_templates(LaunchTemplateNames=["template"])["LaunchTemplates"][0]
    check("tag of a template can change", sorted(tag["Value"] for tag in found["Tags"]) == ["storage", "test"])

    settings = {
        "AutoScalingGroupName": "g",
        "MinSize": 0,
        "MaxSize": 7,
        "LaunchTemplate": {"LaunchTemplateName": "template", "Version": "$Latest"},
        "VPCZoneIdentifier": ids["Subnet"],
        "NewInstancesProtectedFromScaleIn": True,
    }
    groups.create_auto_scaling_group(**settings)
    check_error(groups.create_auto_scaling_group, "AlreadyExists", **settings)
    check_error(groups.suspend_processes, "ValidationError", AutoScalingGroupName="none")
    groups.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["ReplaceUnhealthy"])
    group_name = {"AutoScalingGroupName": "g"}
    check_error(groups.attach_instances, "ValidationError", **group_name, InstanceIds=[f"i-{n:017x}" for n in range(21)])
    check_error(groups.attach_instances, "ValidationError", **group_name, InstanceIds=["i-0123456789abcdef0"])
    check_error(groups.attach_instances, "ValidationError", **group_name, InstanceIds=[terminated])
    groups.attach_instances(**group_name, InstanceIds=backends)
    check("attached instances are not protected", not any(member["ProtectedFromScaleIn"] for member in members().values()))
    groups.set_instance_protection(**group_name, InstanceIds=backends, ProtectedFromScaleIn=True)
    check_error(groups.attach_instances, "ValidationError", **group_name, InstanceIds=backends[:1])
    check_error(groups.attach_instances, "ValidationError", **group_name, InstanceIds=[ids["Client0"], ids["Client1"]])
    check_error(groups.set_desired_capacity, "ValidationError", **group_name, DesiredCapacity=8)
    check_error(groups.delete_auto_scaling_group, "ResourceInUse", **group_name)
    groups.attach_load_balancers(**group_name, LoadBalancerNames=["wk-elb"])

    groups.set_desired_capacity(**group_name, DesiredCapacity=7)
    new = next(id_ for id_ in members() if id_ not in backends)
    check_launched(new)
    # Termination protection applies to EC2 calls and does not prevent scale-in.
    ec2.modify_instance_attribute(InstanceId=new, DisableApiTermination={"Value": False})
    check_error(ec2.terminate_instances, "OperationNotPermitted", InstanceIds=[new])
    ec2.modify_instance_attribute(InstanceId=new, DisableApiStop={"Value": False})
    ec2.terminate_instances(InstanceIds=[new])
    health = members().get(new, {}).get("HealthStatus")
    check("a terminated member stays while ReplaceUnhealthy is suspended", health == "Unhealthy")
    balancer = classic.describe_load_balancers(LoadBalancerNames=["wk-elb"])["LoadBalancerDescriptions"][0]
    check("a terminated member is removed from the load balancer", len(balancer["Instances"]) == 6)
    groups.detach_instances(**group_name, InstanceIds=[new], ShouldDecrementDesiredCapacity=False)
    check("a detached member is replaced", len(members()) == 7 and new not in members())
    another = next(id_ for id_ in members() if id_ not in backends)
    groups.set_desired_capacity(**group_name, DesiredCapacity=6)
    check("scale-in keeps protected members", len(members()) == 7)
    groups.set_instance_protection(**group_name, InstanceIds=[another], ProtectedFromScaleIn=False)
    check("scale-in removes an unprotected member", sorted(members()) == sorted(backends))
    check("the removed member is terminated", instance(another)["State"]["Name"] == "terminated")


def check_launched(id_):
    """Checks that the group's instance matches the latest version of the template."""
    new = instance(id_)
    tags = {tag["Key"]: tag["Value"] for tag in new["Tags"]}
    check("subnet, security group and public address", (
        new["SubnetId"], [g["GroupId"] for g in new["SecurityGroups"]], "PublicIpAddress" in new,
    ) == (ids["Subnet"], [ids["SecurityGroup"]], True))  # fmt: skip
    check("instance tags", tags["aws:autoscaling:groupName"] == "g" and tags["env"] == "prod")
    check("required tokens", new["MetadataOptions"]["HttpTokens"] == "required")
    check("placement group", new["Placement"]["GroupName"] == "close")
    reservation = new["CapacityReservationSpecification"]["CapacityReservationPreference"]
    check("capacity reservation and monitoring", (reservation, new["Monitoring"]["State"]) == ("none", "enabled"))
    check("instance profile", "InstanceProfileBackend" in new["IamInstanceProfile"]["Arn"])
    attached = [{"Name": "attachment.instance-id", "Values": [id_]}]
    volumes = ec2.describe_volumes(Filters=attached)["Volumes"]
    check("volumes", sorted((v["Size"], v["VolumeType"]) for v in volumes) == [(16, "gp3"), (100, "gp3")])
    interfaces = ec2.describe_network_interfaces(Filters=attached)["NetworkInterfaces"]
    check("tags of volumes and network interfaces", all(v.get("Tags") for v in volumes) and len(interfaces) == 1 and interfaces[0]["TagSet"])
    protection = ec2.describe_instance_attribute(InstanceId=id_, Attribute="disableApiTermination")
    check("termination protection is set", protection["DisableApiTermination"]["Value"])
    user_data = ec2.describe_instance_attribute(InstanceId=id_, Attribute="userData")["UserData"]["Value"]
    check("user data of the latest version", base64.b64decode(user_data) == b"two")
    check("member has the latest version", members()[id_]["LaunchTemplate"]["Version"] == "2")


for part in (stack, roles_and_functions, apis, load_balancers_and_tables, auto_scaling):
    try:
        part()
    except Exception as error:  # noqa: BLE001
        failures.append(f"{part.__name__} was interrupted: {type(error).__name__}: {error}")
print(json.dumps(failures))
