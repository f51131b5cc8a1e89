"""CloudFormation stacks, instances and launch templates."""

import copy
import fnmatch
import re
from datetime import datetime

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult
from moto.ec2 import utils as ec2_filters
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.exceptions import EC2ClientError, OperationDisableApiStopNotPermitted
from moto.ec2.models.instances import Instance
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.subnets import Subnet, SubnetRouteTableAssociation
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data
from moto.elb.models import LoadBalancer as ClassicLoadBalancer

from .patching import patch
from .pagination import PAGE, page_of


@patch(CloudFormationResponse, "list_stack_resources")
def list_stack_resources(original, self):
    """AWS returns 100 per page. moto returns all, which hides a caller that reads only the first page."""
    found = original(self).result["StackResourceSummaries"]
    summaries, token = page_of(found, self._get_param("NextToken"))
    return ActionResult({"StackResourceSummaries": summaries, "NextToken": token})


@patch(CloudFormationResponse, "list_stacks")
def list_stacks(original, self):
    """See `list_stack_resources`."""
    summaries, token = page_of(list(original(self).result["StackSummaries"]), self._get_param("NextToken"))
    return ActionResult({"StackSummaries": summaries, "NextToken": token})


@patch(CloudFormationResponse, "describe_stack_resources")
def describe_stack_resources(original, self):
    """AWS silently returns only the first 100, without a token."""
    return ActionResult({"StackResources": original(self).result["StackResources"][:PAGE]})


@patch(Instance, "create_from_cloudformation_json")
def instance_from_cloudformation(_original, _name, cloudformation_json, account_id, region_name, **_kwargs):
    """moto ignores SecurityGroupIds, MetadataOptions and the subnet's setting for public addresses."""
    properties = cloudformation_json["Properties"]
    ec2 = ec2_backends[account_id][region_name]
    instance = ec2.run_instances(
        image_id=properties["ImageId"],
        count=1,
        user_data=properties.get("UserData"),
        security_group_names=[],
        security_group_ids=properties.get("SecurityGroupIds", []),
        instance_type=properties.get("InstanceType", "m1.small"),
        is_instance_type_default=not properties.get("InstanceType"),
        subnet_id=properties.get("SubnetId"),
        key_name=properties.get("KeyName"),
        private_ip=properties.get("PrivateIpAddress"),
        block_device_mappings=properties.get("BlockDeviceMappings", {}),
        metadata_options=properties.get("MetadataOptions", {}),
        disable_api_termination=str(properties.get("DisableApiTermination", False)).lower() == "true",
        associate_public_ip=None,
    ).instances[0]
    instance.add_tags({tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])})
    if profile := properties.get("IamInstanceProfile"):
        ec2.associate_iam_instance_profile(instance_id=instance.id, iam_instance_profile_name=profile)
    return instance


@patch(Subnet, "create_from_cloudformation_json")
def subnet_from_cloudformation(original, name, cloudformation_json, account_id, region_name, **kwargs):
    """moto ignores MapPublicIpOnLaunch."""
    subnet = original(name, cloudformation_json, account_id, region_name, **kwargs)
    public = cloudformation_json["Properties"].get("MapPublicIpOnLaunch", False)
    subnet.map_public_ip_on_launch = str(public).lower() == "true"
    return subnet


@patch(Subnet, "del_subnet_ip")
def free_address(original, self, ip):
    """AWS rarely reuses an address that was released recently. moto reuses it first."""
    original(self, ip)
    self._unused_ips.discard(ip)


@patch(SubnetRouteTableAssociation, "create_from_cloudformation_json")
def association_from_cloudformation(original, name, cloudformation_json, account_id, region_name, **kwargs):
    """moto stores the association where no other operation reads it."""
    properties = cloudformation_json["Properties"]
    ec2_backends[account_id][region_name].associate_route_table(
        route_table_id=properties["RouteTableId"], subnet_id=properties["SubnetId"]
    )
    return original(name, cloudformation_json, account_id, region_name, **kwargs)


@patch(ClassicLoadBalancer, "create_from_cloudformation_json")
def classic_from_cloudformation(original, name, cloudformation_json, account_id, region_name, **kwargs):
    """moto ignores the network of a load balancer in a stack."""
    balancer = original(name, cloudformation_json, account_id, region_name, **kwargs)
    properties = cloudformation_json["Properties"]
    balancer.subnets = properties.get("Subnets", [])
    balancer.security_groups = properties.get("SecurityGroups", [])
    if balancer.subnets:
        balancer.vpc_id = ec2_backends[account_id][region_name].get_subnet(balancer.subnets[0]).vpc_id
    return balancer


@patch(InstanceResponse, "describe_instances")
def describe_instances(original, self):
    """moto returns the same error for a malformed id and for an unknown id."""
    for id_ in self._get_param("InstanceIds", []):
        if not re.fullmatch(r"i-([0-9a-f]{8}|[0-9a-f]{17})", id_):
            raise EC2ClientError("InvalidInstanceID.Malformed", f'Invalid id: "{id_}"')
    return original(self)


@patch(InstanceResponse, "run_instances")
def run_instances(original, self):
    """moto ignores the placement group and the capacity reservation."""
    result = original(self)
    for instance in result.result.instances:
        place(instance, self._get_param("Placement", {}), self._get_param("CapacityReservationSpecification"))
    return result


def place(instance, placement, reservation):
    """Sets what DescribeInstances returns."""
    instance.placement.group_name = placement.get("GroupName", "")
    instance.placement.group_id = placement.get("GroupId")
    instance.capacity_reservation_specification = reservation or {"CapacityReservationPreference": "open"}


@patch(EC2Backend, "terminate_instances")
def terminate_instances(original, self, instance_ids):
    """On AWS, stop protection also prevents a termination by the API.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-stop-protection.html
    """
    for instance in self.get_multi_instances_by_id(instance_ids) if instance_ids else ():
        if str(instance.disable_api_stop).lower() == "true":
            raise OperationDisableApiStopNotPermitted(instance.id)
    return original(self, instance_ids)


@patch(EC2Backend, "create_tags")
def create_tags(original, self, resource_ids, tags):
    """While the instance metadata has an instance's tags, AWS refuses keys with a slash.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
    """
    invalid = next((key for key in tags if "/" in key), None)
    for instance in self.all_instances() if invalid else ():
        if instance.id in resource_ids and instance.metadata_options.instance_metadata_tags == "enabled":
            raise EC2ClientError("InvalidParameterValue", f"'{invalid}' is not a valid tag key.")
    return original(self, resource_ids, tags)


@patch(Instance, "terminate")
def terminate(original, self):
    """moto fails if the instance is already terminated."""
    return original(self) if self.state != "terminated" else copy.copy(self._state)


def empty_when_terminated(name, empty):
    """On AWS, a terminated instance has no network. On moto, it keeps it."""
    original = getattr(Instance, name).fget
    setattr(Instance, name, property(lambda self: empty if self._state.name == "terminated" else original(self)))


for attribute in ("subnet_id", "vpc_id", "private_ip_address", "public_ip_address"):
    empty_when_terminated(attribute, None)
empty_when_terminated("network_interfaces", [])


@patch(ec2_filters, "is_filter_matching")
def is_filter_matching(original, resource, name, wanted):
    """On AWS, a list matches if one of its values matches one of the filter's values. moto requires all of them."""
    value = resource.get_filter_value(name)
    if isinstance(value, (bool, int, str, datetime)) or value is None:
        return original(resource, name, wanted)
    return any(fnmatch.fnmatch(str(item), str(pattern)) for item in value for pattern in wanted)


@patch(LaunchTemplates, "create_launch_template")
def create_launch_template(original, self):
    """moto adds the template's own tags to the instances that it launches."""
    data = self._get_param("LaunchTemplateData", {})
    specifications = list(data.get("TagSpecifications", []))
    result = original(self)
    template = self.ec2_backend.get_launch_template(result.result["LaunchTemplate"]["LaunchTemplateId"])
    template.versions[0].data["TagSpecifications"] = specifications
    return result


@patch(LaunchTemplates, "create_launch_template_version")
def create_launch_template_version(original, self):
    """moto fails when a group launches from a second version of a template: its user data has the wrong type."""
    result = original(self)
    version = result.result["LaunchTemplateVersion"]
    template = self.ec2_backend.get_launch_template(version["LaunchTemplateId"])
    template.versions[-1].data["UserData"] = parse_user_data(self._get_param("LaunchTemplateData.UserData"))
    return result


# moto always returns the tags that the template was created with, even if they changed.
LaunchTemplate.tags = property(lambda template: template.get_tags(), lambda _template, _created_with: None)
