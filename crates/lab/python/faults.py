"""Makes requests fail, to interrupt a program at any of its steps."""

# Empty if no request fails. Otherwise the number of mutating requests that succeed before all later ones fail.
FAULT = {}


def fail_after(requests):
    """The next `requests` mutating requests succeed, and all later ones fail. None ends this mode."""
    FAULT.clear()
    if requests is not None:
        FAULT["remaining"] = requests


def fails(mutating):
    """Whether the current request fails. Call it once per request."""
    if not mutating:
        return False
    if FAULT["remaining"] > 0:
        FAULT["remaining"] -= 1
        return False
    return True
