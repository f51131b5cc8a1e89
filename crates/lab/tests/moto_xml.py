"""Compares the XML of `python/moto_xml.py` with xmltodict's. Prints the bodies with differences."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import moto_xml  # noqa: E402
import xmltodict  # noqa: E402

INNER = [
    None, "", "text", 'a < b & c > d "e" \'f\'', 5, 0, 1.5, True, False, {}, [], [""], ["one", "two"], [{}],
    {"inner": None}, {"inner": []}, {"inner": ["", {"deeper": [1, 2]}]}, {"@xmlns": 'https://a/?b&"c"', "inner": "x"},
    {"@xmlns:xsi": "https://a/", "@xsi:type": "Group", "id": "b"}, {"@only": "attribute"}, {"#text": "text", "@with": "attribute"},
]  # fmt: skip

differences = []
for inner in INNER:
    for options in ({}, {"full_document": False}, {"short_empty_elements": True}, {"pretty": True}):
        body = {"Response": {"before": "x", "field": inner, "after": {"y": inner}}}
        if moto_xml.unparse(body, **options) != xmltodict.unparse(body, **options):
            differences.append(f"{options} {body}")
print(json.dumps(differences))
