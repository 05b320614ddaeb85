"""The workers of one kernel, kept from one run to the next."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import socket
import tempfile
import weakref
from pathlib import Path
from typing import Any

from vibe_magic.schedule import (
    Call,
    Channel,
    Ended,
    Nursery,
    Order,
    Workers,
    nursery_of_this_process,
    remove_own,
    send,
    supervise,
)

from .task import Heard, Phase, Task

__all__ = ["Crew", "begin_nursery"]

_BODY = "vibe_magic.session.parallel.worker:body"
PRELOAD = "vibe_magic.session.parallel.worker:prepare"


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
    abroad : bool
        Whether a body has been found that does not see the kernel's directories.
    """

    def __init__(self, n_jobs: int | None, engine: str, selected: object = None) -> None:
        self.plan = (n_jobs, engine, selected)
        self.workers = Workers(n_jobs, engine)
        self.threads = max(1, (os.cpu_count() or 1) // self.workers.n_jobs)
        self.nursery: Nursery = nursery_of_this_process(PRELOAD, self.threads)
        self._bodies: dict[int, socket.socket] = {}
        self.channel = Channel(self._hear)
        self.folder = Path(tempfile.mkdtemp(prefix="vibe_magic_"))
        self.abroad = False
        self._tokens = itertools.count(1)
        self._finalizer = weakref.finalize(self, remove_own, self.folder, os.getpid())

    def token(self) -> int:
        """Return a number for the next task."""
        return next(self._tokens)

    def submit(self, task: Task, modules: tuple[str, ...], timeout_s: float | None) -> None:
        """Have a body run a task."""
        self.nursery = nursery_of_this_process(PRELOAD, self.threads)
        order = Order(_BODY, pickle.dumps(task), self.channel.address, modules)
        call = Call(order, self.nursery.address, PRELOAD, self.threads, os.getpid(), timeout_s)
        self.workers.submit(task.token, supervise, call)

    def next(self, timeout_s: float | None = None) -> Any:
        """Return what is heard or ended next; None if nothing is in time."""
        item = self.workers.next(timeout_s)
        if isinstance(item, Ended):
            self._bodies.pop(int(str(item.token)), None)
        return item

    def answer(self, token: int, granted: bool) -> None:
        """Let a body that has asked go on, or give up."""
        with contextlib.suppress(OSError, KeyError):  # it has ended meanwhile
            send(self._bodies[token], granted)

    def lose(self, token: int) -> None:
        """Wait no longer for a worker that has ended without a word."""
        self.workers.forget(token)

    def _hear(self, message: Heard | None, sock: socket.socket) -> None:
        if message is not None:
            self._bodies[message.token] = sock
            self.workers.put(message)
            return
        for token in [token for token, known in self._bodies.items() if known is sock]:
            self.workers.put(Heard(token, Phase.GONE))

    def reopen(self) -> None:
        """Replace workers that are broken."""
        self.workers.reopen()

    def stop(self) -> None:
        """End all bodies that run; workers find out by themselves."""
        self.nursery.clear(self.channel.address)

    def close(self) -> None:
        """Let everybody go."""
        self.workers.close()
        self.channel.close()
        self._finalizer()
