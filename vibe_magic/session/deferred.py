"""Assets whose cells were passed but whose results are not there: lazy ones, and those in the background.

Deferring must change nothing. So what may not be put off runs at once; a cell that could notice, or could
change what such an asset reads, has it settled first; and an asset finds the process as it was at its place,
whatever cells have changed since. What the text of the code does not tell is found out when the asset has
run, and told.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vibe_magic.errors import UsageError
from vibe_magic.observe import facets
from vibe_magic.trace import Trace

from .asset import Asset
from .decision import decide
from .footprint import Footprint, lasting, reason_against
from .records import Record
from .upstream import refresh, rerun

if TYPE_CHECKING:
    from .kernel import Session
    from .parallel import Background

__all__ = ["Deferred"]


@dataclass
class _Pending:
    """One asset that was put off.

    Attributes
    ----------
    asset : Asset
        Which one.
    run : int
        The number of the last run of any cell before it.
    passed : int
        How many cells had been let past when it was put off.
    state : dict of str to object
        The process then.
    wanted : bool
        Whether a worker is to begin as soon as it can.
    work : Background or None
        What a worker does for it, if one has begun.
    moved : frozenset of str
        What of the process had changed when it ran.
    late : bool
        Whether it ran, or runs, after the cells that it let past.
    overtaken : set of str
        The files that these have changed.
    """

    asset: Asset
    run: int
    passed: int
    state: facets.State
    wanted: bool
    work: Background | None = None
    moved: frozenset[str] = frozenset()
    late: bool = True
    overtaken: set[str] = field(default_factory=set)

    @property
    def is_running(self) -> bool:
        """Whether a worker is at it, as far as it has been heard."""
        return self.work is not None and not self.work.has_ended


class Deferred:
    """The assets of one session that were put off, in order.

    Parameters
    ----------
    session : Session
        The kernel's.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, _Pending] = {}
        self._passed = 0
        self._in_effect = False

    def __bool__(self) -> bool:
        """Tell whether any asset waits."""
        return bool(self._known) and any(True for _ in self._waiting())

    def __contains__(self, name: object) -> bool:
        """Tell whether an asset of this name waits."""
        return any(pending.asset.name == name for pending in self._waiting())

    def note(self, name: str) -> str:
        """Say how far an asset is that was put off; nothing of others."""
        for pending in self._waiting():
            if pending.asset.name == name:
                return "runs in the background" if pending.wanted else "put off until something reads it"
        return ""

    def _waiting(self) -> Iterator[_Pending]:
        """Yield what has not run since it was put off."""
        runs = self._session.journal.runs
        for label, pending in self._known.items():
            ran = runs.get(label)
            if ran is None or ran.number <= pending.run:
                yield pending

    def above(self, label: str) -> list[_Pending]:
        """Return what waits and stands above a cell: all of it, unless that has been put off itself."""
        known = list(self._known)
        before = frozenset(known[: known.index(label)] if label in known else known)
        return [pending for pending in self._waiting() if pending.asset.label in before]

    def put_off(self, asset: Asset) -> bool:
        """Put an asset off if it asks for that and nothing depends on its running now."""
        session = self._session
        self._known.pop(asset.label, None)
        if not asset.spec.deferred or (asset.spec.background and session.ahead is not None):
            return False
        refresh(session, asset)
        live = session.look(asset)
        needed = self._needed_by(self._footprint(asset))
        if not needed and decide(session, asset, live).entry is not None:
            return False  # bringing it back takes no time
        known = session.store.results(asset.name)[:1]
        reason = reason_against(live, Trace.from_json(known[0].trace) if known else None)
        if not reason:
            reason = self._added(asset, needed)
        if reason:
            session.tell(asset.name, f"is computed now, not put off: {reason}")
            return False
        session.journal.pass_by(asset.label)
        return True

    def _added(self, asset: Asset, needed: list[_Pending]) -> str:
        """Put an asset on the list and begin what can; return why it cannot run in the background, if so."""
        session, wanted = self._session, asset.spec.background
        state = facets.snapshot(session.folder)
        pending = _Pending(asset, session.journal.count, self._passed, state, wanted)
        self._known[asset.label] = pending
        for other in needed if wanted else ():
            other.wanted = True
        self.advance()
        if pending.work is not None and pending.work.stays:
            del self._known[asset.label]
            return pending.work.stays
        session.telling.say(asset.name, self.note(asset.name), session.is_quiet(asset))
        return ""

    def _footprint(self, asset: Asset) -> Footprint:
        """Return what a cell may touch, with the values that it reads."""
        session = self._session
        session.unread.before(session.look(asset))
        return Footprint.of(session.look(asset))

    def _needed_by(self, footprint: Footprint) -> list[_Pending]:
        """Return what waits and must come before a cell, with what must come before that, in order."""
        waiting = list(self._waiting())
        prints = {pending.asset.label: self._footprint(pending.asset) for pending in waiting}
        needed: list[_Pending] = []
        ahead = [footprint]
        for pending in reversed(waiting):
            own = prints[pending.asset.label]
            if any(own.meets(other) for other in ahead):
                needed.insert(0, pending)
                ahead.append(own)
        return needed

    def touches(self, asset: Asset) -> bool:
        """Tell whether a cell must wait for one that was put off."""
        return bool(self) and bool(self._needed_by(self._footprint(asset)))

    def before(self, asset: Asset) -> None:
        """Settle what must come before a cell that is about to run.

        Raises
        ------
        UsageError
            What the cell needs has failed.
        """
        if not self:
            return
        self.advance()
        while needed := self._needed_by(self._footprint(asset)):
            self._settle(needed, asset)
        self._passed += 1

    def finish(self) -> None:
        """Wait for what runs in the background, and take it over; note what nobody needed."""
        for pending in list(self._waiting()):
            if pending.wanted:
                self._bring([pending])
            else:
                note, asset = "nothing has read it (--lazy)", pending.asset
                self._session.records.append(Record(asset.name, "skipped", cell_id=asset.cell_id, note=note))

    def stop(self) -> None:
        """End what runs in the background."""
        for pending in self._known.values():
            if pending.work is not None:
                pending.work.stop()

    def _settle(self, needed: list[_Pending], reader: Asset) -> None:
        session = self._session
        waits = [p.asset.name for p in needed if p.work is not None and not p.work.is_done()]
        if waits:
            session.telling.say(reader.name, f"waits for {', '.join(waits)}", session.is_quiet(reader))
        failed = {record.name for record in self._bring(needed) if record.action in ("failed", "skipped")}
        lost = [one.asset for one in needed if one.asset.name in failed]
        reads = self._footprint(reader).reads if lost else frozenset()
        read = [asset.name for asset in lost if asset.cell.facts.writes & reads]
        if read:
            line = f"{', '.join(read)} failed, which this cell reads"
            raise UsageError(line, "", "see the traceback above")

    def _bring(self, pending: list[_Pending]) -> list[Record]:
        from .bring import bring

        engine = "local" if self._session.ahead is not None else ""
        names = [one.asset.name for one in pending]
        return list(bring(self._session, names, engine=engine, alone=True, keep_going=True))

    def before_effect(self, what: str) -> None:  # noqa: ARG002 - a gate is told what it lets past
        """Have workers compute what waits before the cell that runs changes a file, which it might read."""
        waiting = self.above(self._session.runs_now)
        if self._in_effect or not waiting:
            return
        self._in_effect = True
        try:
            self._compute(waiting)
        finally:
            self._in_effect = False

    def _compute(self, waiting: list[_Pending]) -> None:
        """Have workers compute what they can, and wait for them."""
        for pending in waiting:
            pending.wanted = True
        while self._begin(waiting) or any(one.is_running for one in waiting):
            for work in [one.work for one in waiting if one.work is not None]:
                work.wait()

    # While a command brings assets up to date

    def placed(self, names: Collection[str]) -> list[str]:
        """Return those that wait and cannot simply run now, in order, with the ones before them.

        They have begun elsewhere, or the process has changed since they were put off.
        """
        now = facets.snapshot(self._session.folder)
        waiting = [one for one in self._waiting() if one.asset.name in names]
        apart = [one.work is not None or bool(facets.changed(now, one.state)) for one in waiting]
        last = max((number for number, is_apart in enumerate(apart, 1) if is_apart), default=0)
        return [one.asset.name for one in waiting[:last]]

    def in_place(self, name: str, *, force: bool = False) -> Record:
        """Settle one of those in the process as it was at its place; see `placed`."""
        pending = next(found for found in self._waiting() if found.asset.name == name)
        with self._place(pending):
            if pending.work is not None and not force:
                record = pending.work.take(frozenset(pending.overtaken))
                pending.late = bool(record.stayed)
            else:
                self._abandon(pending)
                found = rerun(self._session, pending.asset, force=force, in_kernel=True)
                assert found is not None
                record = found
        if record.action == "failed":  # its process may be gone, and then no run is known
            self._known.pop(pending.asset.label, None)
        self.look_back()
        return record

    def _abandon(self, pending: _Pending) -> None:
        work, pending.work = pending.work, None
        if work is not None:
            work.stop()

    @contextmanager
    def _place(self, pending: _Pending) -> Iterator[None]:
        folder = self._session.folder
        now = facets.snapshot(folder)
        pending.moved = facets.changed(now, pending.state)
        facets.apply(facets.difference(now, pending.state))
        self._session.forget_digests()
        try:
            yield
        finally:
            done = facets.snapshot(folder)
            facets.apply(facets.difference(done, now))
            facets.apply(facets.difference(pending.state, done))  # its own changes
            self._session.forget_digests()

    def look_back(self) -> None:
        """Tell of what has run too late; forget what has run."""
        waiting = {pending.asset.label for pending in self._waiting()}
        for label in self._known.keys() - waiting:
            pending = self._known.pop(label)
            late = self._late(pending)
            if late:
                line = "was put off, but cells that ran before it may have had to see it run:"
                self._session.tell(pending.asset.name, f"{line} it {'; it '.join(late)}; run them again")

    def _late(self, pending: _Pending) -> list[str]:
        """Return what an asset has done that cells which were let past should have come after, or before."""
        ran = self._session.journal.runs[pending.asset.label]
        if self._passed == pending.passed or ran.failed:
            return []
        harmless = frozenset(facets.RANDOM) - pending.moved  # nobody has drawn since
        found = [f"changes {what}" for what in lasting(ran.trace) if what not in harmless]
        read = ran.trace.files.keys() & pending.overtaken if pending.late else ()
        return found + [f"reads {path}, which they have changed" for path in sorted(read)]

    def passed_by(self, label: str, written: Collection[str]) -> None:
        """Take note of the files that a cell has changed that was let past."""
        for pending in self.above(label) if written else ():
            pending.overtaken |= frozenset(written)

    # In the background

    def advance(self) -> None:
        """Begin what can begin in the background, and take over what is done."""
        waiting = list(self._waiting())
        for pending in waiting:
            if pending.work is not None and pending.work.is_done():
                self._bring([pending])
        self._begin(list(self._waiting()))

    def _begin(self, waiting: list[_Pending]) -> bool:
        """Give workers what is wanted, reads nothing that is still to be computed, and finds a free core."""
        free = (os.cpu_count() or 1) - sum(one.is_running for one in waiting)
        begun = False
        for number, pending in enumerate(waiting):
            if pending.wanted and pending.work is None and free > 0:
                begun |= self._begin_one(pending, waiting[:number])
                free -= pending.work is not None
        return begun

    def _begin_one(self, pending: _Pending, earlier: list[_Pending]) -> bool:
        own = self._footprint(pending.asset)
        met = [other for other in earlier if own.meets(self._footprint(other.asset))]
        if not all(other.work is not None and other.work.has_result for other in met):
            return False
        from .parallel import Background

        done = [other.work for other in earlier if other.work is not None and other.work.has_result]
        pending.work = Background(self._session, pending.asset, done)
        return True

    @property
    def is_busy(self) -> bool:
        """Whether something runs in the background, or is to."""
        return any(pending.wanted for pending in self._waiting())
