"""How moto is mended: `mend` replaces a method of one of its classes."""

import functools


def mend(owner, name):
    """Replaces a method by one that gets the method it replaces as its first argument."""

    def replace(new):
        old = getattr(owner, name)

        @functools.wraps(new)
        def mended(*args, **kwargs):
            return new(old, *args, **kwargs)

        @functools.wraps(new)
        def without_class(_class, *args, **kwargs):
            return mended(*args, **kwargs)

        setattr(owner, name, classmethod(without_class) if hasattr(old, "__self__") else mended)
        return new

    return replace
