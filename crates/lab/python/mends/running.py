"""What runs: functions, by the lab's own runtime, and executions of state machines. Imported only where there is such a
runtime: the interpreter of state machines takes a while to load.
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
from .mend import mend
from .turn import given_up

# Before the first machine is made: moto has machines that run and machines that do not in different places.
default_user_config["stepfunctions"] = {"execute_state_machine": True}

# What a state fails with stands in the execution; moto writes it to standard error as well, with all that it knows.
logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)

# moto waits out the pauses between the tries of a task. A minute of the lab is not to take one.
PACE = 0.05
retrier_decl.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * PACE))


@mend(LambdaFunction, "_invoke_lambda")
def invoke_lambda(_before, self, event=None):
    """moto runs a function in Docker; the lab has a runtime that runs the real program."""
    endpoint = f"http://127.0.0.1:{os.environ['MOTO_PORT']}"
    invocation = {
        "name": self.function_name,
        "region": self.region,
        "timeout_seconds": int(self.timeout),
        "environment": {**self.environment_vars, "AWS_ENDPOINT_URL": endpoint},
        "event": event,
    }
    with given_up():
        try:
            status, answer = post(OPTIONS["functions"], invocation)
        except OSError as error:
            status, answer = 500, {"message": f"the lab's runtime does not answer: {error}"}
    if status != 200:
        error = lambda_errors.LambdaClientError("ServiceException", answer["message"])
        error.code = 500
        raise error
    if failure := answer.get("error"):
        return json.dumps(failure), True, ""
    return json.dumps(answer["payload"]), False, ""


def post(url, body):
    """Not by urllib, which would ask a proxy that this machine may have."""
    url = urlsplit(url)
    connection = http.client.HTTPConnection(url.hostname, url.port)
    try:
        connection.request("POST", url.path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@mend(LambdaFunction, "invoke")
def invoke(before, self, body, request_headers, response_headers):
    """What a custom runtime reports is `Unhandled` on AWS; moto says `Handled` of all."""
    payload = before(self, body, request_headers, response_headers)
    if "x-amz-function-error" in response_headers:
        response_headers["x-amz-function-error"] = "Unhandled"
    return payload


@mend(StateTaskLambda, "_from_error")
def from_error(before, self, env, ex):
    """Lambda's own errors are `Lambda.ServiceException` and the like; moto calls all of them `Exception`, which no
    Retry names."""
    if not isinstance(ex, ClientError):
        return before(self, env, ex)
    error, cause = f"Lambda.{ex.response['Error']['Code']}", ex.response["Error"]["Message"]
    details = LambdaFunctionFailedEventDetails(error=error, cause=cause)
    return FailureEvent(
        env=env,
        error_name=CustomErrorName(error),
        event_type=HistoryEventType.LambdaFunctionFailed,
        event_details=EventDetails(lambdaFunctionFailedEventDetails=details),
    )


@mend(Execution, "start")
def start(before, self):
    """With something to wait by: on moto one can only ask again and again whether an execution has ended."""
    self.ended = threading.Event()
    before(self)


@mend(BaseExecutionWorkerCommunication, "terminated")
def terminated(before, self):
    before(self)
    self.execution.ended.set()
