"""Builtin objects that pickle refuses, or that cloudpickle would turn into something else."""

from __future__ import annotations

import gc
import re
import sys
from collections import OrderedDict
from types import GetSetDescriptorType, MappingProxyType
from typing import TYPE_CHECKING, Any

from vibe_magic import closed

if TYPE_CHECKING:
    from vibe_magic.payload.packer import Packer


def reduce_memoryview(_packer: Packer, view: memoryview) -> tuple[Any, ...]:
    """Reduce a view to the object that it covers whole, or to its bytes."""
    whole = memoryview(view.obj)
    if (whole.format, whole.shape, whole.strides) == (view.format, view.shape, view.strides):
        return make_view, (view.obj, view.readonly)
    if not view.c_contiguous:
        raise TypeError("a memoryview with gaps cannot be stored")
    copy = bytes(view) if view.readonly else bytearray(view)
    return make_cast_view, (copy, view.format, view.shape)


VIEWS = {
    type(getattr(kind(), name)()): getattr(kind, name)
    for kind in (dict, OrderedDict)
    for name in ("keys", "values", "items")
}
"""Methods by the types of the views that they return."""


def reduce_dict_view(_packer: Packer, view: Any) -> tuple[Any, ...]:
    """Reduce a view of keys, values or items to the dict that it looks into."""
    return VIEWS[type(view)], (_beneath(view.mapping),)


def reduce_proxy(_packer: Packer, proxy: Any) -> tuple[Any, ...]:
    """Reduce a read-only view to what it looks into, unless that is the inside of a class."""
    mapping = _beneath(proxy)
    if isinstance(mapping, dict) and isinstance(mapping.get("__dict__"), GetSetDescriptorType):
        raise TypeError("the inside of a class cannot be stored")
    return MappingProxyType, (mapping,)


def _beneath(proxy: Any) -> Any:
    (mapping,) = gc.get_referents(proxy)
    return mapping


def reduce_error(_packer: Packer, error: BaseException) -> Any:
    """Let an exception be reduced as its class says, unless it holds the frames that it came through."""
    if error.__traceback__ is None:
        return NotImplemented
    raise TypeError("its traceback holds frames; .with_traceback(None) lets go of them")


def reduce_handle(packer: Packer, handle: Any) -> Any:
    """Reduce a handle that is closed to its looks; one that is open is as its class says."""
    looks = closed.looks(handle)
    if looks is None:
        return NotImplemented
    packer.doubtful = True  # what is beneath it has to be opened once more
    return closed.make, tuple(looks)


def reduce_text_file(packer: Packer, file: Any) -> Any:
    """Reduce the standard streams to their names; an open file's handle is no value."""
    for name in ("stdout", "stderr", "stdin"):
        if file is getattr(sys, name):
            return getattr, (sys, name)
    reduced = reduce_handle(packer, file)
    if reduced is NotImplemented:
        raise TypeError("an open file cannot be stored")
    return reduced


# What the stream calls when it is read. These names are part of the format.


def make_view(target: Any, read_only: bool) -> memoryview:
    """View an object again."""
    view = memoryview(target)
    return view.toreadonly() if read_only else view


def make_cast_view(memory: Any, kind: str, shape: tuple[int, ...]) -> memoryview:
    """View bytes under a format and a shape."""
    view: Any = memoryview(memory)
    cast: memoryview = view.cast(kind, list(shape)) if shape else view.cast(kind)
    return cast


def reduce_match(_packer: Packer, match: re.Match[Any]) -> Any:
    """Reduce a match to what finds it again; one that an iteration found later cannot be found alone."""
    where = (match.string, match.pos, match.endpos)
    for how in ("search", "match", "fullmatch"):
        found = getattr(match.re, how)(*where)
        if found is not None and (found.regs, found.lastindex) == (match.regs, match.lastindex):
            return make_match, (match.re, how, where)
    raise TypeError("no search finds it again")


def make_match(pattern: re.Pattern[Any], how: str, where: tuple[Any, int, int]) -> Any:
    """Find a match again."""
    return getattr(pattern, how)(*where)
