"""Make the task that a body gets: the asset, and where it finds all that it reads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import NamedTuple

from vibe_magic.capture import mime_types
from vibe_magic.cell import Facts
from vibe_magic.errors import Unpicklable
from vibe_magic.execute import in_force, user_names
from vibe_magic.identity import explore
from vibe_magic.observe import facets, irreversible
from vibe_magic.store import Entry, Parcel, Store

from ..asset import Asset
from ..footprint import words_of
from ..kernel import Session
from ..live import Live
from .inputs import Inputs, is_code, needed_names
from .task import Given, Task
from .turns import Turn, Turns

__all__ = ["Handout", "Stays", "needed_of"]


class Stays(Exception):  # noqa: N818 - no error: the kernel runs it
    """An asset has to run in the kernel; the message says why."""


_PASSING = frozenset({"a finalizer", "an open figure", "sys.excepthook"})
"""What comes and goes: figures and objects that a cell keeps for itself, the hook that the shell sets while
code runs."""


def needed_of(live: Live) -> frozenset[str]:
    """Return the names that an asset needs, itself and through the functions it calls."""
    return live.asset.cell.facts.reads | needed_names(live.reach)


class _Present(NamedTuple):
    """The process after so many runs, and what no other process can take over of it."""

    runs: int
    changed: tuple[str, ...]
    ground: facets.Ground
    state: facets.State


@dataclass
class Handout:
    """Makes tasks for one run.

    Parameters
    ----------
    session : Session
        The kernel's.
    scratch : Store
        Takes what no store is to keep: values of the kernel, and results that are only handed over.
    turns : Turns
        How far the cells are.
    upstream : dict of str to set of str
        What each cell needs of the others.
    """

    session: Session
    scratch: Store
    turns: Turns
    upstream: Mapping[str, set[str]]

    def __post_init__(self) -> None:
        self._last: _Present | None = None
        self._inputs = Inputs(self.session, self.scratch)
        self._signs = (self.session.store.sign(), self.scratch.sign())

    def close(self) -> None:
        """Remove what only the bodies of this run needed."""
        self._inputs.close()
        for sign in self._signs:
            with contextlib.suppress(OSError):
                os.unlink(sign)

    def task(
        self, turn: Turn, live: Live, token: int, *, forced: bool, abroad: bool, held: bool = False
    ) -> Task:
        """Return the task of an asset; one that is held lacks what has yet to be computed.

        Raises
        ------
        Stays
            It cannot leave the kernel.
        """
        self._check(live)
        session, asset = self.session, turn.asset
        spec, settings = asset.spec, session.settings
        apart = spec.no_cache or session.ttl_s(spec) == 0 or not settings.store
        if apart:
            settings = replace(settings, cache_dir=self.scratch.root, store=True, ttl=None)
            spec = replace(spec, no_cache=False, ttl_s=None)
        given = self._given(asset, live, held)
        return Task(
            token=token,
            name=asset.name,
            spec=spec,
            source=asset.cell.source,
            python=asset.cell.python,
            cell_id=asset.cell_id,
            folder=session.folder,
            settings=settings,
            scratch=self.scratch.root,
            secret=session.secret,
            force=apart or spec.force or forced,
            held=held,
            given=given,
            withheld=self._withheld(asset.name, given),
            signs=self._signs,
            parcels=_parcels(given) if abroad else None,
            ground=self._present.ground,
            state=self._state,
            seeded=session.seeded,
            formats=mime_types(session.shell),
            shell=type(session.shell).__name__,
            colors=session.shell.colors,
            count=session.shell.execution_count,
        )

    @property
    def _state(self) -> facets.State:
        """How the notebook has changed the process.

        A generator that nobody has seeded is left out: assets that run side by side have to draw other
        numbers each.
        """
        others = {*facets.RANDOM} - self.session.seeded
        return {name: value for name, value in self._present.state.items() if name not in others}

    @property
    def _present(self) -> _Present:
        """How the process is, which lasts until code runs."""
        session = self.session
        if self._last is None or self._last.runs != session.journal.count:
            changed = irreversible(session.at_start, in_force(session.shell), imported=True)
            changed = tuple(what for what in changed if what not in _PASSING)
            facets.learn(())  # what our own imports have brought is no change of the notebook's
            ground, state = facets.ground(), facets.snapshot(session.folder)
            self._last = _Present(session.journal.count, changed, ground, state)
        return self._last

    def _check(self, live: Live) -> None:
        session, blockers = self.session, live.blockers(but="exit")  # a body may end itself
        if live.asset.function is not None:
            raise Stays("it is a function")
        if session.ahead is not None and session.deferred.touches(live.asset):
            raise Stays("it needs what was put off (--lazy)")
        if live.asset.spec.engine == "local":
            raise Stays("it asks for that (--engine local)")
        if "__subclasses__" in live.reach.facts.mentions:
            raise Stays("it asks which classes there are")
        if blockers:
            raise Stays("; ".join(map(str, blockers)))
        changed = (*self._present.changed, *sorted(session.patches), *sorted(live.around.code_in_state()))
        if changed:
            raise Stays(f"the notebook has changed {', '.join(changed)}")

    def _given(self, asset: Asset, live: Live, held: bool) -> tuple[Given, ...]:
        """Return what the kernel has, then the results that it has not taken over yet, as far as they go."""
        pending = self._pending(asset.name)
        there = tuple(takewhile(_is_there, pending)) if held else pending
        entries = {turn.asset.name: self._entry(turn) for turn in there}
        looks = [live, *(self.session.look(turn.asset) for turn in pending)]
        needed = frozenset[str]().union(*map(needed_of, looks), needed_names(live.reach, entries.values()))
        made = {name for turn in pending for name in turn.asset.cell.facts.writes}
        merged = {ref: identity for look in looks for ref, identity in look.reach.inputs.items()}
        try:
            given = self._inputs.given(needed - made, replace(live.reach, inputs=merged))
        except Unpicklable as error:
            why = f"{error.type_name} ({error.reason})"
            raise Stays(f"{error.name} cannot be handed to a worker: {why}") from None
        except OSError as error:
            raise Stays(f"its inputs cannot be written ({error.strerror or error})") from None
        results = (_from(turn.asset, entries[turn.asset.name], needed) for turn in there)
        return (*given, *self._named(live, needed | made), *results)

    def _named(self, live: Live, but: frozenset[str]) -> tuple[Given, ...]:
        """Return where values are that texts name, which a library may look up; not those that cannot go."""
        namespace = self.session.namespace
        unread = self.session.unread
        names = words_of(live) - but
        values = {name for name in names & user_names(namespace) if not is_code(namespace[name])}
        reach = explore(Facts(reads=frozenset(values)), namespace, memo=self.session.memo)
        with contextlib.suppress(Unpicklable, OSError):
            found = self._inputs.given((values & reach.values.keys()) | (names & set(unread.names)), reach)
            return tuple(replace(given, spare=True) for given in found)
        return ()

    def _withheld(self, name: str, given: Iterable[Given]) -> frozenset[str]:
        """Return the names that the asset would find in the kernel, but not in a body."""
        bound = (turn.asset.cell.facts.writes for turn in self.turns.before(name))
        there = frozenset(user_names(self.session.namespace)).union(self.session.unread.names, *bound)
        return there.difference(*(one.names for one in given))

    def _pending(self, name: str) -> tuple[Turn, ...]:
        """Return the cells that another needs and that are done but not taken over, in order."""
        found: set[str] = set()
        ahead = [name]
        while ahead:
            for need in self.upstream[ahead.pop()]:
                if self.turns.comes(need) and need not in found:
                    found.add(need)
                    ahead.append(need)
        return tuple(turn for turn in self.turns if turn.asset.name in found)

    def _entry(self, turn: Turn) -> Entry:
        entry = None if turn.reply is None else self.session.store.at(turn.reply.path)
        if entry is None:
            raise Stays(f"the result of {turn.asset.name} is gone")
        return entry


def _is_there(turn: Turn) -> bool:
    return turn.reply is not None


def _from(asset: Asset, entry: Entry, needed: frozenset[str]) -> Given:
    names, cell = tuple(name for name in entry.names if name in needed), asset.cell
    defining = cell if cell.definitions and cell.defines & needed else None
    return Given(str(entry.path), names, *((cell.source, cell.python) if defining else ()))


def _parcels(given: Iterable[Given]) -> dict[str, Parcel]:
    try:
        return {one.path: Parcel.of(one.path) for one in given if one.path}
    except OSError as error:
        raise Stays(f"its inputs cannot be read ({error.strerror})") from None
