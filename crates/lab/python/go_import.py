"""Recreates an import by wekactl 1.x (Go): `go_import.py REFERENCE STACK OPTIONS`.

REFERENCE is the JSON file with the dump of an account after a real import. Its resources are created with the ids of this
account. Comments mark what the dump does not contain, because AWS creates it or because it was redacted. STACK is the
output of `stack.py`. OPTIONS is JSON.
"""

import base64
import io
import json
import sys
import uuid
import zipfile

import boto3

DEFAULTS = {
    # Volumes of the launch template. The settings always list two.
    "volumes": 2,
    # Targets of the rule. Each update by wekactl 1.x added one.
    "targets": 1,
    # Whether the settings lack the fields that later versions added.
    "older_settings": False,
    # Whether the roles have additional permissions: an inline policy and an attached policy.
    "widened_roles": False,
}

ANYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)  # fmt: skip

# The fields that later versions of wekactl 1.x added to the settings.
LATER = ("AdditionalSubnet", "DnsAlias", "DnsZoneId", "PrivateSubnet", "StackId", "UseDynamoDBEndpoint", "VpcId")
LATER_OF_GROUP = ("HttpTokens", "MaxSize", "VolumesInfo")

# The user data of wekactl 1.x, which the dump does not contain.
USER_DATA = """#!/bin/bash
set -ex
curl --fail -H 'x-api-key:{key}' https://{api}.execute-api.{region}.amazonaws.com/default/{name} | bash
"""


class Account:
    """The reference, with its ids replaced by the ids of this account."""

    def __init__(self, reference):
        self.reference = reference
        self.ids = {}

    def only(self, part):
        (resource,) = self.all(part)
        return resource

    def all(self, part):
        text = json.dumps(self.reference[part])
        for old, new in self.ids.items():
            text = text.replace(old, new)
        return json.loads(text)

    def replace_id(self, old, new):
        """Maps an id of the reference to the id in this account."""
        self.ids[old] = new


def instance_profile(ec2, instance):
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found["IamInstanceProfile"]["Arn"]


def network(account, stack):
    """Maps the ids of the stack's resources. The settings contain all of them."""
    settings = settings_of(account.only("dynamodb"))
    ec2 = boto3.client("ec2")
    account.replace_id(settings["Subnet"]["S"], stack["subnets"][0])
    account.replace_id(settings["AdditionalSubnet"]["S"], stack["subnets"][1])
    account.replace_id(settings["VpcId"]["S"], stack["vpc"])
    groups = {"Backends": stack["backends"], "Clients": stack["clients"]}
    for name, instances in groups.items():
        group = settings[name]["M"]
        account.replace_id(group["SecurityGroupsIds"]["L"][0]["S"], stack["security_group"])
        if instances:
            account.replace_id(group["IamArn"]["S"], instance_profile(ec2, instances[0]))
    tags = account.only("dynamodb")["tags"]
    account.replace_id(next(tag["Value"] for tag in tags if tag["Key"] == "wekactl.io/stack_id"), stack["id"])


def settings_of(table):
    return next(item for item in table["items"] if item["Key"]["S"] == "cluster-settings")


def key(account):
    kms = boto3.client("kms")
    found = account.only("kms")
    created = kms.create_key(Tags=found["tags"])["KeyMetadata"]["KeyId"]
    for alias in found["aliases"]:
        kms.create_alias(AliasName=alias, TargetKeyId=created)
    account.replace_id(found["meta"]["KeyId"], created)


def table(account, stack, options):
    dynamodb = boto3.client("dynamodb")
    found = account.only("dynamodb")
    of = found["table"]
    dynamodb.create_table(
        TableName=of["TableName"],
        KeySchema=of["KeySchema"],
        AttributeDefinitions=of["AttributeDefinitions"],
        BillingMode=of["BillingModeSummary"]["BillingMode"],
        SSESpecification={
            "Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": of["SSEDescription"]["KMSMasterKeyArn"],
        },
        Tags=found["tags"],
    )  # fmt: skip
    settings = settings_of(found)
    if not stack["clients"]:
        settings["Clients"] = {"NULL": True}
    if options["older_settings"]:
        remove_fields(settings, LATER)
        for group in ("Backends", "Clients"):
            remove_fields(settings[group].get("M", {}), LATER_OF_GROUP)
    for item in found["items"]:
        dynamodb.put_item(TableName=of["TableName"], Item=item)


def remove_fields(settings, fields):
    for field in fields:
        del settings[field]


def roles(account, options):
    iam = boto3.client("iam")
    if options["widened_roles"]:
        wide = iam.create_policy(PolicyName="anything", PolicyDocument=ANYTHING)["Policy"]["Arn"]
    for role in account.all("iam"):
        iam.create_role(
            Path=role["path"],
            RoleName=role["name"],
            AssumeRolePolicyDocument=json.dumps(role["assume"]),
            Tags=role["tags"],
        )
        for name, policy in role["inline"].items():
            iam.put_role_policy(RoleName=role["name"], PolicyName=name, PolicyDocument=json.dumps(policy))
        if options["widened_roles"]:
            iam.put_role_policy(RoleName=role["name"], PolicyName="anything", PolicyDocument=ANYTHING)
            iam.attach_role_policy(RoleName=role["name"], PolicyArn=wide)


def functions(account):
    client, logs = boto3.client("lambda"), boto3.client("logs")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "wekactl 1.x")
    for function in account.all("lambda"):
        config = function["config"]
        vpc = config.get("VpcConfig")
        copied = (
            "FunctionName", "Description", "Runtime", "Role", "Handler", "Timeout", "MemorySize", "Architectures",
            "TracingConfig", "Environment",
        )  # fmt: skip
        client.create_function(
            **{name: config[name] for name in copied},
            Code={"ZipFile": code.getvalue()},
            Tags=function["tags"],
            **({"VpcConfig": {name: vpc[name] for name in ("SubnetIds", "SecurityGroupIds")}} if vpc else {}),
        )
        # Lambda creates it when the function first runs.
        logs.create_log_group(logGroupName=f"/aws/lambda/{config['FunctionName']}")


def join_api(account):
    """Creates the API, its usage plan and its key."""
    client = boto3.client("apigateway")
    found = account.only("apigateway")
    api = found["api"]
    created = client.create_rest_api(
        name=api["name"],
        description=api["description"],
        endpointConfiguration=api["endpointConfiguration"],
        tags=api["tags"],
    )
    id_ = created["id"]
    root, joining = found["resources"]
    assert root["path"] == "/" and not root["methods"]
    resource = client.create_resource(
        restApiId=id_, parentId=created["rootResourceId"], pathPart=joining["path"].removeprefix("/")
    )["id"]
    for verb, method in joining["methods"].items():
        at = {"restApiId": id_, "resourceId": resource, "httpMethod": verb}
        client.put_method(**at, authorizationType=method["authorizationType"], apiKeyRequired=method["apiKeyRequired"])
        integration = method["methodIntegration"]
        client.put_integration(
            **at,
            type=integration["type"],
            integrationHttpMethod=integration["httpMethod"],
            uri=integration["uri"],
        )
    (stage,) = found["stages"]
    client.create_deployment(restApiId=id_, stageName=stage["stageName"])
    account.replace_id(api["id"], id_)
    plan = account.only("usageplans")["plan"]
    plan_id = client.create_usage_plan(
        name=plan["name"], apiStages=[{"apiId": item["apiId"], "stage": item["stage"]} for item in plan["apiStages"]]
    )["id"]
    key = account.only("apikeys")
    created = client.create_api_key(name=key["name"], enabled=key["enabled"], tags=key["tags"])
    client.create_usage_plan_key(usagePlanId=plan_id, keyId=created["id"], keyType="API_KEY")
    account.replace_id(key["id"], created["id"])
    account.replace_id(key["value"], created["value"])


def permissions(account):
    client = boto3.client("lambda")
    for function in account.all("lambda"):
        for statement in (function["policy"] or {"Statement": []})["Statement"]:
            client.add_permission(
                FunctionName=function["config"]["FunctionName"],
                StatementId=statement["Sid"],
                Action=statement["Action"],
                Principal=statement["Principal"]["Service"],
                SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
            )


def launch_template(account, region, options):
    found = account.only("launchtemplates")
    (version,) = found["versions"]
    data, template = version["LaunchTemplateData"], found["template"]
    # The moto that created the dump added the template's own tags. AWS does not.
    data["TagSpecifications"] = [item for item in data["TagSpecifications"] if item["ResourceType"] != "launch-template"]
    data["BlockDeviceMappings"] = data["BlockDeviceMappings"][: options["volumes"]]
    script = USER_DATA.format(
        key=account.only("apikeys")["value"],
        api=account.only("apigateway")["api"]["id"],
        region=region,
        name=template["LaunchTemplateName"],
    )
    data["UserData"] = base64.b64encode(script.encode()).decode()
    created = boto3.client("ec2").create_launch_template(
        LaunchTemplateName=template["LaunchTemplateName"],
        VersionDescription=version["VersionDescription"],
        LaunchTemplateData=data,
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": template["Tags"]}],
    )["LaunchTemplate"]
    account.replace_id(template["LaunchTemplateId"], created["LaunchTemplateId"])
    return next(item["Tags"] for item in data["TagSpecifications"] if item["ResourceType"] == "instance")


def schedule(account, options):
    found = account.only("sfn")
    machine = found["machine"]
    boto3.client("stepfunctions").create_state_machine(
        name=machine["name"], definition=json.dumps(machine["definition"]), roleArn=machine["roleArn"], tags=found["tags"]
    )
    events = boto3.client("events")
    found = account.only("events")
    rule = found["rule"]
    events.put_rule(
        Name=rule["Name"], ScheduleExpression=rule["ScheduleExpression"], State=rule["State"], Tags=found["tags"]
    )
    (target,) = found["targets"]
    targets = [target] + [target | {"Id": str(uuid.uuid4())} for _ in range(1, options["targets"])]
    events.put_targets(Rule=rule["Name"], Targets=targets)


def balancer(account):
    client = boto3.client("elbv2")
    found = account.only("targetgroups")
    group = found["tg"]
    copied = ("Name", "Protocol", "Port", "VpcId", "HealthCheckProtocol", "HealthCheckPath", "TargetType")
    group["Name"] = group["TargetGroupName"]
    created = client.create_target_group(**{name: group[name] for name in copied}, Tags=found["tags"])["TargetGroups"][0]
    account.replace_id(group["TargetGroupArn"], created["TargetGroupArn"])
    found = account.only("elbv2")
    of = found["lb"]
    created = client.create_load_balancer(
        Name=of["LoadBalancerName"],
        Type=of["Type"],
        Scheme=of["Scheme"],
        Subnets=[zone["SubnetId"] for zone in of["AvailabilityZones"]],
        SecurityGroups=of["SecurityGroups"],
        Tags=found["tags"],
    )["LoadBalancers"][0]
    account.replace_id(of["LoadBalancerArn"], created["LoadBalancerArn"])
    for listener in account.only("elbv2")["listeners"]:
        of = listener["l"]
        client.create_listener(
            LoadBalancerArn=of["LoadBalancerArn"],
            Protocol=of["Protocol"],
            Port=of["Port"],
            DefaultActions=of["DefaultActions"],
            Tags=listener["tags"],
        )


def group(account, stack, instance_tags):
    client, ec2, elb = map(boto3.client, ("autoscaling", "ec2", "elb"))
    found = account.only("autoscaling")
    # wekactl 1.x specified only the zone, so the group has the zone's default subnet instead of the instances' subnet.
    default = [
        {"Name": "default-for-az", "Values": ["true"]},
        {"Name": "availability-zone", "Values": found["AvailabilityZones"]},
    ]
    subnet = ec2.describe_subnets(Filters=default)["Subnets"][0]["SubnetId"]
    found["VPCZoneIdentifier"] = subnet
    name = found["AutoScalingGroupName"]
    balancers = [stack["load_balancer"]] if stack["load_balancer"] else []
    for balancer in balancers:
        elb.configure_health_check(
            LoadBalancerName=balancer,
            HealthCheck={
                "Target": "HTTP:14000/ui", "Interval": 30, "Timeout": 5, "HealthyThreshold": 3, "UnhealthyThreshold": 5,
            },
        )  # fmt: skip
    template = found["LaunchTemplate"]
    client.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=found["MinSize"],
        MaxSize=found["MaxSize"],
        DesiredCapacity=0,
        VPCZoneIdentifier=found["VPCZoneIdentifier"],
        LaunchTemplate={"LaunchTemplateName": template["LaunchTemplateName"], "Version": template["Version"]},
        NewInstancesProtectedFromScaleIn=found["NewInstancesProtectedFromScaleIn"],
        TargetGroupARNs=found["TargetGroupARNs"],
        LoadBalancerNames=balancers,
        Tags=found["Tags"],
    )
    suspended = [process["ProcessName"] for process in found["SuspendedProcesses"]]
    client.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=suspended)
    backends = stack["backends"]
    ec2.create_tags(Resources=backends, Tags=instance_tags)
    for instance in backends:
        ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    for first in range(0, len(backends), 20):
        batch = backends[first : first + 20]
        client.attach_instances(AutoScalingGroupName=name, InstanceIds=batch)
        client.set_instance_protection(AutoScalingGroupName=name, InstanceIds=batch, ProtectedFromScaleIn=True)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        account = Account(json.load(file))
    stack, options = json.loads(sys.argv[2]), DEFAULTS | json.loads(sys.argv[3])
    region = boto3.Session().region_name
    if (stack["name"], region) != ("wk", "eu-west-1") or len(stack["subnets"]) < 2:
        sys.exit("the reference needs a stack 'wk' in eu-west-1 with two subnets")
    network(account, stack)
    key(account)
    table(account, stack, options)
    roles(account, options)
    functions(account)
    join_api(account)
    permissions(account)
    instance_tags = launch_template(account, region, options)
    schedule(account, options)
    balancer(account)
    group(account, stack, instance_tags)
    print("null")


if __name__ == "__main__":
    main()
