"""The cell that runs now, from its beginning to its end."""

from __future__ import annotations

from typing import NamedTuple

from vibe_magic.execute import Blocker, Run
from vibe_magic.trace import Cause

from .asset import Asset

__all__ = ["Current"]


class Current(NamedTuple):
    """What is known of a cell while it runs.

    Parameters
    ----------
    run : Run
        Watches it.
    label : str
        What identifies it within the kernel.
    asset : Asset or None
        The asset that it is, if it is one.
    key : str
        The asset's key.
    causes : tuple of Cause
        Why it runs.
    blockers : tuple of Blocker
        Why its result cannot be stored, as far as that is known.
    direct : bool
        Whether the person asked for it, rather than a reader of it.
    """

    run: Run
    label: str
    asset: Asset | None
    key: str = ""
    causes: tuple[Cause, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    direct: bool = True
