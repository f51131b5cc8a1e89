"""Makes of a stack what the Go wekactl 1.x made of one: `go_import.py REFERENCE STACK OPTIONS`, all three JSON.

REFERENCE is the file with the dump of an account after a real import by the Go tool. Whatever it says is made as it says,
with this account's ids in place of its own; what it leaves out, because AWS makes it by itself or because it was blacked
out, says so here. STACK is what `stack.py` printed.
"""

import base64
import io
import json
import sys
import uuid
import zipfile

import boto3

DEFAULTS = {
    # Volumes of the launch template; the settings know two in any case.
    "volumes": 2,
    # Targets of the rule. The Go tool's update added one more each time.
    "targets": 1,
    # Whether the settings are of a version that did not know what came later.
    "older_settings": False,
    # Whether somebody has widened the roles since: by an inline policy and by an attached one.
    "widened": False,
}

ANYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)  # fmt: skip

# What the Go tool added to its settings with time.
LATER = ("AdditionalSubnet", "DnsAlias", "DnsZoneId", "PrivateSubnet", "StackId", "UseDynamoDBEndpoint", "VpcId")
LATER_OF_GROUP = ("HttpTokens", "MaxSize", "VolumesInfo")

# As the Go tool's user data asks the API, which the dump leaves out.
USER_DATA = """#!/bin/bash
set -ex
curl --fail -H 'x-api-key:{key}' https://{api}.execute-api.{region}.amazonaws.com/default/{name} | bash
"""


class Account:
    """The reference, with ids of this account where they are known."""

    def __init__(self, reference):
        self.reference = reference
        self.ids = {}

    def one(self, part):
        (thing,) = self.all(part)
        return thing

    def all(self, part):
        text = json.dumps(self.reference[part])
        for old, new in self.ids.items():
            text = text.replace(old, new)
        return json.loads(text)

    def is_now(self, old, new):
        """An id of the reference and what stands for it here."""
        self.ids[old] = new


def instance_profile(ec2, instance):
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found["IamInstanceProfile"]["Arn"]


def network(account, stack):
    """The ids that import finds; all of them stand in the settings."""
    settings = settings_of(account.one("dynamodb"))
    ec2 = boto3.client("ec2")
    account.is_now(settings["Subnet"]["S"], stack["subnets"][0])
    account.is_now(settings["AdditionalSubnet"]["S"], stack["subnets"][1])
    account.is_now(settings["VpcId"]["S"], stack["vpc"])
    groups = {"Backends": stack["backends"], "Clients": stack["clients"]}
    for name, instances in groups.items():
        group = settings[name]["M"]
        account.is_now(group["SecurityGroupsIds"]["L"][0]["S"], stack["security_group"])
        if instances:
            account.is_now(group["IamArn"]["S"], instance_profile(ec2, instances[0]))
    tags = account.one("dynamodb")["tags"]
    account.is_now(next(tag["Value"] for tag in tags if tag["Key"] == "wekactl.io/stack_id"), stack["id"])


def settings_of(table):
    return next(item for item in table["items"] if item["Key"]["S"] == "cluster-settings")


def key(account):
    kms = boto3.client("kms")
    found = account.one("kms")
    made = kms.create_key(Tags=found["tags"])["KeyMetadata"]["KeyId"]
    for alias in found["aliases"]:
        kms.create_alias(AliasName=alias, TargetKeyId=made)
    account.is_now(found["meta"]["KeyId"], made)


def table(account, stack, options):
    dynamodb = boto3.client("dynamodb")
    found = account.one("dynamodb")
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
        older(settings, LATER)
        for group in ("Backends", "Clients"):
            older(settings[group].get("M", {}), LATER_OF_GROUP)
    for item in found["items"]:
        dynamodb.put_item(TableName=of["TableName"], Item=item)


def older(settings, fields):
    for field in fields:
        del settings[field]


def roles(account, options):
    iam = boto3.client("iam")
    if options["widened"]:
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
        if options["widened"]:
            iam.put_role_policy(RoleName=role["name"], PolicyName="anything", PolicyDocument=ANYTHING)
            iam.attach_role_policy(RoleName=role["name"], PolicyArn=wide)


def functions(account):
    client, logs = boto3.client("lambda"), boto3.client("logs")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "the Go tool's code")
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
        # Lambda makes it when the function first runs.
        logs.create_log_group(logGroupName=f"/aws/lambda/{config['FunctionName']}")


def join_api(account):
    """The API, its plan and key; the key's value, and then the right to call the function."""
    client = boto3.client("apigateway")
    found = account.one("apigateway")
    api = found["api"]
    made = client.create_rest_api(
        name=api["name"],
        description=api["description"],
        endpointConfiguration=api["endpointConfiguration"],
        tags=api["tags"],
    )
    id_ = made["id"]
    root, joining = found["resources"]
    assert root["path"] == "/" and not root["methods"]
    resource = client.create_resource(
        restApiId=id_, parentId=made["rootResourceId"], pathPart=joining["path"].removeprefix("/")
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
    account.is_now(api["id"], id_)
    plan = account.one("usageplans")["plan"]
    plan_id = client.create_usage_plan(
        name=plan["name"], apiStages=[{"apiId": one["apiId"], "stage": one["stage"]} for one in plan["apiStages"]]
    )["id"]
    key = account.one("apikeys")
    made = client.create_api_key(name=key["name"], enabled=key["enabled"], tags=key["tags"])
    client.create_usage_plan_key(usagePlanId=plan_id, keyId=made["id"], keyType="API_KEY")
    account.is_now(key["id"], made["id"])
    account.is_now(key["value"], made["value"])


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
    found = account.one("launchtemplates")
    (version,) = found["versions"]
    data, template = version["LaunchTemplateData"], found["template"]
    # The dump's moto added the template's own tags, which AWS does not.
    data["TagSpecifications"] = [one for one in data["TagSpecifications"] if one["ResourceType"] != "launch-template"]
    data["BlockDeviceMappings"] = data["BlockDeviceMappings"][: options["volumes"]]
    script = USER_DATA.format(
        key=account.one("apikeys")["value"],
        api=account.one("apigateway")["api"]["id"],
        region=region,
        name=template["LaunchTemplateName"],
    )
    data["UserData"] = base64.b64encode(script.encode()).decode()
    made = boto3.client("ec2").create_launch_template(
        LaunchTemplateName=template["LaunchTemplateName"],
        VersionDescription=version["VersionDescription"],
        LaunchTemplateData=data,
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": template["Tags"]}],
    )["LaunchTemplate"]
    account.is_now(template["LaunchTemplateId"], made["LaunchTemplateId"])
    return next(one["Tags"] for one in data["TagSpecifications"] if one["ResourceType"] == "instance")


def schedule(account, options):
    found = account.one("sfn")
    machine = found["machine"]
    boto3.client("stepfunctions").create_state_machine(
        name=machine["name"], definition=json.dumps(machine["definition"]), roleArn=machine["roleArn"], tags=found["tags"]
    )
    events = boto3.client("events")
    found = account.one("events")
    rule = found["rule"]
    events.put_rule(
        Name=rule["Name"], ScheduleExpression=rule["ScheduleExpression"], State=rule["State"], Tags=found["tags"]
    )
    (target,) = found["targets"]
    targets = [target] + [target | {"Id": str(uuid.uuid4())} for _ in range(1, options["targets"])]
    events.put_targets(Rule=rule["Name"], Targets=targets)


def balancer(account):
    client = boto3.client("elbv2")
    found = account.one("targetgroups")
    group = found["tg"]
    copied = ("Name", "Protocol", "Port", "VpcId", "HealthCheckProtocol", "HealthCheckPath", "TargetType")
    group["Name"] = group["TargetGroupName"]
    made = client.create_target_group(**{name: group[name] for name in copied}, Tags=found["tags"])["TargetGroups"][0]
    account.is_now(group["TargetGroupArn"], made["TargetGroupArn"])
    found = account.one("elbv2")
    of = found["lb"]
    made = client.create_load_balancer(
        Name=of["LoadBalancerName"],
        Type=of["Type"],
        Scheme=of["Scheme"],
        Subnets=[zone["SubnetId"] for zone in of["AvailabilityZones"]],
        SecurityGroups=of["SecurityGroups"],
        Tags=found["tags"],
    )["LoadBalancers"][0]
    account.is_now(of["LoadBalancerArn"], made["LoadBalancerArn"])
    for listener in account.one("elbv2")["listeners"]:
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
    found = account.one("autoscaling")
    # Not the instances': the Go tool named the zone alone, and the zone's default subnet is what came of it.
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
        sys.exit("the reference is of a stack 'wk' in eu-west-1 with two subnets")
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
