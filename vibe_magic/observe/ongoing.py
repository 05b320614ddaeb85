"""Threads, asyncio tasks and callbacks that a run has started and that go on after it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .effects import is_own

if TYPE_CHECKING:
    import asyncio

__all__ = ["Ongoing"]


class Ongoing:
    """What goes on when this is made, so that what was started afterwards can be told."""

    def __init__(self) -> None:
        self._threads = _threads()
        self._tasks = frozenset(map(id, (*_tasks(), *_timers())))

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Do not count threads that are started meanwhile."""
        before = _threads()
        yield
        self._threads |= _threads() - before

    def since(self) -> tuple[str, ...]:
        """Return the names of what was started since."""
        threads = [
            thread.name
            for thread in threading.enumerate()
            if id(thread) not in self._threads and not _is_plumbing(thread)
        ]
        tasks = [
            task.get_name() for task in _tasks() if id(task) not in self._tasks and not _is_kernel_task(task)
        ]
        timers = ["a callback of the event loop" for timer in _timers() if id(timer) not in self._tasks]
        return (*threads, *tasks, *timers[:1])


def _threads() -> frozenset[int]:
    return frozenset(map(id, threading.enumerate()))


def _tasks() -> list[asyncio.Task[Any]]:
    """Return the tasks of the loop that runs in this thread, if one does."""
    module = sys.modules.get("asyncio")
    if module is None:
        return []
    try:
        return [task for task in module.all_tasks() if not task.done()]
    except RuntimeError:
        return []


def _timers() -> list[Any]:
    """Return the callbacks of the notebook that wait in the loop of this thread, if one runs."""
    module = sys.modules.get("asyncio")
    try:
        loop = None if module is None else module.get_running_loop()
    except RuntimeError:
        return []
    waiting = (*getattr(loop, "_ready", ()), *getattr(loop, "_scheduled", ()))
    return [one for one in waiting if not one.cancelled() and is_own(one._callback)]


def _is_kernel_task(task: asyncio.Task[Any]) -> bool:
    """Tell the tasks of the kernel and of its event loop from those of a cell."""
    code = getattr(task.get_coro(), "cr_code", None)
    path = getattr(code, "co_filename", "")
    return any(f"{os.sep}{name}{os.sep}" in path for name in ("ipykernel", "tornado", "zmq"))


def _is_plumbing(thread: threading.Thread) -> bool:
    """Tell threads that a library keeps for itself from those that do a cell's work.

    These are the debugger's, the progress bars' monitor, and threads of a pool that wait for work: one that
    looks after processes waits for their results in the same way, but then it knows of pending work.
    """
    if getattr(thread, "pydev_do_not_trace", False) or type(thread).__module__.startswith("tqdm"):
        return True
    if thread.name.startswith("vibe_magic"):
        return True
    if getattr(thread, "pending_work_items", None):
        return False
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_filename in _WAITING:
        frame = frame.f_back
    path = frame.f_code.co_filename if frame is not None else ""
    return any(part in path for part in _POOLS)


_WAITING = frozenset(
    os.path.join(os.path.dirname(threading.__file__), name)
    for name in ("threading.py", "queue.py", "selectors.py")
)
_POOLS = tuple(
    os.path.join("", *parts, "")
    for parts in (("concurrent", "futures"), ("multiprocessing",), ("externals", "loky"))
)
