"""Step Functions, EventBridge, CloudWatch Logs and load balancers."""

import json

from moto.core.exceptions import AWSError, JsonRESTError
from moto.elb.models import ELBBackend
from moto.elbv2.exceptions import DuplicateListenerError, DuplicateLoadBalancerName, ELBClientError
from moto.elbv2.models import ELBv2Backend
from moto.events.exceptions import ValidationException as EventsValidation
from moto.events.models import EventsBackend
from moto.logs.exceptions import ResourceNotFoundException as NoSuchLogGroup
from moto.logs.models import LogsBackend
from moto.stepfunctions.models import StepFunctionBackend

from .functions import is_assumable
from .patching import patch


@patch(StepFunctionBackend, "create_state_machine")
def create_state_machine(original, self, name, definition, roleArn, *args, **kwargs):
    """moto does not check the role, the definition or the log group, and accepts a different machine with the same name."""
    if not is_assumable(self.account_id, roleArn, "states.amazonaws.com"):
        raise AWSError(
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
            "the provided role.",
            "AccessDeniedException",
        )
    try:
        json.loads(definition)
    except ValueError:
        message = "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION'"
        raise AWSError(message, "InvalidDefinition") from None
    for destination in (kwargs.get("loggingConfiguration") or {}).get("destinations", []):
        if not destination["cloudWatchLogsLogGroup"]["logGroupArn"].endswith(":*"):
            raise AWSError("The log group's ARN must end with :*", "InvalidLoggingConfiguration")
    same = next((machine for machine in self.state_machines if machine.name == name), None)
    if same and (same.definition, same.roleArn) != (definition, roleArn):
        raise AWSError(f"State Machine Already Exists: '{same.arn}'", "StateMachineAlreadyExists")
    return original(self, name, definition, roleArn, *args, **kwargs)


@patch(EventsBackend, "put_rule")
def put_rule(original, self, name, *args, **kwargs):
    """moto accepts names of any length."""
    if len(name) > 64:
        raise EventsValidation(f"Value '{name}' at 'name' must have length less than or equal to 64")
    return original(self, name, *args, **kwargs)


@patch(EventsBackend, "put_targets")
def put_targets(original, self, name, event_bus_arn, targets):
    """moto accepts any number of targets. AWS accepts five per rule."""
    rule = self.describe_rule(name, None)
    if len({target["Id"] for target in [*rule.targets, *targets]}) > 5:
        raise JsonRESTError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    return original(self, name, event_bus_arn, targets)


@patch(ELBv2Backend, "create_load_balancer")
def create_load_balancer(original, self, name, security_groups, subnet_ids, **kwargs):
    """moto creates another one with the same name. AWS's operation is idempotent: with the same settings, it completes at most
    once, and with others it fails (API reference, CreateLoadBalancer)."""
    same = next((balancer for balancer in self.load_balancers.values() if balancer.name == name), None)
    if same is None:
        return original(self, name, security_groups, subnet_ids, **kwargs)
    settings = (same.scheme, set(same.security_groups), {subnet.id for subnet in same.subnets})
    if settings != (kwargs.get("scheme", "internet-facing"), set(security_groups), set(subnet_ids)):
        raise DuplicateLoadBalancerName()
    return same


def check_log_group(self, arn):
    """AWS requires the ARN of an existing log group, without the `:*` that some of its responses have."""
    if arn not in {group.arn.removesuffix(":*") for group in self.groups.values()}:
        raise NoSuchLogGroup()


@patch(LogsBackend, "list_tags_for_resource")
def list_log_tags(original, self, resource_arn):
    check_log_group(self, resource_arn)
    return original(self, resource_arn)


@patch(LogsBackend, "tag_resource")
def tag_log_group(original, self, arn, tags):
    check_log_group(self, arn)
    original(self, arn, tags)


@patch(ELBv2Backend, "create_load_balancer")
def create_load_balancer(original, self, name, *args, **kwargs):
    """moto accepts names of any length, and an application load balancer in a single zone."""
    if len(name) > 32:
        raise ELBClientError("ValidationError", f"The load balancer name '{name}' is longer than 32 characters")
    balancer = original(self, name, *args, **kwargs)
    if balancer.type == "application" and len({subnet.availability_zone for subnet in balancer.subnets}) < 2:
        del self.load_balancers[balancer.arn]
        raise ELBClientError(
            "ValidationError", "At least two subnets in two different Availability Zones must be specified"
        )
    return balancer


@patch(ELBv2Backend, "create_listener")
def create_listener(original, self, load_balancer_arn, protocol, port, *args, **kwargs):
    """moto compares the port with ARNs, and therefore creates a second listener on the same port."""
    balancer = self.load_balancers.get(load_balancer_arn)
    if balancer and any(str(listener.port) == str(port) for listener in balancer.listeners.values()):
        raise DuplicateListenerError()
    return original(self, load_balancer_arn, protocol, port, *args, **kwargs)


@patch(ELBBackend, "register_instances")
def register_instances(original, self, load_balancer_name, instance_ids, from_autoscaling=False):
    """moto lists an instance twice if it is registered twice, or also by a group."""
    registered = self.get_load_balancer(load_balancer_name).instance_ids
    new = [id_ for id_ in instance_ids if id_ not in registered]
    return original(self, load_balancer_name, new, from_autoscaling)
