"""Data frames: pandas keeps its copy-on-write bookkeeping, polars travels as Arrow memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibe_magic.payload.packer import Packer

_WASTE = 1.5
_WASTE_BYTES = 4096


def reduce_block(_packer: Packer, block: Any) -> Any:
    """Reduce a block of a pandas frame together with the record of who shares its memory.

    Without the record, two frames that share memory lazily would come back writing into each other.
    """
    refs = getattr(block, "refs", None)
    if refs is None or not refs.has_reference():
        return NotImplemented
    return make_block, (*block.__reduce__()[1], refs)


def reduce_refs(_packer: Packer, refs: Any) -> tuple[Any, ...]:
    """Reduce the record itself: empty, blocks enter themselves."""
    return type(refs), ()


def reduce_index(_packer: Packer, index: Any) -> Any:
    """Reduce an index; one that shares memory with a series is copied: it returns unrecorded."""
    refs = getattr(index, "_references", None)
    if refs is None or not refs.has_reference():
        return NotImplemented
    return index.copy(deep=True).__reduce__()


def reduce_arrow_array(_packer: Packer, array: Any) -> Any:
    """Reduce an Arrow array; a small slice of a large one takes only its part."""
    if array.get_total_buffer_size() <= _WASTE * array.nbytes + _WASTE_BYTES:
        return NotImplemented
    import pyarrow as pa

    return pa.concat_arrays([array, array.slice(0, 0)]).__reduce__()


def reduce_polars_frame(_packer: Packer, frame: Any) -> Any:
    """Reduce a polars frame to an Arrow table that shares its memory, if that says it all."""
    import polars as pl

    try:
        table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        back: Any = pl.from_arrow(table, rechunk=False)
        same = back.schema == frame.schema
    except (ImportError, AttributeError, TypeError, pl.exceptions.PolarsError):
        return NotImplemented
    if not same or frame.width == 0 or any(dtype.is_nested() for dtype in frame.dtypes):
        return NotImplemented
    return make_polars_frame, (type(frame), table, _sorted_columns(frame))


def reduce_polars_series(_packer: Packer, series: Any) -> Any:
    """Reduce a polars series as a frame of one column."""
    frame = series.to_frame()
    reduced = reduce_polars_frame(_packer, frame)
    return reduced if reduced is NotImplemented else (make_polars_series, reduced[1])


def _sorted_columns(frame: Any) -> dict[str, bool]:
    flags = {column.name: column.flags for column in frame.get_columns()}
    return {
        name: bool(flag["SORTED_DESC"])
        for name, flag in flags.items()
        if flag.get("SORTED_ASC") or flag.get("SORTED_DESC")
    }


# What the stream calls when it is read. These names are part of the format.


def make_block(values: Any, placement: Any, ndim: int, refs: Any) -> Any:
    """Make a block that enters itself into a shared record."""
    from pandas._libs.internals import BlockPlacement
    from pandas.core.internals.blocks import maybe_coerce_values, new_block

    if not isinstance(placement, BlockPlacement):
        placement = BlockPlacement(placement)
    return new_block(maybe_coerce_values(values), placement, ndim=ndim, refs=refs)


def make_polars_frame(cls: Any, table: Any, ordered: dict[str, bool]) -> Any:
    """Make a polars frame on the memory of an Arrow table."""
    import polars as pl

    frame: Any = pl.from_arrow(table, rechunk=False)
    if ordered:
        columns = [pl.col(name).set_sorted(descending=down) for name, down in ordered.items()]
        frame = frame.with_columns(columns)
    return frame if type(frame) is cls else cls(frame)


def make_polars_series(cls: Any, table: Any, ordered: dict[str, bool]) -> Any:
    """Make a polars series on the memory of an Arrow table's only column."""
    return make_polars_frame(cls, table, ordered).to_series()
