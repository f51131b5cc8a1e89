"""Step Functions, EventBridge, logs, and load balancers."""

import json

from moto.core.exceptions import AWSError, JsonRESTError
from moto.elb.models import ELBBackend
from moto.elbv2.exceptions import DuplicateListenerError, ELBClientError
from moto.elbv2.models import ELBv2Backend
from moto.events.exceptions import ValidationException as EventsValidation
from moto.events.models import EventsBackend
from moto.logs.exceptions import ResourceNotFoundException as NoSuchLogGroup
from moto.logs.models import LogsBackend
from moto.stepfunctions.models import StepFunctionBackend

from .functions import assumable
from .mend import mend


@mend(StepFunctionBackend, "create_state_machine")
def create_state_machine(before, self, name, definition, roleArn, *args, **kwargs):
    """moto looks at neither role nor definition nor log group, and takes another machine of one name for the same."""
    if not assumable(self.account_id, roleArn, "states.amazonaws.com"):
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
    return before(self, name, definition, roleArn, *args, **kwargs)


@mend(EventsBackend, "put_rule")
def put_rule(before, self, name, *args, **kwargs):
    """moto takes a name of any length."""
    if len(name) > 64:
        raise EventsValidation(f"Value '{name}' at 'name' must have length less than or equal to 64")
    return before(self, name, *args, **kwargs)


@mend(EventsBackend, "put_targets")
def put_targets(before, self, name, event_bus_arn, targets):
    """moto takes any number of targets; AWS five a rule."""
    rule = self.describe_rule(name, None)
    if len({target["Id"] for target in [*rule.targets, *targets]}) > 5:
        raise JsonRESTError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    return before(self, name, event_bus_arn, targets)


def known_log_group(self, arn):
    """AWS wants the ARN of a log group that is there, without the `:*` that some of its answers have."""
    if arn not in {group.arn.removesuffix(":*") for group in self.groups.values()}:
        raise NoSuchLogGroup()


@mend(LogsBackend, "list_tags_for_resource")
def list_log_tags(before, self, resource_arn):
    known_log_group(self, resource_arn)
    return before(self, resource_arn)


@mend(LogsBackend, "tag_resource")
def tag_log_group(before, self, arn, tags):
    known_log_group(self, arn)
    before(self, arn, tags)


@mend(ELBv2Backend, "create_load_balancer")
def create_load_balancer(before, self, name, *args, **kwargs):
    """moto takes a name of any length, and an application load balancer in one zone."""
    if len(name) > 32:
        raise ELBClientError("ValidationError", f"The load balancer name '{name}' is longer than 32 characters")
    made = before(self, name, *args, **kwargs)
    if made.type == "application" and len({subnet.availability_zone for subnet in made.subnets}) < 2:
        del self.load_balancers[made.arn]
        raise ELBClientError(
            "ValidationError", "At least two subnets in two different Availability Zones must be specified"
        )
    return made


@mend(ELBv2Backend, "create_listener")
def create_listener(before, self, load_balancer_arn, protocol, port, *args, **kwargs):
    """moto compares the port with ARNs, and so makes a second listener on it."""
    balancer = self.load_balancers.get(load_balancer_arn)
    if balancer and any(str(listener.port) == str(port) for listener in balancer.listeners.values()):
        raise DuplicateListenerError()
    return before(self, load_balancer_arn, protocol, port, *args, **kwargs)


@mend(ELBBackend, "register_instances")
def register_instances(before, self, load_balancer_name, instance_ids, from_autoscaling=False):
    """moto lists an instance twice that is registered twice, or by a group as well."""
    known = self.get_load_balancer(load_balancer_name).instance_ids
    new = [id_ for id_ in instance_ids if id_ not in known]
    return before(self, load_balancer_name, new, from_autoscaling)
