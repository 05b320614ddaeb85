"""Parts of a notebook's values that a result may hold, too: each by a path that leads to it again.

``best = models[0]`` or ``X = digits.data`` bind what an input already holds. Stored as a path, ``models[0]``,
such a part comes back as the very object that the input has then. Code holds values, too: classes their
attributes, functions their defaults and the variables around them, local modules their global names.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from vibe_magic.modules import is_local, loaded

from .code import class_content, followed
from .keys import text_digest
from .kinds import ATOM, IMMUTABLE, kind_of
from .labels import labels
from .parts import is_frame, is_labels

__all__ = ["anchors", "found_by"]

_DEPTH = 4
_OBJECTS = 2000
_CLOSED = (types.ModuleType, types.MethodType, types.BuiltinFunctionType)
_CODE = (type, types.FunctionType)


def anchors(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of values that have an identity, by path; of large values only the first ones.

    Parameters
    ----------
    values : mapping of str to object
        By name.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, value in values.items():
        found |= _reached(name, value, seen)
    return found


def _reached(name: str, value: Any, seen: set[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = deque([(name, value, 0)])
    while waiting and len(found) < _OBJECTS:
        path, each, depth = waiting.popleft()
        if id(each) in seen or not _has_identity(each):
            continue
        seen.add(id(each))
        found[path] = each
        if depth < _DEPTH:
            waiting.extend((path + step, part, depth + 1) for step, part in _parts(each))
    return found


def found_by(ref: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a name of the notebook, or ``module:name`` of a local module, stands for; or nothing."""
    module, colon, name = ref.rpartition(":")
    found = loaded(module) if colon and is_local(module) else None
    scope = vars(found) if found else {} if colon else namespace
    return {ref: scope[name]} if name in scope else {}


def _has_identity(value: Any) -> bool:
    """Tell whether it can be seen that a value is this very one, and no module has it."""
    if isinstance(value, _CODE):
        return followed(value)
    return kind_of(type(value)) not in (ATOM, IMMUTABLE) and not isinstance(value, _CLOSED)


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    if is_frame(value):
        return [*labels({"": value}).items(), *_blocks(value)]
    if is_labels(value):
        return ()
    if isinstance(value, _CODE):
        return _held_by_code(value)
    return islice(_members(value), _OBJECTS)


def _held_by_code(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a class or a function keeps, which calling it can hand out."""
    if isinstance(value, type):
        yield from (
            (f".{name}", getattr(part, "__func__", part)) for name, part in class_content(value).items()
        )
        yield from ((f".__bases__[{place}]", base) for place, base in enumerate(value.__bases__))
        yield "._member_map_", vars(value).get("_member_map_")  # of an enumeration
        return
    yield from ((f".__defaults__[{place}]", part) for place, part in enumerate(value.__defaults__ or ()))
    yield from ((f".__kwdefaults__[{name!r}]", part) for name, part in (value.__kwdefaults__ or {}).items())
    for place, cell in enumerate(value.__closure__ or ()):
        with suppress(ValueError):  # it is empty
            yield f".__closure__[{place}]", cell.cell_contents
    yield ".__annotations__", value.__annotations__
    yield ".__dict__", value.__dict__
    yield from _members(value)


def _blocks(frame: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays that hold a frame's columns, which ``to_numpy`` looks into, by the columns in each.

    With each comes the record of the frames that share it, in which a column taken out of this one enters
    itself: who writes first copies.
    """
    for block in frame._mgr.blocks:
        if hasattr(block.values, "__array_interface__"):
            columns = repr(block.mgr_locs.as_array.tolist())
            path = f".columns[{columns if len(columns) < 40 else text_digest(columns)[:16]}]"
            yield path, block.values
            yield f"{path}.refs", block.refs


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in dict.items(value):
            if type(key) in (str, int):
                yield f"[{key!r}]", part
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield f"[{place}]", part
    own = getattr(value, "__dict__", None)
    if type(own) is dict:
        for attribute, part in own.items():
            yield f".{attribute}", part
    yield ".__class__", type(value)
