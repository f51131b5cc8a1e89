"""Requests that fail on demand, to break a program off at any of its steps."""

# Empty while nothing is to fail; else how many requests that change something are carried out before all others fail.
FAULT = {}


def fail_after(requests):
    """From now on, so many requests that change something are carried out, and no more; None: all are."""
    FAULT.clear()
    if requests is not None:
        FAULT["left"] = requests


def fails(changes_something):
    """Whether the request that has come fails; asked once for each."""
    if not changes_something:
        return False
    if FAULT["left"] > 0:
        FAULT["left"] -= 1
        return False
    return True
