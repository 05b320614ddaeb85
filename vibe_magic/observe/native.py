"""What reaches files without Python's knowledge, as the Linux kernel saw it.

Arrow, Polars, DuckDB and child processes open files themselves, and no audit event tells. inotify
does, for the directories that are watched. It does not say which process it was; so what only
inotify has seen may come from elsewhere, and costs a needless run at worst. On other systems
nothing is seen here; files that a cell names in its source, or with ``--file``, still count.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["MAX_DIRECTORIES", "Event", "Inotify"]

MAX_DIRECTORIES = 1000
"""How many directories are watched at most."""

ACCESS, MODIFY, CLOSE_WRITE, CLOSE_NOWRITE, OPEN = 0x1, 0x2, 0x8, 0x10, 0x20
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
CHANGES = MODIFY | MOVED_FROM | MOVED_TO | CREATE | DELETE
OVERFLOW, IGNORED, IS_DIRECTORY = 0x4000, 0x8000, 0x40000000
_ONLY_DIRECTORY = 0x01000000
_MASK = (
    ACCESS | MODIFY | CLOSE_WRITE | CLOSE_NOWRITE | OPEN | MOVED_FROM | MOVED_TO | CREATE | DELETE
) | _ONLY_DIRECTORY

_SKIPPED = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
_EXHAUSTED = frozenset({errno.ENOSPC, errno.ENOMEM})
_HEAD = struct.Struct("iIII")


class Event(NamedTuple):
    """Something that happened to a file: a mask of the constants above."""

    path: str
    mask: int


class Inotify:
    """Watched directories, kept for the life of the process.

    Attributes
    ----------
    available : bool
        Whether this system tells anything at all.
    complete : bool
        Whether everything could be watched, and nothing was lost since `settle`.
    """

    def __init__(self) -> None:
        self._paths: dict[int, str] = {}
        self._watched: set[str] = set()
        self._skipped: set[str] = set()
        self._unwatched = self._overflowed = False
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._fd = self._libc.inotify_init1(flags) if self._libc is not None else -1
        self._pid = os.getpid()

    @property
    def available(self) -> bool:
        """Whether events arrive; a forked child would steal those of its parent."""
        return self._fd >= 0 and self._pid == os.getpid()

    @property
    def complete(self) -> bool:
        """Whether all that happens is seen."""
        return not (self._unwatched or self._overflowed)

    def settle(self, root: str, skip: Iterable[str] = ()) -> None:
        """Forget what has happened; watch what was made meanwhile, also if there was too much to be told."""
        self.drain()
        if self._overflowed:
            known, self._watched = self._watched, set()
            for directory in known:
                self.watch(directory)
            self.watch_tree(root, skip)
            self.drain()
            self._overflowed = False

    def watch_tree(self, root: str, skip: Iterable[str] = ()) -> None:
        """Watch a directory and those below, nearest first, without hidden and generated ones."""
        self._skipped.update(os.path.realpath(path) for path in skip)
        queue = [os.path.realpath(root)]
        for directory in queue:
            if directory in self._skipped or not self.watch(directory):
                continue
            queue.extend(_children(directory))

    def watch(self, directory: str) -> bool:
        """Watch one directory; False if that is not possible, or not any more."""
        if directory in self._watched:
            return True
        if not self.available or len(self._watched) >= MAX_DIRECTORIES or self._libc is None:
            self._unwatched = True
            return False
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(directory), _MASK)
        if number < 0:
            self._unwatched |= ctypes.get_errno() in _EXHAUSTED
            return False
        self._paths[number] = directory
        self._watched.add(directory)
        return True

    def covers(self, path: str) -> bool:
        """Tell whether what happens to a file is seen."""
        return self.available and os.path.dirname(os.path.realpath(path)) in self._watched

    def drain(self) -> list[Event]:
        """Return what happened since the last call, oldest first."""
        events: list[Event] = []
        while self.available:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                break
            events.extend(self._parsed(data))
        return events

    def close(self) -> None:
        """Watch nothing any more."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._watched.clear()
        self._paths.clear()

    def _parsed(self, data: bytes) -> Iterator[Event]:
        offset = 0
        while offset < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, offset)
            start = offset + _HEAD.size
            offset = start + length
            if mask & OVERFLOW:
                self._overflowed = True
            elif mask & IGNORED:
                self._watched.discard(self._paths.pop(number, ""))
            elif number in self._paths:
                name = os.fsdecode(data[start:offset].rstrip(b"\0"))
                path = os.path.join(self._paths[number], name)
                yield Event(path, mask)
                if mask & IS_DIRECTORY and mask & (CREATE | MOVED_TO) and _is_worthwhile(name):
                    yield from self._found(path)

    def _found(self, directory: str) -> Iterator[Event]:
        """Watch a new directory, and report what was put there before it was watched."""
        self.watch_tree(directory)
        for parent, folders, names in os.walk(directory):
            folders[:] = filter(_is_worthwhile, folders)
            yield from (Event(os.path.join(parent, name), CREATE | MODIFY) for name in names)


def _children(directory: str) -> list[str]:
    """Return the directories in a directory that are worth watching, in order."""
    try:
        with os.scandir(directory) as entries:
            return sorted(
                entry.path
                for entry in entries
                if _is_worthwhile(entry.name) and entry.is_dir(follow_symlinks=False)
            )
    except OSError:  # not ours to read, or gone meanwhile: nothing to watch there
        return []


def _is_worthwhile(name: str) -> bool:
    """Tell whether files in a directory of this name may matter to a notebook."""
    return not name.startswith(".") and name not in _SKIPPED
