"""Where the outputs of an asset appear when a command runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vibe_magic.capture import here, showing_in

from .asset import Asset

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["stage", "title"]


@contextmanager
def stage(session: Session, asset: Asset, *, fresh: bool = True) -> Iterator[None]:
    """Show what is shown in the block in the asset's own cell, if that has run in this kernel.

    Parameters
    ----------
    session : Session
        The kernel's.
    asset : Asset
        Whose cell.
    fresh : bool
        Whether what the cell shows goes first.
    """
    place, present = session.places.get(asset.label), here(session.shell)
    elsewhere = place is not None and place != present
    with showing_in(session.shell, place):
        if elsewhere and fresh:
            session.shell.display_pub.clear_output()
        yield


def title(session: Session, asset: Asset, *, alone: bool) -> None:
    """Name the asset that is about to show something, where that could be another one's as well."""
    if not alone and session.places.get(asset.label) is None and not session.is_quiet(asset):
        session.telling.title(asset.name)
