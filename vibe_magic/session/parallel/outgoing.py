"""What bodies are given: whatever can run at once, and what comes next to get ready meanwhile.

As many cells run as there are workers. What stands before and after them (a process, what the cell reads, its
result on its way into the store) is done by further bodies: one that is held gets ready while others run, and
runs its cell the moment it is told to.
"""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from vibe_magic.schedule import ReadyQueue
from vibe_magic.store import Store

from ..kernel import Session
from ..live import Live
from .crew import Crew
from .handout import Handout, Stays, needed_of
from .known import durations, earlier, modules
from .task import Phase, Rest, Task
from .turns import Turn, Turns, Wanted

__all__ = ["Outgoing"]

_SPARE = 8
"""How many bodies get ready, or have their results stored, beside those that run."""
_CORES = os.cpu_count() or 1
_READY_S = 0.05
"""How long others wait at most until a body is ready: it may wait itself, for who computes the same."""


class _Stage(enum.Enum):
    HELD = "held"
    AT_WORK = "at work"
    LEAVING = "leaving"


@dataclass
class _Body:
    """A body that has not ended.

    Parameters
    ----------
    turn : Turn
        Whose.
    task : Task
        What it was given.
    stage : _Stage
        Held until it is told to run, at work with its cell, or done with that.
    runs : int
        How many runs the kernel had seen when the task was made.
    lacks : bool
        Whether something that the cell needs had yet to be computed.
    ready : bool
        Whether it has loaded what it was given.
    since_s : float
        When it was ordered, by `time.monotonic`.
    """

    turn: Turn
    task: Task
    stage: _Stage
    runs: int
    lacks: bool
    ready: bool = False
    since_s: float = field(default_factory=time.monotonic)


class Outgoing:
    """Gives the cells of one run to bodies.

    Parameters
    ----------
    session : Session
        The kernel's.
    crew : Crew
        The workers.
    wanted : Wanted
        What to do.
    turns : Turns
        How far the cells are.
    scratch : Store
        Takes what is only handed over.

    Attributes
    ----------
    expected_s : dict of str to float
        How long cells took when they ran last.
    is_over : bool
        Whether nothing more is given out.
    """

    def __init__(self, session: Session, crew: Crew, wanted: Wanted, turns: Turns, scratch: Store) -> None:
        self._session, self._crew = session, crew
        self._wanted, self._turns, self._scratch = wanted, turns, scratch
        self._upstream = earlier(wanted)
        self.expected_s = durations(session, wanted)
        self.is_over = False
        self._queue = ReadyQueue(self._upstream, self.expected_s)
        for name in wanted.known:
            self._queue.done(name)
        self._handout = Handout(session, scratch, turns, self._upstream)
        self._given: dict[int, Turn] = {}
        self._bodies: dict[int, _Body] = {}
        self._waiting: dict[str, set[str]] = {}
        self._later: list[tuple[float, str]] = []
        self._unfit: set[str] = set()

    @property
    def is_busy(self) -> bool:
        """Whether something runs, or will without anything else that happens."""
        return bool(self._later) or any(body.turn.running for body in self._bodies.values())

    @property
    def due_s(self) -> Iterator[float]:
        """When something is to be tried once more, by `time.monotonic`."""
        yield from (due_s for due_s, _ in self._later)
        if self._is_crowded:
            yield min(body.since_s for body in self._unready()) + _READY_S

    def turn(self, token: int) -> Turn | None:
        """Return the turn that a body works for; None if nobody waits for that body any more."""
        turn = self._given.get(token)
        return turn if turn is not None and turn.token == token else None

    def has(self, token: int) -> bool:
        """Tell whether a body has not ended."""
        return token in self._bodies and self.turn(token) is not None

    def give(self) -> None:
        """Give out what can run, then something of what can run next."""
        now_s = time.monotonic()
        for due in [item for item in self._later if item[0] <= now_s]:
            self._later.remove(due)
            self._queue.put_back(due[1])
        while not self.is_over and self._is_room() and not self._is_crowded:
            name = self._queue.take()
            if name is None:
                break
            self._start(self._turns[name])
        if self._may_hold():
            any(map(self._hold, self._next()))

    def finish(self, name: str) -> None:
        """Note that a cell is done; what has waited for it can run."""
        self._queue.done(name)
        for other, needs in list(self._waiting.items()):
            needs.discard(name)
            if not needs:
                del self._waiting[other]
                self._queue.put_back(other)

    def drop(self, name: str) -> Iterator[Turn]:
        """Give a cell up; yield those that need it, and are lost as well."""
        for lost in self._queue.drop(name):
            self._recall(*(body for body in self._at(_Stage.HELD) if body.turn.asset.name == lost))
            yield self._turns[lost]

    def retry(self, turn: Turn, wait_s: float = 0.0) -> None:
        """Give a cell out once more, after some time."""
        self._later.append((time.monotonic() + wait_s, turn.asset.name))

    def is_retried(self, turn: Turn) -> bool:
        """Tell whether a cell is to be given out once more."""
        return any(name == turn.asset.name for _, name in self._later)

    def stop(self) -> None:
        """End whatever still runs or waits."""
        self._handout.close()
        if any(body.stage is _Stage.HELD or not body.turn.settled for body in self._bodies.values()):
            self._crew.stop()

    # What bodies tell

    def heard(self, token: int, phase: Phase) -> None:
        """Note how far a body is."""
        body = self._bodies.get(token)
        if body is None:
            return
        if phase is Phase.READY:
            body.ready = True
        elif phase is Phase.COMPUTED:
            leaving = {other.turn.asset.name for other in (body, *self._at(_Stage.LEAVING))}
            if not self._queue.precedes(leaving):  # what comes at once after these is to have its place
                body.stage = _Stage.LEAVING

    def replied(self, turn: Turn) -> None:
        """Note that a body has said all: its worker has only the end of a process to wait for."""
        if turn.token in self._bodies:
            self._bodies[turn.token].stage = _Stage.LEAVING

    def is_held(self, token: int) -> bool:
        """Tell whether a body has not been told to run."""
        return token in self._bodies and self._bodies[token].stage is _Stage.HELD

    def ended(self, token: int) -> None:
        """Note that a body has ended; one that was held has not been tried, and is not held again."""
        body = self._bodies.pop(token, None)
        turn = self.turn(token)
        if turn is not None:
            turn.running, turn.ask = False, None
        if body is not None and body.stage is _Stage.HELD:
            self._unfit.add(body.turn.asset.name)

    def take_back(self) -> list[Turn]:
        """Forget all bodies, which have been ended; return the turns that these had in work."""
        turns = [body.turn for body in self._bodies.values() if body.turn.running]
        for turn in turns:
            turn.running, turn.token, turn.ask = False, 0, None
        self._bodies.clear()
        self._given.clear()
        return turns

    # Giving out

    def _start(self, turn: Turn) -> None:
        """Hand a cell to a body, unless it stays, or needs what a cell before it may still bind."""
        at_work = any(body.turn is turn for body in self._at(_Stage.AT_WORK))
        if at_work or turn.settled or not self._turns.comes(turn.asset.name):
            return
        live = self._session.look(turn.asset)
        unknown = self._unknown(turn, live)
        if unknown:
            self._waiting[turn.asset.name] = unknown
            return
        ready = [body for body in self._at(_Stage.HELD) if body.turn is turn]
        try:
            if not any(self._released(body, live) for body in ready):
                task = self._given_out(turn, live, _Stage.AT_WORK)
                self._crew.run(task, modules(live), turn.asset.spec.timeout_s)
        except Stays as reason:
            turn.stays = str(reason)
            self._recall(*ready)
            return
        turn.running, turn.attempts, turn.shown, turn.granted = True, turn.attempts + 1, False, False
        self._session.events.emit("started", turn.asset.name)

    def _given_out(self, turn: Turn, live: Live, stage: _Stage) -> Task:
        """Return a task for a new body of a turn."""
        task = self._task(turn, live, self._crew.token(), held=stage is _Stage.HELD)
        turn.token = task.token
        turn.apart = task.settings.cache_dir == self._scratch.root
        self._given[task.token] = turn
        lacks = any(self._turns[need].reply is None for need in self._upstream[turn.asset.name])
        self._bodies[task.token] = _Body(turn, task, stage, self._session.journal.count, lacks)
        return task

    def _task(self, turn: Turn, live: Live, token: int, *, held: bool = False) -> Task:
        forced = turn.asset.name in self._wanted.forced
        return self._handout.task(turn, live, token, forced=forced, abroad=self._crew.abroad, held=held)

    def _unknown(self, turn: Turn, live: Live) -> set[str]:
        """Return the cells before an asset that are not done and bind what its functions turn out to need."""
        needed = needed_of(live)
        return {
            other.asset.name
            for other in self._turns.before(turn.asset.name)
            if (other.reply is None or other.stays) and needed & other.asset.cell.facts.writes
        }

    # Holding

    def _may_hold(self) -> bool:
        """Tell whether a body can get ready: one at a time, and when all others are."""
        if self.is_over or not self._crew.is_near or self._crew.workers.n_jobs == 1:
            return False
        is_calm = all(body.ready for body in self._bodies.values() if body.stage is not _Stage.LEAVING)
        return is_calm and len(self._at(_Stage.HELD)) < self._spare and len(self._bodies) < self._most

    def _next(self) -> Iterator[Turn]:
        """Yield what comes next and is not held yet, the longest way ahead first."""
        held = {body.turn.asset.name for body in self._at(_Stage.HELD)}
        running = {body.turn.asset.name for body in self._bodies.values()} - held
        for name in self._queue.next_in_line(running, self._crew.workers.n_jobs):
            if name not in held | self._unfit:
                yield self._turns[name]

    def _hold(self, turn: Turn) -> bool:
        """Have a body get ready for a cell; False if that cannot be done ahead."""
        live = self._session.look(turn.asset)
        unknown = map(self._turns.__getitem__, self._unknown(turn, live))
        fits = not (turn.settled or turn.running) and self._turns.comes(turn.asset.name)
        if fits and all(other.running for other in unknown):
            with suppress(Stays):  # what it needs may be there when its turn has come
                task = self._given_out(turn, live, _Stage.HELD)
                if self._crew.hold(task, modules(live)):
                    return True
                self._recall(self._bodies[task.token])
        self._unfit.add(turn.asset.name)
        return False

    def _released(self, body: _Body, live: Live) -> bool:
        """Let a body run that was held, unless it was given something else than what is there now."""
        rest: Rest | None = Rest()
        if body.lacks or self._session.journal.count != body.runs:
            rest = self._task(body.turn, live, body.task.token).rest_after(body.task)
        if rest is None or not self._crew.is_near:
            self._recall(body)
            return False
        body.stage = _Stage.AT_WORK
        self._crew.release(body.task.token, body.turn.asset.spec.timeout_s, rest)
        return True

    def _recall(self, *bodies: _Body) -> None:
        """Let go of bodies that are held."""
        for body in bodies:
            body.turn.token = 0
            del self._given[body.task.token], self._bodies[body.task.token]
            self._crew.forget(body.task.token)

    @property
    def _spare(self) -> int:
        return min(self._crew.workers.n_jobs, _SPARE)

    @property
    def _most(self) -> int:
        return self._crew.workers.n_jobs + self._spare

    def _is_room(self) -> bool:
        """Tell whether one more cell may run; results on their way into the store do not pile up either."""
        at_work, leaving = len(self._at(_Stage.AT_WORK)), len(self._at(_Stage.LEAVING))
        return at_work < self._crew.workers.n_jobs and at_work + leaving < self._most

    @property
    def _is_crowded(self) -> bool:
        """Tell whether all cores are at getting bodies ready: one more would make each of them late."""
        return len(self._unready()) >= _CORES

    def _unready(self) -> list[_Body]:
        """Return the bodies that run here and are not ready, unless that takes long."""
        limit_s = time.monotonic() - _READY_S
        unready = (body for body in self._at(_Stage.AT_WORK) if not body.ready and body.since_s > limit_s)
        return [body for body in unready if self._crew.runs(body.task.token)]

    def _at(self, stage: _Stage) -> list[_Body]:
        return [body for body in self._bodies.values() if body.stage is stage]
