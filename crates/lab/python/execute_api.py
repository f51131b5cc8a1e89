"""The endpoint of REST APIs, which moto has for a few integrations only: `GET /lab/execute-api/<region>/<api>/<stage>/<path>`
stands for `https://<api>.execute-api.<region>.amazonaws.com/<stage>/<path>`.
"""

import fnmatch
import json
import sys
import traceback
import uuid

from moto.apigateway.models import apigateway_backends
from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID

from mends.turn import LOCK

PATH = "/lab/execute-api/"


def answer(environ):
    """Status, headers and body, as API Gateway answers."""
    try:
        with LOCK:
            status, headers, body = answered(environ)
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        status, headers, body = failed()
    return f"{status} -", {"Content-Type": "application/json", **headers}, body.encode()


def answered(environ):
    region, api_id, stage, *parts = environ["PATH_INFO"].removeprefix(PATH).split("/")
    method_name, path = environ["REQUEST_METHOD"], "/" + "/".join(parts)
    backend = apigateway_backends[DEFAULT_ACCOUNT_ID][region]
    api = backend.apis.get(api_id)
    resource = next((r for r in api.resources.values() if r.get_path() == path), None) if api else None
    method = resource.resource_methods.get(method_name) if resource and stage in api.stages else None
    if method is None or method.method_integration is None:
        return refused("Missing Authentication Token")
    if method.api_key_required and environ.get("HTTP_X_API_KEY") not in keys_of(backend, api_id, stage):
        return refused("Forbidden")
    arn = method.method_integration.uri.split("/functions/")[1].removesuffix("/invocations")
    function = lambda_backends[DEFAULT_ACCOUNT_ID][region].get_function(arn)
    source = f"arn:aws:execute-api:{region}:{DEFAULT_ACCOUNT_ID}:{api_id}/{stage}/{method_name}{path}"
    if not may_invoke(function, source):
        print(f"{source} may not invoke {arn}", file=sys.stderr)
        return failed()
    payload, errored, _ = function._invoke_lambda(event_of(environ, api_id, stage, path))
    answer_ = json.loads(payload)
    if errored or "statusCode" not in answer_:
        return 502, {}, json.dumps({"message": "Internal server error"})
    # Names of headers are told apart by case where they are joined with those of this module.
    headers = {name.title(): value for name, value in answer_.get("headers", {}).items()}
    return answer_["statusCode"], headers, answer_.get("body", "")


def refused(message):
    return 403, {}, json.dumps({"message": message})


def failed():
    return 500, {}, json.dumps({"message": "Internal server error"})


def keys_of(backend, api_id, stage):
    """The values of the keys that a usage plan of this stage has."""
    plans = [
        plan
        for plan in backend.usage_plans.values()
        if any(one.get("apiId") == api_id and one.get("stage") == stage for one in plan.api_stages)
    ]
    ids = [id_ for plan in plans for id_ in backend.usage_plan_keys.get(plan.id, {})]
    keys = [backend.keys[id_] for id_ in ids if id_ in backend.keys]
    return [key.value for key in keys if key.enabled]


def may_invoke(function, source):
    """Whether the function's policy lets API Gateway invoke it for this request."""

    def matches(statement):
        patterns = [arn for by in statement.get("Condition", {}).values() for arn in by.values()]
        return (
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
            and statement["Action"] == "lambda:InvokeFunction"
            and all(fnmatch.fnmatchcase(source, pattern) for pattern in patterns)
        )

    return any(matches(statement) for statement in function.policy.statements)


def event_of(environ, api_id, stage, path):
    """The event of the proxy integration, payload version 1.0."""
    headers = {
        name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")
    }
    return {
        "resource": path,
        "path": path,
        "httpMethod": environ["REQUEST_METHOD"],
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": DEFAULT_ACCOUNT_ID,
            "apiId": api_id,
            "stage": stage,
            "path": f"/{stage}{path}",
            "httpMethod": environ["REQUEST_METHOD"],
            "requestId": str(uuid.uuid4()),
            "identity": {"sourceIp": environ.get("REMOTE_ADDR")},
        },
        "body": None,
        "isBase64Encoded": False,
    }
