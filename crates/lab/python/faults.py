"""Makes requests fail, to interrupt a program at any of its steps, or loses the response of one."""

# Empty if no request fails. Otherwise `remaining`, the number of mutating requests that get a response first, and `lost`: None if all
# later mutating requests are refused, else how the response of the next one is lost.
FAULT = {}

REFUSED = "refused"

# How a response is lost: the connection closes, or AWS reports an internal error.
LOST = ("closed", "internal error")


def fail_after(requests, lost=None):
    """The next `requests` mutating requests succeed. Then all later ones fail, or the next one is executed and its response is lost.
    None ends this mode."""
    FAULT.clear()
    if requests is not None:
        FAULT.update(remaining=requests, lost=lost)


def next_fault(mutating):
    """The fault of the current request, or None. Call it once per request."""
    if not FAULT or not mutating:
        return None
    if FAULT["remaining"] > 0:
        FAULT["remaining"] -= 1
        return None
    if FAULT["lost"] is None:
        return REFUSED
    lost = FAULT["lost"]
    FAULT.clear()
    return lost
