"""What a person needs to see how two values differ, small enough to be kept with every trace."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from vibe_magic.cell import unwarned
from vibe_magic.errors import Undigestible
from vibe_magic.modules import module_of

from .code import followed
from .sources import meaning_of
from .values import digest

__all__ = ["describe", "difference"]

_KEYS = 1000
_COLUMNS = 200
_REPR = 120
_CELLS = 2_000_000
"""Up to this many values, the columns of a table are compared one by one."""

_SCALARS = (int, float, complex, bool, str, bytes, type(None))


@unwarned()
def describe(value: Any) -> dict[str, Any]:
    """Summarise a value: type, shape, columns, length, digests of its keys, its text or source.

    The cost is bounded: large values are described by their outlines only.
    """
    summary: dict[str, Any] = {"type": type(value).__name__}
    if isinstance(value, FunctionType | type) and not followed(value):
        return summary | {"repr": f"{module_of(value)}.{value.__qualname__}"}  # its package counts by version
    if isinstance(value, FunctionType):
        return summary | {"source": meaning_of(value.__code__).source}
    if isinstance(value, type):
        return summary | {"source": _class_source(value)}
    if followed(type(value)) and type(value).__module__ != "builtins":
        return summary  # to ask would run the person's code
    with contextlib.suppress(Exception):  # a foreign object may refuse any question
        summary |= dict(_outline(value))
    return summary


def _class_source(value: type) -> str:
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return ""


def _outline(value: Any) -> Iterator[tuple[str, Any]]:
    if type(value) in _SCALARS:
        text = repr(value)
        yield "repr", text if len(text) <= _REPR else text[: _REPR - 1] + "…"
        if isinstance(value, str | bytes):
            yield "len", len(value)
        return
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        yield "shape", [int(n) for n in shape]
        yield "dtype", str(getattr(value, "dtype", ""))
    columns = getattr(value, "columns", None)
    if columns is not None and isinstance(shape, tuple) and len(columns) <= _COLUMNS:
        small = shape[0] * len(columns) <= _CELLS
        yield "columns", {str(name): _short(value[name]) if small else "" for name in columns}
    elif isinstance(value, Mapping):
        yield "len", len(value)
        if len(value) <= _KEYS:
            yield "keys", {repr(key)[:_REPR]: _short(part) for key, part in value.items()}
    elif isinstance(value, list | tuple | set | frozenset | bytearray):
        yield "len", len(value)
        if len(value) <= 20 and all(type(part) in _SCALARS for part in value):
            yield "repr", repr(value)[:_REPR]


def _short(value: Any) -> str:
    """Return the beginning of a digest; empty for what has none, or is too large to be digested twice."""
    size = getattr(value, "size", None) if hasattr(value, "dtype") else None
    if (size if isinstance(size, int) else 0) > _CELLS:
        return ""
    if isinstance(value, list | tuple | dict | set | frozenset) and len(value) > _KEYS:
        return ""
    try:
        return digest(value).hex[:16]
    except Undigestible:
        return ""


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Say in one line how two summaries differ; empty if they do not show it."""
    for tell in (_type, _shape, _parts, _length, _text):
        line = tell(before, after)
        if line:
            return line
    return ""


def _type(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    one, two = before.get("type"), after.get("type")
    if one == two or not one or not two:
        return ""
    texts = [f"{s.get('repr', '')} ({s['type']})".strip() for s in (before, after)]
    return f"{texts[0]} → {texts[1]}"


def _shape(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    for field in ("shape", "dtype"):
        one, two = before.get(field), after.get(field)
        if one != two and one and two:
            return f"{field} {_plain(one)} → {_plain(two)}" + _added(before, after)
    return ""


def _plain(value: Any) -> str:
    return f"({', '.join(map(str, value))})" if isinstance(value, list) else str(value)


def _added(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    one, two = before.get("columns") or {}, after.get("columns") or {}
    more = [f"column {name!r} added" for name in two if name not in one]
    less = [f"column {name!r} removed" for name in one if name not in two]
    return "".join(f", {text}" for text in (more + less)[:3])


def _parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    for field, word in (("columns", "column"), ("keys", "key")):
        one, two = before.get(field), after.get(field)
        if one is None or two is None or one == two:
            continue
        quote = repr if word == "column" else str
        for name in one:
            if name not in two:
                return f"{word} {quote(name)} removed"
            if one[name] != two[name]:
                return f"{word} {quote(name)} differs"
        for name in two:
            if name not in one:
                return f"{word} {quote(name)} added"
    return ""


def _length(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    one, two = before.get("len"), after.get("len")
    if one == two or one is None or two is None:
        return ""
    return f"{_text(before, after) or 'it'}, length {one} → {two}".removeprefix("it, ")


def _text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    one, two = before.get("repr"), after.get("repr")
    return f"{one} → {two}" if one != two and one and two else ""
