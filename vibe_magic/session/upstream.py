"""Bring the assets that a cell needs up to date before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vibe_magic.execute import run_body
from vibe_magic.trace import verify

from .asset import Asset
from .saved import forget_deleted, is_below
from .stage import stage

if TYPE_CHECKING:
    from .kernel import Session
    from .records import Record

__all__ = ["apart", "refresh", "rerun"]


def refresh(session: Session, asset: Asset) -> None:
    """Run the stale assets that a cell needs, nearest to the source first.

    A change counts only if it was made after the person last went past the asset: notebooks bind a name
    again further down, and what stands there does not concern what was computed above. For the same reason
    nothing runs that is known to stand below the cell.
    """
    if not session.settings.run_upstream or session.journal.is_first(asset.label):
        return
    for label in reversed(_needed(session, asset)):
        needed = session.registry.by_label.get(label)
        if needed is None or needed.name == asset.name or needed.name in session.deferred:
            continue
        if _is_outdated(session, needed, asset) and not _is_out_of_place(session, needed, asset):
            session.deferred.before(needed)
            _bring(session, needed)


def rerun(session: Session, asset: Asset, *, force: bool = False, in_kernel: bool = False) -> Record | None:
    """Restore or run an asset outside its own cell; return what happened.

    Parameters
    ----------
    session : Session
        The kernel's.
    asset : Asset
        Which one.
    force : bool
        Run it even if a result stands.
    in_kernel : bool
        Run it in the kernel even if it asks for a process of its own.
    """
    if asset.function is not None:
        asset.function.call(force=force)
        return session.records[-1]
    done = None if in_kernel else apart(session, asset, force=force, direct=False)
    if done is not None:
        return done
    with stage(session, asset):
        if session.serve(asset, force=force, direct=False):
            return session.records[-1]
        failed, results = run_body(asset.cell, session.namespace, session.shell)
        return session.leave(failed, results)


def apart(session: Session, asset: Asset, *, force: bool = False, direct: bool = True) -> Record | None:
    """Have a process of its own run an asset that asks for it; None if the kernel has to."""
    if not asset.spec.apart or session.ahead is not None:
        return None
    from .bring import workers_of
    from .parallel import run_apart

    crew = session.crew if not asset.spec.engine else None
    crew = crew or workers_of(session, 2, asset.spec.engine)
    return None if crew is None else run_apart(session, crew, asset, force=force, direct=direct)


def _needed(session: Session, asset: Asset) -> list[str]:
    journal = session.journal
    direct = [journal.writers[ref] for ref in asset.cell.facts.reads if ref in journal.writers]
    named = [session.registry[dep].label for dep in asset.spec.deps if dep in session.registry]
    found = dict.fromkeys(label for label in (*direct, *named) if label != asset.label)
    for label in list(found):
        found |= dict.fromkeys(journal.needs(label))
    return list(found)


def _is_outdated(session: Session, needed: Asset, reader: Asset) -> bool:
    journal = session.journal
    ran, read = journal.runs.get(needed.label), journal.runs.get(reader.label)
    if ran is None:
        return False
    if journal.outdated(needed.label):
        return True
    if read is None or ran.direct > read.number:
        return False
    causes = verify(ran.trace, session.look(needed, own=True))
    ttl_s = session.ttl_s(needed.spec)
    if ttl_s and session.clock() - ran.at_s >= ttl_s:
        return True
    return bool(journal.since(causes, read.number))


def _is_out_of_place(session: Session, needed: Asset, reader: Asset) -> bool:
    """Tell whether an asset stands below its reader, or in the notebook no more."""
    gone = forget_deleted(session) and needed.name not in session.registry
    return gone or is_below(session, needed, reader)


def _bring(session: Session, asset: Asset) -> None:
    used_up = session.journal.consumed(asset.label)
    if used_up:
        names = ", ".join(sorted(used_up))
        session.tell(asset.name, f"is stale, but has changed {names} already; run it from there by hand")
        return
    rerun(session, asset)
