"""Bring assets up to date: one after another, or with several workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vibe_magic.graph import Graph
from vibe_magic.trace import Cause

from .asset import Asset
from .decision import decide
from .kernel import Session
from .records import Record
from .saved import forget_all_but
from .survey import assets, graph_of
from .upstream import rerun

if TYPE_CHECKING:
    from .parallel import Crew

__all__ = ["bring", "foresee", "steps"]


def steps(
    session: Session,
    names: Collection[str] = (),
    *,
    force: bool = False,
    keep_going: bool = False,
    n_jobs: int | None = None,
    engine: str = "",
    alone: bool = False,
    patience_s: float | None = None,
) -> Iterator[Record | None]:
    """Bring assets, and the stale ones that they need, up to date in their order.

    Parameters
    ----------
    session : Session
        The kernel's.
    names : collection of str
        Which; all by default.
    force : bool
        Run these even if they are fresh.
    keep_going : bool
        Go on with the others after a failure; what needs the failed one is skipped either way.
    n_jobs : int, optional
        How many workers, as joblib counts; as configured by default.
    engine : str
        The name of a joblib backend; as configured by default.
    alone : bool
        Run them in the order given, and leave what they need as it is.
    patience_s : float, optional
        How long to wait at most before yielding None.

    Yields
    ------
    Record or None
        What became of each asset that was not fresh, in order; None now and then while workers run.
    """
    chosen = {asset.name for asset in assets(session, names)}
    graph = graph_of(session)
    order = tuple(names) if alone else graph.order(chosen | graph.ancestors(chosen))
    forced = chosen if force else frozenset[str]()
    for name in () if alone else order:
        if name not in session.deferred:
            session.deferred.before(session.registry[name])
    placed = session.deferred.placed(order)
    for name in placed:
        session.events.emit("started", name)
        record = session.deferred.in_place(name, force=name in forced)
        session.events.emit(record.action, name)
        yield record
        if record.action == "failed" and not keep_going:
            return
    order = tuple(name for name in order if name not in placed)
    workers = workers_of(session, n_jobs, engine)
    if workers is None:
        yield from _one_by_one(session, [session.registry[name] for name in order], graph, forced, keep_going)
    else:
        from .parallel import Bringing, Wanted

        wanted = Wanted(_stale(session, order, graph, forced), graph, (), forced, keep_going, live=True)
        yield from Bringing(session, workers, wanted).steps(patience_s)
    session.deferred.look_back()


def bring(session: Session, names: Collection[str] = (), **options: Any) -> Iterator[Record]:
    """Bring assets up to date as `steps` does; yield what became of each, as soon as its turn has come."""
    return (record for record in steps(session, names, **options) if record is not None)


def foresee(session: Session, cells: Sequence[tuple[str, str]]) -> None:
    """Say which cells the notebook has, all going to run in order; with several workers, assets run ahead.

    Parameters
    ----------
    session : Session
        The kernel's.
    cells : sequence of (str, str)
        The front end's identity and the text of each code cell.
    """
    session.saved.told = tuple(cell_id for cell_id, _ in cells)
    forget_all_but(session, session.saved.told)
    session.warming.is_open = False  # what is going to run is known
    workers = workers_of(session, None, "")
    if workers is None:
        return
    from .parallel import Ahead

    session.ahead = Ahead(session, workers, cells)


def workers_of(session: Session, n_jobs: int | None, engine: str) -> Crew | None:
    """Return the workers to be used; None if everything runs in the kernel, one after another."""
    selected, selected_jobs = _selected() if not engine else (None, None)
    settings = session.settings
    chosen = engine or ("" if selected else settings.engine)
    if chosen == "local" or not hasattr(os, "fork"):
        return None
    count = n_jobs or selected_jobs or settings.n_jobs
    if count == 1 and (n_jobs or not (selected or chosen)):
        return None
    from .parallel import employ

    plan = (-1 if count == 1 else count, chosen, selected)
    if session.crew is None or session.crew.plan != plan:
        session.dismiss()
        session.crew = employ(session, *plan)
    crew: Crew = session.crew
    return crew


def _selected() -> tuple[Any, int | None]:
    """Return the backend and the number of jobs that `joblib.parallel_config` selects around this call."""
    joblib = sys.modules.get("joblib")
    if joblib is None:
        return None, None
    backend, n_jobs = joblib.parallel.get_active_backend()
    is_default = n_jobs is None and type(backend).__name__ == "LokyBackend"
    return (None, None) if is_default else (backend, n_jobs)


def _one_by_one(
    session: Session, order: Sequence[Asset], graph: Graph, forced: Collection[str], keep_going: bool
) -> Iterator[Record]:
    broken: set[str] = set()
    for asset in order:
        session.events.emit("planned", asset.name)
    for asset in order:
        blocked = broken & set(graph.upstream[asset.name])
        if blocked or (broken and not keep_going):
            broken |= {asset.name} if blocked else set()
            record = Record(asset.name, "skipped", (Cause("upstream", *sorted(blocked)[:1]),))
            session.records.append(record)
            session.events.emit("skipped", asset.name)
            yield record
            continue
        again = asset.name in forced
        if not again and is_done(session, asset):
            session.events.emit("restored", asset.name)
            continue
        session.events.emit("started", asset.name)
        done = rerun(session, asset, force=again)
        if done is not None:
            broken |= {asset.name} if done.action == "failed" else set()
            session.events.emit(done.action, asset.name)
            yield done


def _stale(
    session: Session, order: Sequence[str], graph: Graph, forced: Collection[str]
) -> tuple[Asset, ...]:
    """Return what is not fresh, and what may not be once that has run."""
    stale: set[str] = set()
    for name in order:
        waits = stale & set(graph.upstream[name])
        if waits or name in forced or not is_done(session, session.registry[name]):
            stale.add(name)
    return tuple(session.registry[name] for name in order if name in stale)


def is_done(session: Session, asset: Asset) -> bool:
    """Tell whether running an asset would change nothing."""
    ran = session.journal.runs.get(asset.label)
    if ran is None or ran.failed or asset.name in session.deferred:
        return False
    live = session.look(asset, own=True)
    if live.blockers():
        return session.journal.consumed(asset.label) != frozenset()
    return decide(session, asset, live).entry is not None
