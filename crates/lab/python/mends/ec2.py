"""What stacks make, instances, and launch templates."""

import copy
import fnmatch
import re
from datetime import datetime

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult
from moto.ec2 import utils as ec2_filters
from moto.ec2.models import ec2_backends
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.subnets import Subnet, SubnetRouteTableAssociation
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data
from moto.elb.models import LoadBalancer as ClassicLoadBalancer

from .mend import mend
from .paging import PAGE, page_of


@mend(CloudFormationResponse, "list_stack_resources")
def list_stack_resources(before, self):
    """AWS gives 100 at a time; moto gives all, and a caller that reads the first page only would pass."""
    found = before(self).result["StackResourceSummaries"]
    summaries, token = page_of(found, self._get_param("NextToken"))
    return ActionResult({"StackResourceSummaries": summaries, "NextToken": token})


@mend(CloudFormationResponse, "list_stacks")
def list_stacks(before, self):
    """As `list_stack_resources`."""
    summaries, token = page_of(list(before(self).result["StackSummaries"]), self._get_param("NextToken"))
    return ActionResult({"StackSummaries": summaries, "NextToken": token})


@mend(CloudFormationResponse, "describe_stack_resources")
def describe_stack_resources(before, self):
    """AWS leaves out whatever is behind the first 100, without a token and without saying so."""
    return ActionResult({"StackResources": before(self).result["StackResources"][:PAGE]})


@mend(Instance, "create_from_cloudformation_json")
def instance_from_cloudformation(_before, _name, cloudformation_json, account_id, region_name, **_kwargs):
    """moto ignores SecurityGroupIds, MetadataOptions and the subnet's way with public addresses."""
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


@mend(Subnet, "create_from_cloudformation_json")
def subnet_from_cloudformation(before, name, cloudformation_json, account_id, region_name, **kwargs):
    """moto forgets MapPublicIpOnLaunch."""
    made = before(name, cloudformation_json, account_id, region_name, **kwargs)
    public = cloudformation_json["Properties"].get("MapPublicIpOnLaunch", False)
    made.map_public_ip_on_launch = str(public).lower() == "true"
    return made


@mend(Subnet, "del_subnet_ip")
def free_address(before, self, ip):
    """AWS takes any free address of a subnet, hardly ever the one that has just become free; moto takes that one first."""
    before(self, ip)
    self._unused_ips.discard(ip)


@mend(SubnetRouteTableAssociation, "create_from_cloudformation_json")
def association_from_cloudformation(before, name, cloudformation_json, account_id, region_name, **kwargs):
    """moto writes the association down where nobody looks."""
    properties = cloudformation_json["Properties"]
    ec2_backends[account_id][region_name].associate_route_table(
        route_table_id=properties["RouteTableId"], subnet_id=properties["SubnetId"]
    )
    return before(name, cloudformation_json, account_id, region_name, **kwargs)


@mend(ClassicLoadBalancer, "create_from_cloudformation_json")
def classic_from_cloudformation(before, name, cloudformation_json, account_id, region_name, **kwargs):
    """moto forgets the network of a load balancer that a stack makes."""
    made = before(name, cloudformation_json, account_id, region_name, **kwargs)
    properties = cloudformation_json["Properties"]
    made.subnets = properties.get("Subnets", [])
    made.security_groups = properties.get("SecurityGroups", [])
    if made.subnets:
        made.vpc_id = ec2_backends[account_id][region_name].get_subnet(made.subnets[0]).vpc_id
    return made


@mend(InstanceResponse, "describe_instances")
def describe_instances(before, self):
    """moto has one error for what is no id at all and for what is not there."""
    for id_ in self._get_param("InstanceIds", []):
        if not re.fullmatch(r"i-([0-9a-f]{8}|[0-9a-f]{17})", id_):
            raise EC2ClientError("InvalidInstanceID.Malformed", f'Invalid id: "{id_}"')
    return before(self)


@mend(Instance, "terminate")
def terminate(before, self):
    """moto breaks off at an instance that is terminated already."""
    return before(self) if self.state != "terminated" else copy.copy(self._state)


def none_once_terminated(name, nothing):
    """A terminated instance has lost its network on AWS; on moto it keeps it."""
    before = getattr(Instance, name).fget
    setattr(Instance, name, property(lambda self: nothing if self._state.name == "terminated" else before(self)))


for attribute in ("subnet_id", "vpc_id", "private_ip_address", "public_ip_address"):
    none_once_terminated(attribute, None)
none_once_terminated("network_interfaces", [])


@mend(ec2_filters, "is_filter_matching")
def is_filter_matching(before, resource, name, wanted):
    """On AWS one value that fits one of the wanted is enough; of a list, moto wants all that it or the filter holds."""
    value = resource.get_filter_value(name)
    if isinstance(value, (bool, int, str, datetime)) or value is None:
        return before(resource, name, wanted)
    return any(fnmatch.fnmatch(str(one), str(pattern)) for one in value for pattern in wanted)


@mend(LaunchTemplates, "create_launch_template")
def create_launch_template(before, self):
    """moto adds the template's own tags to what it launches."""
    data = self._get_param("LaunchTemplateData", {})
    specifications = list(data.get("TagSpecifications", []))
    result = before(self)
    template = self.ec2_backend.get_launch_template(result.result["LaunchTemplate"]["LaunchTemplateId"])
    template.versions[0].data["TagSpecifications"] = specifications
    return result


@mend(LaunchTemplates, "create_launch_template_version")
def create_launch_template_version(before, self):
    """moto breaks off when a group launches from a template's second version: its user data has the wrong type."""
    result = before(self)
    version = result.result["LaunchTemplateVersion"]
    template = self.ec2_backend.get_launch_template(version["LaunchTemplateId"])
    template.versions[-1].data["UserData"] = parse_user_data(self._get_param("LaunchTemplateData.UserData"))
    return result

# moto shows the tags that a template was made with, whatever has become of them since.
LaunchTemplate.tags = property(lambda template: template.get_tags(), lambda _template, _made_with: None)
