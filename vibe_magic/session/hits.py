"""Bring the stored result of an asset back into a kernel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vibe_magic.errors import CorruptEntry
from vibe_magic.store import Entry, Store
from vibe_magic.trace import Cause

from .asset import Asset
from .decision import PATIENCE_S
from .freshness import Verdict, judge
from .live import Live
from .records import Record
from .restore import aliased, equate, restore, root_of
from .telling import age_of

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["discard", "locked", "restored", "waiting"]


def waiting(session: Session, name: str) -> Callable[[str], None]:
    """Return what tells that another process computes what an asset wants."""
    return lambda who: session.tell(name, f"waits for {who}, which computes it")


def locked(session: Session, asset: Asset, live: Live, verdict: Verdict) -> Verdict:
    """Become the one process that computes this key; another one may be done with it by then."""
    lock = session.store.lock(asset.name, live.key, PATIENCE_S, waiting(session, asset.name))
    session.locks.enter_context(lock)
    if any(cause.kind == "forced" for cause in verdict.causes):
        return verdict
    entries = session.store.find(asset.name, live.key)
    again = judge(entries, live, session.ttl_s(asset.spec), session.clock())
    if again.entry is None:
        return verdict
    session.locks.close()
    return again


def restored(
    session: Session,
    asset: Asset,
    verdict: Verdict,
    started_s: float,
    *,
    direct: bool,
    ran: Record | None = None,
    store: Store | None = None,
    shown: bool = False,
) -> tuple[Cause, ...]:
    """Bring an entry back; return why that could not be done, or nothing.

    Parameters
    ----------
    session : Session
        Where it comes back.
    asset : Asset
        Whose result.
    verdict : Verdict
        Which one.
    started_s : float
        When the asset's turn began, by `time.perf_counter`.
    direct : bool
        Whether the person asked for this asset, rather than a reader of it.
    ran : Record, optional
        What is noted, if the result has just been computed elsewhere.
    store : Store, optional
        Where the entry is, if not in the session's own; it then counts as not stored.
    shown : bool
        Whether its outputs have been shown already.
    """
    entry, trace = verdict.entry, verdict.trace
    assert entry is not None
    assert trace is not None
    session.unread.load({*trace.mutated, *trace.deleted, *map(root_of, entry.externals)})
    shared = aliased(trace, session.namespace)
    if shared:
        return (Cause("input", shared, "other names hold it, too, and the cell changes it"),)
    home = store or session.store
    try:
        later = session.unread.held(asset, entry, trace, home)
        unread = {name for group in later for name in group.held.group.names}
        session.result = restore(
            entry, trace, home, asset.cell, session.namespace, session.shell, show=not shown, but=unread
        )
    except CorruptEntry as error:
        return (discard(session, asset.name, entry, error, home),)
    session.unread.drop({*entry.names, *asset.cell.defines})
    session.unread.take(later)
    session.memo.clear()
    equate(trace.outputs, entry.nbytes, session.namespace, session.memo)
    session.seeded |= {ref for ref, fact in trace.outputs.items() if fact.summary.get("seeded")}
    kept = entry if store is None else None
    session.journal.note(asset.label, trace, session.clock(), direct=direct, entry=kept)
    home.touch(entry)
    took_s = time.perf_counter() - started_s
    done = Record(asset.name, "restored", (), took_s, entry.duration_s, asset.cell_id)
    session.record(ran or done, "" if ran else age_of(entry, session.clock()))
    return ()


def discard(
    session: Session, name: str, entry: Entry, error: CorruptEntry, store: Store | None = None
) -> Cause:
    """Drop a stored result that cannot be read; return the cause to run again."""
    session.telling.notify(name, f"{error.what}; it is computed again")
    (store or session.store).remove([entry])
    return Cause("corrupt", "", error.what)
