"""IAM roles and Lambda functions."""

import json
import time

from moto.awslambda import exceptions as lambda_errors
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.policy import Policy
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.iam.exceptions import ValidationError as IAMValidation
from moto.iam.models import IAMBackend, iam_backends
from moto.iam.responses import IamResponse

from . import OPTIONS
from .patching import patch


@patch(IAMBackend, "create_role")
def create_role(original, self, *args, **kwargs):
    """Records the creation time, because IAM is eventually consistent: see `is_assumable`. moto accepts names of any length."""
    name = kwargs.get("role_name") or args[0]
    if len(name) > 64:
        raise IAMValidation(f"Value '{name}' at 'roleName' must have length less than or equal to 64")
    role = original(self, *args, **kwargs)
    role.created = time.monotonic()
    return role


def is_assumable(account_id, arn, service):
    """Whether a service can assume a role: the role exists, trusts the service, and is not too new."""
    role = next((role for role in iam_backends[account_id]["aws"].roles.values() if role.arn == arn), None)
    if role is None or time.monotonic() - role.created < OPTIONS["iam_delay"]:
        return False
    trusted = [
        name
        for statement in json.loads(role.assume_role_policy_document)["Statement"]
        if statement["Effect"] == "Allow" and (services := statement.get("Principal", {}).get("Service"))
        for name in ([services] if isinstance(services, str) else services)
    ]
    return service in trusted


def simulate_principal_policy(self):
    """moto does not implement SimulatePrincipalPolicy. The lab's caller has all permissions."""
    resources = self._get_param("ResourceArns", ["*"])
    results = [
        {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed"}
        for action in self._get_param("ActionNames", [])
        for resource in resources
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


IamResponse.simulate_principal_policy = simulate_principal_policy


@patch(LambdaBackend, "create_function")
def create_function(original, self, spec):
    """moto checks only that the role exists. It does not check the length of the name."""
    if len(spec["FunctionName"]) > 64:
        raise lambda_errors.ValidationException(
            spec["FunctionName"], "functionName", "Member must have length less than or equal to 64"
        )
    check_role(self, spec)
    function = original(self, spec)
    function.logging_config = spec.get("LoggingConfig")
    function.ready = time.monotonic() + OPTIONS["function_pending"]
    function.is_new = True
    return function


def check_role(backend, spec):
    if "Role" in spec and not is_assumable(backend.account_id, spec["Role"], "lambda.amazonaws.com"):
        raise lambda_errors.InvalidParameterValueException(
            "The role defined for the function cannot be assumed by Lambda."
        )


@patch(LambdaBackend, "update_function_code")
def update_function_code(original, self, function_name, qualifier, body):
    """moto ignores a new architecture, and updates a function that is still pending."""
    function = ready_for_update(self, function_name)
    if body.get("Architectures"):
        function.architectures = body["Architectures"]
    return original(self, function_name, qualifier, body)


@patch(LambdaBackend, "update_function_configuration")
def update_function_configuration(original, self, function_name, qualifier, body):
    """moto ignores new values for the key, tracing and logging, and updates a function that is still pending."""
    check_role(self, body)
    function = ready_for_update(self, function_name)
    function.kms_key_arn = body.get("KMSKeyArn", function.kms_key_arn)
    function.tracing_config = body.get("TracingConfig", function.tracing_config)
    function.logging_config = body.get("LoggingConfig", function.logging_config)
    return original(self, function_name, qualifier, body)


def ready_for_update(backend, name):
    function = backend.get_function(name)
    if time.monotonic() < function.ready:
        error = lambda_errors.LambdaClientError(
            "ResourceConflictException",
            f"An update is in progress for resource: {function.function_arn}",
        )
        error.code = 409
        raise error
    function.ready = time.monotonic() + OPTIONS["function_pending"]
    function.is_new = False
    return function


@patch(LambdaFunction, "get_configuration")
def get_configuration(original, self, on_create=False):
    """moto's functions are ready immediately and have no log settings. AWS always returns Pending after a creation."""
    found = original(self, on_create)
    waiting = time.monotonic() < self.ready
    found["State"] = "Pending" if on_create or (waiting and self.is_new) else "Active"
    if not on_create:
        found["LastUpdateStatus"] = "InProgress" if waiting and not self.is_new else "Successful"
    logging = self.logging_config or {}
    found["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"} | logging
    return found


@property
def vpc_config(self):
    """moto invents a VPC."""
    if not self._vpc_config:
        return None
    subnets = self._vpc_config.get("SubnetIds", [])
    vpc = ec2_backends[self.account_id][self.region].get_subnet(subnets[0]).vpc_id if subnets else ""
    groups_ = self._vpc_config.get("SecurityGroupIds", [])
    return {"SubnetIds": subnets, "SecurityGroupIds": groups_, "VpcId": vpc}


LambdaFunction.vpc_config = vpc_config


@patch(Policy, "add_statement")
def add_statement(original, self, raw, qualifier=None):
    """moto adds a second statement with the same id."""
    id_ = json.loads(raw).get("StatementId")
    if any(statement.get("Sid") == id_ for statement in self.statements):
        error = lambda_errors.LambdaClientError(
            "ResourceConflictException", f"The statement id ({id_}) provided already exists."
        )
        error.code = 409
        raise error
    return original(self, raw, qualifier)
