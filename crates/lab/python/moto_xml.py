"""A faster serializer for moto's responses with the same output. moto's takes 0.1 s for a hundred instances."""

from xml.sax.saxutils import escape, quoteattr

import xmltodict
from moto.core.serialize import AttributePickerContext, DefaultAttributePicker, ResponseSerializer
from moto.core.utils import MISSING
from moto.core.utils import get_value as get_by_path

_get_value = ResponseSerializer.get_value
_unparse = xmltodict.unparse
_known_names = {}
_known_suffixes = {}


def install():
    ResponseSerializer.get_value = get_value
    xmltodict.unparse = unparse


def get_value(self, value, key, shape):
    """The field of a response. The possible names of the field depend only on the types, so they are cached."""
    picker = self._value_picker
    if type(picker) is DefaultAttributePicker:
        return _get_value(self, value, key, shape)
    kind = (type(value), key, shape)
    if kind not in _known_names:
        context = AttributePickerContext(value, key, shape, self.operation_model, self.service_model, "")
        _known_names[kind] = tuple(picker.get_possible_keys(context))
    has_items = hasattr(value, "__getitem__")
    for name in _known_names[kind]:
        if has_items or "." in name:
            found = get_by_path(value, name, MISSING)
        else:
            found = getattr(value, name, MISSING)
        if found is not MISSING:
            break
    else:
        found = None
    transforms = picker.response_transformers
    for suffix in suffixes_of(transforms, key):
        if ".".join((*self.path, key)).endswith(suffix):
            return transforms[suffix](found)
    return found


def suffixes_of(transforms, key):
    """The path suffixes with a transformation that can match this field. Most fields have none."""
    kind = (id(transforms), len(transforms), key)
    if kind not in _known_suffixes:
        # Keep a reference to the object, so that its id is not reused.
        _known_suffixes[kind] = (transforms, [suffix for suffix in transforms if key.endswith(suffix.rpartition(".")[2])])
    return _known_suffixes[kind][1]


def unparse(body, full_document=True, short_empty_elements=False, pretty=False):
    """Replaces xmltodict.unparse, which calls a SAX handler for each start and end of an element."""
    if pretty:
        return _unparse(body, full_document=full_document, short_empty_elements=short_empty_elements, pretty=True)
    start = '<?xml version="1.0" encoding="utf-8"?>\n' if full_document else ""
    return start + "".join(element(key, value, short_empty_elements) for key, value in body.items())


def element(key, value, short):
    """One element, or one per list item."""
    if isinstance(value, list):
        return "".join(element(key, item, short) for item in value)
    attributes = content = ""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.startswith("@"):
                attributes += f" {name[1:]}={quoteattr(inner)}"
            elif name != "#text":
                content += element(name, inner, short)
        value = value.get("#text")
    if value is True or value is False:
        content += str(value).lower()
    elif value is not None:
        content += escape(str(value))
    return f"<{key}{attributes}/>" if short and not content else f"<{key}{attributes}>{content}</{key}>"
