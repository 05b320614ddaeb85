"""Start what a parallel run needs, in the background, as soon as one is likely."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .asset import Asset
from .records import Record

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["Warming"]

EFFORT_S = 1.0
"""From this much computing time on, in two assets or more, people look for a way to share it among cores."""
_FEWEST, _MOST = 4, 8
"""How many workers are made ready, whatever the number of cores: more are quickly added, or some not used."""


class Warming:
    """Watches for signs that assets are going to run in parallel, until it has acted on one.

    Parameters
    ----------
    session : Session
        The kernel's.

    Attributes
    ----------
    is_open : bool
        Whether it still watches.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._effort_s: dict[str, float] = {}
        self.is_open = hasattr(os, "fork")

    def meet(self, asset: Asset) -> None:
        """Act if an asset, or the configuration, asks for workers."""
        if not self.is_open:
            return
        settings, spec = self._session.settings, asset.spec
        if settings.n_jobs != 1 or settings.engine not in ("", "local"):
            self._begin(None)
        elif spec.deferred or spec.apart:
            self._begin_bodies()

    def heed(self, record: Record) -> None:
        """Act if assets take long to run that could have run side by side."""
        if self.is_open and record.action == "ran":
            self._effort_s[record.name] = record.duration_s
            if len(self._effort_s) > 1 and sum(self._effort_s.values()) >= EFFORT_S:
                self._begin(min(_MOST, max(_FEWEST, os.cpu_count() or 1)))

    def _begin_bodies(self) -> None:
        from .parallel import begin_nursery

        self.is_open = False
        begin_nursery()

    def _begin(self, n_jobs: int | None) -> None:
        from .bring import workers_of

        self.is_open = False
        if self._session.crew is None:  # else others may be at work
            crew = workers_of(self._session, n_jobs, "")
            if crew is not None:
                crew.prepare()
