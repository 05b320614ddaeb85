"""What bodies get of the notebook's values: pieces in a store, each written once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from vibe_magic.identity import Parts, Reach, combine, parts
from vibe_magic.payload import Context, Owners, Packed, pack
from vibe_magic.store import Draft, Entry, Store

from ..kernel import Session
from ..restore import root_of
from .task import ENCLOSED, Given

__all__ = ["Inputs", "is_code", "needed_names"]

_NAME = "<inputs>"
_SMALL_BYTES = 1 << 16
"""Up to this size values go with the task that needs them, which is faster than by way of the store."""


def needed_names(reach: Reach, entries: Iterable[Entry] = ()) -> frozenset[str]:
    """Return the names that code reaches, and those that stored results refer to."""
    names = {ref.partition(":")[0] if ref.isidentifier() else "" for ref in reach.inputs}
    names |= {root_of(external) for entry in entries for external in entry.externals}
    return frozenset(name for name in names if name.isidentifier())


class Inputs:
    """Hands the values of a kernel to bodies.

    A value that an asset has made, and that nobody has changed since, is in the store already. The others are
    written there, those that share structure together, so that they still share it where they arrive.

    Parameters
    ----------
    session : Session
        Whose values.
    store : Store
        Where pieces go.
    """

    def __init__(self, session: Session, store: Store) -> None:
        self._session = session
        self._store = store
        self._pieces: dict[str, Given] = {}
        self._written: list[Entry] = []

    def close(self) -> None:
        """Remove what was written: nobody reads it any more."""
        self._store.remove(self._written)
        self._pieces.clear()
        self._written.clear()

    def given(self, names: Collection[str], reach: Reach) -> tuple[Given, ...]:
        """Return where a body finds these names, code first.

        Raises
        ------
        Unpicklable
            One of them cannot leave the kernel.
        OSError
            The pieces cannot be written.
        """
        waiting = [Given(str(entry.path), found) for entry, found in self._session.unread.given(names)]
        namespace = self._session.namespace
        values = {name: namespace[name] for name in sorted(names) if name in namespace}
        code = {name: value for name, value in values.items() if is_code(value)}
        data = {name: value for name, value in values.items() if name not in code}
        found = [self._piece(code, {}, reach)] if code else []
        return (*found, *self._data(data, code, reach), *waiting)

    def _data(self, data: Mapping[str, Any], code: Mapping[str, Any], reach: Reach) -> Iterator[Given]:
        known = frozenset(map(id, code.values()))
        owners = Owners(code.values())
        extents: dict[str, Parts] = {name: parts(value, known, owners.of) for name, value in data.items()}
        from vibe_magic.execute import grouped

        for names in grouped(extents):
            yield self._stored(names, reach) or self._piece({n: data[n] for n in names}, code, reach)

    def _stored(self, names: tuple[str, ...], reach: Reach) -> Given | None:
        """Return the entry that holds all of these names as they are now, if there is one."""
        journal = self._session.journal
        labels = {journal.writers.get(name, "") for name in names}
        ran = journal.runs.get(labels.pop()) if len(labels) == 1 else None
        if ran is None or ran.entry is None or ran.entry.externals or not self._store.holds(ran.entry):
            return None
        for name in names:
            made, now = ran.trace.outputs.get(name), reach.inputs.get(name)
            if name not in ran.entry.names or made is None or now is None or made.digest != now.digest:
                return None
        return Given(str(ran.entry.path), names)

    def _piece(self, values: Mapping[str, Any], code: Mapping[str, Any], reach: Reach) -> Given:
        known = [(name, reach.inputs[name].digest if name in reach.inputs else "") for name in values]
        exact = all(digest for _, digest in known)
        key = combine("inputs", repr(known if exact else [(name, id(v)) for name, v in values.items()]))
        if key not in self._pieces:
            packed = pack(values, Context(self._session.namespace, code))
            is_small = packed.nbytes <= _SMALL_BYTES and not packed.externals
            self._pieces[key] = self._enclosed(packed) if is_small else self._saved(packed, key)
        return self._pieces[key]

    def _enclosed(self, packed: Packed) -> Given:
        sealed = packed.seal(self._session.secret, ENCLOSED)
        return Given("", packed.names, content=b"".join(sealed.pieces))

    def _saved(self, packed: Packed, key: str) -> Given:
        draft = Draft(_NAME, key, key, {"0": packed}, kind="inputs", created_at=self._session.clock())
        entry = self._store.save(draft)
        if entry is None:
            raise OSError("the inputs cannot be stored")
        self._written.append(entry)
        return Given(str(entry.path), packed.names)


def is_code(value: object) -> bool:
    """Tell whether a value is code: a function, a class or a module."""
    return isinstance(value, FunctionType | type | ModuleType)
