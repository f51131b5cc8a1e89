"""API Gateway: pagination, tags and validation."""

import json
from urllib.parse import unquote

from moto.apigateway import exceptions as apigateway_errors
from moto.apigateway.models import APIGatewayBackend, RestAPI
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.urls import url_paths as apigateway_paths

from .patching import patch
from .pagination import page_of


def paged(original, self):
    """AWS returns 25 per page. moto returns all."""
    items, position = page_of(
        json.loads(original(self))["item"], self._get_param("position"), int(self._get_param("limit") or 25)
    )
    return json.dumps({"item": items, "position": position})


for listing in ("get_rest_apis", "get_deployments", "get_usage_plans", "get_api_keys"):
    patch(APIGatewayResponse, listing)(paged)


@patch(RestAPI, "to_dict")
def to_dict(original, self):
    """AWS returns a policy with full ARNs instead of `execute-api:/`, and with escaped quotes."""
    document = original(self)
    if self.policy:
        arn = f"arn:aws:execute-api:{self.region_name}:{self.account_id}:{self.id}/"
        document["policy"] = self.policy.replace('"execute-api:/', f'"{arn}').replace('"', '\\"')
    return document


@patch(APIGatewayBackend, "create_resource")
def create_resource(original, self, function_id, parent_resource_id, path_part):
    """moto creates a second resource with the same path."""
    siblings = self.get_rest_api(function_id).resources.values()
    if any(sibling.parent_id == parent_resource_id and sibling.path_part == path_part for sibling in siblings):
        message = f"Another resource with the same parent already has this name: {path_part}"
        raise apigateway_errors.ConflictException(message)
    return original(self, function_id, parent_resource_id, path_part)


@patch(APIGatewayBackend, "delete_usage_plan")
def delete_usage_plan(original, self, usage_plan_id):
    """AWS rejects the deletion of a plan that has stages."""
    if self.get_usage_plan(usage_plan_id).api_stages:
        raise apigateway_errors.BadRequestException(
            f"Cannot delete Usage Plan {usage_plan_id} because there are API stages associated with it"
        )
    original(self, usage_plan_id)


@patch(APIGatewayBackend, "create_usage_plan_key")
def create_usage_plan_key(original, self, usage_plan_id, payload):
    """moto accepts the same key a second time."""
    if payload["keyId"] in self.usage_plan_keys.get(usage_plan_id, {}):
        raise apigateway_errors.ConflictException(f"Usage Plan {usage_plan_id} already has API Key {payload['keyId']}")
    return original(self, usage_plan_id, payload)


def tagged_resource(self):
    """The resource in the path of a tagging operation. moto supports only stages."""
    arn = unquote(self.path.split("/tags/", 1)[1])
    parts = arn.split("::/", 1)[1].split("/")
    if parts[0] == "usageplans":
        return self.backend.get_usage_plan(parts[1])
    if parts[0] == "apikeys":
        return self.backend.get_api_key(parts[1])
    if len(parts) == 4:
        return self.backend.get_stage(parts[1], parts[3])
    return self.backend.get_rest_api(parts[1])


def get_tags(_original, self):
    return json.dumps({"tags": tagged_resource(self).tags or {}})


def tag_resource(_original, self):
    resource = tagged_resource(self)
    resource.tags = {**(resource.tags or {}), **self._get_param("tags", {})}
    return "{}"


def untag_resource(_original, self):
    resource = tagged_resource(self)
    resource.tags = {k: v for k, v in (resource.tags or {}).items() if k not in self.querystring.get("tagKeys", [])}
    return "{}"


for operation in (get_tags, tag_resource, untag_resource):
    patch(APIGatewayResponse, operation.__name__)(operation)
# The path is matched both before and after percent-decoding.
apigateway_paths["{0}/tags/(?P<resourceArn>.+)$"] = APIGatewayResponse.dispatch


def update_method(self):
    """moto does not implement this operation."""
    parts = self.path.split("/")
    method = self.backend.get_resource(parts[2], parts[4]).resource_methods[parts[6]]
    for change in self._get_param("patchOperations"):
        if change["op"] == "replace" and change["path"] == "/apiKeyRequired":
            method.api_key_required = change["value"] == "true"
        else:
            raise apigateway_errors.BadRequestException(f"Invalid patch path {change['path']}")
    return json.dumps(method.to_json())


APIGatewayResponse.update_method = update_method
