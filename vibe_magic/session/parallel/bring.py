"""Bring assets up to date: whatever can run runs, what is done is taken over in order."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from vibe_magic.capture import mime_types
from vibe_magic.errors import Unpicklable
from vibe_magic.execute import in_force
from vibe_magic.graph import Graph
from vibe_magic.observe import facets, irreversible
from vibe_magic.schedule import Ended, ReadyQueue
from vibe_magic.store import Entry, Store
from vibe_magic.trace import Cause

from ..asset import Asset
from ..kernel import Session
from ..live import Live
from ..records import Record
from ..upstream import rerun
from .adopt import adopt
from .crew import Crew
from .inputs import Inputs, needed_names
from .task import Given, Heard, Reply, Task

__all__ = ["Bringing", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """What is to be brought up to date, and how.

    Parameters
    ----------
    assets : tuple of Asset
        In order; those that are fresh are left out.
    graph : Graph
        Of all assets.
    forced : collection of str
        These run even if a result stands.
    keep_going : bool
        Whether the others go on after a failure.
    """

    assets: tuple[Asset, ...]
    graph: Graph
    forced: Collection[str] = ()
    keep_going: bool = False


@dataclass
class _Turn:
    """How far an asset is.

    Parameters
    ----------
    asset : Asset
        Which one.
    token : int
        Of the task that a body has, or had.
    reply : Reply or None
        What the body said.
    stays : str
        Why it runs in the kernel, if so.
    attempts : int
        How often it has been tried.
    """

    asset: Asset
    token: int = 0
    reply: Reply | None = None
    stays: str = ""
    attempts: int = 0

    @property
    def settled(self) -> bool:
        """Whether its turn can come."""
        return self.reply is not None or bool(self.stays)


class Bringing:
    """One run over some assets.

    Parameters
    ----------
    session : Session
        The kernel's.
    crew : Crew
        The workers.
    wanted : Wanted
        What to do.
    """

    def __init__(self, session: Session, crew: Crew, wanted: Wanted) -> None:
        names = [asset.name for asset in wanted.assets]
        chosen = set(names)
        upstream = {name: chosen & set(wanted.graph.upstream[name]) for name in names}
        self.session = session
        self.crew = crew
        self.wanted = wanted
        self.turns = {asset.name: _Turn(asset) for asset in wanted.assets}
        self.scratch = Store(crew.folder, secret=session.secret)
        self._queue = ReadyQueue(upstream, _durations(session, wanted.assets))
        self._upstream = upstream
        self._inputs = Inputs(session, self.scratch)
        self._waiting = list(names)
        self._by_token: dict[int, _Turn] = {}
        self._lost: dict[str, str] = {}
        self._broken = False

    def records(self) -> Iterator[Record]:
        """Run everything; yield what became of each asset, in order."""
        while self._waiting:
            self._submit()
            turn = self.turns[self._waiting[0]]
            if turn.asset.name in self._lost or turn.settled or self._stopped(turn):
                self._waiting.pop(0)
                yield self._taken(turn)
            else:
                self._hear(self.crew.next())

    # Giving out

    def _submit(self) -> None:
        while not self._broken and self.crew.workers.busy < self.crew.workers.n_jobs:
            name = self._queue.take()
            if name is None:
                return
            turn = self.turns[name]
            turn.stays = turn.stays or self._give(turn)

    def _give(self, turn: _Turn) -> str:
        """Hand an asset to a body; return why it has to stay, if it does."""
        session, asset = self.session, turn.asset
        live = session.look(asset)
        reason = reason_to_stay(session, asset, live)
        if reason:
            return reason
        turn.token = self.crew.token()
        turn.attempts += 1
        try:
            task = self._task(turn, live)
        except Unpicklable as error:
            return f"{error.name} cannot be handed to a worker: {error.type_name} ({error.reason})"
        except OSError as error:
            return f"its inputs cannot be written ({error.strerror or error})"
        self._by_token[turn.token] = turn
        self.crew.submit(task, _modules(live), None)
        return ""

    def _task(self, turn: _Turn, live: Live) -> Task:
        session, asset = self.session, turn.asset
        spec = asset.spec
        apart = spec.no_cache or session.ttl_s(spec) == 0 or not session.settings.store
        settings = session.settings
        if apart:
            settings = replace(settings, cache_dir=self.scratch.root, store=True)
            spec = replace(spec, no_cache=False, ttl_s=None)
        return Task(
            token=turn.token,
            name=asset.name,
            spec=spec,
            source=asset.cell.source,
            python=asset.cell.python,
            cell_id=asset.cell_id,
            folder=session.folder,
            settings=settings,
            secret=session.secret,
            force=apart or spec.force or asset.name in self.wanted.forced,
            given=self._given(asset, live),
            state=facets.snapshot(session.folder),
            seeded=session.seeded,
            formats=mime_types(session.shell),
            shell=type(session.shell).__name__,
            colors=session.shell.colors,
            count=session.shell.execution_count,
        )

    def _given(self, asset: Asset, live: Live) -> tuple[Given, ...]:
        """Return where a body finds what an asset reads: kernel values first, then what is not taken over."""
        session = self.session
        pending = self._pending(asset.name)
        entries = {name: self._entry(name) for name in pending}
        looks = [live, *(session.look(self.turns[name].asset) for name in pending)]
        needed = frozenset[str]().union(
            asset.cell.facts.reads,
            *(needed_names(look.reach) for look in looks),
            needed_names(live.reach, [e for e in entries.values() if e is not None]),
        )
        made = {n for name in pending for n in self.turns[name].asset.cell.facts.writes}
        merged = {ref: identity for look in looks for ref, identity in look.reach.inputs.items()}
        given = self._inputs.given(needed - made, replace(live.reach, inputs=merged))
        return (*given, *(self._from(name, entries[name], needed) for name in pending))

    def _pending(self, name: str) -> list[str]:
        """Return the assets that another needs and that are done but not taken over, in order."""
        waiting = set(self._waiting)
        found: set[str] = set()
        ahead = [name]
        while ahead:
            for need in self._upstream[ahead.pop()]:
                if need in waiting and need not in found:
                    found.add(need)
                    ahead.append(need)
        return [other for other in self._waiting if other in found]

    def _entry(self, name: str) -> Entry | None:
        reply = self.turns[name].reply
        return None if reply is None else self.session.store.at(reply.path)

    def _from(self, name: str, entry: Entry | None, needed: frozenset[str]) -> Given:
        if entry is None:
            raise OSError(f"the result of {name} is gone")
        cell = self.turns[name].asset.cell
        names = tuple(n for n in entry.names if n in needed)
        return Given(str(entry.path), names, cell.source, cell.python)

    # Hearing

    def _hear(self, item: object) -> None:
        if isinstance(item, Heard) and isinstance(item.what, Reply):
            turn = self._by_token.get(item.token)
            if turn is not None and turn.token == item.token:
                self._settle(turn, item.what)
        elif isinstance(item, Ended):
            self._ended(item)

    def _settle(self, turn: _Turn, reply: Reply) -> None:
        if reply.action == "refused":
            turn.stays = reply.reason
            return
        turn.reply = reply
        if reply.action == "failed":
            self._fail()
        else:
            self._queue.done(turn.asset.name)

    def _fail(self) -> None:
        """Give out nothing more, unless the others are to go on."""
        self._broken = self._broken or not self.wanted.keep_going

    def _ended(self, ended: Ended) -> None:
        turn = self._by_token.pop(int(str(ended.token)), None)
        if turn is None or turn.settled:
            return
        said = getattr(ended.value, "messages", ())
        replies = [message.what for message in said if isinstance(message.what, Reply)]
        if replies:
            self._settle(turn, replies[0])
        elif getattr(ended.value, "status", 1) == 0:
            self._by_token[turn.token] = turn  # its last words are still on their way
        else:
            turn.reply = Reply("died", reason=_death(ended))
            self._fail()

    # Taking over

    def _stopped(self, turn: _Turn) -> bool:
        """Tell whether an asset will not run any more, since another has failed."""
        return self._broken and not turn.token

    def _taken(self, turn: _Turn) -> Record:
        record = self._result(turn)
        name = turn.asset.name
        if record.action in ("failed", "skipped"):
            self._fail()
            for lost in self._queue.drop(name):
                self._lost.setdefault(lost, name)
        elif turn.reply is None or turn.reply.action not in ("ran", "restored"):
            self._queue.done(name)
        return record

    def _result(self, turn: _Turn) -> Record:
        session, asset = self.session, turn.asset
        if asset.name in self._lost or (self._stopped(turn) and not turn.settled):
            cause = Cause("upstream", self._lost.get(asset.name, ""))
            skipped = Record(asset.name, "skipped", (cause,), cell_id=asset.cell_id)
            session.records.append(skipped)
            return skipped
        reply = turn.reply
        if reply is not None and reply.action == "died":
            return self._dead(turn, reply)
        if reply is not None:
            record = adopt(session, asset, reply, self._home(reply))
            if record is not None:
                return record
        done = rerun(session, asset, force=asset.name in self.wanted.forced)
        assert done is not None
        if turn.stays:
            done = replace(done, note=done.note or f"ran in the kernel: {turn.stays}")
        return done

    def _home(self, reply: Reply) -> Store | None:
        inside = os.path.realpath(reply.path).startswith(os.path.realpath(self.scratch.root) + os.sep)
        return self.scratch if inside else None

    def _dead(self, turn: _Turn, reply: Reply) -> Record:
        session, asset = self.session, turn.asset
        record = Record(asset.name, "failed", cell_id=asset.cell_id, note=reply.reason)
        session.telling.notify(asset.name, reply.reason)
        session.records.append(record)
        return record


def reason_to_stay(session: Session, asset: Asset, live: Live) -> str:
    """Return why an asset has to run in the kernel; nothing if it may leave it."""
    if asset.function is not None:
        return "it is a function"
    blockers = live.blockers()
    if blockers:
        return "; ".join(map(str, blockers))
    if session.patches:
        return f"the notebook has changed {', '.join(sorted(session.patches))}"
    changed = irreversible(session.at_start, in_force(session.shell), imported=True)
    changed = tuple(what for what in changed if what != "an open figure")
    if changed:
        return f"the notebook has changed {', '.join(changed)}"
    return ""


def _durations(session: Session, assets: Sequence[Asset]) -> dict[str, float]:
    """Return how long assets took when they ran last, as far as that is known."""
    found = {}
    for asset in assets:
        entries = session.store.entries(asset.name)
        if entries:
            found[asset.name] = entries[0].duration_s
    return found


def _modules(live: Live) -> tuple[str, ...]:
    """Return the packages that an asset reaches; bodies find them imported."""
    tops = {ref.partition(":")[0].partition(".")[0] for ref in live.reach.inputs if ":" in ref}
    return tuple(sorted(tops))


def _death(ended: Ended) -> str:
    status = getattr(ended.value, "status", None)
    if ended.error is not None:
        return f"its worker was lost ({type(ended.error).__name__})"
    if status is None:
        return "took longer than its --timeout"
    if status == -9:
        return "its process was killed (SIGKILL), as the system does when memory runs out"
    return (
        f"its process was killed by signal {-status}" if status < 0 else f"its process exited with {status}"
    )
