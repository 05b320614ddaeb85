"""Workers of any of joblib's parallel backends, given one call after another.

`joblib.Parallel` resolves the backend and owns it, so that names, registered backends and
`joblib.parallel_config` mean what they mean everywhere. It then only lends it: its own loop takes no calls
that depend on results of earlier ones.
"""

from __future__ import annotations

import importlib
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from vibe_magic.errors import UsageError

from .supervise import end_with

__all__ = ["Ended", "Workers"]

_CLOSE_LIMIT_S = 2.0
"""A pool of processes one of which was killed may wait for ever for a lock that it had."""
_POLL_S = 0.005

_pending: weakref.WeakSet[Any] = weakref.WeakSet()
"""Calls that pools still have which joblib keeps for the next time, whoever has let go of them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one call.

    Parameters
    ----------
    token : hashable
        What the call was submitted as.
    value : object
        What it returned.
    error : BaseException or None
        What it raised, or what became of its worker.
    """

    token: Hashable
    value: Any = None
    error: BaseException | None = None


class Workers:
    """A pool of workers; the ends of calls, and whatever else is put, come out of one queue.

    Parameters
    ----------
    n_jobs : int or None
        How many, as joblib counts: negative numbers count down from all cores; None as configured.
    engine : str
        The name of a backend; empty for the one that `joblib.parallel_config` selects, else loky.

    Raises
    ------
    UsageError
        There is no such backend, or it cannot be had.
    """

    def __init__(self, n_jobs: int | None = None, engine: str = "") -> None:
        self.engine = engine
        self._asked = n_jobs
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting: set[Hashable] = set()
        self._parallel: Any = None
        self.n_jobs = 1
        self._open()

    @property
    def busy(self) -> int:
        """How many calls have been submitted that have not ended."""
        return len(self._waiting)

    def submit(self, token: Hashable, function: Callable[..., Any], *args: Any) -> None:
        """Have a worker call a function; its end comes out of `next`."""
        from joblib.parallel import BatchedCalls

        self._waiting.add(token)
        if self._parallel is None:
            self._ended.put(Ended(token, error=RuntimeError("there are no workers")))
            return
        backend = self._parallel._backend
        call = BatchedCalls([(function, args, {})], backend.get_nested_backend())
        if self.n_jobs == 1:
            self._ended.put(_outcome(token, lambda: call()[0]))
            return
        try:
            job = backend.submit(call, self._ender(token))
        except Exception as error:  # noqa: BLE001 - a pool that is broken says so in many ways
            self._ended.put(Ended(token, error=error))
            return
        if hasattr(job, "add_done_callback"):
            _pending.add(job)
            job.add_done_callback(_pending.discard)
            job.add_done_callback(self._failure(token))

    def begin(self, function: Callable[..., Any], *args: Any) -> None:
        """Have the backend start its workers, which most do at the first calls; nobody waits for this one."""
        for _ in range(self.n_jobs):
            token = object()
            self.submit(token, function, *args)
            self._waiting.discard(token)

    def put(self, item: Any) -> None:
        """Let something else come out of `next`."""
        self._ended.put(item)

    def next(self, timeout_s: float | None = None) -> Any:
        """Return what comes next; None if nothing does in time."""
        while True:
            try:
                item = self._ended.get(timeout=timeout_s)
            except queue.Empty:
                return None
            if not isinstance(item, Ended):
                return item
            if item.token in self._waiting:  # a backend may tell of one end twice
                self._waiting.discard(item.token)
                return item

    def forget(self, token: Hashable) -> None:
        """Wait no longer for the end of a call: some backends never tell of a worker that was killed."""
        self._waiting.discard(token)

    def reopen(self) -> None:
        """Replace workers that are broken.

        Raises
        ------
        UsageError
            There are none to be had any more; all calls fail from now on, until this has been done once more.
        """
        self.close()
        self._open()

    def close(self) -> None:
        """Let go of the workers; those that joblib keeps for the next time stay."""
        parallel, self._parallel = self._parallel, None
        self._waiting.clear()
        if parallel is None:
            return
        releasing = threading.Thread(target=_release, args=(parallel,), daemon=True)
        releasing.start()
        releasing.join(_CLOSE_LIMIT_S)

    def _open(self) -> None:
        import joblib

        _settle()
        try:
            _introduce(self.engine)
            with joblib.parallel_config(backend=self.engine) if self.engine else nullcontext():
                parallel = joblib.Parallel(self._asked, initializer=end_with, initargs=(os.getpid(),))
                if getattr(parallel._backend, "supports_inner_max_num_threads", False):
                    parallel._backend.inner_max_num_threads = 1  # whatever their number, the same can be used
                parallel.__enter__()
                self.n_jobs = parallel._backend.effective_n_jobs(parallel.n_jobs)
        except (ValueError, ImportError, KeyError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(
                f"cannot be used ({reason})", f"engine {self.engine}", "name another --engine"
            ) from error
        parallel._backend.start_call()
        self._parallel = parallel

    def _ender(self, token: Hashable) -> Callable[[Any], None]:
        backend = self._parallel._backend

        def end(out: Any) -> None:
            self._ended.put(_outcome(token, lambda: backend.retrieve_result_callback(out)[0]))

        return end

    def _failure(self, token: Hashable) -> Callable[[Any], None]:
        """Return what tells of failures, where a backend calls back on success alone."""

        def ended(future: Any) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None or future.cancelled():
                self._ended.put(Ended(token, error=error or RuntimeError("it was cancelled")))

        return ended


_INTRODUCED_BY = {"ray": ("ray.util.joblib:register_ray", "ray.experimental.tqdm_ray:instance")}
"""Where backends get their names that joblib does not know by itself; and what changes the process at once
instead of while cells run: Ray puts a `print` of its own in place once a worker has logged."""


def _settle() -> None:
    """Let a pool end what it has: it would warn of running calls when it is resized."""
    deadline_s = time.monotonic() + _CLOSE_LIMIT_S
    while _pending and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)


def _introduce(engine: str) -> None:
    for name in _INTRODUCED_BY.get(engine, ()):
        module, _, function = name.partition(":")
        getattr(importlib.import_module(module), function)()


def _outcome(token: Hashable, result: Callable[[], Any]) -> Ended:
    try:
        return Ended(token, result())
    except Exception as error:  # noqa: BLE001 - it is handed to whoever waits for the call
        return Ended(token, error=error)


def _release(parallel: Any) -> None:
    """End what joblib ends; called where waiting for ever does no harm."""
    parallel._backend.stop_call()
    with suppress(Exception):  # a broken pool is what is being let go of
        parallel.__exit__(None, None, None)
        parallel._backend.terminate()
