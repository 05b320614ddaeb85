"""Restored values that nothing has read yet: checked and held, not loaded.

A name of these is not in the namespace. Before code runs that may use it, its value is put there; so are all
of them before code that cannot be followed. Where the notebook's names can be read without a cell, whoever
lets that happen says so first; see `magics.readers`.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from vibe_magic.cell import Hazard, analyse
from vibe_magic.errors import CorruptEntry, UsageError
from vibe_magic.execute import RESULT, STATE
from vibe_magic.identity import Identity
from vibe_magic.observe import Lookup
from vibe_magic.payload import Context
from vibe_magic.store import Entry, Held, Store
from vibe_magic.trace import Fact, Trace

from .asset import Asset
from .footprint import Footprint
from .live import Live
from .restore import equate
from .spec import Spec
from .work import without_commands

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["Unread"]

FROM_BYTES = 1 << 16
"""Smaller values are loaded at once: that takes no longer than holding them."""


@dataclass(frozen=True, eq=False)
class _Group:
    """Variables of one asset that are loaded together."""

    label: str
    held: Held
    facts: Mapping[str, Fact]


class Unread:
    """The restored names of one session that have not been read.

    Parameters
    ----------
    session : Session
        The kernel's.

    Attributes
    ----------
    is_open : bool
        Whether values may wait: all who read names without a cell must be known.
    from_bytes : int
        The size from which they do.
    identities : dict of str to Identity
        What each name stands for.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._groups: dict[str, _Group] = {}
        self.identities: dict[str, Identity] = {}
        self.is_open = False
        self.from_bytes = FROM_BYTES

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._groups)

    @property
    def names(self) -> Collection[str]:
        """The names."""
        return self._groups.keys()

    # Putting off

    def held(self, asset: Asset, entry: Entry, trace: Trace, store: Store) -> list[_Group]:
        """Check what of an entry need not be loaded now.

        That is what stands for itself, by what the store says of it, and is neither shown nor part of a
        change in place: such a result is loaded as a whole.

        Raises
        ------
        CorruptEntry
            The entry cannot be used.
        """
        if not self.is_open or trace.mutated or trace.deleted or STATE in entry.names:
            return []
        known = {name for name, fact in trace.outputs.items() if fact.kind == "value"}
        wanted = [
            label
            for label, group in entry.groups.items()
            if group.inert
            and group.nbytes >= self.from_bytes
            and RESULT not in group.names
            and all(name in known for name in group.names)
        ]
        if not wanted or _runs_elsewhere(self._session.namespace):
            return []
        return [_Group(asset.label, store.hold(entry, label), trace.outputs) for label in wanted]

    def take(self, groups: Collection[_Group]) -> None:
        """Let names stand for what was checked, instead of what they stood for."""
        for group in groups:
            for name in group.held.group.names:
                self._session.namespace.pop(name, None)
                self._groups[name] = group
                fact = group.facts[name]
                self.identities[name] = Identity(fact.digest, fact.kind, fact.static, fact.as_loaded)

    def drop(self, names: Collection[str]) -> None:
        """Forget names that have been bound anew."""
        for name in self._groups.keys() & set(names):
            del self._groups[name], self.identities[name]

    # Loading

    def before(self, live: Live) -> bool:
        """Load what a cell may use that is about to run; tell whether there was anything."""
        if not self._groups:
            return False
        source = live.asset.cell.source
        if live.reach.problems or any(_reads_names(hazard, source) for hazard in live.reach.facts.hazards):
            return self.load_all()
        footprint = Footprint.of(live)
        return self.load(footprint.reads | footprint.writes)

    def expect(self, python: str) -> None:
        """Load what code may read that is no cell of the notebook's work; commands on assets read nothing."""
        if self._groups:
            asset = Asset("", Spec(), analyse(without_commands(python)))
            self.before(Live(asset, self._session.around))

    def on_lookup(self, found: Lookup) -> None:
        """Load what a library is about to look up by its name."""
        if self._groups and found.in_notebook:
            for group in self._of(found.words):
                self._load(group)

    def load_all(self) -> bool:
        """Load everything; tell whether there was anything."""
        return self.load(self._groups.keys())

    def load(self, names: Collection[str]) -> bool:
        """Load names, as far as they are among these; tell whether any was.

        Raises
        ------
        UsageError
            A value cannot be read after all, and there is no cell to compute it again.
        """
        found = list(self._of(names))
        for group in found:
            try:
                self._load(group)
            except CorruptEntry as error:
                self._compute_again(group, error)
        return bool(found)

    def given(self, names: Collection[str]) -> Iterator[tuple[Entry, tuple[str, ...]]]:
        """Yield the entries that hold names, with these; those that are gone from the store are loaded."""
        for group in list(self._of(names)):
            if self._session.store.holds(group.held.entry):
                yield group.held.entry, tuple(name for name in group.held.group.names if name in names)
            else:
                self.load(group.held.group.names)

    def _of(self, names: Collection[str]) -> Iterator[_Group]:
        return iter(dict.fromkeys(self._groups[name] for name in self._groups.keys() & set(names)))

    def _still(self, group: _Group) -> list[str]:
        """Return the names of a group that have not been bound anew."""
        return [name for name in group.held.group.names if self._groups.get(name) is group]

    def _load(self, group: _Group) -> None:
        session = self._session
        values = group.held.values(Context(session.namespace))
        names = self._still(group)
        session.namespace |= {name: values[name] for name in names}
        facts = {name: group.facts[name] for name in names}
        equate(facts, group.held.group.nbytes, session.namespace, session.memo)
        self.drop(names)

    def _compute_again(self, group: _Group, error: CorruptEntry) -> None:
        """Run an asset whose result was good when it was checked, and cannot be read now."""
        from .upstream import rerun

        session, names = self._session, self._still(group)
        self.drop(names)
        asset = session.registry.by_label.get(group.label)
        if asset is None:
            raise UsageError(
                f"{', '.join(names)} cannot be read back ({error.what})", "", "run its cell again"
            )
        session.telling.notify(asset.name, f"{error.what}; it is computed again")
        session.store.remove([group.held.entry])
        rerun(session, asset, force=True, in_kernel=True)


_BLIND = frozenset(
    ["%asset", "%autoreload", "%cd", "%conda", "%config", "%env", "%load_ext", "%ls", "%matplotlib", "%pip"]
)
"""Magics that read no name of the notebook, unless their line mentions one as ``$name`` or ``{name}``."""


def _reads_names(hazard: Hazard, source: str) -> bool:
    """Tell whether what cannot be followed in a cell may read names."""
    if hazard.kind in ("process", "magic") and not {"$", "{"} & set(source):
        return hazard.kind == "magic" and hazard.detail not in _BLIND
    return hazard.kind not in ("address", "exit", "file")


def _runs_elsewhere(namespace: dict[str, Any]) -> bool:
    """Tell whether code of the notebook goes on in another thread, or in a task of the event loop."""
    from threading import get_ident

    for thread, frame in sys._current_frames().items():
        found = frame if thread != get_ident() else None
        while found is not None:
            if found.f_globals is namespace:
                return True
            found = found.f_back
    return any(_is_of(task.get_coro(), namespace) for task in _tasks())


def _is_of(coroutine: object, namespace: dict[str, Any]) -> bool:
    frame = coroutine.cr_frame if isinstance(coroutine, CoroutineType) else None
    return frame is not None and frame.f_globals is namespace


def _tasks() -> Collection[Any]:
    asyncio: Any = sys.modules.get("asyncio")
    try:
        return () if asyncio is None else list(asyncio.all_tasks())
    except RuntimeError:  # no loop runs here
        return ()
