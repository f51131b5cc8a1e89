"""Operations that the AWS API does not offer: run one tick of a schedule, advance time, change instance states.

`POST /lab/<operation>` with JSON that includes the region; the response is JSON. `/lab/execute-api/` is handled by
`execute_api.py`.
"""

import datetime
import json
import os
import traceback
import uuid

from moto.autoscaling.models import autoscaling_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.events.models import events_backends

import execute_api
import faults
import resource_list
from moto_patches import OPTIONS
from moto_patches.functions import is_assumable
from moto_patches.auto_scaling import settle
from moto_patches.lock import LOCK


class Rejected(Exception):
    """The operation is not possible."""


def handle(environ, body, start_response, lab):
    path = environ["PATH_INFO"]
    if path.startswith(execute_api.PATH):
        status, headers, response = execute_api.handle(environ)
    else:
        headers = {"Content-Type": "application/json"}
        try:
            name = path.removeprefix("/lab/")
            operation = lab.fork if name == "fork" else OPERATIONS[name]
            status, response = "200 OK", operation(**json.loads(body))
        except Exception as error:  # noqa: BLE001
            if not isinstance(error, Rejected):
                traceback.print_exc()
            status, response = "400 Bad Request", {"message": f"{type(error).__name__}: {error}"}
        response = json.dumps(response, default=str).encode()
    start_response(status, [*headers.items(), ("Content-Length", str(len(response)))])
    return [response]


def tick(region, rule):
    """Does what EventBridge does once a minute. Returns when the executions that it started are finished."""
    if not OPTIONS["functions"]:
        raise Rejected("this lab does not run functions")
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    with LOCK:
        rule = events_backends[DEFAULT_ACCOUNT_ID][region].describe_rule(rule, None)
        if rule.state != "ENABLED":
            return []
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": DEFAULT_ACCOUNT_ID,
            "time": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": region,
            "resources": [rule.arn],
            "detail": {},
        }
        for target in rule.targets:
            if not is_assumable(DEFAULT_ACCOUNT_ID, target.get("RoleArn"), "events.amazonaws.com"):
                raise Rejected(f"EventBridge cannot assume the role of target {target['Id']}")
        machines = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID][region]
        executions = [
            machines.start_execution(
                target["Arn"], name=str(uuid.uuid4()), execution_input=target.get("Input") or json.dumps(event)
            )
            for target in rule.targets
        ]
    for execution in executions:
        execution.finished.wait()
    return [
        {
            "status": execution.status,
            "error": execution.error,
            "cause": execution.cause,
            "output": execution.output,
            "history": execution.to_history_output()["events"],
        }
        for execution in executions
    ]


def now():
    return datetime.datetime.now(tz=datetime.timezone.utc)


def instances(region):
    """All current and former instances, with their membership in a group."""
    with LOCK:
        members = {m.instance.id: (g, m) for g in groups(region).values() for m in g.instance_states}
        return [describe(instance, *members.get(instance.id, (None, None))) for instance in all_instances(region)]


def describe(instance, group, member):
    return {
        "id": instance.id,
        "address": instance.private_ip_address,
        "state": instance.state,
        "type": instance.instance_type,
        "tags": {tag["key"]: tag["value"] for tag in instance.get_tags()},
        "user_data": instance.user_data.decode() if instance.user_data else None,
        "launch_time": instance.launch_time,
        "termination_protection": instance.disable_api_termination is True,
        "group": group and group.name,
        "health": member and member.health_status,
        "protected": member and member.protected_from_scale_in,
    }


def group(region, name):
    with LOCK:
        found = groups(region).get(name)
        if found is None:
            raise Rejected(f"group {name} not found")
        return {"desired": found.desired_capacity, "members": [m.instance.id for m in found.instance_states]}


def set_desired_capacity(region, name, capacity):
    with LOCK:
        autoscaling_backends[DEFAULT_ACCOUNT_ID][region].set_desired_capacity(name, capacity)


def set_rule_enabled(region, rule, enabled):
    with LOCK:
        found = events_backends[DEFAULT_ACCOUNT_ID][region].describe_rule(rule, None)
        found.enable() if enabled else found.disable()


def advance_time(region, seconds):
    """Makes all instances older. moto and the functions use the real clock, which cannot be changed."""
    with LOCK:
        age = datetime.timedelta(seconds=seconds)
        for instance in all_instances(region):
            instance.launch_time -= age
            attached = [*instance.nics.values(), *instance.block_device_mapping.values()]
            for each in attached:
                each.attach_time = each.attach_time and each.attach_time - age


def set_instance_state(region, instance, state):
    """Stops, starts or terminates an instance. Termination protection does not prevent it."""
    with LOCK:
        found = find_instance(region, instance)
        {"stopped": found.stop, "terminated": found.terminate, "running": found.start}[state]()
        settle_all(region)


def set_instance_health(region, instance, status):
    """Sets the result of a health check: `Healthy` or `Unhealthy`."""
    with LOCK:
        members = [m for g in groups(region).values() for m in g.instance_states if m.instance.id == instance]
        if not members:
            raise Rejected(f"instance {instance} is not in a group")
        members[0].health_status = status
        settle_all(region)


def exit(region):  # noqa: A001
    """Exits this process. This is how a fork ends before its original."""
    os._exit(0)


def fail_after(region, requests, lost=None):
    if lost not in (None, *faults.LOST):
        raise Rejected(f"{lost!r} is not a way to lose a response")
    with LOCK:
        faults.fail_after(requests, lost)


def fault_pending(region):  # noqa: ARG001
    """Whether requests will still fail."""
    return bool(faults.FAULT)


def list_resources(region):
    with LOCK:
        return sorted(resource_list.lines(DEFAULT_ACCOUNT_ID, region))


def settle_all(region):
    for group_ in groups(region).values():
        settle(group_)


def groups(region):
    return autoscaling_backends[DEFAULT_ACCOUNT_ID][region].autoscaling_groups


def all_instances(region):
    return ec2_backends[DEFAULT_ACCOUNT_ID][region].all_instances()


def find_instance(region, id_):
    found = next((instance for instance in all_instances(region) if instance.id == id_), None)
    if found is None:
        raise Rejected(f"instance {id_} not found")
    return found


OPERATIONS = {
    operation.__name__: operation
    for operation in (
        tick, instances, group, set_desired_capacity, set_rule_enabled, advance_time, set_instance_state,
        set_instance_health, exit, fail_after, fault_pending, list_resources,
    )  # fmt: skip
}
