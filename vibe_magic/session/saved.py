"""What the notebook's file tells: which cells the person has deleted, and which stand below which.

No front end tells a kernel of a deleted or moved cell. What a deleted cell has bound stays, as in plain
Jupyter, but nothing brings it up to date any more; nor does a cell bring up to date what stands below it.
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

__all__ = ["Saved", "forget_all_but", "forget_deleted", "is_below"]

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
        self._read: tuple[int, tuple[str, ...]] = (0, ())
        self.told: tuple[str, ...] = ()

    def order(self) -> tuple[str, ...]:
        """Return the identities of the cells from top to bottom, as somebody has told or the file says."""
        return self.told or self.cells()[1]

    def cells(self) -> tuple[float, tuple[str, ...]]:
        """Return when it was saved, in seconds since the epoch, and the identities of its cells in order.

        A file that is not there or that cannot be read has none.
        """
        try:
            saved_ns = self._path.stat().st_mtime_ns
            if saved_ns != self._read[0]:
                self._read = saved_ns, _identities(json.loads(self._path.read_bytes()))
        except (OSError, ValueError):
            return 0.0, ()
        return self._read[0] / 1e9, self._read[1]


def forget_deleted(session: Session) -> bool:
    """Forget the assets that were there when they ran but not when the notebook was saved after that.

    Returns
    -------
    bool
        Whether there were any.
    """
    saved_s, found = session.saved.cells()
    cells = frozenset(found)
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


def is_below(session: Session, asset: Asset, reader: Asset) -> bool:
    """Tell whether it is known that an asset's cell stands below another one in the notebook."""
    order = session.saved.order()
    known = {asset.cell_id, reader.cell_id} <= set(order)
    return known and order.index(asset.cell_id) > order.index(reader.cell_id)


def _is_gone(session: Session, asset: Asset, cells: Collection[str]) -> bool:
    known = bool(asset.cell_id) and asset.label in session.journal.runs
    return known and asset.cell_id not in cells and asset.name not in session.deferred


def _identities(notebook: Any) -> tuple[str, ...]:
    """Return the identities of a notebook's cells in order; ValueError if it is none."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("not a notebook")
    return tuple(str(cell["id"]) for cell in cells if isinstance(cell, dict) and "id" in cell)
