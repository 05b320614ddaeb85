"""What is noted while a cell runs, by audit events and otherwise."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from .frames import Lookup

__all__ = [
    "APPEND",
    "CREATE",
    "EXCLUSIVE",
    "MODIFY",
    "READ",
    "REMOVE",
    "TRUNCATE",
    "Log",
    "is_muted",
    "muted",
]

READ: Final = "read"
CREATE: Final = "create"
EXCLUSIVE: Final = "create, if it is not there"
TRUNCATE: Final = "truncate"
MODIFY: Final = "modify"
APPEND: Final = "append"
REMOVE: Final = "remove"


@dataclass
class Log:
    """What was seen while listening, in order.

    Attributes
    ----------
    touches : list of (str, str)
        What happened to which file, as absolute paths.
    before : dict
        Stamps of files just before they were opened for changing in part.
    listed, globs : dict
        Directories that were scanned; patterns that were expanded. Keys in order.
    folders : dict
        Directories that were made.
    programs : list of str
        Programs that were started, other than by an import.
    network, stdin : bool
        A connection was opened or a name looked up; standard input was read.
    asked : dict
        Files and folders of which was asked what they are like, as absolute paths.
    env : dict of str to str or None
        Environment variables that were asked for, as they were then.
    unseen : dict
        Questions whose subject could not be seen.
    lookups : dict of object to Lookup
        What may have been looked up in callers' frames, and by pickles, each once.
    faults : list of str
        Errors of the hook itself, which must not disturb the cell.
    start_ns : int
        When listening began.
    gate : callable or None
        Asked before a file is changed or a program started, with its name; it may raise what is no
        `Exception`, and the effect does not happen.
    on_lookup : callable or None
        Told of each such look before it happens; it may raise likewise.
    """

    touches: list[tuple[str, str]] = field(default_factory=list)
    before: dict[str, tuple[int, ...]] = field(default_factory=dict)
    listed: dict[str, None] = field(default_factory=dict)
    globs: dict[str, None] = field(default_factory=dict)
    folders: dict[str, None] = field(default_factory=dict)
    programs: list[str] = field(default_factory=list)
    network: bool = False
    stdin: bool = False
    asked: dict[str, None] = field(default_factory=dict)
    env: dict[str, str | None] = field(default_factory=dict)
    unseen: dict[str, None] = field(default_factory=dict)
    lookups: dict[object, Lookup] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    start_ns: int = field(default_factory=time.time_ns)
    gate: Callable[[str], None] | None = None
    on_lookup: Callable[[Lookup], None] | None = None

    def ask(self, what: str) -> None:
        """Let the gate see what is about to change."""
        if self.gate is not None:
            with muted():
                self.gate(what)

    def question(self, path: str) -> None:
        """Note that somebody asks what a file is like: its content counts, of a folder that it is there."""
        self.asked[path] = None
        if not os.path.isdir(path):
            self.touches.append((READ, path))


_thread = threading.local()


@contextmanager
def muted() -> Iterator[None]:
    """Do not note what this thread does: our own reading is no part of a cell."""
    before = getattr(_thread, "muted", False)
    _thread.muted = True
    try:
        yield
    finally:
        _thread.muted = before


def is_muted() -> bool:
    """Tell whether what this thread does is not to be noted."""
    return getattr(_thread, "muted", False)
