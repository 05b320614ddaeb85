"""What a person asks of a session: the state of its assets, and all of them up to date."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vibe_magic.collector import paused
from vibe_magic.errors import CorruptEntry, UsageError
from vibe_magic.graph import Graph
from vibe_magic.identity import combine
from vibe_magic.payload import Context
from vibe_magic.store import Entry
from vibe_magic.trace import Cause

from .asset import Asset
from .decision import decide
from .freshness import Verdict, judge
from .kernel import Session
from .records import AssetStatus
from .restore import referable
from .saved import forget_deleted
from .work import present_trace

__all__ = ["accept", "assets", "clear", "graph_of", "load_values", "status_of"]


def assets(session: Session, names: Collection[str] = ()) -> list[Asset]:
    """Return the assets of these names, all if none are given.

    Raises
    ------
    UsageError
        There is no such asset.
    """
    forget_deleted(session)
    for name in names:
        if name not in session.registry:
            known = ", ".join(a.name for a in session.registry) or "none"
            raise UsageError(f"no asset {name!r}", "%asset", f"registered are {known}")
    return [a for a in session.registry if not names or a.name in names]


def graph_of(session: Session) -> Graph:
    """Return the graph of the registered assets, with what their helpers read."""
    nodes = []
    for asset in session.registry:
        ran = session.journal.runs.get(asset.label)
        known = frozenset(ran.trace.inputs) if ran else frozenset()
        nodes.append(asset.node(frozenset(ref for ref in known if ref.isidentifier())))
    return Graph(tuple(nodes))


def status_of(session: Session, names: Collection[str] = ()) -> tuple[AssetStatus, ...]:
    """Return the states of assets, in order; nothing runs."""
    with paused():
        return tuple(_statuses(session, names))


def _statuses(session: Session, names: Collection[str]) -> Iterator[AssetStatus]:
    wanted = {asset.name for asset in assets(session, names)}
    graph = graph_of(session)
    stale: dict[str, str] = {}
    for index, asset in enumerate(session.registry):
        if asset.name not in wanted and not names:
            continue
        live = session.look(asset, own=True)
        blockers = live.blockers()
        verdict = decide(session, asset, live) if not asset.spec.force else Verdict(None)
        inherited = tuple(
            Cause("upstream", name, "is not fresh")
            for name in graph.upstream.get(asset.name, ())
            if name in stale
        )
        causes = verdict.causes or inherited
        state = _state(session, asset, causes)
        if state != "fresh":
            stale[asset.name] = state
        note = "; ".join(map(str, blockers)) or session.deferred.note(asset.name) or _unstored(session, asset)
        if asset.name in wanted:
            yield _status(asset, index, state, causes, verdict.nearest, note)


def _unstored(session: Session, asset: Asset) -> str:
    """Say why the last run of an asset in this kernel was not stored, if it was not."""
    ran = session.journal.runs.get(asset.label)
    if ran is None or ran.entry is not None:
        return ""
    last = next((r for r in reversed(session.records) if r.name == asset.name), None)
    return last.note if last is not None else ""


def _state(session: Session, asset: Asset, causes: tuple[Cause, ...]) -> str:
    ran = session.journal.runs.get(asset.label)
    if ran is not None and ran.failed:
        return "failed"
    kinds = {cause.kind for cause in causes}
    if not kinds:
        return "fresh"
    if kinds & {"never_run", "evicted"}:
        return "missing"
    return "expired" if kinds == {"expired"} else "stale"


def _status(
    asset: Asset,
    index: int,
    state: str,
    causes: tuple[Cause, ...],
    nearest: Entry | None,
    note: str,
) -> AssetStatus:
    facts = asset.cell.facts
    return AssetStatus(
        asset.name,
        state,
        causes,
        asset.cell_id,
        index,
        nearest.created_at if nearest else None,
        nearest.duration_s if nearest else None,
        nearest.nbytes if nearest else None,
        facts.reads,
        facts.writes,
        note,
    )


def load_values(session: Session, names: Collection[str]) -> list[str]:
    """Put the newest stored values of assets into the namespace, fresh or not.

    Returns
    -------
    list of str
        The names that were bound.
    """
    bound: list[str] = []
    for name in names:
        entries = session.store.results(name)
        if not entries:
            raise UsageError(f"nothing is stored of {name!r}", "%asset load", "run it first")
        session.unread.load_all()
        present = {**referable(entries[0], session.namespace), **session.namespace}
        context = Context(session.namespace, present)
        wanted = [n for n in entries[0].names if n.isidentifier()]
        try:
            session.namespace.update(session.store.load(entries[0], context, wanted))
        except CorruptEntry as error:
            raise UsageError(error.what, name, "run it again") from error
        bound += wanted
    session.forget_digests()
    return bound


def clear(
    session: Session,
    names: Collection[str] = (),
    *,
    stale: bool = False,
    older_s: float | None = None,
    everything: bool = False,
) -> int:
    """Remove stored results; return how many.

    Parameters
    ----------
    names : collection of str
        Of these assets; of all registered ones by default.
    stale : bool
        Only results that do not stand at present.
    older_s : float, optional
        Only results computed longer ago than this.
    everything : bool
        All that the cache holds, also of other notebooks.
    """
    if everything:
        return session.store.clear(older_s=older_s)
    removed = 0
    for asset in assets(session, names):
        if stale:
            kept = decide(session, asset, session.look(asset, own=True)).entry
            others = [e for e in session.store.entries(asset.name) if kept is None or e.path != kept.path]
            removed += session.store.remove(others)
        else:
            removed += session.store.clear(asset.name, older_s=older_s)
    return removed


def accept(session: Session, name: str) -> Entry:
    """Declare the nearest stored result of an asset right for the present.

    Raises
    ------
    UsageError
        Nothing is stored of it.
    """
    (asset,) = assets(session, [name])
    live = session.look(asset, own=True)
    entries = session.store.results(name)
    if not entries:
        raise UsageError(f"nothing is stored of {name!r}", "%asset accept", "run it first")
    verdict = judge(entries, live, session.ttl_s(asset.spec), session.clock())
    nearest = verdict.nearest or entries[0]
    trace = present_trace(asset, live, nearest)
    observed = combine("accepted", nearest.observed, live.key)
    try:
        entry = session.store.accept(nearest, key=live.key, observed=observed, trace=trace.to_json())
    except CorruptEntry as error:
        raise UsageError(error.what, name, "run it again") from error
    if entry is None:
        raise UsageError("could not be recorded", name, "see the warning above")
    return entry
