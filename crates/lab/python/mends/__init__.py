"""Mends moto where it is unlike AWS in a way that wekactl or its tests would notice. Importing applies it.

Each mend says what AWS does, or what moto does instead. Written against the moto that `requirements.txt` pins; a mend
whose target is gone fails at import, so that a newer moto is not mended in silence.
"""

OPTIONS = {"iam_delay": 0.0, "function_pending": 0.0, "attach_pending": 0.0, "functions": None}

from . import ec2, functions, gateway, groups, others, tables  # noqa: E402, F401


def configure(iam_delay, function_pending, attach_pending, functions):
    """How long a new role cannot be assumed, a new or changed function is not ready, an instance that was attached to a group is
    not in service, all in seconds; where the lab runs functions, or None: then they do not run."""
    OPTIONS["iam_delay"] = iam_delay
    OPTIONS["function_pending"] = function_pending
    OPTIONS["attach_pending"] = attach_pending
    OPTIONS["functions"] = functions
    if functions:
        from . import running  # noqa: F401
