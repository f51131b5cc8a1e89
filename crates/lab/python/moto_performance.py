"""Caches values that moto computes again for each call, and replaces slow code. The responses do not change. Without
this, a call takes three times as long."""

import functools

import moto.awslambda.models
import moto.backends
import moto.core.responses
import moto.core.utils
import moto.kms.models
from moto.awslambda.responses import LambdaResponse
from moto.core.errors import ErrorLookupFactory
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.kms.utils import KeySpec

import moto_xml


def install():
    moto_xml.install()
    moto.backends.list_of_moto_modules = functools.cache(lambda: frozenset(_modules()))
    moto.core.responses.method_names_from_class = functools.cache(moto.core.responses.method_names_from_class)
    moto.core.responses.camelcase_to_underscores = functools.cache(moto.core.responses.camelcase_to_underscores)
    TaggedEC2Resource.get_tags = get_tags
    InstanceBackend.get_instance_by_id = get_instance_by_id
    InstanceBackend.get_instance = get_instance
    moto.core.responses.parse_qsl = parse_qsl
    moto.core.utils.Session = functools.cache(moto.core.utils.Session)
    # moto creates a new factory with an empty cache for each error.
    ErrorLookupFactory._error_lut_cache = {}
    ErrorLookupFactory.__init__ = object.__init__
    moto.kms.models.generate_private_key = generate_private_key
    # Requests with a function's package have several megabytes, and moto parses them at each access.
    cache_property(LambdaResponse, "json_body")
    moto.awslambda.models._zipfile_content = functools.lru_cache(4)(moto.awslambda.models._zipfile_content)


_modules = moto.backends.list_of_moto_modules
_parse_qsl = moto.core.responses.parse_qsl
_generate_private_key = moto.kms.models.generate_private_key


def cache_property(owner, name):
    """Computes a property once per object. The objects live as long as one request."""
    cached = functools.cached_property(getattr(owner, name).fget)
    cached.__set_name__(owner, name)
    setattr(owner, name, cached)


def parse_qsl(text, **options):
    """moto parses every body as a form first, even large JSON bodies, and ignores the result if it is not a form."""
    return [("", "")] if text.startswith("{") else _parse_qsl(text, **options)


def generate_private_key(key_spec):
    """moto generates an unused RSA key pair for each symmetric key, which takes 20 to 60 ms."""
    return None if key_spec == KeySpec.SYMMETRIC_DEFAULT else _generate_private_key(key_spec)


def get_instance_by_id(self, instance_id):
    """moto copies all reservations for each lookup."""
    for reservation in list(self.reservations.values()):
        for instance in reservation.instances:
            if instance.id == instance_id:
                return instance
    return None


def get_instance(self, instance_id):
    if instance := self.get_instance_by_id(instance_id):
        return instance
    raise InvalidInstanceIdError(instance_id)


def get_tags(self):
    """The tags of a resource. moto searches the tags of all resources."""
    tags = self.ec2_backend.tags.get(self.id, {}) if self.id else {}
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if tags else ""
    return [{"resource_id": self.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()]
