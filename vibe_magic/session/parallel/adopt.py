"""Take over what a body has done, in the asset's turn."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import replace

from vibe_magic.capture import replay
from vibe_magic.store import Parcel, Store
from vibe_magic.trace import Trace, verify

from .. import hits
from ..asset import Asset
from ..freshness import Verdict
from ..kernel import Session
from ..records import Record
from .task import Reply

__all__ = ["adopt", "dead", "is_inside", "unpacked"]


def adopt(
    session: Session,
    asset: Asset,
    reply: Reply,
    store: Store | None,
    *,
    direct: bool = False,
    shown: bool = False,
    excused: Collection[str] = (),
) -> Record | None:
    """Restore a body's result, or show its failure, if it rests on what is there now; None if it does not.

    Parameters
    ----------
    session : Session
        The kernel's.
    asset : Asset
        Which one.
    reply : Reply
        What the body said.
    store : Store or None
        Where its entry is, if not in the session's own store.
    direct : bool
        Whether the person asked for this asset, rather than a command that runs several.
    shown : bool
        Whether its outputs were shown while it ran.
    excused : collection of str
        Files that may have changed since.
    """
    started_s = time.perf_counter()
    session.reread_settings()
    entry = None if reply.action == "failed" else (store or session.store).at(reply.path)
    if entry is None and reply.action != "failed":
        return None
    trace = Trace.from_json(reply.trace if entry is None else entry.trace)
    causes = verify(trace, session.look(asset))
    if any(cause.kind != "file" or cause.subject not in excused for cause in causes):
        return None
    if entry is None:
        return _failed(session, asset, replace(reply, outputs=() if shown else reply.outputs), trace, direct)
    ran = None
    if reply.action == "ran":
        took_s = reply.duration_s
        ran = Record(asset.name, "ran", reply.causes, took_s, 0.0, asset.cell_id, reply.reason)
    verdict = Verdict(entry, (), entry, trace)
    if hits.restored(session, asset, verdict, started_s, direct=direct, ran=ran, store=store, shown=shown):
        return None
    if reply.action == "ran":
        (store or session.store).grow(entry.nbytes)
    return session.records[-1]


def _failed(session: Session, asset: Asset, reply: Reply, trace: Trace, direct: bool) -> Record:
    replay(reply.outputs, session.shell)
    name, message, lines = reply.error
    if not direct:
        session.shell._showtraceback(type(name, (Exception,), {}), Exception(message), lines)
    session.journal.note(asset.label, trace, session.clock(), direct=direct, failed=True)
    record = Record(asset.name, "failed", reply.causes, reply.duration_s, 0.0, asset.cell_id)
    session.record(record)
    return record


def dead(session: Session, asset: Asset, reply: Reply) -> Record:
    """Note that a body ended without a result or an exception, and tell why."""
    record = Record(asset.name, "failed", cell_id=asset.cell_id, note=reply.reason)
    session.telling.notify(asset.name, reply.reason)
    session.records.append(record)
    return record


def is_inside(reply: Reply, store: Store) -> bool:
    """Tell whether a body's result is in a store."""
    return os.path.realpath(reply.path).startswith(os.path.realpath(store.root) + os.sep)


def unpacked(reply: Reply, parcel: Parcel, store: Store) -> Reply:
    """Put a result that came as bytes into a store."""
    try:
        return replace(reply, path=parcel.put(store.root), parcel=None)
    except OSError as error:
        return Reply("refused", reason=f"its result cannot be written ({error.strerror})")
