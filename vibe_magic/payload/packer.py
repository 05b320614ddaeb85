"""The pickler: C speed, our reducers, what is outside preset in its memo."""

from __future__ import annotations

import copyreg
import io
import pickle
import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import CellType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from vibe_magic import attributes, closed
from vibe_magic.collector import paused
from vibe_magic.payload import arrays, classes, frames, functions, loader, plain
from vibe_magic.payload.context import Context
from vibe_magic.slotnames import Unmarked

__all__ = ["NanPacker", "Packer", "Witness", "calm", "is_trusted"]

_INLINE_BYTES = 512
"""Buffers below this size stay in the stream: a row in the table and padding would cost more."""

_RECURSION_LIMIT = 10_000
"""With a higher limit the C pickler may overflow the C stack, and the process dies."""

_TRUSTED = frozenset(
    """
    builtins numpy pandas polars pyarrow datetime collections decimal fractions pathlib
    uuid types functools enum re sklearn scipy matplotlib copyreg operator zoneinfo ipaddress
    random array string abc typing vibe_magic cloudpickle itertools time math
    """.split()  # noqa: SIM905 - as a list it would be thirty lines
)
"""Packages whose objects are known to come back when they could be stored."""

_CODED = frozenset({"polars.expr.expr.Expr"})
"""Classes of these whose objects may hold Python functions, of which they do not store everything."""

_INERT = frozenset(
    """
    builtins numpy pandas polars pyarrow scipy sklearn datetime collections decimal fractions pathlib
    uuid re copyreg operator zoneinfo ipaddress random array string itertools math vibe_magic
    """.split()  # noqa: SIM905 - as a list it would be thirty lines
)
"""Packages whose objects come back the same whenever they are read, and change nothing by that."""

_EXACT: dict[str, Callable[[Packer, Any], Any]] = {
    **dict.fromkeys(closed.KINDS, plain.reduce_handle),
    "_io.TextIOWrapper": plain.reduce_text_file,
    "numpy.ndarray": arrays.reduce_array,
    "polars.dataframe.frame.DataFrame": frames.reduce_polars_frame,
    "polars.series.series.Series": frames.reduce_polars_series,
    "pandas._libs.internals.BlockValuesRefs": frames.reduce_refs,
    "functools._lru_cache_wrapper": classes.reduce_lru_cache,
    "typing.NewType": classes.reduce_new_type,
    "weakref.WeakKeyDictionary": classes.reduce_weak_keys,
}
_INHERITED: dict[str, Callable[[Packer, Any], Any]] = {
    "numpy.ndarray": arrays.reduce_subclass,
    "builtins.BaseException": plain.reduce_error,
    "weakref.finalize": classes.refuse_finalizer,
    "pandas._libs.internals.Block": frames.reduce_block,
    "pandas.Index": frames.reduce_index,
    "pandas.core.indexes.base.Index": frames.reduce_index,
    "pyarrow.lib.Array": frames.reduce_arrow_array,
}
_BY_TYPE: dict[type, Callable[[Packer, Any], Any]] = {
    FunctionType: functions.reduce_function,
    CellType: functions.reduce_cell,
    CodeType: functions.reduce_code,
    MethodType: classes.reduce_method,
    MappingProxyType: plain.reduce_proxy,
    re.Match: plain.reduce_match,
    memoryview: plain.reduce_memoryview,
    **dict.fromkeys(plain.VIEWS, plain.reduce_dict_view),
}


class Packer(pickle.Pickler):
    """C pickler with our reducers; preset entries of its memo stand for what is not packed."""

    keeps_memory = True

    def __init__(
        self, context: Context, objects: Mapping[str, object], keep: frozenset[int] = frozenset()
    ) -> None:
        self.file = io.BytesIO()
        self.buffers: list[memoryview] = []
        keeps = partial(_keep_inline, self.buffers if self.keeps_memory else None)
        super().__init__(self.file, 5, buffer_callback=keeps)  # none of ours: a cycle would hold all values
        self.context = context
        self.views = arrays.Views(keep)
        self.scopes: dict[int, dict[str, object]] = {}
        self.doubtful = False
        self.inert = True
        self.references = context.references()
        self.owners = arrays.Owners(self.references.values())
        self._own = {id(value) for value in objects.values() if isinstance(value, type | FunctionType)}
        self._claimed: set[int] = set()
        self._sources: set[str] = set()
        self._reducers: dict[type, Callable[[Packer, Any], Any] | None] = {}
        self.dispatch_table = _dispatch_table()
        self.memo = {
            id(value): (index, value)
            for index, value in enumerate((context.namespace, *self.references.values()))
        }

    def reducer_override(self, obj: Any) -> Any:
        """Reduce everything but plain builtin containers and atoms; called by the C pickler."""
        cls = type(obj)
        try:
            reduce = self._reducers[cls]
        except KeyError:
            reduce = self._reducers[cls] = self._choose(cls)
        return NotImplemented if reduce is None else reduce(self, obj)

    def _choose(self, cls: type) -> Callable[[Packer, Any], Any] | None:
        if issubclass(cls, type):
            return classes.reduce_class
        self.inert = self.inert and _top(cls.__module__) in _INERT and cls not in (ModuleType, CodeType)
        found = _BY_TYPE.get(cls) or _EXACT.get(_full_name(cls))
        self.doubtful = self.doubtful or _full_name(cls) in _CODED
        if not found and not _comes_back(cls):
            self.met_module(cls.__module__)
        for ancestor in () if found else cls.__mro__:
            found = found or _INHERITED.get(_full_name(ancestor))
        if not found and (named := classes.sentinels(cls)):
            return _by_name(named)
        return _with_attributes(found) if attributes.may_be_loose(cls) else found

    def met_module(self, name: str) -> None:
        """Note that an object refers to a module; unless known, the result is tried out."""
        top = _top(name)
        self.doubtful = self.doubtful or top not in _TRUSTED
        self.inert = self.inert and top in _INERT

    def claim(self, cell: CellType) -> bool:
        """Tell whether the content of a closure's variable is still to be stored; true once."""
        new = id(cell) not in self._claimed
        self._claimed.add(id(cell))
        return new

    def source_of(self, filename: str) -> tuple[str, list[str]] | None:
        """Return the lines of code without a file, once."""
        if filename in self._sources:
            return None
        self._sources.add(filename)
        lines = functions.source_lines(filename)
        return None if lines is None else (filename, lines)

    def defines(self, obj: Any) -> bool:
        """Tell whether a class or function comes from the namespace."""
        return obj.__module__ in ("__main__", self.context.namespace.get("__name__"))

    def is_named(self, obj: Any) -> bool:
        """Tell whether a class, or a method, stays: the namespace holds it, it is not packed."""
        name = obj.__qualname__
        if not self.defines(obj) or (not isinstance(obj, type) and "." not in name):
            return False
        try:
            root = self.context.namespace[name.partition(".")[0]]
            return id(root) not in self._own and self.context.named(name) is obj
        except LookupError:
            return False


def _keep_inline(buffers: list[memoryview] | None, buffer: pickle.PickleBuffer) -> bool:
    """Put large memory aside, or forget it; tell whether it is small and belongs into the stream."""
    memory = buffer.raw()
    if buffers is None or memory.nbytes < _INLINE_BYTES:
        return buffers is not None
    buffers.append(memory)
    return False


class NanPacker(Packer):
    """Keeps the identity of not-a-number, by which alone Python finds it in a list or a dict."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._nans: dict[int, tuple[int, float]] = {}

    def persistent_id(self, obj: Any) -> Any:
        """Name a nan by the order of its appearance, and the two that everybody imports."""
        if type(obj) is not float or obj == obj:
            return None
        number = loader.known_nan(obj)
        if number is None:
            number, _ = self._nans.setdefault(id(obj), (len(self._nans), obj))
        return struct.pack("<dq", obj, number)


class Witness(Packer):
    """Remembers the object at which packing failed, and keeps nothing."""

    last: object = None
    keeps_memory = False

    def reducer_override(self, obj: Any) -> Any:
        """Note the object."""
        self.last = obj
        return super().reducer_override(obj)


def is_trusted(cls: type) -> bool:
    """Tell whether objects of a class come back as they were, if they can be stored."""
    return _top(cls.__module__) in _TRUSTED


@contextmanager
def calm() -> Iterator[None]:
    """Keep the collector off a growing heap, and recursion within what the C stack holds."""
    limit = sys.getrecursionlimit()
    if limit > _RECURSION_LIMIT:
        sys.setrecursionlimit(_RECURSION_LIMIT)
    try:
        with paused(), Unmarked():
            yield
    finally:
        sys.setrecursionlimit(limit)


def _dispatch_table() -> dict[Any, Any]:
    from cloudpickle import cloudpickle

    return {**copyreg.dispatch_table, **cloudpickle.Pickler._dispatch_table}


def _by_name(named: Mapping[int, str]) -> Callable[[Packer, Any], Any]:
    """Return a reducer that takes objects by name which their package holds."""

    def reduce(_packer: Packer, value: Any) -> Any:
        name = named.get(id(value))
        return NotImplemented if name is None else classes.reduce_sentinel(name, value)

    return reduce


def _with_attributes(found: Callable[[Packer, Any], Any] | None) -> Callable[[Packer, Any], Any]:
    """Return a reducer that keeps the attributes that pickling would lose."""

    def reduce(packer: Packer, value: Any) -> Any:
        reduced = found(packer, value) if found else NotImplemented
        loose = attributes.loose(value)
        if loose and reduced is NotImplemented:
            default = packer.dispatch_table.get(type(value))
            reduced = default(value) if default else value.__reduce_ex__(5)
        return attributes.attached(reduced, loose) if loose else reduced

    return reduce


def _top(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _comes_back(cls: type) -> bool:
    """Tell whether a class leaves pickling to `object` or `dataclasses`, which always work both ways."""
    rules = ("__reduce_ex__", "__reduce__", "__new__", "__getstate__", "__setstate__")
    absent = ("__getnewargs__", "__getnewargs_ex__")
    return not any(hasattr(cls, name) for name in absent) and all(
        getattr(cls, name, None) is getattr(object, name, None)
        or getattr(getattr(cls, name), "__module__", "") == "dataclasses"
        for name in rules
    )
