"""Which objects nobody can change in place: who holds them, and how often, makes no difference."""

from __future__ import annotations

import enum
import types
from functools import cache
from typing import Any

from vibe_magic.modules import is_local, module_of

__all__ = ["FIXED", "is_value"]

FIXED = (tuple, frozenset, types.MappingProxyType, types.MethodType, types.BuiltinFunctionType)
"""What cannot be changed itself, though what it holds may."""


def is_value(cls: type) -> bool:
    """Tell whether objects of a type are values, like dates and paths: equal by content, and never changed.

    Of the person's own classes that cannot be told; members of enumerations come back as themselves.
    """
    return _is_value(cls)


@cache
def _is_value(cls: Any) -> bool:
    if issubclass(cls, enum.Enum):
        return True
    by_content = cls.__hash__ not in (None, object.__hash__) and cls.__eq__ is not object.__eq__
    offered = frozenset().union(*(vars(base) for base in cls.__mro__))
    changes = not offered.isdisjoint(("__setitem__", "__iadd__", "__next__", "__call__"))
    holds = issubclass(cls, FIXED) or hasattr(cls, "__dataclass_fields__")
    return by_content and not changes and not holds and not is_local(module_of(cls))
