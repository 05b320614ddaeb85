"""Forget the assets whose cells the person has deleted from the notebook.

No front end tells a kernel of a deleted cell. What it has bound stays, as in plain Jupyter, but nothing
brings it up to date any more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .asset import Asset

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["Saved", "forget_all_but", "forget_deleted"]

SLACK_S = 5.0
"""A cell of the notebook that ran this long before it was saved stands in the file."""


class Saved:
    """The notebook's file as it was saved last.

    Parameters
    ----------
    path : str
        Where; empty if nobody knows. By default what Jupyter's server has told the kernel.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = Path(os.environ.get("JPY_SESSION_NAME", "") if path is None else path)
        self._read: tuple[int, frozenset[str]] = (0, frozenset())

    def cells(self) -> tuple[float, frozenset[str]]:
        """Return when it was saved, in seconds since the epoch, and the identities of its cells.

        A file that is not there or that cannot be read has none.
        """
        try:
            saved_ns = self._path.stat().st_mtime_ns
            if saved_ns != self._read[0]:
                self._read = saved_ns, _identities(json.loads(self._path.read_bytes()))
        except (OSError, ValueError):
            return 0.0, frozenset()
        return self._read[0] / 1e9, self._read[1]


def forget_deleted(session: Session) -> bool:
    """Forget the assets that were there when they ran but not when the notebook was saved after that.

    Returns
    -------
    bool
        Whether there were any.
    """
    saved_s, cells = session.saved.cells()
    runs = session.journal.runs
    if not cells & runs.keys():  # a front end with other identities, or another notebook
        return False
    before = saved_s - SLACK_S
    later = {label for label, ran in runs.items() if ran.at_s > before}
    return forget_all_but(session, cells | later)


def forget_all_but(session: Session, cells: Collection[str]) -> bool:
    """Forget the assets of all cells but these; those stay that are yet to be computed, or have no identity.

    Returns
    -------
    bool
        Whether there were any.
    """
    gone = [asset.name for asset in session.registry if _is_gone(session, asset, cells)]
    session.registry = session.registry.without(gone)
    return bool(gone)


def _is_gone(session: Session, asset: Asset, cells: Collection[str]) -> bool:
    known = bool(asset.cell_id) and asset.label in session.journal.runs
    return known and asset.cell_id not in cells and asset.name not in session.deferred


def _identities(notebook: Any) -> frozenset[str]:
    """Return the identities of a notebook's cells; ValueError if it is none."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("not a notebook")
    return frozenset(str(cell["id"]) for cell in cells if isinstance(cell, dict) and "id" in cell)
