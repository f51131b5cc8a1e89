"""Prints the responses for a role and a function that are not ready yet."""

import io
import json
import time
import zipfile

import boto3
from botocore.exceptions import ClientError

iam, functions, machines = (boto3.client(service) for service in ("iam", "lambda", "stepfunctions"))
responses = {}


def role(name, service):
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]


def code_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def until(call):
    """Repeats the call until it returns a value. The test's timeout limits it."""
    while (result := call()) is None:
        time.sleep(0.02)
    return result


package = io.BytesIO()
with zipfile.ZipFile(package, "w") as archive:
    archive.writestr("bootstrap", "")
settings = {
    "FunctionName": "f",
    "Runtime": "provided.al2023",
    "Handler": "bootstrap",
    "Code": {"ZipFile": package.getvalue()},
    "Role": role("f", "lambda"),
}


def create():
    try:
        return functions.create_function(**settings)
    except functions.exceptions.InvalidParameterValueException:
        return None


def active():
    state = functions.get_function(FunctionName="f")["Configuration"]["State"]
    return None if state == "Pending" else state


responses["first"] = code_of(lambda: functions.create_function(**settings))
definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
machine_role = role("m", "states")
responses["machine"] = code_of(lambda: machines.create_state_machine(name="m", definition=definition, roleArn=machine_role))
responses["created"] = until(create)["State"]
responses["while_pending"] = code_of(lambda: functions.update_function_configuration(FunctionName="f", Timeout=9))
responses["finally"] = until(active)
print(json.dumps(responses))
