"""The workers of one kernel, kept from one run to the next."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import socket
import tempfile
import threading
import time
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

from vibe_magic.execute import in_force
from vibe_magic.schedule import (
    Call,
    Channel,
    Ended,
    Nursery,
    Order,
    Workers,
    greet,
    hang_up,
    nursery_of_this_process,
    remove_own,
    send,
    supervise,
)

from ..kernel import Session
from .task import Heard, Phase, Rest, Task

__all__ = ["Crew", "begin_nursery", "employ"]

_ATTEND_S = 0.25
"""After which a worker waits for a body that has not said it is ready; before, both would want the cores."""
_BODY = "vibe_magic.session.parallel.worker:body"
PRELOAD = "vibe_magic.session.parallel.worker:prepare"


def employ(session: Session, n_jobs: int | None, engine: str, selected: object = None) -> Crew:
    """Return new workers; what their backend changes of this process is no doing of the notebook."""
    before = in_force(session.shell)
    crew = Crew(n_jobs, engine, selected)
    after, known = in_force(session.shell), session.at_start
    known.update({name: value for name, value in after.items() if known.get(name) == before.get(name)})
    return crew


def begin_nursery() -> None:
    """Start the process that bodies are forked from, for as many workers as there are cores."""
    nursery_of_this_process(PRELOAD, 1)


class Crew:
    """Workers, the process that their bodies are forked from, and the channel on which these are heard.

    Parameters
    ----------
    n_jobs : int or None
        How many, as joblib counts.
    engine : str
        The name of a joblib backend; empty for the one that is selected.
    selected : object, optional
        The backend that `joblib.parallel_config` selects around the call.

    Attributes
    ----------
    is_near : bool or None
        Whether workers are where the bodies that this process begins can be seen; None until one has said so.
    abroad : bool
        Whether a body has been found that does not see the kernel's directories.
    """

    def __init__(self, n_jobs: int | None, engine: str, selected: object = None) -> None:
        self.plan = (n_jobs, engine, selected)
        self.workers = Workers(n_jobs, engine)
        self.threads = max(1, (os.cpu_count() or 1) // self.workers.n_jobs)
        self.nursery: Nursery = nursery_of_this_process(PRELOAD, self.threads)
        self._begun: dict[int, socket.socket] = {}
        self._bodies: dict[int, socket.socket] = {}
        self._unsaid: dict[int, object] = {}
        self._rests: dict[int, Rest] = {}
        self._unattended: dict[int, float] = {}
        self._lock = threading.Lock()
        self.channel = Channel(self._hear)
        self.folder = Path(tempfile.mkdtemp(prefix="vibe_magic_"))
        self.is_near: bool | None = None
        self.abroad = False
        self._tokens = itertools.count(1)
        self._finalizer = weakref.finalize(self, remove_own, self.folder, os.getpid())

    def token(self) -> int:
        """Return a number for the next task."""
        return next(self._tokens)

    def prepare(self) -> None:
        """Have workers start before they are needed, and say where they are."""
        self.workers.begin(greet, self.channel.address, Heard(0, Phase.TAKEN))

    def hold(self, task: Task, modules: tuple[str, ...]) -> bool:
        """Have a body begin that waits for its `Rest`; False if that cannot be done here."""
        return self._begin(replace(task, held=True), modules, has_time=True)

    def run(self, task: Task, modules: tuple[str, ...], timeout_s: float | None) -> None:
        """Have a body run a task: one that begins here if a worker can wait for it, else the worker's own."""
        waits = self._waits(timeout_s)
        begun = self._begin(replace(task, held=waits), modules)
        if begun and waits:
            self.release(task.token, timeout_s, Rest())
        elif begun:
            self._unattended[task.token] = time.monotonic()
        else:
            self._submit(self._order(task, modules), timeout_s)

    def release(self, token: int, timeout_s: float | None, rest: Rest) -> None:
        """Let a body run that is held: at once, or when a worker waits for it and keeps its time."""
        if self._waits(timeout_s):
            self._rests[token] = rest
            self._attend(token, timeout_s, Heard(token, Phase.TAKEN))
        else:
            self.say(token, rest)
            self._unattended[token] = time.monotonic()

    def next(self, timeout_s: float | None = None) -> Any:
        """Return what is heard or ended next; None if nothing is in time, or has been for a while."""
        if self._unattended:
            timeout_s = _ATTEND_S if timeout_s is None else min(timeout_s, _ATTEND_S)
        item = self.workers.next(timeout_s)
        if isinstance(item, Ended):
            token, is_far = int(str(item.token)), getattr(item.value, "is_far", False)
            if is_far:
                self.is_near = False
            if token in self._rests or not is_far:  # else it runs, and nobody waits for it
                self.forget(token)
        self._attend_due(item)
        return item

    def runs(self, token: int) -> bool:
        """Tell whether a body that has begun here has not been forgotten."""
        return token in self._begun

    def forget(self, token: int) -> None:
        """End a body, if it has not ended."""
        with self._lock:
            for known in (self._bodies, self._unsaid, self._rests):
                known.pop(token, None)
            sock = self._begun.pop(token, None)
        self._unattended.pop(token, None)
        if sock is not None:
            hang_up(sock)

    def say(self, token: int, message: object) -> None:
        """Say something to a body, as soon as it has begun: what it has asked, or what it has waited for."""
        with self._lock, contextlib.suppress(OSError):  # it has ended meanwhile
            if token in self._bodies:
                send(self._bodies[token], message)
            else:
                self._unsaid[token] = message

    def lose(self, token: int) -> None:
        """Wait no longer for a worker that has ended without a word."""
        self.workers.forget(token)
        self.forget(token)

    def _waits(self, timeout_s: float | None) -> bool:
        """Tell whether a body must not run before a worker says that it waits for it."""
        return timeout_s is not None or not self.is_near

    def _begin(self, task: Task, modules: tuple[str, ...], *, has_time: bool = False) -> bool:
        """Have a body begin; False if that is for a worker to do."""
        if self.is_near is False:
            return False
        self.nursery = nursery_of_this_process(PRELOAD, self.threads)
        with contextlib.suppress(OSError):
            order = replace(self._order(task, modules), has_time=has_time)
            self._begun[task.token] = self.nursery.order(order)
        return task.token in self._begun

    def _attend_due(self, item: object) -> None:
        """Have workers wait for bodies that have got ready, or should have."""
        heard = item.token if isinstance(item, Heard) and item.what in (Phase.READY, Phase.GONE) else None
        due_s = time.monotonic() - _ATTEND_S
        for token, since_s in list(self._unattended.items()):
            if token == heard or since_s <= due_s:
                self._attend(token)

    def _attend(self, token: int, timeout_s: float | None = None, greeting: object = None) -> None:
        """Have a worker wait for a body."""
        self._unattended.pop(token, None)
        order = Order("", b"", self.channel.address, (), token)  # tells which one is meant
        self._submit(order, timeout_s, begun=True, greeting=greeting)

    def _submit(
        self, order: Order, timeout_s: float | None, *, begun: bool = False, greeting: object = None
    ) -> None:
        limits = (self.threads, os.getpid(), timeout_s)
        call = Call(order, self.nursery.address, PRELOAD, *limits, begun, greeting)
        self.workers.submit(order.token, supervise, call)

    def _order(self, task: Task, modules: tuple[str, ...]) -> Order:
        return Order(_BODY, pickle.dumps(task), self.channel.address, modules, task.token)

    def _hear(self, message: Heard | None, sock: socket.socket) -> None:
        if message is None:
            with self._lock:
                gone = [token for token, known in self._bodies.items() if known is sock]
                for token in gone:
                    del self._bodies[token]
            for token in gone:
                self.workers.put(Heard(token, Phase.GONE))
        elif message.what is Phase.TAKEN:
            self._taken(message.token)
        else:
            with self._lock, contextlib.suppress(OSError):
                self._bodies[message.token] = sock
                if message.token in self._unsaid:
                    send(sock, self._unsaid.pop(message.token))
            self.workers.put(message)

    def _taken(self, token: int) -> None:
        """Let a body run that a worker waits for."""
        if self.is_near is None:
            self.is_near = True
        with self._lock:
            rest = self._rests.pop(token, None)
        if rest is not None:
            self.say(token, rest)

    def reopen(self) -> None:
        """Replace workers that are broken."""
        self.workers.reopen()

    def stop(self) -> None:
        """End all bodies that run; workers find out by themselves."""
        self.nursery.clear(self.channel.address)
        for token in list(self._begun):
            self.forget(token)

    def close(self) -> None:
        """Let everybody go."""
        for token in list(self._begun):
            self.forget(token)
        self.workers.close()
        self.channel.close()
        self._finalizer()
