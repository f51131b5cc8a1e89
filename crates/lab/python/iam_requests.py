"""What IAM evaluates for a call: actions, each with a resource and context keys. Policies can be judged by what was really called.

The actions, resources and keys are those of the Service Authorization Reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html. Some calls need more than their own action; each
such addition names its source.
"""

from urllib.parse import unquote

from moto.autoscaling.models import autoscaling_backends
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.cloudformation.models import cloudformation_backends
from moto.ec2.models import ec2_backends
from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends

# The id of a resource that does not exist before the call.
NEW = "0123456789abcdef0"

# The kind of resource in an ARN, by the prefix of an EC2 id.
EC2_KINDS = {"i": "instance", "vol": "volume", "eni": "network-interface", "lt": "launch-template"}

# The parameter with the name or ARN of the resource, by service.
NAMES = {
    "events": ("Name", "Rule"),
    "lambda": ("FunctionName",),
    "logs": ("logGroupName",),
    "stepfunctions": ("name",),
}
ARNS = {
    "dynamodb": ("ResourceArn",),
    "elbv2": ("LoadBalancerArn", "TargetGroupArn", "ListenerArn"),
    "events": ("ResourceARN",),
    "lambda": ("Resource",),
    "logs": ("resourceArn",),
    "stepfunctions": ("stateMachineArn", "executionArn", "resourceArn"),
}

# Actions that take no resource. All others do.
LISTS = {"ListRoles", "DescribeLogGroups", "GetCallerIdentity", "GetResources"}


def requests(parsed, environ, region):
    """A list of (action, resource, context)."""
    return list(Evaluation(parsed, environ, region).requests())


class Evaluation:
    def __init__(self, parsed, environ, region):
        self.service, self.name, self.params = parsed.service, parsed.operation.name, parsed.params
        self.environ, self.region = environ, region

    def requests(self):
        yield from getattr(self, f"of_{self.service}", self.of_named)()

    def arn(self, service, resource, region=None):
        return f"arn:aws:{service}:{self.region if region is None else region}:{ACCOUNT}:{resource}"

    def param(self, names):
        return next((self.params[name] for name in names if self.params.get(name)), None)

    def backend(self, backends):
        return backends[ACCOUNT][self.region]

    def pass_role(self, arn, service):
        return ("iam:PassRole", arn, {"iam:PassedToService": service})

    def of_named(self):
        """Services whose resources are identified by a name or an ARN in the parameters."""
        prefix = {"stepfunctions": "states"}.get(self.service, self.service)
        kind = {"events": "rule/", "lambda": "function:", "logs": "log-group:", "stepfunctions": "stateMachine:"}[self.service]
        arn, name = self.param(ARNS[self.service]), self.param(NAMES[self.service])
        if arn is None and name is not None:
            arn = name if name.startswith("arn:") else self.arn(prefix, f"{kind}{name}")
        resource = "*" if self.name in LISTS else arn
        yield (f"{prefix}:{self.name}", resource, {})
        # A resource that is created with tags is tagged by the same call.
        tags = self.params.get("Tags") or self.params.get("tags")
        if tags and not self.name.startswith("TagResource"):
            yield (f"{prefix}:TagResource", resource, {})
        yield from self.passed_roles()
        if self.service == "lambda":
            yield from self.more_of_lambda(arn)
        if self.name == "CreateStateMachine":
            # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
            yield ("logs:CreateLogDelivery", "*", {})

    def passed_roles(self):
        service = {"lambda": "lambda.amazonaws.com", "stepfunctions": "states.amazonaws.com"}.get(self.service)
        role = self.params.get("Role") or self.params.get("roleArn")
        if service and role:
            yield self.pass_role(role, service)
        for target in self.params.get("Targets") or [] if self.name == "PutTargets" else []:
            yield self.pass_role(target["RoleArn"], "events.amazonaws.com")

    def more_of_lambda(self, arn):
        if self.name == "GetFunction":
            # GetFunction returns the tags only to a caller with this action.
            yield ("lambda:ListTags", arn, {})
        if self.params.get("VpcConfig", {}).get("SubnetIds"):
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
            for what in ("SecurityGroups", "Subnets", "Vpcs"):
                yield (f"ec2:Describe{what}", "*", {})
        if key := self.params.get("KMSKeyArn"):
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
            via = {"kms:ViaService": f"lambda.{self.region}.amazonaws.com"}
            yield from self.use_key(key, ("Encrypt", "CreateGrant"), via)

    def of_apigateway(self):
        method, path = self.environ["REQUEST_METHOD"], self.environ["PATH_INFO"]
        # IAM compares the encoded ARN in the path.
        if path.startswith("/tags/"):
            path = "/tags/" + unquote(path.removeprefix("/tags/")).replace(":", "%3A").replace("/", "%2F")
        yield (f"apigateway:{method}", f"arn:aws:apigateway:{self.region}::{path}", {})
        if self.params.get("tags") and self.name != "TagResource":
            tagged = f"arn%3Aaws%3Aapigateway%3A{self.region}%3A%3A{path.replace('/', '%2F')}%2F{NEW}"
            yield ("apigateway:PUT", f"arn:aws:apigateway:{self.region}::/tags/{tagged}", {})
        patches = [patch["path"] for patch in self.params.get("patchOperations") or []]
        if self.params.get("policy") or "/policy" in patches:
            yield ("apigateway:UpdateRestApiPolicy", f"arn:aws:apigateway:{self.region}::{path}", {})

    def of_autoscaling(self):
        if self.name.startswith("Describe"):
            yield (f"autoscaling:{self.name}", "*", {})
            return
        if self.name == "SetInstanceHealth":
            groups = self.backend(autoscaling_backends).autoscaling_groups.values()
            id_ = self.params["InstanceId"]
            name = next(group.name for group in groups for m in group.instance_states if m.instance.id == id_)
        else:
            name = self.params.get("AutoScalingGroupName") or self.params["Tags"][0]["ResourceId"]
        group = self.arn("autoscaling", f"autoScalingGroup:{NEW}:autoScalingGroupName/{name}")
        yield (f"autoscaling:{self.name}", group, {})
        if self.name == "CreateAutoScalingGroup":
            yield from self.launch()

    def launch(self):
        """The creator of a group must be allowed to launch its template:
        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html"""
        template = self.launch_template(self.params["LaunchTemplate"])
        data = template.latest_version().data
        for kind in ("instance", "volume", "network-interface"):
            yield ("ec2:RunInstances", self.arn("ec2", f"{kind}/{NEW}"), {})
            yield ("ec2:CreateTags", self.arn("ec2", f"{kind}/{NEW}"), {})
        yield ("ec2:RunInstances", self.arn("ec2", f"launch-template/{template.id}"), {})
        yield ("ec2:RunInstances", f"arn:aws:ec2:{self.region}::image/{data['ImageId']}", {})
        for subnet in self.params["VPCZoneIdentifier"].split(","):
            yield ("ec2:RunInstances", self.arn("ec2", f"subnet/{subnet}"), {})
        for interface in data.get("NetworkInterfaces", []):
            for group in interface.get("Groups", []):
                yield ("ec2:RunInstances", self.arn("ec2", f"security-group/{group}"), {})
        if key := data.get("KeyName"):
            yield ("ec2:RunInstances", self.arn("ec2", f"key-pair/{key}"), {})
        if group := data.get("Placement", {}).get("GroupName"):
            yield ("ec2:RunInstances", self.arn("ec2", f"placement-group/{group}"), {})
        target = data.get("CapacityReservationSpecification", {}).get("CapacityReservationTarget", {})
        if reservation := target.get("CapacityReservationId"):
            yield ("ec2:RunInstances", self.arn("ec2", f"capacity-reservation/{reservation}"), {})
        if profile := data.get("IamInstanceProfile"):
            name = profile.get("Name") or profile["Arn"].rsplit("/", 1)[-1]
            for role in iam_backends[ACCOUNT]["aws"].get_instance_profile(name).roles:
                yield self.pass_role(role.arn, "ec2.amazonaws.com")

    def launch_template(self, params):
        backend = self.backend(ec2_backends)
        id_ = params.get("LaunchTemplateId") or backend.launch_template_name_to_ids[params["LaunchTemplateName"]]
        return backend.launch_templates[id_]

    def of_cloudformation(self):
        name = self.params.get("StackName")
        found = [stack.stack_id for stack in self.backend(cloudformation_backends).stacks.values() if name in (stack.name, stack.stack_id)]
        resource = found[0] if found else self.arn("cloudformation", f"stack/{name}/{NEW}") if name else "*"
        yield (f"cloudformation:{self.name}", resource, {})

    def of_dynamodb(self):
        name = self.params.get("TableName")
        arn = self.param(ARNS["dynamodb"]) or (name if name.startswith("arn:") else self.arn("dynamodb", f"table/{name}"))
        key = (self.params.get("Key") or self.params.get("Item") or {}).get("Key")
        yield (f"dynamodb:{self.name}", arn, {"dynamodb:LeadingKeys": [key["S"]]} if key else {})
        if self.params.get("Tags") and self.name != "TagResource":
            yield ("dynamodb:TagResource", arn, {})
        via = {"kms:ViaService": f"dynamodb.{self.region}.amazonaws.com"}
        table = self.backend(dynamodb_backends).tables.get(arn.rsplit("/", 1)[-1])
        if key := self.params.get("SSESpecification", {}).get("KMSMasterKeyId"):
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
            actions = (
                "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
                "DescribeKey", "CreateGrant",
            )  # fmt: skip
            yield from self.use_key(key, actions, via)
        elif table and self.name.endswith("Item") and (key := (table.sse_specification or {}).get("KMSMasterKeyId")):
            yield from self.use_key(key, ("Decrypt",), via)

    def of_ec2(self):
        if self.name.startswith("Describe") and self.name != "DescribeInstanceAttribute":
            yield (f"ec2:{self.name}", "*", {})
        elif self.name.endswith("Tags"):
            tags = {tag["Key"]: tag.get("Value", "") for tag in self.params.get("Tags", [])}
            keys = {"aws:TagKeys": sorted(tags)}
            if self.name == "CreateTags":
                keys |= {f"aws:RequestTag/{key}": value for key, value in tags.items()}
            for id_ in self.params["Resources"]:
                yield self.on_ec2(self.name, id_, keys)
        elif "LaunchTemplate" in self.name:
            yield from self.of_launch_template()
        else:
            for id_ in self.params.get("InstanceIds") or [self.params["InstanceId"]]:
                yield self.on_ec2(self.name, id_)

    def of_launch_template(self):
        if self.name != "CreateLaunchTemplate":
            yield self.on_ec2(self.name, self.launch_template(self.params).id)
            return
        yield ("ec2:CreateLaunchTemplate", self.arn("ec2", f"launch-template/lt-{NEW}"), {})
        if self.params.get("TagSpecifications"):
            yield ("ec2:CreateTags", self.arn("ec2", f"launch-template/lt-{NEW}"), {"ec2:CreateAction": self.name})

    def on_ec2(self, action, id_, context=None):
        """An action on a resource, with its current tags."""
        tags = self.backend(ec2_backends).tags.get(id_, {})
        current = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        return (f"ec2:{action}", self.arn("ec2", f"{EC2_KINDS[id_.split('-')[0]]}/{id_}"), {**current, **(context or {})})

    def of_elb(self):
        resource = "*"
        if not self.name.startswith("Describe"):
            resource = self.arn("elasticloadbalancing", f"loadbalancer/{self.params['LoadBalancerName']}")
        yield (f"elasticloadbalancing:{self.name}", resource, {})

    def of_elbv2(self):
        arns = self.params.get("ResourceArns") or [self.param(ARNS["elbv2"])]
        if self.name.startswith("Describe"):
            arns = ["*"]
        if name := self.params.get("Name"):
            kind = {"CreateLoadBalancer": "loadbalancer/app", "CreateTargetGroup": "targetgroup"}[self.name]
            arns = [self.arn("elasticloadbalancing", f"{kind}/{name}/{NEW}")]
        for arn in arns:
            yield (f"elasticloadbalancing:{self.name}", arn, {})
            if self.params.get("Tags") and self.name != "AddTags":
                tagged = arn.replace(":loadbalancer/", ":listener/") + f"/{NEW}" if self.name == "CreateListener" else arn
                yield ("elasticloadbalancing:AddTags", tagged, {})

    def of_iam(self):
        if self.name in LISTS:
            yield (f"iam:{self.name}", "*", {})
        elif self.name == "SimulatePrincipalPolicy":
            yield (f"iam:{self.name}", self.params["PolicySourceArn"], {})
        else:
            name = self.params["RoleName"]
            roles = [role.arn for role in iam_backends[ACCOUNT]["aws"].roles.values() if role.name == name]
            path = self.params.get("Path", "/")
            arn = roles[0] if roles else self.arn("iam", f"role{path}{name}", region="")
            yield (f"iam:{self.name}", arn, {})
            if self.params.get("Tags") and self.name != "TagRole":
                yield ("iam:TagRole", arn, {})

    def of_kms(self):
        if self.name == "CreateKey":
            tags = {tag["TagKey"]: tag["TagValue"] for tag in self.params.get("Tags", [])}
            context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
            yield ("kms:CreateKey", "*", context)
            yield ("kms:TagResource", self.arn("kms", f"key/{NEW}"), context)
            return
        if alias := self.params.get("AliasName"):
            yield (f"kms:{self.name}", self.arn("kms", alias), {})
        key = self.params.get("TargetKeyId") or self.params.get("KeyId") or alias
        yield from self.use_key(key, (self.name,), {})

    def use_key(self, id_, actions, context):
        """Actions on a key, which is given by its id, ARN or alias, with its current tags."""
        backend = self.backend(kms_backends)
        key = next((key for key in backend.keys.values() if id_ in (key.id, key.arn, *key.aliases)), None)
        arn = key.arn if key else self.arn("kms", f"key/{NEW}")
        tags = backend.tagger.get_tag_dict_for_resource(key.id) if key else {}
        current = {f"aws:ResourceTag/{name}": value for name, value in tags.items()}
        for action in actions:
            yield (f"kms:{action}", arn, {**current, **context})

    def of_route53(self):
        yield (f"route53:{self.name}", f"arn:aws:route53:::hostedzone/{self.param(('Id', 'HostedZoneId'))}", {})

    def of_sts(self):
        yield (f"sts:{self.name}", "*", {})

    def of_resourcegroupstaggingapi(self):
        yield (f"tag:{self.name}", "*", {})
