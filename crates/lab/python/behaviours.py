"""Behaviours of AWS that slow down every test and are therefore off by default. `docs/lab.md` lists them with their sources."""

import json
import re
import time

# The names of the behaviours that are on.
ENABLED = set()

LAMBDA_LAG = "lambda-lag"
EC2_TOKEN_BUCKET = "ec2-token-bucket"
NAMES = (LAMBDA_LAG, EC2_TOKEN_BUCKET)

# How many requests about a new function are refused, of those that read it and of those that change it. Counted, not timed: a slow
# machine must not skip the behaviour.
LAG = 2
LAGGING = {}

# The capacity of the bucket of each mutating operation of EC2, and the tokens that it regains per second.
CAPACITY = 50
REFILL = 5
BUCKETS = {}

FUNCTION = re.compile(r"^/2015-03-31/functions/([^/]+)(?:/|$)")


def refusal(service, operation, mutating, environ, body):
    """The status, the code and the message with which AWS refuses a request, or None."""
    if LAMBDA_LAG in ENABLED and service == "lambda":
        return function_not_found(operation, mutating, environ, body)
    if EC2_TOKEN_BUCKET in ENABLED and service == "ec2" and mutating:
        return out_of_tokens(operation)
    return None


def function_not_found(operation, mutating, environ, body):
    if operation == "CreateFunction":
        LAGGING[json.loads(body)["FunctionName"]] = {True: LAG, False: LAG}
        return None
    path = FUNCTION.match(environ["PATH_INFO"])
    remaining = LAGGING.get(path.group(1)) if path else None
    if remaining is None or operation == "DeleteFunction" or not remaining[mutating]:
        return None
    remaining[mutating] -= 1
    return "404 Not Found", "ResourceNotFoundException", f"Function not found: {path.group(1)}"


def out_of_tokens(operation):
    now = time.monotonic()
    tokens, since = BUCKETS.get(operation, (CAPACITY, now))
    tokens = min(CAPACITY, tokens + (now - since) * REFILL)
    if tokens < 1:
        BUCKETS[operation] = (tokens, now)
        return "503 Service Unavailable", "RequestLimitExceeded", "Request limit exceeded."
    BUCKETS[operation] = (tokens - 1, now)
    return None
