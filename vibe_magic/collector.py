"""Keep Python's garbage collector off work that only makes objects that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["enabled", "paused"]

_held = False


def enabled() -> bool:
    """Whether the collector is on as far as anybody else can tell: a pause of ours does not count."""
    return _held or gc.isenabled()


@contextmanager
def paused() -> Iterator[None]:
    """Collect nothing in here.

    A collection in the midst of reading a large value, or of looking at thousands of assets, walks all that
    has just been made and finds nothing to free.
    """
    global _held
    if not gc.isenabled():
        yield
        return
    _held = True
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        _held = False
