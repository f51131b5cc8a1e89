"""Checks every request against botocore's model of its operation. AWS refuses requests that moto accepts: with a value that does
not match a pattern, is too long, or is not one of the possible values; without a required member; or with an unknown member.
"""

import functools
import json
import re
from urllib.parse import parse_qs
from xml.etree import ElementTree

import regex
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model

# Members of a form that belong to the protocol.
FORM_MEMBERS = {"Action", "Version"}

SURROGATES = re.compile(r"\\u(D[89AB]..)\\u(D[C-F]..)", re.IGNORECASE)

# The elements of lists in a query string have the same name.
QUERY_STRING = "querystring"


class Errors:
    """Receives what the validator reports, as text. It never has the value of a sensitive member."""

    def __init__(self):
        self.found = []

    def report(self, name, reason, **details):
        rules = {key: value for key, value in details.items() if key not in ("param", "user_params", "valid_names")}
        rules = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in rules.items())
        self.found.append(f"{name.lstrip('.') or 'the request'}: {reason} ({rules})")


class Validator(ParamValidator):
    """botocore checks types, required members and minima before it sends a request. AWS also checks maxima, patterns and the
    possible values: https://smithy.io/2.0/spec/constraint-traits.html"""

    VALIDATED_METADATA_ATTRS = ParamValidator.VALIDATED_METADATA_ATTRS | {"max", "pattern", "enum"}

    def _validate_string(self, param, shape, errors, name):
        super()._validate_string(param, shape, errors, name)
        if not isinstance(param, str):
            return
        check_maximum(len(param), shape, errors, name, "invalid length")
        value = {} if shape.metadata.get("sensitive") else {"value": ascii(param[:200])}
        values = shape.metadata.get("enum")
        if values and param not in values:
            errors.report(name, "not a possible value", **value, possible_values=values)
        pattern = shape.metadata.get("pattern")
        if pattern and not compiled(pattern).fullmatch(param):
            errors.report(name, "does not match the pattern", **value, pattern=pattern)

    def _validate_list(self, param, shape, errors, name):
        super()._validate_list(param, shape, errors, name)
        check_maximum(len(param), shape, errors, name, "invalid length")

    def _validate_map(self, param, shape, errors, name):
        super()._validate_map(param, shape, errors, name)
        check_maximum(len(param), shape, errors, name, "invalid length")

    def _validate_integer(self, param, shape, errors, name):
        super()._validate_integer(param, shape, errors, name)
        check_maximum(param, shape, errors, name, "invalid range")

    _validate_long = _validate_integer


def check_maximum(value, shape, errors, name, reason):
    maximum = shape.metadata.get("max")
    if maximum is not None and value > maximum:
        errors.report(name, reason, max_allowed=maximum, actual=value)


@functools.cache
def compiled(pattern):
    """The patterns are Java's: they have Unicode categories, which only `regex` supports, and pairs of surrogates."""
    return regex.compile(SURROGATES.sub(code_point, pattern))


def code_point(pair):
    high, low = (int(part, 16) for part in pair.groups())
    return f"\\U{0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00):08X}"


class Parsed:
    """A request as its operation and parameters."""

    def __init__(self, service, environ, body):
        request = Request(environ.copy())
        request.environ["wsgi.input"] = None
        self.service = service
        self.protocol = determine_request_protocol(get_service_model(service), request.content_type)
        self.form = parse_qs(body.decode(), keep_blank_values=True) if self.protocol in ("query", "ec2") else {}
        self.query_string, self.body = request.args, body
        if self.form:
            self.operation, labels = get_service_model(service).operation_model(self.form["Action"][0]), {}
        else:
            self.operation, labels = get_service_router(service).match(request)
        values = {name: values[0] for name, values in self.form.items()} or request.args
        self.params = PROTOCOL_PARSERS[self.protocol](self.operation).parse(
            {
                "method": request.method, "values": values, "headers": request.headers, "body": body,
                "url_path": request.path, "url_params": labels,
            }  # fmt: skip
        )
        remove_absent_lists(self.operation, self.params)


def violations(parsed):
    """What AWS refuses in a request: one line for each error, with its operation, member and rule."""
    operation, errors = parsed.operation, Errors()
    if operation.input_shape is not None:
        Validator()._validate(parsed.params, operation.input_shape, errors, "")
    query_string = parsed.query_string.keys() - operation.http_trait.query_args.keys()
    sent = members(parsed.protocol, parsed.form, query_string, parsed.body)
    for name in sorted(sent - known_members(parsed.protocol, operation, parsed.params)):
        errors.report(name, "unknown member")
    return [f"{parsed.service} {operation.name}: {error}" for error in errors.found]


def remove_absent_lists(operation, params):
    """moto's parser returns an empty list for a list that is absent from the query string."""
    for name, shape in (operation.input_shape.members if operation.input_shape else {}).items():
        if shape.serialization.get("location") == QUERY_STRING and params.get(name) == []:
            del params[name]


def known_members(protocol, operation, params):
    """The members that a request has if botocore sends what moto's parser has understood."""
    if operation.input_shape is None:
        return set()
    request = create_serializer(protocol, include_validation=False).serialize_to_request(params, operation)
    body = request["body"]
    form = body if isinstance(body, dict) else {}
    return members(protocol, form, request["query_string"], body)


def members(protocol, form, query_string, body):
    if protocol in ("query", "ec2"):
        return set(form) - FORM_MEMBERS
    names = {f"?{name}" for name in query_string}
    if not isinstance(body, (str, bytes)) or not body:
        return names
    if protocol == "rest-xml":
        return names | set(xml_members(ElementTree.fromstring(body), ""))
    try:
        return names | set(json_members(json.loads(body), ""))
    except ValueError:
        # The body is a payload.
        return names


def json_members(value, path):
    """The path of each member. A member that is null is absent."""
    if isinstance(value, dict):
        for name, member in value.items():
            if member is not None:
                yield f"{path}.{name}"
                yield from json_members(member, f"{path}.{name}")
    elif isinstance(value, list):
        for member in value:
            yield from json_members(member, f"{path}[]")


def xml_members(element, path):
    for child in element:
        name = f"{path}.{re.sub('{.*}', '', child.tag)}"
        yield name
        yield from xml_members(child, name)
