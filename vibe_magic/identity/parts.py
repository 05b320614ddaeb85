"""Which mutable objects and which raw memory a value reaches: what two variables may share."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from vibe_magic import attributes
from vibe_magic.cell import unwarned
from vibe_magic.immutable import FIXED, is_value

from .code import followed
from .kinds import ATOM, IMMUTABLE, TUPLE, kind_of
from .memory import span

__all__ = ["Parts", "parts"]

_IMMUTABLE_LIBRARIES = ("polars", "pyarrow")
_OPAQUE = (types.ModuleType, types.CodeType, types.FrameType)
_BUFFERS = (bytearray, memoryview)


class Parts(NamedTuple):
    """Identities of mutable objects, and address and length of raw memory.

    Attributes
    ----------
    ids : frozenset of int
        Identities of mutable objects.
    spans : tuple of (int, int)
        Memory that may change under the value.
    guarded : tuple of (int, int)
        Memory of containers that copy on write: what shares it with another such container is safe, but an
        array that looks into it is not.
    """

    ids: frozenset[int]
    spans: tuple[tuple[int, int], ...] = ()
    guarded: tuple[tuple[int, int], ...] = ()


_NONE = Parts(frozenset())


@unwarned()
def parts(
    value: Any, opaque: Collection[int] = (), base_of: Callable[[Any], Any] = lambda array: None
) -> Parts:
    """Return what a value reaches that can change.

    Parameters
    ----------
    value : object
        Anything, also what cannot be pickled.
    opaque : collection of int
        Identities of objects that are not entered and do not count.
    base_of : callable, optional
        Returns the array of which another one is known to be a view, so that its memory does not count.

    Notes
    -----
    The walk goes by what the garbage collector sees, not by what a class says when it is pickled, since
    pickling may copy or leave out what is shared.
    """
    if kind_of(type(value)) in (ATOM, IMMUTABLE) or id(value) in opaque:
        return _NONE
    walk = _Walk(frozenset(opaque), base_of)
    waiting = [value]
    while waiting:
        waiting = walk.level(waiting)
    return Parts(frozenset(walk.ids), tuple(walk.spans), tuple(walk.guarded))


class _Walk:
    """A walk level by level: it needs no recursion, however deep the value."""

    def __init__(self, opaque: frozenset[int], base_of: Callable[[Any], Any]) -> None:
        self.opaque = opaque
        self.base_of = base_of
        self.ids: set[int] = set()
        self.seen: set[int] = set()
        self.alive: list[Any] = []
        self.spans: list[tuple[int, int]] = []
        self.guarded: list[tuple[int, int]] = []

    def level(self, objects: list[Any]) -> list[Any]:
        """Note objects that were not met before; return what they refer to."""
        plain: list[Any] = []
        found: list[Any] = []
        for obj in objects:
            cls = type(obj)
            kind = kind_of(cls)
            if kind is ATOM or kind is IMMUTABLE or id(obj) in self.seen or id(obj) in self.opaque:
                continue
            self.seen.add(id(obj))
            self.alive.append(obj)
            if cls is list or cls is dict or cls is tuple:
                plain.append(obj)
                if kind is not TUPLE:
                    self.ids.add(id(obj))
            else:
                found += self._special(obj)
        return found + gc.get_referents(*plain)

    def _special(self, obj: Any) -> list[Any]:
        if isinstance(obj, _OPAQUE):
            return []
        if isinstance(obj, types.FunctionType | type):
            return self._code(obj)
        hung = [*attributes.loose(obj).values()] if attributes.may_be_loose(type(obj)) else []
        if is_value(type(obj)):
            return [*hung, type(obj)]  # a member of an enumeration comes back as its class has it
        if not isinstance(obj, FIXED):
            self.ids.add(id(obj))
        return hung + self._data(obj)

    def _data(self, obj: Any) -> list[Any]:
        if hasattr(type(obj), "__array_interface__") and hasattr(obj, "flags"):
            return self._array(obj)
        if isinstance(obj, _BUFFERS):
            self.spans.append(_buffer_span(obj))
        library = type(obj).__module__.partition(".")[0]
        if library in _IMMUTABLE_LIBRARIES:
            return []
        if is_frame(obj):
            return self._frame(obj)
        if is_labels(obj):
            return self._guarded(getattr(obj, "_data", None), copies=True)
        return list(gc.get_referents(obj))

    def _code(self, obj: types.FunctionType | type) -> list[Any]:
        own = followed(obj)
        if own:
            self.ids.add(id(obj))
        if isinstance(obj, type):
            return [*_held_by(obj), *obj.__bases__] if own else []
        if not own:
            return list(obj.__closure__ or ())
        notes = obj.__annotations__
        return [*(obj.__closure__ or ()), obj.__defaults__, obj.__kwdefaults__, notes, obj.__dict__]

    def _array(self, obj: Any) -> list[Any]:
        own = [*getattr(obj, "__dict__", {}).values(), type(obj)]  # such as a mask, which is memory, too
        if obj.dtype.hasobject:
            return [*obj.ravel().tolist(), obj.base, *own]
        if self.base_of(obj) is None:
            self.spans.append(span(obj))
        return own

    def _frame(self, obj: Any) -> list[Any]:
        """Note the memory and labels of a frame or series; the memory is copied on write from pandas 3 on."""
        copies = _copies_on_write()
        found: list[Any] = [obj.attrs, *obj.axes]
        for block in obj._mgr.blocks:
            found += self._guarded(block.values, copies)
        return found

    def _guarded(self, values: Any, copies: bool) -> list[Any]:
        """Note the memory of a column, of which an extension array may hold several stretches."""
        arrays = [values] if hasattr(values, "flags") else gc.get_referents(*gc.get_referents(values), values)
        objects: list[Any] = []
        for array in arrays:
            if not hasattr(type(array), "__array_interface__") or not hasattr(array, "flags"):
                continue
            if array.dtype.hasobject:
                objects += array.ravel().tolist()
            (self.guarded if copies else self.spans).append(span(array))
        return objects


def _held_by(cls: type) -> list[Any]:
    """Return what a class has; its fields as a dataclass say that again, with marks that all of them hold."""
    return [part for name, part in vars(cls).items() if name != "__dataclass_fields__"]


def is_frame(obj: Any) -> bool:
    """Tell whether an object is a DataFrame or a Series of pandas."""
    pandas: Any = sys.modules.get("pandas")
    return hasattr(pandas, "DataFrame") and isinstance(obj, pandas.DataFrame | pandas.Series)


def is_labels(obj: Any) -> bool:
    """Tell whether an object is an Index of pandas, of which only the names can change."""
    pandas: Any = sys.modules.get("pandas")
    return hasattr(pandas, "Index") and isinstance(obj, pandas.Index)


def _buffer_span(obj: Any) -> tuple[int, int]:
    """Return where a buffer lies; without numpy nothing can look into it."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not len(obj):
        return 0, 0
    return span(numpy.frombuffer(obj, dtype="u1"))


def _copies_on_write() -> bool:
    import pandas as pd

    return int(pd.__version__.split(".")[0]) >= 3
