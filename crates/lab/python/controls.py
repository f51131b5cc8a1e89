"""What only a lab can do: run a minute of the schedule and wait for it, move time, and make machines fail.

`POST /lab/<operation>` with JSON (each has the region in it), answered with JSON. Beside it `/lab/execute-api/`, which is
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
import traces
from mends import OPTIONS
from mends.functions import assumable
from mends.groups import settle
from mends.turn import LOCK


class Refused(Exception):
    """What a caller asked for cannot be done; the text says why."""


def answer(environ, body, start_response, lab):
    path = environ["PATH_INFO"]
    if path.startswith(execute_api.PATH):
        status, headers, answered = execute_api.answer(environ)
    else:
        headers = {"Content-Type": "application/json"}
        try:
            name = path.removeprefix("/lab/")
            operation = lab.fork if name == "fork" else OPERATIONS[name]
            status, answered = "200 OK", operation(**json.loads(body))
        except Exception as error:  # noqa: BLE001
            if not isinstance(error, Refused):
                traceback.print_exc()
            status, answered = "400 Bad Request", {"message": f"{type(error).__name__}: {error}"}
        answered = json.dumps(answered, default=str).encode()
    start_response(status, [*headers.items(), ("Content-Length", str(len(answered)))])
    return [answered]


def minute(region, rule):
    """What EventBridge does once a minute; answers when the executions that it started have ended."""
    if not OPTIONS["functions"]:
        raise Refused("this lab runs no functions")
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
            if not assumable(DEFAULT_ACCOUNT_ID, target.get("RoleArn"), "events.amazonaws.com"):
                raise Refused(f"the role of target {target['Id']} cannot be assumed by EventBridge")
        machines = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID][region]
        executions = [
            machines.start_execution(
                target["Arn"], name=str(uuid.uuid4()), execution_input=target.get("Input") or json.dumps(event)
            )
            for target in rule.targets
        ]
    for execution in executions:
        execution.ended.wait()
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
    """Every instance that there was, with what it has as a member of its group."""
    with LOCK:
        members = {m.instance.id: (g, m) for g in groups(region).values() for m in g.instance_states}
        return [described(instance, *members.get(instance.id, (None, None))) for instance in all_instances(region)]


def described(instance, group, member):
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
            raise Refused(f"there is no group {name}")
        return {"desired": found.desired_capacity, "members": [m.instance.id for m in found.instance_states]}


def desired(region, name, capacity):
    """As SetDesiredCapacity."""
    with LOCK:
        autoscaling_backends[DEFAULT_ACCOUNT_ID][region].set_desired_capacity(name, capacity)


def schedule(region, rule, enabled):
    """As EnableRule and DisableRule."""
    with LOCK:
        found = events_backends[DEFAULT_ACCOUNT_ID][region].describe_rule(rule, None)
        found.enable() if enabled else found.disable()


def passed(region, seconds):
    """Makes all instances so much older. moto itself has the clock of this machine, as the functions have."""
    with LOCK:
        for instance in all_instances(region):
            instance.launch_time -= datetime.timedelta(seconds=seconds)


def state(region, instance, state):
    """What happens to a machine by itself or by a user's hand, whatever protects it from requests."""
    with LOCK:
        found = the_instance(region, instance)
        {"stopped": found.stop, "terminated": found.terminate, "running": found.start}[state]()
        settle_all(region)


def health(region, instance, status):
    """As a load balancer's or a user's own check finds it: `Healthy` or `Unhealthy`."""
    with LOCK:
        members = [m for g in groups(region).values() for m in g.instance_states if m.instance.id == instance]
        if not members:
            raise Refused(f"instance {instance} is in no group")
        members[0].health_status = status
        settle_all(region)


def end(region):
    """Ends this process, which is how a fork ends before the lab that it is of."""
    os._exit(0)


def fail_after(region, requests):
    """See `faults`."""
    with LOCK:
        faults.fail_after(requests)


def standing(region):
    """Everything that wekactl could have made, a line each: quicker than a dump, to see that nothing was left."""
    with LOCK:
        return sorted(traces.lines(DEFAULT_ACCOUNT_ID, region))


def settle_all(region):
    for one in groups(region).values():
        settle(one)


def groups(region):
    return autoscaling_backends[DEFAULT_ACCOUNT_ID][region].autoscaling_groups


def all_instances(region):
    return ec2_backends[DEFAULT_ACCOUNT_ID][region].all_instances()


def the_instance(region, id_):
    found = next((instance for instance in all_instances(region) if instance.id == id_), None)
    if found is None:
        raise Refused(f"there is no instance {id_}")
    return found


OPERATIONS = {
    operation.__name__: operation
    for operation in (minute, instances, group, desired, schedule, passed, state, health, end, fail_after, standing)
}
