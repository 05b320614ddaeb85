"""The session of the kernel that this process is, if it has one."""

from __future__ import annotations

import json

from vibe_magic.errors import UsageError

from .bring import foresee
from .kernel import Session
from .records import Record

__all__ = ["activate", "current", "deactivate", "finish", "foresee_json", "present", "report", "report_json"]

_active: list[Session] = []


def activate(session: Session) -> None:
    """Make a session the one of this process."""
    _active[:] = [session]


def deactivate() -> None:
    """Forget the session of this process."""
    _active.clear()


def current() -> Session:
    """Return the session of this process.

    Raises
    ------
    UsageError
        The extension is not loaded.
    """
    if not _active:
        raise UsageError("the extension is not loaded", "vibe_magic", "run %load_ext vibe_magic")
    return _active[0]


def present() -> Session | None:
    """Return the session of this process, or None."""
    return _active[0] if _active else None


def report() -> list[Record]:
    """Return what happened to the assets of this process, in order; nothing without the extension."""
    return list(_active[0].records) if _active else []


def foresee_json(cells: str) -> None:
    """Say which cells are going to run: a JSON list of pairs of identity and text; see `bring.foresee`."""
    if _active:
        foresee(_active[0], [(cell_id, text) for cell_id, text in json.loads(cells)])


def report_json(since: int = 0) -> str:
    """Return the records from the given one on as JSON."""
    return json.dumps([record.to_json() for record in report()[since:]])


def finish() -> None:
    """Wait for what runs in the background; note what nothing has read."""
    if _active:
        _active[0].deferred.finish()
