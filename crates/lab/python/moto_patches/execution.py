"""Runs functions with the lab's runtime, and executions of state machines. It is imported only if there is such a runtime,
because loading the interpreter of state machines is slow.
"""

import http.client
import json
import logging
import os
import threading
import time
import types
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from moto.awslambda import exceptions as lambda_errors
from moto.awslambda.models import LambdaFunction
from moto.core.config import default_user_config
from moto.stepfunctions.parser.api import HistoryEventType, LambdaFunctionFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution

from . import OPTIONS
from .patching import patch
from .lock import released

# Set before the first state machine is created: moto stores state machines that run in a different place.
default_user_config["stepfunctions"] = {"execute_state_machine": True}

# The execution contains the error of a state. moto also writes it to standard error, with many details.
logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)

# moto waits between the attempts of a task. Shorten these waits, so that a tick takes much less than a minute.
PACE = 0.05
retrier_decl.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * PACE))


@patch(LambdaFunction, "_invoke_lambda")
def invoke_lambda(_original, self, event=None):
    """moto runs functions in Docker. The lab's runtime runs the real program."""
    endpoint = f"http://127.0.0.1:{os.environ['MOTO_PORT']}"
    invocation = {
        "name": self.function_name,
        "region": self.region,
        "timeout_seconds": int(self.timeout),
        "environment": {**self.environment_vars, "AWS_ENDPOINT_URL": endpoint},
        "event": event,
    }
    with released():
        try:
            status, response = post(OPTIONS["functions"], invocation)
        except OSError as error:
            status, response = 500, {"message": f"no response from the lab's runtime: {error}"}
    if status != 200:
        error = lambda_errors.LambdaClientError("ServiceException", response["message"])
        error.code = 500
        raise error
    if failure := response.get("error"):
        return json.dumps(failure), True, ""
    return json.dumps(response["payload"]), False, ""


def post(url, body):
    """Uses http.client, because urllib uses the proxy of this machine."""
    url = urlsplit(url)
    connection = http.client.HTTPConnection(url.hostname, url.port)
    try:
        connection.request("POST", url.path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@patch(LambdaFunction, "invoke")
def invoke(original, self, body, request_headers, response_headers):
    """On AWS, errors of a custom runtime are `Unhandled`. moto always returns `Handled`."""
    payload = original(self, body, request_headers, response_headers)
    if "x-amz-function-error" in response_headers:
        response_headers["x-amz-function-error"] = "Unhandled"
    return payload


@patch(StateTaskLambda, "_from_error")
def from_error(original, self, env, ex):
    """Lambda's own errors have names such as `Lambda.ServiceException`. moto names all of them `Exception`, which matches
    no Retry."""
    if not isinstance(ex, ClientError):
        return original(self, env, ex)
    error, cause = f"Lambda.{ex.response['Error']['Code']}", ex.response["Error"]["Message"]
    details = LambdaFunctionFailedEventDetails(error=error, cause=cause)
    return FailureEvent(
        env=env,
        error_name=CustomErrorName(error),
        event_type=HistoryEventType.LambdaFunctionFailed,
        event_details=EventDetails(lambdaFunctionFailedEventDetails=details),
    )


@patch(Execution, "start")
def start(original, self):
    """Adds an event to wait for. moto only supports polling an execution."""
    self.finished = threading.Event()
    original(self)


@patch(BaseExecutionWorkerCommunication, "terminated")
def terminated(original, self):
    original(self)
    self.execution.finished.set()
