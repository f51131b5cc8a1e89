"""Auto Scaling groups: launching, attaching, replacing and removing instances."""

import time

from moto.autoscaling import models as autoscaling
from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from . import OPTIONS
from .ec2 import place
from .patching import patch


def invalid(message):
    return AutoscalingClientError("ValidationError", message)


def running(member):
    return member.instance.state in ("pending", "running")


def settle(group):
    """Brings a group to its desired capacity, as AWS does.

    A stopped or terminated member is unhealthy. It is replaced, unless ReplaceUnhealthy is suspended: then it stays a
    member and counts towards the capacity until it is detached or removed by scale-in. moto always replaces it. Scale-in
    never removes protected members, removes unhealthy members first, and runs again whenever protection is removed.
    Termination protection does not prevent scale-in.
    """
    for member in group.instance_states:
        if not running(member):
            member.health_status = "Unhealthy"
    suspended = {process["ProcessName"] for process in group.suspended_processes}
    if "ReplaceUnhealthy" not in suspended:
        remove(group, [member for member in group.instance_states if member.health_status == "Unhealthy"])
    serving = [member for member in group.instance_states if member.lifecycle_state in ("Pending", "InService")]
    missing = (group.desired_capacity or 0) - len(serving)
    if missing > 0 and "Launch" not in suspended:
        group.replace_autoscaling_group_instances(missing, group.get_propagated_tags())
    if missing < 0 and "Terminate" not in suspended:
        removable = [member for member in serving if not member.protected_from_scale_in]
        removable.sort(key=lambda member: (member.health_status != "Unhealthy", member.instance.launch_time))
        remove(group, removable[:-missing])
    if group.name in group.autoscaling_backend.autoscaling_groups:
        group.autoscaling_backend.update_attached_elbs(group.name)
        group.autoscaling_backend.update_attached_target_groups(group.name)


def remove(group, members):
    for member in members:
        group.instance_states.remove(member)
        if member.instance.state != "terminated":
            member.instance.terminate()


@patch(autoscaling.FakeAutoScalingGroup, "set_desired_capacity")
def set_desired_capacity(_original, self, new_capacity):
    self.desired_capacity = self.min_size if new_capacity is None else new_capacity
    settle(self)


@patch(autoscaling.FakeAutoScalingGroup, "active_instances")
def active_instances(original, self):
    """The members that load balancers receive: only running ones."""
    return [member for member in original(self) if running(member)]


@patch(autoscaling.AutoScalingBackend, "update_attached_target_groups")
def update_attached_target_groups(original, self, group_name):
    """moto registers all members, and target groups reject members that are not running. moto also fails if a target group
    was deleted; AWS ignores it."""
    group = self.autoscaling_groups[group_name]
    members, targets = group.instance_states, group.target_group_arns
    group.instance_states = [member for member in members if running(member)]
    group.target_group_arns = [arn for arn in targets if arn in self.elbv2_backend.target_groups]
    try:
        original(self, group_name)
    finally:
        group.instance_states, group.target_group_arns = members, targets


@patch(autoscaling.AutoScalingBackend, "notify_terminate_instances")
def notify_terminate_instances(_original, self, instance_ids):
    for group in self.autoscaling_groups.values():
        if any(member.instance.id in instance_ids for member in group.instance_states):
            settle(group)


@patch(autoscaling.AutoScalingBackend, "set_instance_protection")
def set_instance_protection(original, self, group_name, instance_ids, protected_from_scale_in):
    """moto accepts all instances. AWS rejects the whole call if one of them is not in service yet."""
    group = self.autoscaling_groups[group_name]
    for member in group.instance_states:
        if member.instance.id in instance_ids and member.lifecycle_state == "Pending":
            raise invalid(f"The instance {member.instance.id} is not in InService or EnteringStandby or Standby.")
    original(self, group_name, instance_ids, protected_from_scale_in)
    settle(group)


@patch(autoscaling.FakeAutoScalingGroup, "replace_autoscaling_group_instances")
def launch(_original, self, count_needed, propagated_tags):
    """moto uses only the image, the type and the instance tags of the template's default version."""
    version = self.ec2_launch_template.get_version(self.launch_template_version)
    data = version.data
    tags = {
        spec["ResourceType"]: {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
        for spec in data.get("TagSpecifications", [])
    }
    tags["instance"] = {**propagated_tags, **tags.get("instance", {}), autoscaling.ASG_NAME_TAG: self.name}
    interface = (data.get("NetworkInterfaces") or [{}])[0]
    subnet = self.vpc_zone_identifier.split(",")[0] if self.vpc_zone_identifier else interface.get("SubnetId")
    ec2 = self.autoscaling_backend.ec2_backend
    launched = ec2.run_instances(
        data.get("ImageId"),
        count_needed,
        data.get("UserData"),
        [],
        security_group_ids=interface.get("Groups") or data.get("SecurityGroupIds", []),
        instance_type=data.get("InstanceType"),
        is_instance_type_default=False,
        key_name=data.get("KeyName"),
        subnet_id=subnet,
        nics=[{"DeviceIndex": 0, "DeleteOnTermination": True}],
        associate_public_ip=interface.get("AssociatePublicIpAddress"),
        tags=tags,
        launch_template={"LaunchTemplateId": self.ec2_launch_template.id, "Version": version.number},
        block_device_mappings=data.get("BlockDeviceMappings", []),
        metadata_options=data.get("MetadataOptions", {}),
        disable_api_termination=data.get("DisableApiTermination") is True,
        disable_api_stop=data.get("DisableApiStop") is True,
        monitoring_state="enabled" if data.get("Monitoring", {}).get("Enabled") else "disabled",
    ).instances
    profile = data.get("IamInstanceProfile", {})
    for instance in launched:
        if profile:
            ec2.associate_iam_instance_profile(
                instance_id=instance.id,
                iam_instance_profile_name=profile.get("Name"),
                iam_instance_profile_arn=profile.get("Arn"),
            )
        for nic in instance.nics.values():
            nic.add_tags(tags.get("network-interface", {}))
        instance.autoscaling_group = self
        instance.launched_with = version.number
        place(instance, data.get("Placement", {}), data.get("CapacityReservationSpecification"))
        protected = self.new_instances_protected_from_scale_in
        self.instance_states.append(autoscaling.InstanceState(instance, protected_from_scale_in=protected))


def member_template(self):
    """The version that the member was launched with. moto returns the default version."""
    template = self.auto_scaling_group.ec2_launch_template
    if template is None:
        return None
    version = getattr(self.instance, "launched_with", template.default_version_number)
    return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": str(version)}


autoscaling.InstanceState.launch_template = property(member_template)


def lifecycle_state(self):
    """moto's members are in service immediately."""
    return "Pending" if time.monotonic() < getattr(self, "in_service", 0) else self._lifecycle_state


autoscaling.InstanceState.lifecycle_state = property(
    lifecycle_state, lambda self, state: setattr(self, "_lifecycle_state", state)
)


@patch(autoscaling.AutoScalingBackend, "attach_instances")
def attach_instances(original, self, group_name, instance_ids):
    """moto lacks AWS's limit of 20 and its checks of the instances, and returns another error for the maximum. If a group
    protects new instances, moto also protects attached ones. AWS protects only instances that the group launches."""
    if len(instance_ids) > 20:
        raise invalid(f"The number of instance ids is limited to 20, {len(instance_ids)} were given")
    group = self.autoscaling_groups[group_name]
    known = {instance.id: instance for instance in self.ec2_backend.all_instances()}
    for id_ in instance_ids:
        if id_ not in known:
            raise invalid(f"Invalid Instance ID(s): [{id_}]")
        if known[id_].state != "running":
            raise invalid(f"Instance {id_} is not in correct state. Instance(s) must be in 'running' state")
        if any(id_ == m.instance.id for g in self.autoscaling_groups.values() for m in g.instance_states):
            raise invalid(f"Instance {id_} is already part of an AutoScalingGroup")
    if group.desired_capacity + len(instance_ids) > group.max_size:
        raise invalid(
            f"AutoScalingGroup {group_name} has min-size={group.min_size}, max-size={group.max_size}, and "
            f"desired-size={group.desired_capacity}. To attach {len(instance_ids)} more instance please update the "
            "AutoScalingGroup sizes appropriately."
        )
    desired = group.desired_capacity
    original(self, group_name, instance_ids)
    group.desired_capacity = desired + len(instance_ids)
    for member in group.instance_states:
        if member.instance.id in instance_ids:
            member.protected_from_scale_in = False
            member.in_service = time.monotonic() + OPTIONS["attach_pending"]


@patch(autoscaling.AutoScalingBackend, "detach_instances")
def detach_instances(original, self, group_name, instance_ids, should_decrement):
    """See `attach_instances`. A detached instance is also deregistered from the group's load balancers, even if it was
    registered there directly."""
    if len(instance_ids) > 20:
        raise invalid(f"The number of instance ids is limited to 20, {len(instance_ids)} were given")
    group = self.autoscaling_groups[group_name]
    members = {member.instance.id for member in group.instance_states}
    for id_ in instance_ids:
        if id_ not in members:
            raise invalid(f"The instance {id_} is not part of Auto Scaling group {group_name}.")
    activities = original(self, group_name, instance_ids, should_decrement)
    for balancer in group.load_balancer_names:
        for by_a_group in (False, True):
            self.elb_backend.deregister_instances(balancer, instance_ids, by_a_group)
    return activities


@patch(autoscaling.AutoScalingBackend, "set_desired_capacity")
def set_group_capacity(original, self, group_name, desired_capacity):
    """moto exceeds the maximum."""
    group = self.autoscaling_groups[group_name]
    if desired_capacity is not None and desired_capacity > group.max_size:
        raise invalid(f"New SetDesiredCapacity value {desired_capacity} is above max value {group.max_size}")
    original(self, group_name, desired_capacity)


@patch(autoscaling.AutoScalingBackend, "create_auto_scaling_group")
def create_auto_scaling_group(original, self, name, *args, **kwargs):
    """moto replaces an existing group with the same name."""
    if name in self.autoscaling_groups:
        raise AutoscalingClientError("AlreadyExists", f"A group with the name {name} already exists")
    return original(self, name, *args, **kwargs)


@patch(autoscaling.AutoScalingBackend, "delete_auto_scaling_group")
def delete_auto_scaling_group(original, self, group_name, force=False):
    """Without ForceDelete, AWS rejects the deletion of a group with instances. moto terminates them."""
    group = self.autoscaling_groups.get(group_name)
    if group and group.instance_states and not force:
        raise AutoscalingClientError(
            "ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances still in the group."
        )
    if group:
        # With ForceDelete, AWS terminates protected instances too, and ignores suspended processes.
        group.suspended_processes = []
        for member in group.instance_states:
            member.protected_from_scale_in = False
    original(self, group_name)


@patch(AutoScalingResponse, "delete_auto_scaling_group")
def delete_auto_scaling_group_operation(_original, self):
    force = self._get_bool_param("ForceDelete", False)
    self.autoscaling_backend.delete_auto_scaling_group(self._get_param("AutoScalingGroupName"), force)
    return ActionResult({})


@patch(AutoScalingResponse, "call_action")
def call_action(original, self):
    """In half of the operations, moto raises a KeyError for an unknown group."""
    try:
        return original(self)
    except KeyError as error:
        name = self._get_param("AutoScalingGroupName")
        if error.args != (name,):
            raise
        missing = invalid(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return self.serialized(ActionResult(missing))
