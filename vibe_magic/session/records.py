"""What happened to the assets of a kernel, as plain data for reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from vibe_magic.trace import Cause

__all__ = ["AssetStatus", "Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """One execution of an asset.

    Parameters
    ----------
    name : str
        The asset.
    action : str
        ``ran``, ``restored``, ``failed`` or ``skipped``.
    causes : tuple of Cause
        Why it was not fresh.
    duration_s, saved_s : float
        What it took, and what a restored result took when it was computed.
    cell_id : str
        The front end's identity of the cell.
    note : str
        Why it was not stored, if so.
    stayed : str
        Why it ran in the kernel although there were workers, if so.
    """

    name: str
    action: str
    causes: tuple[Cause, ...] = ()
    duration_s: float = 0.0
    saved_s: float = 0.0
    cell_id: str = ""
    note: str = ""
    stayed: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AssetStatus:
    """The state of an asset and why it is so.

    Parameters
    ----------
    name : str
        The asset.
    state : str
        ``fresh``, ``stale``, ``missing``, ``expired``, ``running`` or ``failed``.
    causes : tuple of Cause
        Empty if fresh.
    cell_id : str
        The front end's identity of the cell.
    index : int
        Its place, from 0.
    created_at : float or None
        When the nearest result was computed, in seconds since the epoch.
    duration_s : float or None
        How long that took.
    nbytes : int or None
        Its size.
    reads, writes : frozenset of str
        Names.
    note : str
        What cannot be known or stored.
    """

    name: str
    state: str
    causes: tuple[Cause, ...] = ()
    cell_id: str = ""
    index: int = 0
    created_at: float | None = None
    duration_s: float | None = None
    nbytes: int | None = None
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    note: str = ""
