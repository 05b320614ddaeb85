"""Functions by value: code travels, globals are those of the place where it arrives."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import marshal
import os
import sys
from collections.abc import Iterable
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from vibe_magic.errors import CorruptEntry

if TYPE_CHECKING:
    from vibe_magic.payload.packer import Packer

Reduced = tuple[Any, ...]

_ATTRIBUTES = ("__defaults__", "__kwdefaults__", "__annotations__", "__type_params__")


def reduce_function(packer: Packer, function: FunctionType) -> Any:
    """Reduce a function to its name where a module or class holds it, to its code otherwise."""
    if function.__globals__ is not packer.context.namespace and importable(function):
        packer.met_module(function.__module__)
        return NotImplemented
    packer.inert = False
    if packer.is_named(function):
        return make_named, (packer.context.namespace, function.__qualname__, False)
    code = function.__code__
    closure = function.__closure__
    args = (_frozen(code), _scope(packer, function), function.__name__, closure)
    return make_function, args, _state(packer, function), None, None, set_function


def reduce_cell(packer: Packer, cell: CellType) -> Reduced:
    """Reduce a closure's variable; its content follows, for it may be the function itself."""
    if packer.claim(cell):
        return CellType, (), _content(cell), None, None, set_cell
    return CellType, ()


def reduce_code(_packer: Packer, code: CodeType) -> Reduced:
    """Reduce a code object that is a value of its own."""
    return make_code, _frozen(code)


def importable(code: FunctionType | type) -> bool:
    """Tell whether a function or class is what a module has under its name."""
    if code.__module__ in (None, "__main__"):
        return False
    found: object = sys.modules.get(code.__module__)
    for part in code.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is code


def _frozen(code: CodeType) -> tuple[bytes, bytes]:
    return importlib.util.MAGIC_NUMBER, marshal.dumps(code)


def _scope(packer: Packer, function: FunctionType) -> object:
    """Name the globals: the namespace itself, a module, or a dict of what the code uses."""
    scope = function.__globals__
    if scope is packer.context.namespace:
        return scope
    name = scope.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    if module is not None and vars(module) is scope:
        packer.met_module(str(name))
        return name
    return packer.scopes.setdefault(id(scope), {})


def _state(packer: Packer, function: FunctionType) -> dict[str, object]:
    state: dict[str, object] = {
        "names": (function.__qualname__, function.__module__, function.__doc__),
        "attributes": [getattr(function, name, None) for name in _ATTRIBUTES],
        "dict": dict(vars(function)),
        "cells": [(c, _content(c)) for c in function.__closure__ or () if packer.claim(c)],
        "source": packer.source_of(function.__code__.co_filename),
    }
    if id(function.__globals__) in packer.scopes:
        state["globals"] = _used_globals(function)
    return state


def _used_globals(function: FunctionType) -> dict[str, object]:
    scope = function.__globals__
    names = {"__name__", *_global_names(function.__code__)}
    return {name: scope[name] for name in sorted(names) if name in scope}


def _global_names(code: CodeType) -> Iterable[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _content(cell: CellType) -> tuple[object, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # empty
        return ()


def source_lines(filename: str) -> list[str] | None:
    """Return the lines of code that no file holds, such as a cell's."""
    if os.path.exists(filename):
        return None
    return linecache.getlines(filename) or None


# What the stream calls when it is read. These names are part of the format.


def make_code(magic: bytes, code: bytes) -> CodeType:
    """Make a code object again, if this interpreter is of the kind that made it."""
    if magic != importlib.util.MAGIC_NUMBER:
        raise ValueError("the code was compiled by another version of Python")
    made: CodeType = marshal.loads(code)
    return made


def make_named(namespace: dict[str, Any], qualname: str, is_class: bool) -> object:
    """Look up a class or method of the notebook."""
    from vibe_magic.payload.context import Context

    try:
        found = Context(namespace).named(qualname)
    except LookupError:
        raise CorruptEntry(f"needs {qualname!r}, which the notebook does not define") from None
    if is_class != isinstance(found, type):
        raise CorruptEntry(f"needs {qualname!r}, which is something else now")
    return found


def make_function(
    frozen: tuple[bytes, bytes], scope: object, name: str, closure: tuple[CellType, ...] | None
) -> FunctionType:
    """Make a function whose variables and attributes are still missing."""
    namespace = vars(importlib.import_module(scope)) if isinstance(scope, str) else scope
    assert isinstance(namespace, dict)
    return FunctionType(make_code(*frozen), namespace, name, None, closure)


def set_function(function: FunctionType, state: dict[str, Any]) -> None:
    """Complete a function."""
    for cell, content in state["cells"]:
        set_cell(cell, content)
    function.__globals__.update(state.get("globals", ()))
    function.__qualname__, function.__module__, function.__doc__ = state["names"]
    for name, value in zip(_ATTRIBUTES, state["attributes"], strict=True):
        if value is not None:
            setattr(function, name, value)
    vars(function).update(state["dict"])
    if state["source"] is not None:
        _register_source(*state["source"])


def set_cell(cell: CellType, content: tuple[object, ...]) -> None:
    """Fill a closure's variable."""
    if content:
        (cell.cell_contents,) = content


def _register_source(filename: str, lines: list[str]) -> None:
    """Let tracebacks and `inspect.getsource` find the lines; no time stamp, so none is checked."""
    entry = (sum(map(len, lines)), None, lines, filename)
    linecache.cache.setdefault(filename, entry)
