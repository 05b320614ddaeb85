"""How values of a type go through a walk: a table, filled as types are met."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .modules import is_local

if TYPE_CHECKING:
    from .values import Walk

__all__ = [
    "ATOM",
    "GENERIC",
    "IMMUTABLE",
    "KINDS",
    "PLAIN",
    "TUPLE",
    "Kind",
    "Reducer",
    "Refused",
    "kind_of",
    "reduces",
]

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


class Refused(Exception):  # noqa: N818  (a signal between the walk and its caller)
    """An object has no content that can be told reliably."""

    def __init__(self, culprit: Any, reason: str) -> None:
        super().__init__(reason)
        self.culprit = culprit
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reducer:
    """Values that are replaced by a tuple of parts.

    Parameters
    ----------
    reduce : callable
        From the value and the walk to the parts; None lets the pickler have the value itself.
    tracked : bool
        Whether the value can change, so that it matters whether two places share it.
    """

    reduce: Callable[[Any, Walk], Any]
    tracked: bool = True


Kind = str | Reducer

KINDS: dict[type, Kind] = {
    **dict.fromkeys((int, float, str, bytes, bool, type(None)), ATOM),
    **dict.fromkeys((range, slice, complex), IMMUTABLE),
    **dict.fromkeys((list, dict), PLAIN),
    tuple: TUPLE,
}
"""Kinds of the types that were met; those of the notebook are left out, for they come and go."""

_NAMED: dict[str, Kind] = {
    name: IMMUTABLE
    for name in (
        "datetime.date",
        "datetime.time",
        "datetime.timedelta",
        "datetime.tzinfo",
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress._IPAddressBase",
        "pathlib.PurePath",
        "pathlib._local.PurePath",
        "re.Pattern",
        "types.GenericAlias",
        "types.UnionType",
        "uuid.UUID",
        "pandas._libs.interval.Interval",
        "pandas.Interval",
        "pandas._libs.tslibs.period._Period",
        "pandas.Period",
        "pandas._libs.tslibs.offsets.BaseOffset",
        "pandas.api.typing.BaseOffset",
        "pandas.core.dtypes.base.ExtensionDtype",
        "pandas.api.extensions.ExtensionDtype",
        "polars.datatypes.classes.DataType",
        "pyarrow.lib.DataType",
        "pyarrow.lib.Field",
        "pyarrow.lib.Schema",
        "pyarrow.lib.Scalar",
    )
}

_Reduce = Callable[[Any, Any], Any]


def reduces(*names: str | type, tracked: bool = True) -> Callable[[_Reduce], _Reduce]:
    """Register a reducer for types, and for full names of types of libraries not loaded yet."""

    def register(reduce: _Reduce) -> _Reduce:
        for name in names:
            if isinstance(name, type):
                KINDS[name] = Reducer(reduce, tracked)
            else:
                _NAMED[name] = Reducer(reduce, tracked)
        return reduce

    return register


def kind_of(cls: type) -> Kind:
    """Return how values of exactly this type are walked."""
    kind = KINDS.get(cls)
    if kind is None:
        kind = _found(cls)
        if not is_local(cls.__module__):
            KINDS[cls] = kind
    return kind


def _found(cls: type) -> Kind:
    if issubclass(cls, type):
        return KINDS[type]
    for ancestor in cls.__mro__:
        named = _NAMED.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
        if named is not None:
            return named
        if type(KINDS.get(ancestor)) is Reducer and ancestor in _INHERITED:
            return KINDS[ancestor]
    if hasattr(cls, "__next__") and not is_local(cls.__module__):
        return Reducer(_iterator)
    return GENERIC


_INHERITED = frozenset({types.ModuleType})


def _iterator(value: Any, walk: Walk) -> Any:
    raise Refused(value, "it is an iterator: reading it uses it up")
