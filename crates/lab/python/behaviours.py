"""Behaviours of AWS that slow down every test and are therefore off by default. `docs/lab.md` lists them with their sources."""

import json
import re
import time
import uuid

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

# The names of the behaviours that are on.
ENABLED = set()

LAMBDA_LAG = "lambda-lag"
EC2_TOKEN_BUCKET = "ec2-token-bucket"
ENI_OUTLIVES_FUNCTION = "eni-outlives-function"
NAMES = (LAMBDA_LAG, EC2_TOKEN_BUCKET, ENI_OUTLIVES_FUNCTION)

# How many requests about a new function are refused, of those that read it and of those that change it. Counted, so that a slow machine
# does not skip the behaviour; after this many seconds, every request finds the function.
LAG = 2
LAG_SECONDS = 10
LAGGING = {}

# The capacity of the bucket of each mutating operation of EC2, and the tokens that it regains per second.
CAPACITY = 50
REFILL = 5
BUCKETS = {}

# The network interfaces of functions by function: region, id and the role's name. How often wekactl may list one after its function is
# deleted, until Lambda deletes it.
LISTED = 2
INTERFACES = {}

FUNCTION = re.compile(r"^/2015-03-31/functions/([^/]+)(?:/|$)")


def refusal(service, operation, mutating, environ, body):
    """The status, the code and the message with which AWS refuses a request, or None."""
    if LAMBDA_LAG in ENABLED and service == "lambda":
        return function_not_found(operation, mutating, environ, body)
    if ENI_OUTLIVES_FUNCTION in ENABLED:
        network_interfaces(service, operation, environ, body)
    if EC2_TOKEN_BUCKET in ENABLED and service == "ec2" and mutating:
        return out_of_tokens(operation)
    return None


def function_not_found(operation, mutating, environ, body):
    if operation == "CreateFunction":
        LAGGING[json.loads(body)["FunctionName"]] = {True: LAG, False: LAG, "created": time.monotonic()}
        return None
    path = FUNCTION.match(environ["PATH_INFO"])
    remaining = LAGGING.get(path.group(1)) if path else None
    if remaining is None or operation == "DeleteFunction" or not remaining[mutating]:
        return None
    if time.monotonic() - remaining["created"] > LAG_SECONDS:
        return None
    remaining[mutating] -= 1
    return "404 Not Found", "ResourceNotFoundException", f"Function not found: {path.group(1)}"


def network_interfaces(service, operation, environ, body):
    """Lambda creates an interface for a function in a VPC, and deletes it some time after the function, with the function's role."""
    region = environ["HTTP_AUTHORIZATION"].split("/")[2]
    if (service, operation) == ("lambda", "CreateFunction"):
        spec = json.loads(body)
        if subnets := spec.get("VpcConfig", {}).get("SubnetIds"):
            ec2, name = ec2_backends[ACCOUNT][region], spec["FunctionName"]
            interface = ec2.create_network_interface(
                ec2.get_subnet(subnets[0]),
                private_ip_address=None,
                group_ids=spec["VpcConfig"]["SecurityGroupIds"],
                description=f"AWS Lambda VPC ENI-{name}-{uuid.uuid4()}",
            )
            INTERFACES[name] = {"id": interface.id, "region": region, "role": spec["Role"].rsplit("/", 1)[-1], "listed": None}
    elif (service, operation) == ("lambda", "DeleteFunction"):
        path = FUNCTION.match(environ["PATH_INFO"])
        if path and path.group(1) in INTERFACES:
            INTERFACES[path.group(1)]["listed"] = 0
    elif (service, operation) == ("ec2", "DescribeNetworkInterfaces"):
        for name, interface in list(INTERFACES.items()):
            if interface["listed"] is None:
                continue
            interface["listed"] += 1
            if interface["listed"] > LISTED and has_role(interface["role"]):
                ec2_backends[ACCOUNT][interface["region"]].delete_network_interface(interface["id"])
                del INTERFACES[name]


def has_role(name):
    return any(role.name == name for role in iam_backends[ACCOUNT]["aws"].roles.values())


def out_of_tokens(operation):
    now = time.monotonic()
    tokens, since = BUCKETS.get(operation, (CAPACITY, now))
    tokens = min(CAPACITY, tokens + (now - since) * REFILL)
    if tokens < 1:
        BUCKETS[operation] = (tokens, now)
        return "503 Service Unavailable", "RequestLimitExceeded", "Request limit exceeded."
    BUCKETS[operation] = (tokens - 1, now)
    return None
