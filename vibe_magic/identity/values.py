"""Content digests of values.

The value is run through the C pickler, whose output goes to xxh3 and nowhere else. The pickler's
``persistent_id`` hook sees every object first and

- lets plain data through,
- replaces what pickles unstably, slowly or not at all by a tuple of parts (`reducers`),
- replaces the second visit of a mutable object by the number of its first visit, so that shared
  parts and cycles count.

The memo of the pickler itself is off (``fast``): it would make the identity of strings and tuples
part of the stream. Large buffers never enter the stream; they are hashed where they lie. Trees of
plain data, of which nothing is shared, pass without the hook, to the same digest.
"""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import Callable, Iterable
from itertools import chain, compress, count
from types import SimpleNamespace
from typing import Any, NamedTuple

import xxhash

from vibe_magic.errors import Undigestible

from .kinds import ATOM, GENERIC, IMMUTABLE, KINDS, PLAIN, TUPLE, Reducer, Refused, kind_of
from .places import place_of

__all__ = ["Digest", "Walk", "digest"]

_PROTOCOL = 5
_REVISITS = 1 << 16
_DEPTH = 3
_BUDGET = 5_000_000
_ATOMS = frozenset({int, float, str, bytes, bool, type(None)})
_CONTAINERS = frozenset({list, dict, tuple})
_SORTABLE = frozenset({int, str, bytes})
_LARGE = 64


class Digest(NamedTuple):
    """A content digest and the code that was met on the way.

    Attributes
    ----------
    hex : str
        32 hexadecimal digits.
    code : tuple
        Functions, classes and modules of the notebook or of local modules inside the value.
    modules : frozenset of str
        Top-level names of the installed packages whose types or functions are inside the value.
    """

    hex: str
    code: tuple[Any, ...] = ()
    modules: frozenset[str] = frozenset()


class _SharedTuple(Exception):  # noqa: N818  (a signal: the walk must number everything)
    """A tuple with mutable parts is reached twice."""


class Walk(pickle.Pickler):
    """One pass over one value.

    Parameters
    ----------
    thorough : bool
        Number every mutable object instead of those only that have several owners.
    depth : int
        How many sets the walk is inside of (their members are sorted by digests of their own).
    budget : list of int
        How many more objects may be visited for the sake of sorting, in one item.
    """

    def __init__(
        self, thorough: bool = False, depth: int = 0, budget: list[int] | None = None
    ) -> None:
        self.stream = xxhash.xxh3_128()
        super().__init__(
            SimpleNamespace(write=self.stream.update),  # type: ignore[arg-type]
            _PROTOCOL,
            buffer_callback=self._out_of_band,
        )
        self.fast = True
        self.raw: Any = None
        self.limit = -1 if thorough else _OWNED
        self.depth = depth
        self.budget = budget
        self.tick = count().__next__
        self.seen: dict[int, int] = {}
        self.alive: list[Any] = []
        self.last: Any = None
        self.code: list[Any] = []
        self.modules: set[str] = set()
        self.memory: dict[int, int] = {}
        self.revisits = 0

    def persistent_id(
        self,
        obj: Any,
        _get: Callable[[Any], Any] = KINDS.get,
        _count: Callable[[Any], int] = sys.getrefcount,
    ) -> Any:
        """What goes into the stream instead of `obj`; None for `obj` itself.

        Called for every object, so it is written flat. Which objects are remembered depends on
        reference counts, but what is written does not: every container takes a number.
        """
        kind = _get(type(obj))
        if kind is ATOM:
            return None
        if kind is None:
            kind = kind_of(type(obj))
        number = self.tick()
        if kind is PLAIN:
            if _count(obj) <= self.limit:
                return None
        elif kind is TUPLE:
            return self._tuple(obj, number) if _count(obj) > self.limit else None
        else:
            self.last = obj
            if kind is IMMUTABLE:
                return None
            if kind is GENERIC:
                if _count(obj) <= self.limit:
                    return None
            elif not kind.tracked:
                return kind.reduce(obj, self)
        first = self.seen.setdefault(id(obj), number)
        if first != number:
            return first
        self.alive.append(obj)
        return kind.reduce(obj, self) if type(kind) is Reducer else None

    def _tuple(self, obj: tuple[Any, ...], number: int) -> int | None:
        """Let a tuple through; a second visit means that its parts may be shared.

        Tuples that nest into very many paths end up numbered as if they were mutable.
        """
        first = self.seen.setdefault(id(obj), number)
        if first == number:
            self.alive.append(obj)
            return None
        if all(type(part) in _ATOMS for part in obj):
            return None
        if self.limit >= 0:
            raise _SharedTuple
        self.revisits += 1
        return first if self.revisits > _REVISITS else None

    def in_order(self, items: Iterable[Any]) -> list[Any]:
        """Return the members of a set in an order that follows from their content."""
        members = list(items)
        if len(members) < 2 or _sortable(members):
            return sorted(members) if len(members) > 1 else members
        return sorted(members, key=self._key)

    def _key(self, obj: Any) -> bytes:
        if type(obj) in _ATOMS:
            return pickle.dumps(obj, _PROTOCOL)
        if self.depth >= _DEPTH:
            return f"{type(obj).__qualname__}".encode()
        self.budget = self.budget or [_BUDGET]
        if self.budget[0] < 0:
            raise Refused(obj, "it is in a set whose members lead to too many others")
        walk = _walked(obj, self.depth + 1, self.budget)
        self.budget[0] -= walk.tick()
        return walk.hexdigest().encode()

    def met(self, obj: Any) -> None:
        """Note code of the notebook or of a local module that the value holds."""
        self.code.append(obj)

    def uses(self, module: str) -> None:
        """Note that a value comes from an installed package."""
        self.modules.add(module.partition(".")[0])

    def buffer(self, *raw: Any) -> None:
        """Hash raw memory where it lies, with its length.

        Parameters
        ----------
        *raw : buffer
            Contiguous pieces that make up one stretch.
        """
        if self.raw is None:
            self.raw = xxhash.xxh3_128()
        self.raw.update(b"%d:" % sum(memoryview(piece).nbytes for piece in raw))
        for piece in raw:
            self.raw.update(piece)

    def _out_of_band(self, buffer: pickle.PickleBuffer) -> bool:
        self.buffer(buffer.raw())
        return False

    def hexdigest(self) -> str:
        """Digest of all that went through."""
        if self.raw is not None:
            self.stream.update(b"raw" + self.raw.digest())
            self.raw = None
        return self.stream.hexdigest()


def _sortable(members: list[Any]) -> bool:
    """Tell whether plain sorting orders members of these exact types, whatever they are."""
    types = set(map(type, members))
    if len(types) == 1 and types <= _SORTABLE:
        return True
    if types != {tuple}:
        return False
    inner = set(map(type, chain.from_iterable(members)))
    return len(inner) == 1 and inner <= _SORTABLE


def _owned() -> int:
    """Measure the reference count that a part with one owner has inside ``persistent_id``."""
    seen: list[int] = []

    class Probe(pickle.Pickler):
        def persistent_id(
            self,
            obj: Any,
            _get: Callable[[Any], Any] = KINDS.get,
            _count: Callable[[Any], int] = sys.getrefcount,
        ) -> Any:
            if type(obj) is bytearray:
                seen.append(_count(obj))

    probe = Probe(SimpleNamespace(write=len), _PROTOCOL)  # type: ignore[arg-type]
    probe.fast = True
    probe.dump([{"a": bytearray(1), "b": bytearray(2)}, [bytearray(3), bytearray(4)]])
    return min(seen)


_OWNED = _owned()


def digest(value: Any, name: str = "") -> Digest:
    """Return the content digest of a value.

    Equal content has equal digests in every process; different types, orders of a dict, dtypes,
    shapes and structures of shared parts differ.

    Parameters
    ----------
    value : object
        Anything.
    name : str
        What to call it in errors.

    Raises
    ------
    Undigestible
        Its content cannot be told reliably: connections, locks, iterators and the like.
    """
    if type(value) in _ATOMS:
        return Digest(xxhash.xxh3_128_hexdigest(pickle.dumps(value, _PROTOCOL)))
    collecting = gc.isenabled()
    gc.disable()
    try:
        if _is_large(value) and _is_tree(value):
            return Digest(_straight(value))
        walk = _walked(value)
        code = tuple(dict.fromkeys(_Same(obj) for obj in walk.code))
        return Digest(walk.hexdigest(), tuple(c.obj for c in code), frozenset(walk.modules))
    except Refused as error:
        raise _undigestible(value, name, error.culprit, error.reason) from None
    except RecursionError:
        reason = "it is nested too deeply"
        raise Undigestible(name, type(value).__name__, reason) from None
    finally:
        if collecting:
            gc.enable()


class _Same:
    """An object that equals itself only; foreign ``__eq__`` and ``__hash__`` have no say."""

    __slots__ = ("obj",)

    def __init__(self, obj: Any) -> None:
        self.obj = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.obj is other.obj

    def __hash__(self) -> int:
        return id(self.obj)


def _undigestible(value: Any, name: str, culprit: Any, reason: str) -> Undigestible:
    text = " ".join(reason.split())[:200]
    return Undigestible(name + place_of(culprit, value), type(culprit).__name__, text)


def _walked(value: Any, depth: int = 0, budget: list[int] | None = None) -> Walk:
    """Walk a value; foreign code may raise anything there, which is then about the last object."""
    walk = Walk(depth=depth, budget=budget)
    try:
        try:
            walk.dump(value)
        except _SharedTuple:
            walk = Walk(thorough=True, depth=depth, budget=budget)
            walk.dump(value)
    except (Refused, RecursionError, MemoryError):
        raise
    except Exception as error:
        raise Refused(walk.last, str(error) or type(error).__name__) from error
    return walk


def _is_large(value: Any) -> bool:
    return type(value) in _CONTAINERS and len(value) >= _LARGE


def _is_tree(value: Any) -> bool:
    """Tell whether a value is plain data of which nothing is reached twice.

    Goes level by level, so that all loops are in C.
    """
    level = [value]
    ids: set[int] = set()
    plain = _ATOMS | _CONTAINERS
    while level:
        expected = len(ids) + len(level)
        ids.update(map(id, level))
        parts = gc.get_referents(*level)
        if len(ids) != expected or not plain.issuperset(set(map(type, parts))):
            return False
        level = list(compress(parts, map(_CONTAINERS.__contains__, map(type, parts))))
    return True


def _straight(value: Any) -> str:
    """Digest a tree of plain data: what `Walk` does where its hook never has a say."""
    stream = xxhash.xxh3_128()
    pickler = pickle.Pickler(SimpleNamespace(write=stream.update), _PROTOCOL)  # type: ignore[arg-type]
    pickler.fast = True
    pickler.dump(value)
    return stream.hexdigest()


