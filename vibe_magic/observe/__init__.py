"""See what a run touches: files, directories, programs, the network, and process state."""

from __future__ import annotations

from .audit import muted
from .files import Files, FileState, named_files
from .paths import Scope, resolve
from .watch import Observed, Watch

__all__ = [
    "FileState",
    "Files",
    "Observed",
    "Scope",
    "Watch",
    "muted",
    "named_files",
    "resolve",
]
