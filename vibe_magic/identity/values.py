"""Content digests of values.

The value is run through the C pickler, whose output goes to xxh3 and nowhere else. The pickler's
``persistent_id`` hook sees every object first and

- lets plain data through,
- replaces what pickles unstably, slowly or not at all by a tuple of parts (`reducers`),
- replaces the second visit of a mutable object by the number of its first visit, so that shared
  parts and cycles count.

The memo of the pickler itself is off (``fast``): it would make the identity of strings and tuples
part of the stream. Large buffers never enter the stream; they are hashed where they lie.
"""

from __future__ import annotations

import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import xxhash

from vibe_magic.collector import paused
from vibe_magic.errors import Undigestible
from vibe_magic.modules import is_local
from vibe_magic.slotnames import Unmarked

from . import reducers as reducers
from .code import is_bare
from .kinds import ATOM, GENERIC, IMMUTABLE, PLAIN, TUPLE, Reducer, kind_of
from .memory import overlapping
from .sources import meaning_of

__all__ = ["Digest", "Walk", "digest"]

_PROTOCOL = 5
_REVISITS = 1 << 20
_DEPTH = 40
_SEARCHED = 20_000
"""Parts of a value that are looked through for the one that has no digest."""


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


class _SharedTupleError(Exception):
    """A tuple with mutable parts is reached twice: the walk must number everything."""


class Walk(pickle.Pickler):
    """One pass over one value.

    Parameters
    ----------
    thorough : bool
        Number every mutable object instead of those only that have several owners.
    depth : int
        How many sets the walk is inside of (their members are sorted by digests of their own).
    """

    def __init__(self, thorough: bool = False, depth: int = 0) -> None:
        self.stream = xxhash.xxh3_128()
        super().__init__(SimpleNamespace(write=self.stream.update), _PROTOCOL)
        self.fast = True
        self.raw: Any = None
        self.limit = -1 if thorough else _OWNED
        self.depth = depth
        self.tick = count().__next__
        self.seen: dict[int, int] = {}
        self.shared: set[int] = set()
        self.alive: list[Any] = []
        self.code: list[Any] = []
        self.modules: set[str] = set()
        self.revisits = 0
        self.frozen: dict[int, str] = {}
        self.told: dict[int, tuple[Any, bool]] = {}
        self.memory: list[Any] = []

    def persistent_id(
        self,
        obj: Any,
        _kind: Callable[[Any], Any] = kind_of,
        _count: Callable[[Any], int] = sys.getrefcount,
    ) -> Any:
        """Return what goes into the stream instead of `obj`; None for `obj` itself.

        Called for every object, so it is written flat.
        """
        kind = _kind(type(obj))
        if kind is ATOM or kind is IMMUTABLE:
            return None
        number = self.tick()
        if kind is PLAIN or kind is GENERIC:
            if _count(obj) <= self.limit and id(obj) not in self.shared:
                return None
        elif kind is TUPLE:
            self.shared.update(id(part) for part in obj if _count(part) > _IN_TUPLE)
            return self._tuple(obj) if _count(obj) > self.limit else None
        elif not kind.tracked:
            return kind.reduce(obj, self)
        first = self.seen.setdefault(id(obj), number)
        if first != number:
            return first
        self.alive.append(obj)
        return kind.reduce(obj, self) if type(kind) is Reducer else None

    def _tuple(self, obj: tuple[Any, ...]) -> None:
        """Let a tuple through; a second visit means that its parts may be shared."""
        self.revisits += 1
        if self.revisits > _REVISITS:
            raise Undigestible("", "tuple", "its parts are shared too often")
        if self.limit < 0:
            return
        if id(obj) not in self.seen:
            self.seen[id(obj)] = -1
            self.alive.append(obj)
        elif any(kind_of(type(part)) is not ATOM for part in obj):
            raise _SharedTupleError

    def inner(self, obj: Any) -> str:
        """Digest a part apart, for parts whose order has no meaning."""
        if type(obj) is frozenset and id(obj) in self.frozen:
            return self.frozen[id(obj)]
        if self.depth > _DEPTH:
            raise Undigestible("", type(obj).__name__, "it is nested too deeply")
        walk = Walk(thorough=self.limit < 0, depth=self.depth + 1)
        walk.frozen, walk.told = self.frozen, self.told
        walk.dump(obj)
        if type(obj) is frozenset:
            self.frozen[id(obj)] = walk.hexdigest()
            self.alive.append(obj)
        self.code += walk.code
        self.modules |= walk.modules
        return walk.hexdigest()

    def tells(self, part: Any) -> bool:
        """Tell whether a part has a digest.

        Raises
        ------
        RecursionError
            It is nested too deeply to find out.
        """
        if kind_of(type(part)) is ATOM:
            return True
        if id(part) not in self.told:
            self.told[id(part)] = part, True  # where it contains itself
            if self.depth > _DEPTH:
                raise RecursionError
            try:
                self.inner(part)
            except (_SharedTupleError, RecursionError):  # which tell nothing of the part
                raise
            except Exception:  # noqa: BLE001 - classes raise anything; then it has none
                self.told[id(part)] = part, False
        return self.told[id(part)][1]

    def met(self, obj: Any) -> None:
        """Note code: that of the notebook and of local modules to be followed, other by its package."""
        if isinstance(obj, ModuleType) and not is_local(obj.__name__):
            self.modules.add(obj.__name__.partition(".")[0])
        else:
            self.code.append(obj)

    def buffer(self, raw: Any) -> None:
        """Hash raw memory where it lies, with its length.

        Parameters
        ----------
        raw : buffer
            Anything contiguous that supports the buffer protocol.
        """
        if self.raw is None:
            self.raw = xxhash.xxh3_128()
        view = memoryview(raw)
        self.raw.update(b"%d:" % view.nbytes)
        if view.nbytes:
            self.raw.update(view)

    def hexdigest(self) -> str:
        """Digest of all that went through."""
        if self.raw is not None:
            self.stream.update(b"raw" + self.raw.digest())
            self.raw = None
        overlaps = overlapping(self.memory)
        if overlaps:
            self.stream.update(repr(overlaps).encode())
            self.memory.clear()
        return self.stream.hexdigest()


def _owned() -> int:
    """Measure the reference count that a part with a single owner has inside ``persistent_id``."""
    seen: list[int] = []

    class Probe(pickle.Pickler):
        def persistent_id(self, obj: Any, _count: Callable[[Any], int] = sys.getrefcount) -> Any:
            kind = type(obj)
            if kind is dict:
                seen.append(_count(obj))
            return None

    probe = Probe(SimpleNamespace(write=lambda data: None), _PROTOCOL)
    probe.fast = True
    probe.dump([{"a": []}, {"b": []}])
    return min(seen)


_OWNED = _owned()
_IN_TUPLE = 3
"""The reference count of a part with one owner while a loop goes over a tuple, of which the pickler takes
the parts without a reference of its own: they have to be looked at before."""


def digest(value: Any) -> Digest:
    """Return the content digest of a value.

    Equal content has equal digests in every process; different types, orders of a dict, dtypes, shapes,
    and structures of shared parts differ.

    Parameters
    ----------
    value : object
        Anything.

    Raises
    ------
    Undigestible
        Its content cannot be told reliably: connections, locks, iterators and the like.
    """
    if kind_of(type(value)) is ATOM:  # most of what is looked at before a cell: there is nothing to walk
        return Digest(xxhash.xxh3_128_hexdigest(pickle.dumps(value, _PROTOCOL)))
    with paused(), Unmarked():
        return _walked(value)


def _walked(value: Any) -> Digest:
    try:
        if type(value) is FunctionType and is_bare(value):
            code = meaning_of(value.__code__).encoded
            return Digest(xxhash.xxh3_128_hexdigest(b"function" + code), (value,))
        walk = Walk()
        try:
            walk.dump(value)
        except _SharedTupleError:
            walk = Walk(thorough=True)
            walk.dump(value)
    except Exception as error:
        raise _explained(value, error) from error
    return Digest(walk.hexdigest(), tuple(walk.code), frozenset(walk.modules))


class _Tracer(Walk):
    """A walk that remembers what it came to last."""

    last: object = None

    def persistent_id(self, obj: Any, *_unused: Any) -> Any:
        """Note the object."""
        self.last = obj
        return super().persistent_id(obj)


def _explained(value: Any, error: Exception) -> Undigestible:
    """Name the part of a value at which its digest ended."""
    tracer = _Tracer(thorough=True)
    with suppress(Exception):  # the error is known; what counts is how far the walk gets
        tracer.dump(value)
    if isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    else:
        reason = error.reason if isinstance(error, Undigestible) else " ".join(str(error).split())[:200]
    path = _path_to(tracer.last, value)
    part = value if path is None else tracer.last
    return Undigestible(path or "", type(part).__name__, reason)


def _path_to(part: object, value: Any) -> str | None:
    """Return the shortest way to a part of a value, None if there is none that is soon found."""
    seen: set[int] = set()
    waiting = deque([("", value)])
    while waiting and len(seen) < _SEARCHED:
        path, each = waiting.popleft()
        if each is part:
            return path
        if id(each) not in seen:
            seen.add(id(each))
            waiting.extend((path + step, member) for step, member in _members(each))
    return None


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r:.40}]", part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{place}]", part) for place, part in enumerate(value))
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        yield from ((f".{name}", part) for name, part in own.items())
