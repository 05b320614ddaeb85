"""Where inside a value another one is: ``.conn``, ``[3]``, ``['key'].lock``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

__all__ = ["place_of"]

_VISITS = 20_000


def place_of(part: Any, whole: Any) -> str:
    """Return the way from a value to a part of it; empty where there is none or it is too far.

    Parameters
    ----------
    part, whole : object
        The search is by identity, breadth first, over at most 20,000 objects.
    """
    if part is whole:
        return ""
    waiting = deque([(whole, "")])
    seen = {id(whole)}
    while waiting and len(seen) < _VISITS:
        obj, path = waiting.popleft()
        for step, child in _steps(obj):
            if child is part:
                return path + step
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append((child, path + step))
    return ""


def _steps(obj: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        yield from ((f"[{_short(key)}]", value) for key, value in dict.items(obj))
    elif isinstance(obj, list | tuple):
        yield from ((f"[{i}]", value) for i, value in enumerate(obj))
    elif isinstance(obj, set | frozenset):
        yield from (("{…}", value) for value in obj)
    elif isinstance(obj, MethodType):
        yield ".__self__", obj.__self__
    elif isinstance(obj, FunctionType):
        yield from _enclosed(obj)
    if not isinstance(obj, type):
        yield from ((f".{name}", value) for name, value in _attributes(obj))


def _short(key: Any) -> str:
    return repr(key) if isinstance(key, str | int | float | bool) else f"{type(key).__name__}…"


def _enclosed(function: FunctionType) -> Iterator[tuple[str, Any]]:
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        if _is_filled(cell):
            yield f".{name}", cell.cell_contents


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _attributes(obj: Any) -> list[tuple[str, Any]]:
    try:
        return [(str(name), value) for name, value in vars(obj).items()]
    except TypeError:
        slots = getattr(type(obj), "__slots__", ())
        names = (slots,) if isinstance(slots, str) else slots
        return [(name, getattr(obj, name)) for name in names if hasattr(obj, name)]
