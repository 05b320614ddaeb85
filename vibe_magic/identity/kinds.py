"""How values of a type go through a walk: a table, filled as types are met."""

from __future__ import annotations

import copyreg
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from vibe_magic import attributes
from vibe_magic.modules import is_local, module_of

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


class Reducer(NamedTuple):
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
    if kind is GENERIC and _says_what_counts(cls):
        return Reducer(_as_held)
    return _with_attributes(kind) if attributes.may_be_loose(cls) else kind


def _says_what_counts(cls: Any) -> bool:
    """Tell whether one of the person's own classes has a say in how its instances are pickled."""
    if cls in copyreg.dispatch_table:
        return is_local(module_of(copyreg.dispatch_table[cls]))
    rules = (
        vars(base)[name] for base in cls.__mro__[:-1] for name in attributes.PICKLING if name in vars(base)
    )
    return is_local(module_of(next(rules, object)))


def _as_held(value: Any, walk: Walk) -> Any:
    """Return what a class pickles, and what it leaves out or copies: cells can read that, too.

    Left-out parts that have no content, like locks, are what such rules are for: there its word counts.
    """
    reduced = _reduced(value)
    if reduced is None:
        return None
    state = reduced[3] if len(reduced) > 3 else None
    known = state if isinstance(state, dict) else {}
    left = {name: part for name, part in attributes.held(value).items() if known.get(name, walk) is not part}
    return "held", reduced, {name: part for name, part in left.items() if walk.tells(part)}


def _with_attributes(kind: Kind) -> Reducer:
    """Return a kind whose values count with the attributes that pickling them would lose."""

    def reduce(value: Any, walk: Walk) -> Any:
        content = kind.reduce(value, walk) if isinstance(kind, Reducer) else None
        loose = attributes.loose(value)
        if loose and content is None:
            content = _reduced(value)
            loose = attributes.missing(content[1:], loose) if content else {}
        return ("with attributes", content, loose) if loose else content

    return Reducer(reduce, kind.tracked if isinstance(kind, Reducer) else True)


def _reduced(value: Any) -> tuple[Any, ...] | None:
    """Return a value's type and what it is pickled as; None if that is a name."""
    rule = copyreg.dispatch_table.get(type(value))
    reduced = rule(value) if rule else value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return None
    return (type(value), *(list(part) if isinstance(part, Iterator) else part for part in reduced))
