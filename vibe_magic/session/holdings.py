"""What functions and classes hold between calls, so that it may matter which of two callers comes first."""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["held", "variables"]


def held(callables: Iterable[Any]) -> dict[str, Any]:
    """Return defaults, what is in variables around functions, and attributes, by a name for each holder.

    Code among them is left out: it is a holder itself.
    """
    found: dict[str, Any] = {}
    for code in callables:
        data = [value for value in _contents(code) if not _is_code(value)]
        if data:
            found[f"<{id(code)}>"] = data
    return found


def variables(callables: Iterable[Any]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the variables around functions that these read, and those that they bind anew, as names."""
    reads: set[str] = set()
    writes: set[str] = set()
    for code in callables:
        if isinstance(code, FunctionType):
            around = dict(zip(code.__code__.co_freevars, code.__closure__ or (), strict=True))
            names = {name: f"<{id(cell)}>" for name, cell in around.items()}
            reads.update(names.values())
            writes.update(names[name] for name in _rebound(code.__code__))
    return frozenset(reads), frozenset(writes)


def _contents(code: Any) -> Iterator[Any]:
    yield from vars(code).values()
    if isinstance(code, FunctionType):
        yield from code.__defaults__ or ()
        yield from (code.__kwdefaults__ or {}).values()
        for cell in code.__closure__ or ():
            yield from _content(cell)


def _content(cell: CellType) -> Iterator[Any]:
    try:
        yield cell.cell_contents
    except ValueError:  # empty
        return


def _is_code(value: Any) -> bool:
    return isinstance(value, FunctionType | type | ModuleType) or hasattr(type(value), "__get__")


@lru_cache(maxsize=4096)
def _rebound(code: CodeType) -> frozenset[str]:
    """Return the variables around a function that it binds anew, as ``nonlocal`` lets it."""
    stores = (one for one in dis.get_instructions(code) if one.opname in ("STORE_DEREF", "DELETE_DEREF"))
    return frozenset(str(one.argval) for one in stores) & frozenset(code.co_freevars)
