"""Holds the XML of `python/answers.py` to xmltodict's; prints the bodies of which it differs."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import answers  # noqa: E402
import xmltodict  # noqa: E402

INNER = [
    None, "", "text", 'a < b & c > d "e" \'f\'', 5, 0, 1.5, True, False, {}, [], [""], ["one", "two"], [{}],
    {"inner": None}, {"inner": []}, {"inner": ["", {"deeper": [1, 2]}]}, {"@xmlns": 'https://a/?b&"c"', "inner": "x"},
    {"@xmlns:xsi": "https://a/", "@xsi:type": "Group", "id": "b"}, {"@only": "attribute"}, {"#text": "text", "@with": "it"},
]  # fmt: skip

differ = []
for inner in INNER:
    for options in ({}, {"full_document": False}, {"short_empty_elements": True}, {"pretty": True}):
        body = {"Response": {"before": "x", "field": inner, "after": {"y": inner}}}
        if answers.unparse(body, **options) != xmltodict.unparse(body, **options):
            differ.append(f"{options} {body}")
print(json.dumps(differ))
