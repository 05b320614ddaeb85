"""What is to be done with an asset of a live kernel: restore, run and store, or only run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vibe_magic.execute import Blocker
from vibe_magic.trace import Cause, verify

from .asset import Asset
from .freshness import Verdict, expiry, judge
from .live import Live
from .work import is_forced

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["blockers", "decide"]

PATIENCE_S = 600.0
"""How long to wait for another process that computes the same result."""

VERSIONS = 30
"""How many stored results of an asset are looked at to find the nearest one."""


def decide(session: Session, asset: Asset, live: Live, force: bool = False) -> Verdict:
    """Find a stored result that stands, or say why there is none."""
    if asset.spec.force or force or is_forced(asset.name):
        return Verdict(None, (Cause("forced"),))
    ttl_s = session.ttl_s(asset.spec)
    now_s = session.clock()
    ran = session.journal.runs.get(asset.label)
    last = None if ran is None else ran.entry
    if ran is not None and last is not None and session.store.holds(last):
        against = [*expiry(last, ttl_s, now_s), *verify(ran.trace, live)]
        if not against:
            return Verdict(last, (), last, ran.trace)  # as the last run left it: nothing to look for
    verdict = judge(session.store.find(asset.name, live.key), live, ttl_s, now_s)
    if verdict.entry is not None:
        return verdict
    verdict = judge(session.store.results(asset.name)[:VERSIONS], live, ttl_s, now_s)
    if verdict.nearest is None and last is not None:
        return Verdict(None, (Cause("evicted", "", "its result is no longer in the cache"),))
    return verdict


def blockers(session: Session, asset: Asset, live: Live) -> tuple[Blocker, ...]:
    """Return what stands against keeping any result of the asset."""
    if asset.spec.no_cache:
        return (Blocker("", "never stored (--no-cache)"),)
    if not session.settings.store:
        return (Blocker("", "storing is turned off"),)
    if session.ttl_s(asset.spec) == 0:
        return (Blocker("", "always run (--ttl 0)"),)
    return live.blockers()
