"""Values that pickle unstably, slowly or not at all, taken apart into what makes their content."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vibe_magic import closed
from vibe_magic.errors import Undigestible
from vibe_magic.modules import is_local, module_of

from .kinds import ATOM, IMMUTABLE, TUPLE, kind_of, reduces

if TYPE_CHECKING:
    from .values import Walk

__all__: list[str] = []


@reduces(set, frozenset, tracked=True)
def _set(value: Iterable[Any], walk: Walk) -> Any:
    """Sort members by digests of their own; those that can change are met again: others may hold them."""
    members = sorted((walk.inner(item), place, item) for place, item in enumerate(value))
    digests = [inner for inner, _, _ in members]
    shared = [item for _, _, item in members if kind_of(type(item)) not in (ATOM, IMMUTABLE, TUPLE)]
    return (type(value).__name__, digests, shared) if shared else (type(value).__name__, digests)


@reduces(types.MappingProxyType)
def _proxy(value: Any, walk: Walk) -> Any:
    return "mappingproxy", dict(value)


@reduces(memoryview)
def _view(value: memoryview, walk: Walk) -> Any:
    return "memoryview", value.format, value.shape, value.readonly, value.tobytes()


@reduces(types.ModuleType, tracked=False)
def _module(value: types.ModuleType, walk: Walk) -> Any:
    walk.met(value)
    return "module", value.__name__


@reduces("_io._IOBase", "zipfile.ZipFile", "sqlite3.Connection", "concurrent.futures._base.Executor")
def _handle(value: Any, walk: Walk) -> Any:
    """Take one that is closed for its looks; one that is open stands for what is outside."""
    looks = closed.looks(value)
    if looks is None:
        raise Undigestible("", type(value).__name__, "it is more than its content")
    return "closed", *looks


@reduces(
    "itertools.count",
    "itertools.cycle",
    "itertools.chain",
    "itertools.islice",
    "polars.lazyframe.frame.LazyFrame",
    "matplotlib.artist.Artist",
    "tqdm.std.tqdm",
    "threading.Thread",
    "weakref.finalize",
    "concurrent.futures._base.Future",
    "IPython.core.interactiveshell.InteractiveShell",
    "ipywidgets.widgets.widget.Widget",
)
def _no_content(value: Any, walk: Walk) -> Any:
    raise Undigestible("", type(value).__name__, "it is more than its content")


@reduces("builtins.BaseException")
def _error(value: BaseException, walk: Walk) -> Any:
    """Let an exception through, unless it holds the frames that it came through."""
    if value.__traceback__ is not None:
        raise Undigestible("", type(value).__name__, "it has a traceback")


@reduces("vibe_magic.session.functions.AssetFunction")
def _asset_function(value: Any, walk: Walk) -> Any:
    return "asset function", value.name, value.function, sorted(value.spec.params.items())


@reduces("functools._lru_cache_wrapper")
def _cached(value: Any, walk: Walk) -> Any:
    given = {name: part for name, part in vars(value).items() if not name.startswith("__")}
    given.pop("cache_parameters", None)
    return "lru_cache", value.__wrapped__, value.cache_parameters(), given


@reduces("typing.TypeVar", "typing.ParamSpec", "typing.TypeVarTuple", tracked=False)
def _type_variable(value: Any, walk: Walk) -> Any:
    if not is_local(module_of(value)):
        return "type variable", module_of(value), value.__name__
    fields = ("__bound__", "__constraints__", "__covariant__", "__contravariant__")
    return "type variable", value.__name__, [getattr(value, field, None) for field in fields]


@reduces("typing.NewType")
def _new_type(value: Any, walk: Walk) -> Any:
    if not is_local(module_of(value)):
        return "new type", module_of(value), value.__name__
    return "new type", value.__name__, value.__supertype__


@reduces("numpy.ndarray")
def _array(value: Any, walk: Walk) -> Any:
    import numpy as np

    if type(value) not in (np.ndarray, np.memmap):
        return _subclass(value)
    order, axes = _order(value)
    metadata, kind = dict(value.dtype.metadata or {}), type(value).__name__
    rare = (axes, metadata, kind) if axes or metadata or kind != "ndarray" else ()
    flags = (order, value.flags.writeable, *rare)
    head = ("ndarray", value.dtype.str, _fields(value.dtype), value.shape, *flags)
    if value.dtype.hasobject:
        return (*head, value.ravel(order).tolist())
    if value.dtype.names:  # field by field: what lies between fields is not content
        return (*head, [np.ascontiguousarray(value[name]) for name in value.dtype.names])
    if value.dtype.kind in "gG":
        return (*head, np.frompyfunc(repr, 1, 1)(value).ravel(order).tolist())  # the padding is not content
    if value.size:
        walk.memory.append(value)
        flat = value.ravel(order)
        walk.buffer(flat.view(np.uint8) if flat.dtype.itemsize else b"")
    return head


def _order(value: Any) -> tuple[str, tuple[int, ...]]:
    """Return in which order the elements lie, and that of the axes where it is neither C's nor Fortran's.

    Gaps between the elements do not count: what stands alone is stored without them.
    """
    if value.flags.c_contiguous:
        return "C", ()
    if value.flags.f_contiguous:
        return "F", ()
    axes = [axis for axis, length in enumerate(value.shape) if length > 1]
    order = sorted(axes, key=lambda axis: -abs(value.strides[axis]))
    if order == axes:
        return "C", ()
    return ("F", ()) if order == axes[::-1] else ("C", tuple(order))


def _fields(dtype: Any) -> str:
    return repr(dtype) if dtype.names or dtype.subdtype or dtype.metadata else ""


def _subclass(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        state = {
            "mask": np.ma.getmaskarray(value),
            "fill": value.fill_value,
            "hard": value.hardmask,
        }
        return "masked", type(value), np.ma.getdata(value).view(np.ndarray), state
    return "array", type(value), value.view(np.ndarray)


@reduces("pandas.DataFrame", "pandas.core.frame.DataFrame")
def _frame(value: Any, walk: Walk) -> Any:
    columns = [value.iloc[:, i].array for i in range(value.shape[1])]
    return (
        "DataFrame",
        type(value),
        value.columns,
        value.index,
        columns,
        dict(value.attrs),
        value.flags.allows_duplicate_labels,
    )


@reduces("pandas.Series", "pandas.core.series.Series")
def _series(value: Any, walk: Walk) -> Any:
    return (
        "Series",
        type(value),
        value.name,
        value.index,
        value.array,
        dict(value.attrs),
        value.flags.allows_duplicate_labels,
    )


@reduces("pandas.Index", "pandas.core.indexes.base.Index", tracked=False)
def _index(value: Any, walk: Walk) -> Any:
    name = type(value).__name__
    if name == "RangeIndex":
        return name, value.start, value.stop, value.step, value.name
    if name == "MultiIndex":
        codes = [level.view() for level in value.codes]
        return name, list(value.names), list(value.levels), codes
    return name, value.name, getattr(value, "freqstr", None), value.array


@reduces("pandas.arrays.NumpyExtensionArray", "pandas.core.arrays.numpy_.NumpyExtensionArray")
def _numpy_array(value: Any, walk: Walk) -> Any:
    array = value.to_numpy().view()
    array.flags.writeable = False
    return "NumpyExtensionArray", array


@reduces("pandas.core.arrays.datetimelike.DatetimeLikeArrayMixin")
def _times(value: Any, walk: Walk) -> Any:
    array = value._ndarray.view()
    array.flags.writeable = False
    return type(value).__name__, str(value.dtype), getattr(value, "freqstr", None), array


@reduces("pandas.core.arrays.arrow.array.ArrowExtensionArray", "pandas.arrays.ArrowExtensionArray")
def _arrow_extension(value: Any, walk: Walk) -> Any:
    return type(value).__name__, str(value.dtype), value._pa_array


@reduces("pandas.core.arrays.base.ExtensionArray", "pandas.api.extensions.ExtensionArray")
def _extension(value: Any, walk: Walk) -> Any:
    state = dict(getattr(value, "__dict__", {}))
    for noise in ("_cache", "_readonly"):
        state.pop(noise, None)
    if "_mask" in state and "_data" in state:  # what lies under the mask is not content
        state["_data"] = state["_data"].copy()
        state["_data"][state["_mask"]] = 0
        state = {name: _read_only(array) for name, array in state.items()}
    backing = getattr(value, "_ndarray", None)
    if backing is not None:
        state["_ndarray"] = _read_only(backing)
    return type(value).__name__, value.dtype, state or value.astype(object)


def _read_only(array: Any) -> Any:
    """Return a view of memory whose flags say nothing about the value around it."""
    view = array.view()
    view.flags.writeable = False
    return view


@reduces("pyarrow.lib.ChunkedArray", "pyarrow.lib.Array", tracked=False)
def _arrow_array(value: Any, walk: Walk) -> Any:
    import pyarrow as pa

    chunks = value.chunks if isinstance(value, pa.ChunkedArray) else [value]
    joined = pa.chunked_array(chunks, type=value.type).combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.chunk(0) if joined.num_chunks else pa.array([], type=value.type)
    batch = pa.RecordBatch.from_arrays([joined], names=["x"])
    return type(value).__name__, _stream(batch, walk)


@reduces("pyarrow.lib.Table", "pyarrow.lib.RecordBatch", tracked=False)
def _arrow_table(value: Any, walk: Walk) -> Any:
    columns = list(value.columns)
    return type(value).__name__, value.schema.serialize().to_pybytes(), columns


def _stream(batch: Any, walk: Walk) -> int:
    """Hash a record batch in its wire form, which has no offsets, gaps or needless bitmaps."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    walk.buffer(sink.getvalue())
    return int(batch.num_rows)


@reduces("polars.dataframe.frame.DataFrame", "polars.series.series.Series")
def _polars(value: Any, walk: Walk) -> Any:
    import polars as pl

    frame = value.to_frame() if isinstance(value, pl.Series) else value
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return type(value).__name__, str(frame.schema), frame.columns, list(table.columns)


@reduces("torch.Tensor")
def _tensor(value: Any, walk: Walk) -> Any:
    plain = value.detach().cpu()
    return (
        "Tensor",
        type(value),
        str(value.dtype),
        str(value.device),
        value.requires_grad,
        tuple(value.shape),
        plain.contiguous().view(-1).numpy() if plain.numel() else 0,
    )


@reduces(re.Match)
def _match(value: re.Match[Any], walk: Walk) -> Any:
    return "match", value.re, value.string, value.pos, value.endpos, value.regs, value.lastindex


@reduces("socket.socket")
def _connection(value: Any, walk: Walk) -> Any:
    raise Undigestible("", type(value).__name__, "it is a connection")
