"""moto's answers, put together faster: of a hundred instances it takes a tenth of a second otherwise. They stay the same."""

from xml.sax.saxutils import escape, quoteattr

import xmltodict
from moto.core.serialize import AttributePickerContext, DefaultAttributePicker, ResponseSerializer
from moto.core.utils import MISSING
from moto.core.utils import get_value as get_by_path

_get_value = ResponseSerializer.get_value
_unparse = xmltodict.unparse
_known_names = {}
_known_ends = {}


def without_waste():
    ResponseSerializer.get_value = get_value
    xmltodict.unparse = unparse


def get_value(self, value, key, shape):
    """An answer's field. Under which names it may be found depends on the kinds of things alone."""
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
    for end in ends_of(transforms, key):
        if ".".join((*self.path, key)).endswith(end):
            return transforms[end](found)
    return found


def ends_of(transforms, key):
    """The ends of paths that are transformed and may be of a field of this name. There are none of most."""
    kind = (id(transforms), len(transforms), key)
    if kind not in _known_ends:
        # Kept with them, so that nothing else gets its id.
        _known_ends[kind] = (transforms, [end for end in transforms if key.endswith(end.rpartition(".")[2])])
    return _known_ends[kind][1]


def unparse(body, full_document=True, short_empty_elements=False, pretty=False):
    """As xmltodict does it, which tells a handler of each beginning and each end."""
    if pretty:
        return _unparse(body, full_document=full_document, short_empty_elements=short_empty_elements, pretty=True)
    start = '<?xml version="1.0" encoding="utf-8"?>\n' if full_document else ""
    return start + "".join(element(key, value, short_empty_elements) for key, value in body.items())


def element(key, value, short):
    """An element, or one for each thing in a list."""
    if isinstance(value, list):
        return "".join(element(key, one, short) for one in value)
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
