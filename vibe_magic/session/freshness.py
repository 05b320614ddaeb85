"""Decide whether a stored result stands: candidates from the store, judged by the one judge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vibe_magic.config import format_age
from vibe_magic.store import Entry
from vibe_magic.trace import Cause, Trace, World, ordered, verify

__all__ = ["Verdict", "expiry", "judge"]


class Verdict(NamedTuple):
    """What became of the search for a result that stands.

    Parameters
    ----------
    entry : Entry or None
        The stored result that stands; None if there is none.
    causes : tuple of Cause
        Why there is none: for the stored result that comes nearest.
    nearest : Entry or None
        That result.
    trace : Trace or None
        Its trace.
    """

    entry: Entry | None
    causes: tuple[Cause, ...] = ()
    nearest: Entry | None = None
    trace: Trace | None = None


def judge(entries: Iterable[Entry], world: World, ttl_s: float | None, now_s: float) -> Verdict:
    """Return the first entry without a cause against it, or the causes against the nearest one.

    Parameters
    ----------
    entries : iterable of Entry
        Candidates, newest first.
    world : World
        The present of the asset.
    ttl_s : float or None
        Age at which results expire.
    now_s : float
        Seconds since the epoch.
    """
    best: Verdict | None = None
    for entry in entries:
        trace = Trace.from_json(entry.trace)
        causes = [*verify(trace, world), *expiry(entry, ttl_s, now_s)]
        if not causes:
            return Verdict(entry, (), entry, trace)
        if best is None or len(causes) < len(best.causes):
            best = Verdict(None, ordered(causes), entry, trace)
    return best or Verdict(None, (Cause("never_run"),))


def expiry(entry: Entry, ttl_s: float | None, now_s: float) -> list[Cause]:
    """Return the cause that an entry is too old, if it is; a time in the future does not count as young."""
    if ttl_s is None:
        return []
    age_s = now_s - entry.created_at
    if ttl_s > 0 and 0 <= age_s < ttl_s:
        return []
    how = "is in the future" if age_s < 0 else f"is {format_age(age_s)} old"
    return [Cause("expired", "", f"the result {how}, its limit {format_age(ttl_s)}")]
