"""One process computes a key at a time, where the file system lets us arrange that."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["Hold", "hold"]

_POLL_S = 0.02
_FIRST_WAIT_S = 0.2


class Hold(NamedTuple):
    """Whether we have the lock.

    Attributes
    ----------
    held : bool
        If not, somebody else computes the same, or there are no locks here; go on all the same.
    holder : str
        Who has it, ``"pid 123 on host, since 12:30:05"``; empty if we have it or nobody knows.
    waited : bool
        Whether somebody else had it before; the result may be there now.
    """

    held: bool
    holder: str = ""
    waited: bool = False


@contextmanager
def hold(path: Path, patience_s: float, waiting: Callable[[str], None] | None = None) -> Iterator[Hold]:
    """Hold a lock file while the block runs; the system lets go of it when the process dies.

    Parameters
    ----------
    path : Path
        The lock file.
    patience_s : float
        How long to wait for another holder before going on without.
    waiting : callable, optional
        Told the holder's name when there is something to wait for.

    Yields
    ------
    Hold
    """
    from filelock import FileLock

    lock, got = None, Hold(False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, thread_local=False)
        got = _acquired(lock, path, patience_s, waiting)
    except (OSError, NotImplementedError):
        lock = None  # a file system without locks, or read-only: computing twice does no harm
    try:
        yield got
    finally:
        if lock is not None and got.held:
            _released(lock, path)


def _acquired(lock: object, path: Path, patience_s: float, waiting: Callable[[str], None] | None) -> Hold:
    if _try(lock, min(patience_s, _FIRST_WAIT_S)):
        _sign(path)
        return Hold(True)
    if waiting is not None:
        waiting(holder(path))
    if _try(lock, max(0.0, patience_s - _FIRST_WAIT_S)):
        _sign(path)
        return Hold(True, waited=True)
    return Hold(False, holder(path), waited=True)


def _try(lock: object, patience_s: float) -> bool:
    from filelock import FileLock, Timeout

    assert isinstance(lock, FileLock)
    end_s = time.monotonic() + patience_s
    while True:
        try:
            lock.acquire(timeout=max(0.0, end_s - time.monotonic()), poll_interval=_POLL_S)
        except Timeout:
            return False
        except RuntimeError:  # another lock of this thread, or of one that had its number: it will let go
            if time.monotonic() >= end_s:
                return False
            time.sleep(_POLL_S)
        else:
            return True


def _released(lock: object, path: Path) -> None:
    from filelock import FileLock

    assert isinstance(lock, FileLock)
    with suppress(OSError):
        _card(path).unlink(missing_ok=True)
    with suppress(OSError):
        lock.release()


def holder(path: Path) -> str:
    """Return the name of a lock's holder, empty if it did not leave one."""
    try:
        card = json.loads(_card(path).read_bytes())
        since = time.strftime("%H:%M:%S", time.localtime(card["since"]))
        return f"pid {card['pid']} on {card['host']}, since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _sign(path: Path) -> None:
    card = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    with suppress(OSError):
        _card(path).write_text(json.dumps(card))


def _card(path: Path) -> Path:
    """Return the file with the holder's name: not the lock file, which older filelocks truncate."""
    return path.with_suffix(".json")


def sweep_locks(directory: Path, now: float, age_s: float = 86_400.0) -> None:
    """Remove lock files that nobody has used for a day."""
    from filelock import FileLock

    with suppress(OSError):
        for path in [Path(item.path) for item in os.scandir(directory)]:
            if path.suffix != ".lock" or now - path.stat().st_mtime < age_s:
                continue
            lock = FileLock(path, thread_local=False)
            if _try(lock, 0.0):
                path.unlink(missing_ok=True)  # while held: who waits for it sees that it is gone
                _released(lock, path)
