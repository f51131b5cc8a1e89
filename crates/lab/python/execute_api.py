"""The endpoint of REST APIs, which moto supports only for a few integrations.
`/lab/execute-api/<region>/<api>/<stage>/<path>` is `https://<api>.execute-api.<region>.amazonaws.com/<stage>/<path>`.
"""

import fnmatch
import json
import sys
import traceback
import uuid

from moto.apigateway.models import apigateway_backends
from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID

from moto_patches.lock import LOCK

PATH = "/lab/execute-api/"


def handle(environ):
    """Returns the status, headers and body of API Gateway's response."""
    try:
        with LOCK:
            status, headers, body = invoke(environ)
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        status, headers, body = internal_error()
    return f"{status} -", {"Content-Type": "application/json", **headers}, body.encode()


def invoke(environ):
    region, api_id, stage, *parts = environ["PATH_INFO"].removeprefix(PATH).split("/")
    method_name, path = environ["REQUEST_METHOD"], "/" + "/".join(parts)
    backend = apigateway_backends[DEFAULT_ACCOUNT_ID][region]
    api = backend.apis.get(api_id)
    resource = next((r for r in api.resources.values() if r.get_path() == path), None) if api else None
    method = resource.resource_methods.get(method_name) if resource and stage in api.stages else None
    if method is None or method.method_integration is None:
        return forbidden("Missing Authentication Token")
    if method.api_key_required and environ.get("HTTP_X_API_KEY") not in keys_of(backend, api_id, stage):
        return forbidden("Forbidden")
    arn = method.method_integration.uri.split("/functions/")[1].removesuffix("/invocations")
    function = lambda_backends[DEFAULT_ACCOUNT_ID][region].get_function(arn)
    source = f"arn:aws:execute-api:{region}:{DEFAULT_ACCOUNT_ID}:{api_id}/{stage}/{method_name}{path}"
    if not may_invoke(function, source):
        print(f"{source} is not allowed to invoke {arn}", file=sys.stderr)
        return internal_error()
    payload, errored, _ = function._invoke_lambda(event_of(environ, api_id, stage, path))
    response = json.loads(payload)
    if errored or "statusCode" not in response:
        return 502, {}, json.dumps({"message": "Internal server error"})
    # Use one case: the headers are merged with the default headers in a case-sensitive dictionary.
    headers = {name.title(): value for name, value in response.get("headers", {}).items()}
    return response["statusCode"], headers, response.get("body", "")


def forbidden(message):
    return 403, {}, json.dumps({"message": message})


def internal_error():
    return 500, {}, json.dumps({"message": "Internal server error"})


def keys_of(backend, api_id, stage):
    """The values of all enabled keys in the usage plans of this stage."""
    plans = [
        plan
        for plan in backend.usage_plans.values()
        if any(item.get("apiId") == api_id and item.get("stage") == stage for item in plan.api_stages)
    ]
    ids = [id_ for plan in plans for id_ in backend.usage_plan_keys.get(plan.id, {})]
    keys = [backend.keys[id_] for id_ in ids if id_ in backend.keys]
    return [key.value for key in keys if key.enabled]


def may_invoke(function, source):
    """Whether the function's policy allows API Gateway to invoke it for this request."""

    def matches(statement):
        patterns = [arn for operator in statement.get("Condition", {}).values() for arn in operator.values()]
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
