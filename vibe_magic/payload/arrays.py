"""numpy arrays: memory out of band, views kept views.

An array is stored with its own memory. A view is stored as a view only where that can be told: its
base is stored too, or another view overlaps it, or it is not contiguous; a slice that stands alone
takes only its part. Masked arrays, matrices, records and other subclasses are plain views with a class.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vibe_magic.payload.packer import Packer

_OWNED_BYTES = 1 << 20
"""Up to this size an array gets memory of its own, so that it can be resized and pins no file."""

_STRIDED_WASTE = 4
"""A view with gaps keeps its base up to this many times its size."""


@dataclass(slots=True)
class Views:
    """What one packing learnt about arrays that share memory.

    The first pass cuts views out; `shared` names the bases that a second pass has to keep whole.
    """

    keep: frozenset[int] = frozenset()
    met: set[int] = field(default_factory=set)
    cuts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    plain: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def memory_of(self, owner: Any) -> Any:
        """Return the one plain array that stands for the memory of an owner of any class."""
        if type(owner).__name__ == "ndarray":
            return owner
        if id(owner) not in self.plain:
            self.plain[id(owner)] = owner, _plain(owner)
        return self.plain[id(owner)][1]

    def owner_of(self, array: Any) -> Any:
        """Return the array whose memory a plain one looks into, None if it has its own or stands for it."""
        owner = _owner(array)
        known = self.plain.get(id(owner))
        return None if known is not None and known[1] is array else owner

    def shared(self) -> frozenset[int]:
        """Return the ids of bases of which a part was cut out that somebody else sees."""
        found = {base for base, spans in self.cuts.items() if base in self.met or _overlap(spans)}
        return frozenset(found)


class Owners:
    """Arrays that are outside of what is packed, and into whose memory others may look.

    Parameters
    ----------
    objects : iterable of object
        Of which only plain arrays count.
    """

    def __init__(self, objects: Iterable[object]) -> None:
        self._by_owner: dict[int, list[Any]] = {}
        for found in objects:
            if type(found).__name__ == "ndarray" and hasattr(found, "__array_interface__"):
                owner = _owner(found)
                self._by_owner.setdefault(id(found if owner is None else owner), []).append(found)

    def of(self, array: Any) -> Any:
        """Return the array that another one is to be stored as a view of, or None."""
        owner = _owner(array) if is_plain_inside(type(array)) else None
        candidates = self._by_owner.get(id(owner), ()) if owner is not None else ()
        return next((base for base in candidates if _is_inside(base, array)), None)


def _is_inside(base: Any, array: Any) -> bool:
    start, (low, high) = _address(base), _span(array)
    return bool(array.nbytes) and start <= low and high <= start + base.nbytes and _is_place_in(base, array)


def _overlap(spans: list[tuple[int, int]]) -> bool:
    ordered = sorted(spans)
    return any(low < high for (_, high), (low, _) in pairwise(ordered))


def reduce_array(packer: Packer, array: Any) -> Any:
    """Reduce an array to its base and its place in it, or to its memory."""
    views = packer.views
    base = packer.owners.of(array)
    if base is not None:
        place = (array.dtype, array.shape, array.strides, *_place(base, array))
        return view_of, (base, *place, base.shape, base.strides)
    owner = _owner(array)
    base = views.owner_of(array)
    _refuse_buffers(array if owner is None else owner)
    if base is not None and _keeps(packer, base, array):
        views.met.add(id(base))
        place = (array.dtype, array.shape, array.strides, *_place(base, array))
        return view_of, (views.memory_of(base), *place)
    if base is not None:
        views.cuts.setdefault(id(base), []).append(_span(array))
    views.met.add(id(array if owner is None or base is not None else owner))
    return _by_memory(array) if _is_plain(array.dtype) else _by_objects(array)


def reduce_subclass(packer: Packer, array: Any) -> Any:
    """Reduce a matrix, record array or memory map to a plain array of its content."""
    if not is_plain_inside(type(array)):
        return NotImplemented
    plain = packer.views.memory_of(array) if _owner(array) is None else _plain(array)
    args = (plain, type(array), array.dtype)
    if not _is_masked(type(array)):
        return as_subclass, args
    return as_subclass, args, dict(vars(array)), None, None, set_mask


def is_plain_inside(cls: Any) -> bool:
    """Tell whether arrays of a class are a plain array, and what hangs on it; not if it says otherwise."""
    import numpy as np

    if cls is np.ndarray:
        return True
    known = np.ma.MaskedArray if _is_masked(cls) else np.ndarray
    rules = ("__reduce__", "__reduce_ex__", "__setstate__", "__getstate__")
    says = any(getattr(cls, rule, None) is not getattr(known, rule, None) for rule in rules)
    return issubclass(cls, np.ndarray) and not says


def _is_masked(cls: Any) -> bool:
    import numpy as np

    return issubclass(cls, np.ma.MaskedArray)


def _plain(array: Any) -> Any:
    import numpy as np

    return np.ndarray.view(array, np.ndarray)  # a subclass may have a view of its own


def _owner(array: Any) -> Any:
    """Return the array, of whatever class, that holds the memory; None if it is this one."""
    import numpy as np

    found, base = None, array.base
    while isinstance(base, np.ndarray):
        found, base = base, base.base
    return found


def _refuse_buffers(owner: Any) -> None:
    """Refuse memory that others change without being arrays: a file that is written, a bytearray.

    Raises
    ------
    TypeError
        The array looks into such memory.
    """
    if getattr(owner, "mode", None) in ("r+", "w+"):
        raise TypeError("what is written to it goes to its file")
    seen = (
        owner.base.obj if isinstance(owner.base, memoryview) else None
    )  # of what we read back there is none
    if not (seen is None or memoryview(seen).readonly):
        raise TypeError(f"it looks into the memory of a {type(seen).__name__}")


def _keeps(packer: Packer, base: Any, array: Any) -> bool:
    known = id(base) in packer.views.keep or id(base) in packer.views.met
    if not (known or _worthwhile(base, array)):
        return False
    return _is_place_in(base, array)


def _is_place_in(base: Any, array: Any) -> bool:
    contiguous = base.flags.c_contiguous or base.flags.f_contiguous
    plain = _is_plain(array.dtype) and _is_plain(base.dtype)
    return bool(contiguous and (plain or _alike(base, array)))


def _worthwhile(base: Any, array: Any) -> bool:
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    waste = 1 if contiguous else _STRIDED_WASTE
    return bool(array.nbytes and base.nbytes <= waste * array.nbytes)


def _alike(base: Any, array: Any) -> bool:
    return bool(base.dtype == array.dtype and base.dtype.kind == "O")


def _is_plain(dtype: Any) -> bool:
    return not dtype.hasobject and dtype.kind != "T" and dtype.isbuiltin != 2


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def _span(array: Any) -> tuple[int, int]:
    if not array.size:
        return 0, 0
    steps = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)]
    low = _address(array) + sum(step for step in steps if step < 0)
    return low, low + sum(map(abs, steps)) + array.itemsize


def _place(base: Any, array: Any) -> tuple[int, bool]:
    return _address(array) - _address(base), bool(array.flags.writeable)


def _by_memory(array: Any) -> tuple[Any, ...]:
    axes = None
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        axes = tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))
        array = array.transpose(axes).copy(order="C")
    order = "C" if array.flags.c_contiguous else "F"
    memory = pickle.PickleBuffer(array.reshape(-1, order=order).view("u1") if array.nbytes else b"")
    args = (memory, array.dtype, array.shape, order, axes, bool(array.flags.writeable))
    return make_array, args


def _by_objects(array: Any) -> Any:
    if array.flags.writeable:
        return NotImplemented
    make, args, state = array.__reduce__()
    return make, args, state, None, None, set_read_only


# What the stream calls when it is read. These names are part of the format.


def make_array(
    memory: Any,
    dtype: Any,
    shape: tuple[int, ...],
    order: Literal["C", "F"],
    axes: tuple[int, ...] | None,
    writeable: bool,
) -> Any:
    """Put an array onto its memory."""
    import numpy as np

    if not len(memoryview(memory)):
        array: Any = np.empty(shape, dtype, order=order)
    else:
        array = np.ndarray(shape, dtype, buffer=memory, order=order)
        array = array.copy(order=order) if array.nbytes <= _OWNED_BYTES else array
    if axes is not None:
        array = array.transpose(tuple(sorted(range(len(axes)), key=axes.__getitem__)))
    if not writeable:
        array.flags.writeable = False
    return array


def view_of(
    base: Any,
    dtype: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    writeable: bool,
    base_shape: tuple[int, ...] | None = None,
    base_strides: tuple[int, ...] | None = None,
) -> Any:
    """Make a view of another array again; one from outside must still lie in memory as it did."""
    import numpy as np

    if base_strides is not None and (base.shape, base.strides) != (base_shape, base_strides):
        raise ValueError("the array that it is a view of lies differently in memory")
    flat = base.reshape(-1, order="C" if base.flags.c_contiguous else "F")
    if dtype.hasobject:
        start = flat[offset // dtype.itemsize :]
        array: Any = np.lib.stride_tricks.as_strided(start, shape, strides)
    elif not flat.nbytes:
        array = np.empty(shape, dtype)
    else:
        array = np.ndarray(shape, dtype, flat.view("u1"), offset, strides)
    if not writeable:
        array.flags.writeable = False
    return array


def as_subclass(array: Any, cls: Any, dtype: Any) -> Any:
    """Give a plain array its class again."""
    made = array.view(cls)
    if made.dtype is not dtype and made.dtype != dtype:
        made.dtype = dtype
    return made


def set_mask(array: Any, state: dict[str, Any]) -> None:
    """Give a masked array its mask; that there is none is said by one object of numpy's."""
    import numpy as np

    if not isinstance(state["_mask"], np.ndarray):
        state["_mask"] = np.ma.nomask
    vars(array).update(state)


def set_read_only(array: Any, state: Any) -> None:
    """Fill an array of objects and lock it."""
    array.__setstate__(state)
    array.flags.writeable = False
