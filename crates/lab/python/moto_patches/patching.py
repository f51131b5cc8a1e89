"""Replaces methods of moto's classes."""

import functools


def patch(owner, name):
    """Replaces a method. The new function gets the original method as its first argument."""

    def replace(new):
        old = getattr(owner, name)

        @functools.wraps(new)
        def patched(*args, **kwargs):
            return new(old, *args, **kwargs)

        @functools.wraps(new)
        def without_class(_class, *args, **kwargs):
            return patched(*args, **kwargs)

        setattr(owner, name, classmethod(without_class) if hasattr(old, "__self__") else patched)
        return new

    return replace
