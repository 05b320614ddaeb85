"""Builtin objects that pickle refuses, or that cloudpickle would turn into something else."""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict
from types import GetSetDescriptorType, MappingProxyType
from typing import TYPE_CHECKING, Any

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


def reduce_text_file(file: Any) -> tuple[Any, ...]:
    """Reduce the standard streams to their names; a file's handle is no value."""
    for name in ("stdout", "stderr", "stdin"):
        if file is getattr(sys, name):
            return getattr, (sys, name)
    raise TypeError("an open file cannot be stored")


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
