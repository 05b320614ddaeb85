"""See what a run touches: files, directories, programs, the network, and process state."""

from __future__ import annotations

from . import facets
from .additions import Additions
from .audit import note_touched
from .effects import Effects, effects, irreversible, left_open
from .files import Files, FileState, named_files
from .frames import Lookup
from .imports import follow_imports, leave_imports
from .log import muted
from .paths import Scope, resolve
from .watch import Observed, Watch

__all__ = [
    "Additions",
    "Effects",
    "FileState",
    "Files",
    "Lookup",
    "Observed",
    "Scope",
    "Watch",
    "effects",
    "facets",
    "follow_imports",
    "irreversible",
    "leave_imports",
    "left_open",
    "muted",
    "named_files",
    "note_touched",
    "resolve",
]
