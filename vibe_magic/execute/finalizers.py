"""Values that do something when they go: what they print depends on when that is, not on a cell alone."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

__all__ = ["finalized"]

_LOOKED_AT = 100


def finalized(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the names whose value, or a part of it, has a finalizer (``__del__``), each with its class.

    Of containers the first parts are looked at, of other values none: this is asked before every run.
    """
    found = {name: _class_with(value) for name, value in values.items()}
    return {name: cls for name, cls in found.items() if cls}


def _class_with(value: Any) -> str:
    every = (value, *islice(_parts(value), _LOOKED_AT))
    return next((type(one).__qualname__ for one in every if _is_finalized(one)), "")


def _parts(value: Any) -> Iterable[Any]:
    if type(value) is dict:
        return value.values()
    return value if type(value) in (list, tuple, set) else ()


def _is_finalized(value: Any) -> bool:
    if type(value).__module__ == "builtins" or not hasattr(type(value), "__del__"):
        return False  # generators have one, too
    return not (isinstance(value, io.IOBase) and _is_closed(value))


def _is_closed(file: io.IOBase) -> bool:
    try:
        return file.closed
    except ValueError:  # nothing is beneath it any more
        return True
