"""How values of a type go through a walk: a table, filled as types are met."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vibe_magic import attributes

if TYPE_CHECKING:
    from .values import Walk

__all__ = ["ATOM", "GENERIC", "IMMUTABLE", "PLAIN", "TUPLE", "Reducer", "kind_of", "reduces"]

ATOM = "atom"
"""Small, immutable, and pickled in one stable way."""

IMMUTABLE = "immutable"
"""Pickled stably; whether it is shared cannot be seen."""

PLAIN = "plain"
"""Built-in containers: the pickler goes into them by itself."""

TUPLE = "tuple"
"""Immutable, but with parts that may not be."""

GENERIC = "generic"
"""Pickled as its class says."""


@dataclass(frozen=True, slots=True)
class Reducer:
    """Values that are replaced by a tuple of parts.

    Parameters
    ----------
    reduce : callable
        From the value and the walk to the parts.
    tracked : bool
        Whether the value can change, so that it matters whether two places share it.
    """

    reduce: Callable[[Any, Walk], Any]
    tracked: bool = True


Kind = str | Reducer

_KINDS: dict[type, Kind] = {
    **dict.fromkeys((int, float, str, bytes, bool, type(None), complex, type(...)), ATOM),
    **dict.fromkeys((range, slice), IMMUTABLE),
    **dict.fromkeys((list, dict), PLAIN),
    tuple: TUPLE,
    bytearray: GENERIC,
    types.GenericAlias: GENERIC,
}
_NAMED: dict[str, Reducer] = {}


def reduces(
    *names: str | type, tracked: bool = True
) -> Callable[[Callable[[Any, Any], Any]], Callable[[Any, Any], Any]]:
    """Register a reducer for types, or for the full names of types of libraries that may not be loaded."""

    def register(reduce: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        for name in names:
            if isinstance(name, type):
                _KINDS[name] = Reducer(reduce, tracked)
            else:
                _NAMED[name] = Reducer(reduce, tracked)
        return reduce

    return register


def kind_of(cls: type) -> Kind:
    """Return how values of exactly this type are walked."""
    kind = _KINDS.get(cls)
    if kind is None:
        kind = _KINDS[cls] = _found(cls)
    return kind


def _found(cls: type) -> Kind:
    if issubclass(cls, type):
        return _KINDS[type]
    named = (_NAMED.get(f"{base.__module__}.{base.__qualname__}") for base in cls.__mro__)
    kind = next((each for each in named if each is not None), GENERIC)
    return _with_attributes(kind) if attributes.may_be_loose(cls) else kind


def _with_attributes(kind: Kind) -> Reducer:
    """Return a kind whose values count with the attributes that pickling them would lose."""

    def reduce(value: Any, walk: Walk) -> Any:
        content = kind.reduce(value, walk) if isinstance(kind, Reducer) else None
        loose = attributes.loose(value)
        if loose and content is None:
            content, loose = _taken_apart(value, loose)
        return ("with attributes", content, loose) if loose else content

    return Reducer(reduce, kind.tracked if isinstance(kind, Reducer) else True)


def _taken_apart(value: Any, loose: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):  # known by this name
        return None, {}
    parts = [list(part) if isinstance(part, Iterator) else part for part in reduced]
    return (type(value), *parts), attributes.missing(reduced, loose)
