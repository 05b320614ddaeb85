"""What is known of cells before they run, and of bodies after they have ended."""

from __future__ import annotations

import sys

from vibe_magic.modules import is_local
from vibe_magic.schedule import Ended

from ..kernel import Session
from ..live import Live
from .turns import Wanted

__all__ = ["death", "durations", "earlier", "modules"]


def earlier(wanted: Wanted) -> dict[str, set[str]]:
    """Return for each cell what it needs of those that come before it: the others cannot be waited for."""
    found: dict[str, set[str]] = {}
    for cell in wanted.cells:
        found[cell.name] = found.keys() & set(wanted.graph.upstream[cell.name])
    return found


def durations(session: Session, wanted: Wanted) -> dict[str, float]:
    """Return how long assets took when they ran last, as far as that is known."""
    found: dict[str, float] = {}
    for cell in wanted.cells:
        ran = session.journal.runs.get(cell.label)
        last = None if ran is None else ran.entry
        entries = () if last is not None or cell.name in wanted.plain else session.store.results(cell.name)
        for entry in (last, *entries):
            if entry is not None:
                found.setdefault(cell.name, entry.duration_s)
    return found


def modules(live: Live) -> tuple[str, ...]:
    """Return the packages that the kernel has imported and an asset mentions; bodies find them imported."""
    named = {ref.partition(":")[0].partition(".")[0] for ref in live.reach.inputs if ":" in ref}
    named |= {name for name in live.reach.facts.mentions if name in sys.modules}
    named |= {type(value).__module__.partition(".")[0] for value in live.reach.values.values()}
    return tuple(sorted(name for name in named if name in sys.modules and not is_local(name)))


def death(ended: Ended) -> str:
    """Say how a body ended that has said nothing."""
    status = getattr(ended.value, "status", None)
    if ended.error is not None:
        return f"its worker was lost ({type(ended.error).__name__})"
    if status is None:
        return "took longer than its --timeout"
    if status == -9:
        return "its process was killed (SIGKILL), as the system does when memory runs out"
    if status < 0:
        return f"its process was killed by signal {-status}"
    return f"its process exited with status {status}"
