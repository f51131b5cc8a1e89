"""Patches moto where its behaviour differs from AWS in a way that affects wekactl or its tests. Importing applies them.

The docstring of a patch states what AWS does or what moto does instead. The patches match the version of moto that
`requirements.txt` pins. If the target of a patch does not exist, the import fails, so that no patch is lost silently.
"""

OPTIONS = {"iam_delay": 0.0, "function_pending": 0.0, "attach_pending": 0.0, "functions": None}

from . import api_gateway, auto_scaling, dynamodb, ec2, functions, others  # noqa: E402, F401


def configure(iam_delay, function_pending, attach_pending, functions):
    """Sets the delays in seconds: until a new role can be assumed, until a new or changed function is ready, and until an
    attached instance is in service. `functions` is the URL that runs functions; with None, they do not run."""
    OPTIONS["iam_delay"] = iam_delay
    OPTIONS["function_pending"] = function_pending
    OPTIONS["attach_pending"] = attach_pending
    OPTIONS["functions"] = functions
    if functions:
        from . import execution  # noqa: F401
