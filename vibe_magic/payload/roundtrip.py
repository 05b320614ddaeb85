"""What objects lose on the way through a stream: parts that come apart, attributes that stay behind.

A class that says how it is pickled may copy what it shares, or leave out what it believes can be spared.
Where such a class is met, what was stored is read back and laid beside what it was made from.
"""

from __future__ import annotations

import gc
import re
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import chain, repeat
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from vibe_magic import attributes, closed
from vibe_magic.errors import Unpicklable
from vibe_magic.immutable import FIXED, is_value
from vibe_magic.modules import is_local
from vibe_magic.payload.packer import is_trusted

__all__ = ["compare"]

_BY_NAME = (type, ModuleType, CodeType)
_OF_CODE = ("__closure__", "__defaults__", "__kwdefaults__")
_SEQUENCES = (list, tuple, deque)
_SOLID = ("numpy", "pandas", "polars", "pyarrow")
"""Packages whose objects hold memory, which comes back as our own rules say, and little else."""

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


class _Pair(NamedTuple):
    """An object and what has come back for it.

    Parameters
    ----------
    name : str
        The variable.
    before, back : object
        The two.
    holder : object
        The instance of a class that they are a part of, directly or in containers; None at the top.
    attribute : str
        As which.
    """

    name: str
    before: Any
    back: Any
    holder: Any = None
    attribute: str = ""

    @property
    def is_strict(self) -> bool:
        """Whether nothing of it may differ: what packages leave out, they make again."""
        return self.holder is None or is_local(type(self.holder).__module__)

    @property
    def is_doubted(self) -> bool:
        """Whether its holder may have copied it."""
        return self.holder is not None and not is_trusted(type(self.holder))

    def part(self, before: Any, back: Any, attribute: str = "") -> _Pair:
        """Return what both hold, where they are a container of their holder's."""
        return _Pair(self.name, before, back, self.holder, self.attribute or attribute)

    def lost(self, what: str) -> Unpicklable:
        """Return what tells of a difference."""
        whose = self.before if self.holder is None else self.holder
        part = "it" if self.holder is None else f".{self.attribute}"
        return Unpicklable(self.name, type(whose).__qualname__, f"{part} {what} when it is read back")


def compare(objects: Mapping[str, object], back: Mapping[str, object]) -> None:
    """Lay objects beside those that were read back.

    Parameters
    ----------
    objects : mapping of str to object
        Variables by name.
    back : mapping of str to object
        What has come back under the same names.

    Raises
    ------
    Unpicklable
        What was one object comes back as two, or the other way round; an attribute is lost or another.
    """
    comparison = _Comparison()
    waiting = deque(_Pair(name, value, back[name]) for name, value in objects.items())
    while waiting:
        pair = waiting.popleft()
        if comparison.is_new(pair):
            waiting.extend(_parts(pair))


class _Comparison:
    """Which object has come back as which."""

    def __init__(self) -> None:
        self._there: dict[int, _Pair] = {}
        self._origin: dict[int, _Pair] = {}
        self._fixed: set[tuple[int, int]] = set()

    def is_new(self, pair: _Pair) -> bool:
        """Tell whether two objects have parts that are still to be compared."""
        before, back = pair.before, pair.back
        if before is None or isinstance(before, _BY_NAME) or is_value(type(before)):
            if pair.is_strict and not _equal(before, back):
                raise pair.lost(_difference(before, back))
            return False
        if isinstance(before, (*FIXED, FunctionType)):
            new = (id(before), id(back)) not in self._fixed
            self._fixed.add((id(before), id(back)))
        else:
            new = self._is_met_first(pair)
        if type(back).__qualname__ != type(before).__qualname__:
            if pair.is_strict:
                raise pair.lost(_difference(before, back))
            return False
        return new and not _is_solid(before)

    def _is_met_first(self, pair: _Pair) -> bool:
        """Tell whether an object is met for the first time; it must always come back as the same one."""
        first = self._there.setdefault(id(pair.before), pair)
        other = self._origin.setdefault(id(pair.back), pair)
        apart = first if first.back is not pair.back else other
        if apart.before is not pair.before or apart.back is not pair.back:
            guilty = next((one for one in (pair, apart) if one.is_doubted), None)
            if guilty is not None:
                kind = type(guilty.holder).__qualname__
                raise Unpicklable(guilty.name, kind, "what it shares comes back apart")
            return False
        return first is pair


def _parts(pair: _Pair) -> Iterator[_Pair]:
    """Yield the parts of two objects that belong together; sets keep no order that would tell."""
    before, back = pair.before, pair.back
    if isinstance(before, FunctionType):
        return (pair.part(getattr(before, field), getattr(back, field)) for field in _OF_CODE)
    if shown := closed.looks(before):
        return iter([pair.part(shown, closed.looks(back))])
    if isinstance(before, dict):
        content = _items(pair)
    elif isinstance(before, _SEQUENCES):
        content = _members(pair, before, back)
    elif _holds_objects(before):
        content = _members(pair, before.ravel().tolist(), back.ravel().tolist())
    else:
        content = iter(())
    held, there = attributes.held(before), attributes.held(back)
    if not held and not isinstance(before, (dict, *_SEQUENCES)):
        return chain(content, _referents(pair))
    return chain(content, _attributes(pair, held, there))


def _members(pair: _Pair, before: Any, back: Any) -> Iterator[_Pair]:
    if len(before) == len(back):
        yield from (pair.part(*each) for each in zip(before, back, strict=True))
    elif pair.is_strict:
        raise pair.lost("has another length")


def _items(pair: _Pair) -> Iterator[_Pair]:
    """Yield the values of two dicts by key; keys that do not say what they are, by their place."""
    before, back = pair.before, pair.back
    for key, place in zip(dict.keys(before), chain(dict.keys(back), repeat(None)), strict=False):
        other = key if key is None or is_value(type(key)) else place
        if other is not key:
            yield pair.part(key, other)
        if dict.__contains__(back, other):
            yield pair.part(dict.get(before, key), dict.get(back, other))
        elif pair.is_strict:
            raise pair.lost(f"lacks {key!r:.40}")


def _referents(pair: _Pair) -> Iterator[_Pair]:
    """Yield what objects written in C refer to, if it is of the same kinds."""
    before, back = gc.get_referents(pair.before), gc.get_referents(pair.back)
    if [*map(type, before)] == [*map(type, back)]:
        yield from (pair.part(*each) for each in zip(before, back, strict=True))


def _attributes(pair: _Pair, held: dict[str, Any], there: dict[str, Any]) -> Iterator[_Pair]:
    for attribute in {**held, **there}:
        part = _Pair(pair.name, held.get(attribute), there.get(attribute), pair.before, attribute)
        if attribute in held and attribute in there:
            yield part
        elif part.is_strict:
            raise part.lost("is missing" if attribute in held else "is new")


def _is_solid(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in _SOLID and not _holds_objects(value)


def _holds_objects(value: Any) -> bool:
    dtype = getattr(value, "dtype", None) if hasattr(type(value), "__array_interface__") else None
    return bool(getattr(dtype, "hasobject", False))


def _difference(before: Any, back: Any) -> str:
    return (
        "is another"
        if type(back).__qualname__ == type(before).__qualname__
        else f"is a {type(back).__qualname__}"
    )


def _equal(before: Any, back: Any) -> bool:
    """Tell whether two values are the same; not-a-number is unlike itself."""
    if before is back or isinstance(before, _BY_NAME):
        return True
    if type(before).__qualname__ != type(back).__qualname__:
        return False
    try:
        return _answers_equal(before, back)
    except Exception:  # noqa: BLE001 - classes raise anything; then nobody can say that they are the same
        return False


def _answers_equal(before: Any, back: Any) -> bool:
    """Compare as the class does; where that gives no answer but an expression, or an array, by the text."""
    answer = before == back
    if isinstance(answer, bool):
        return answer or repr(before) == repr(back)
    return _ADDRESS.sub("", repr(before)) == _ADDRESS.sub("", repr(back))
