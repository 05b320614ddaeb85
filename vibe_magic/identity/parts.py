"""Which mutable objects and which raw memory a value reaches: what two variables may share."""

from __future__ import annotations

import gc
import pickle
import types
from collections.abc import Collection
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from .code import followed
from .kinds import ATOM, IMMUTABLE, TUPLE, kind_of

__all__ = ["Parts", "parts"]

_CLOSED = (
    "pandas.DataFrame",
    "pandas.Series",
    "pandas.Index",
    "pandas.core.frame.DataFrame",
    "pandas.core.series.Series",
    "pandas.core.indexes.base.Index",
    "polars.dataframe.frame.DataFrame",
    "polars.series.series.Series",
    "polars.lazyframe.frame.LazyFrame",
    "pyarrow.lib._Weakrefable",
    "pandas.core.arrays.base.ExtensionArray",
)
"""Types whose memory cannot change under another object: immutable, or copied when written to."""

_OPAQUE = (types.ModuleType, types.CodeType, types.BuiltinFunctionType, types.FrameType)
_closed: dict[type, bool] = {}


@dataclass(frozen=True, slots=True)
class Parts:
    """Identities of mutable objects, and address and length of writable memory."""

    ids: frozenset[int]
    spans: tuple[tuple[int, int], ...] = ()


_NONE = Parts(frozenset())


def parts(value: Any, opaque: Collection[int] = ()) -> Parts:
    """Return what a value reaches that can change.

    Parameters
    ----------
    value : object
        Anything, also what cannot be pickled.
    opaque : collection of int
        Identities of objects that are not entered and do not count.
    """
    if kind_of(type(value)) in (ATOM, IMMUTABLE) or id(value) in opaque:
        return _NONE
    walk = _Parts(frozenset(opaque))
    collecting = gc.isenabled()
    gc.disable()
    try:
        walk.enter(value)
    finally:
        if collecting:
            gc.enable()
    return Parts(frozenset(walk.ids), tuple(walk.spans))


class _Parts(pickle.Pickler):
    """A pickler that notes what it meets and writes nothing."""

    def __init__(self, opaque: frozenset[int]) -> None:
        super().__init__(
            SimpleNamespace(write=lambda data: None),
            5,
            buffer_callback=lambda buffer: False,
        )
        self.fast = True
        self.opaque = opaque
        self.ids: set[int] = set()
        self.seen: set[int] = set()
        self.spans: list[tuple[int, int]] = []
        self.alive: list[Any] = []

    def enter(self, value: Any) -> None:
        """Walk a value; what cannot be pickled is entered through its attributes."""
        try:
            self.dump(value)
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001 - unpicklable parts: their attributes are all that can be seen
            self._by_referents(value)

    def _by_referents(self, value: Any) -> None:
        waiting = [value]
        entered: set[int] = set()
        while waiting:
            obj = waiting.pop()
            if id(obj) in entered or id(obj) in self.opaque or isinstance(obj, (*_OPAQUE, type)):
                continue
            entered.add(id(obj))
            self.alive.append(obj)
            if kind_of(type(obj)) not in (ATOM, IMMUTABLE, TUPLE):
                self.ids.add(id(obj))
            if not isinstance(obj, types.FunctionType):
                waiting += gc.get_referents(obj)

    def persistent_id(self, obj: Any) -> Any:
        """Note an object; return what to walk in its place."""
        kind = kind_of(type(obj))
        if kind is ATOM or kind is IMMUTABLE:
            return None
        if id(obj) in self.opaque or id(obj) in self.seen:
            return 0
        self.seen.add(id(obj))
        self.alive.append(obj)
        if kind is TUPLE:
            return None
        return self._noted(obj)

    def _noted(self, obj: Any) -> Any:
        if isinstance(obj, _OPAQUE):
            return 0
        if isinstance(obj, type):
            if followed(obj):
                self.ids.add(id(obj))
            return 0
        if isinstance(obj, types.FunctionType):
            return self._function(obj)
        if not isinstance(obj, frozenset):
            self.ids.add(id(obj))
        if isinstance(obj, set | frozenset):
            return list(obj) if any(kind_of(type(x)) is not ATOM for x in obj) else 0
        if _is_closed(type(obj)):
            return 0
        return self._memory(obj)

    def _function(self, obj: types.FunctionType) -> Any:
        if not followed(obj):
            return 0
        self.ids.add(id(obj))
        cells = [cell.cell_contents for cell in obj.__closure__ or () if _filled(cell)]
        return [cells, list(obj.__defaults__ or ()), dict(obj.__kwdefaults__ or {}), obj.__dict__]

    def _memory(self, obj: Any) -> Any:
        interface = getattr(type(obj), "__array_interface__", None)
        if interface is None:
            if isinstance(obj, types.MappingProxyType):
                return dict(obj)
            return None
        if obj.dtype.hasobject:
            return obj.ravel().tolist()
        if obj.flags.writeable or obj.base is not None:
            self.spans.append(_span(obj))
        return 0


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _span(array: Any) -> tuple[int, int]:
    from numpy.lib.array_utils import byte_bounds

    low, high = byte_bounds(array)
    return int(low), int(high - low)


def _is_closed(cls: type) -> bool:
    known = _closed.get(cls)
    if known is None:
        names = {f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__}
        known = _closed[cls] = not names.isdisjoint(_CLOSED) and _copies_on_write(cls)
    return known


def _copies_on_write(cls: type) -> bool:
    """Tell whether pandas copies on write, which it always does from version 3 on."""
    if not cls.__module__.startswith("pandas"):
        return True
    import pandas as pd

    return int(pd.__version__.split(".")[0]) >= 3
