"""API Gateway: pages, tags, and what it refuses."""

import json
from urllib.parse import unquote

from moto.apigateway import exceptions as apigateway_errors
from moto.apigateway.models import APIGatewayBackend, RestAPI
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.urls import url_paths as apigateway_paths

from .mend import mend
from .paging import page_of


def paged(before, self):
    """API Gateway gives 25 at a time; moto gives all."""
    items, position = page_of(
        json.loads(before(self))["item"], self._get_param("position"), int(self._get_param("limit") or 25)
    )
    return json.dumps({"item": items, "position": position})


for listing in ("get_rest_apis", "get_deployments", "get_usage_plans", "get_api_keys"):
    mend(APIGatewayResponse, listing)(paged)


@mend(RestAPI, "to_dict")
def to_dict(before, self):
    """AWS gives a policy with whole ARNs in place of `execute-api:/`, and its quotes escaped."""
    document = before(self)
    if self.policy:
        arn = f"arn:aws:execute-api:{self.region_name}:{self.account_id}:{self.id}/"
        document["policy"] = self.policy.replace('"execute-api:/', f'"{arn}').replace('"', '\\"')
    return document


@mend(APIGatewayBackend, "create_resource")
def create_resource(before, self, function_id, parent_resource_id, path_part):
    """moto makes a second resource of one path."""
    siblings = self.get_rest_api(function_id).resources.values()
    if any(one.parent_id == parent_resource_id and one.path_part == path_part for one in siblings):
        message = f"Another resource with the same parent already has this name: {path_part}"
        raise apigateway_errors.ConflictException(message)
    return before(self, function_id, parent_resource_id, path_part)


@mend(APIGatewayBackend, "delete_usage_plan")
def delete_usage_plan(before, self, usage_plan_id):
    """AWS does not delete a plan that still has stages."""
    if self.get_usage_plan(usage_plan_id).api_stages:
        raise apigateway_errors.BadRequestException(
            f"Cannot delete Usage Plan {usage_plan_id} because there are API stages associated with it"
        )
    before(self, usage_plan_id)


@mend(APIGatewayBackend, "create_usage_plan_key")
def create_usage_plan_key(before, self, usage_plan_id, payload):
    """moto takes one key a second time."""
    if payload["keyId"] in self.usage_plan_keys.get(usage_plan_id, {}):
        raise apigateway_errors.ConflictException(f"Usage Plan {usage_plan_id} already has API Key {payload['keyId']}")
    return before(self, usage_plan_id, payload)


def tagged_of(self):
    """The resource that a path of the tagging operations names; moto knows those of stages only."""
    arn = unquote(self.path.split("/tags/", 1)[1])
    parts = arn.split("::/", 1)[1].split("/")
    if parts[0] == "usageplans":
        return self.backend.get_usage_plan(parts[1])
    if parts[0] == "apikeys":
        return self.backend.get_api_key(parts[1])
    if len(parts) == 4:
        return self.backend.get_stage(parts[1], parts[3])
    return self.backend.get_rest_api(parts[1])


def get_tags(_before, self):
    return json.dumps({"tags": tagged_of(self).tags or {}})


def tag_resource(_before, self):
    resource = tagged_of(self)
    resource.tags = {**(resource.tags or {}), **self._get_param("tags", {})}
    return "{}"


def untag_resource(_before, self):
    resource = tagged_of(self)
    resource.tags = {k: v for k, v in (resource.tags or {}).items() if k not in self.querystring.get("tagKeys", [])}
    return "{}"


for operation in (get_tags, tag_resource, untag_resource):
    mend(APIGatewayResponse, operation.__name__)(operation)
# The path is matched before its percent signs are taken away, and after.
apigateway_paths["{0}/tags/(?P<resourceArn>.+)$"] = APIGatewayResponse.dispatch


def update_method(self):
    """moto does not know the operation at all."""
    parts = self.path.split("/")
    method = self.backend.get_resource(parts[2], parts[4]).resource_methods[parts[6]]
    for patch in self._get_param("patchOperations"):
        if patch["op"] == "replace" and patch["path"] == "/apiKeyRequired":
            method.api_key_required = patch["value"] == "true"
        else:
            raise apigateway_errors.BadRequestException(f"Invalid patch path {patch['path']}")
    return json.dumps(method.to_json())


APIGatewayResponse.update_method = update_method
