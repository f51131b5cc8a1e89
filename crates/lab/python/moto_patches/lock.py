"""Allows one request at a time: moto's backends are plain dictionaries and are not thread-safe."""

import contextlib
import threading

LOCK = threading.Lock()


@contextlib.contextmanager
def released():
    """Releases the lock while the caller waits for another request."""
    LOCK.release()
    try:
        yield
    finally:
        LOCK.acquire()
