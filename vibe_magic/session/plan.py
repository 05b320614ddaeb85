"""What a notebook file would do if it ran: from its text, the store and the files alone, without a kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vibe_magic.cell import Cell, analyse, split_header
from vibe_magic.config import Settings
from vibe_magic.graph import Graph
from vibe_magic.identity import file_digest
from vibe_magic.observe import Files
from vibe_magic.payload import user_secret
from vibe_magic.store import Entry, Store
from vibe_magic.trace import Cause, Fact, Trace

from .asset import Asset, Registry
from .foreseen import foreseen
from .freshness import Verdict, judge
from .recorded import Recorded
from .records import AssetStatus
from .spec import Spec, parse_header
from .work import plain_name

__all__ = ["AssetStatus", "Plan", "plan_notebook"]

VERSIONS = 30
"""How many stored results of a cell are looked at."""


@dataclass(frozen=True)
class Plan:
    """The assets of a notebook and their states.

    Parameters
    ----------
    assets : tuple of AssetStatus
        In order.
    graph : Graph
        What depends on what.
    notes : tuple of str
        What cannot be known without running.
    """

    assets: tuple[AssetStatus, ...]
    graph: Graph
    notes: tuple[str, ...] = ()


@dataclass
class _Walk:
    """A pass over the cells that follows what each name would be."""

    store: Store
    files: Files
    settings: Settings
    now_s: float
    names: dict[str, Fact] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    registry: Registry = field(default_factory=Registry)
    found: list[AssetStatus] = field(default_factory=list)
    reads: dict[str, frozenset[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def meet(self, cell_id: str, text: str) -> None:
        """Go past one cell."""
        header, body = split_header(text)
        try:
            cell = analyse(body)
        except SyntaxError as error:
            self.notes.append(f"{cell_id or 'a cell'}: {error.msg} (line {error.lineno})")
            return
        if header is None:
            self._plain(cell, cell_id)
            return
        spec = parse_header(header)
        default = cell.first_name or plain_name(cell)
        asset, holder = self.registry.claim(spec, cell, cell_id, default)
        if holder is not None:
            self.notes.append(f"{asset.name} is the name of two cells; the second runs uncached")
            self._plain(cell, cell_id)
            return
        self.registry = self.registry.with_asset(asset)
        self._asset(asset)

    def _asset(self, asset: Asset) -> None:
        world = Recorded(asset, self.names, self.unknown, self.files)
        ttl_s = self.settings.ttl if asset.spec.ttl_s is None else asset.spec.ttl_s
        verdict = judge(self._entries(asset.name, "asset"), world, ttl_s, self.now_s)
        if asset.spec.force:
            verdict = Verdict(None, (Cause("forced"),), verdict.nearest)
        traced = self._traced(asset.cell, asset.cell_id) if verdict.nearest is None else verdict
        note = _note(asset.cell) or "; ".join(_trace(traced.nearest).refused if traced.nearest else ())
        self.found.append(_status(asset, len(self.found), verdict, note))
        self._advance(asset, traced)

    def _plain(self, cell: Cell, cell_id: str) -> None:
        verdict = self._traced(cell, cell_id)
        if verdict.nearest is not None:
            for what in _trace(verdict.nearest).unknown:
                self.notes.append(f"a plain cell uses {what}: what it gives is known when it runs")
        bound = foreseen(cell) if verdict.entry is None else None
        if bound is not None:
            self._take(bound)
        else:
            self._advance(Asset(plain_name(cell), Spec(), cell, cell_id), verdict)

    def _traced(self, cell: Cell, cell_id: str) -> Verdict:
        """Find a run of which only the trace was kept, and whether it would do the same again."""
        asset = Asset(plain_name(cell), Spec(), cell, cell_id)
        world = Recorded(asset, self.names, self.unknown, self.files)
        verdict = judge(self._entries(asset.name, "cell"), world, None, self.now_s)
        if verdict.entry is not None and _trace(verdict.entry).unknown:
            return Verdict(None, verdict.causes, verdict.nearest)
        return verdict

    def _entries(self, name: str, kind: str) -> list[Entry]:
        return [entry for entry in self.store.entries(name) if entry.kind == kind][:VERSIONS]

    def _advance(self, asset: Asset, verdict: Verdict) -> None:
        """Take over what the cell leaves behind, as far as it is known."""
        if verdict.nearest is not None:
            known = frozenset(_trace(verdict.nearest).inputs)
            self.reads[asset.name] = frozenset(ref for ref in known if ref.isidentifier())
        if verdict.entry is None:
            anew = asset.cell.facts.writes
            if verdict.nearest is not None:
                anew |= _trace(verdict.nearest).outputs.keys()
            for name in anew:
                self.unknown[name] = asset.name
            return
        trace = _trace(verdict.entry)
        for name in trace.deleted:
            self.names.pop(name, None)
            self.unknown.pop(name, None)
        self._take(trace.outputs)

    def _take(self, outputs: Mapping[str, Fact]) -> None:
        for name, fact in outputs.items():
            self.unknown.pop(name, None)
            self.names[name] = fact


def plan_notebook(cells: Sequence[tuple[str, str]], base: Path, settings: Settings, now_s: float) -> Plan:
    """Say what each asset's state would be if the notebook ran from top to bottom now.

    Parameters
    ----------
    cells : sequence of (str, str)
        Identity and source of the code cells, in order.
    base : Path
        The notebook's directory.
    settings : Settings
        Where the cache is.
    now_s : float
        Seconds since the epoch.
    """
    store = Store(settings.cache_dir, secret=user_secret())
    walk = _Walk(store, Files(str(base), file_digest), settings, now_s)
    for cell_id, text in cells:
        walk.meet(cell_id, text)
    nodes = (asset.node(walk.reads.get(asset.name, frozenset())) for asset in walk.registry)
    return Plan(tuple(walk.found), Graph(tuple(nodes)), tuple(dict.fromkeys(walk.notes)))


def _trace(entry: Entry) -> Trace:
    return Trace.from_json(entry.trace)


def _note(cell: Cell) -> str:
    return "; ".join(f"uses {hazard.detail}, so it always runs" for hazard in cell.facts.hazards)


def _status(asset: Asset, index: int, verdict: Verdict, note: str) -> AssetStatus:
    entry: Entry | None = verdict.nearest
    kinds = {cause.kind for cause in verdict.causes}
    state = "fresh" if verdict.entry else "missing" if "never_run" in kinds else "stale"
    if kinds == {"expired"}:
        state = "expired"
    return AssetStatus(
        asset.name,
        state,
        verdict.causes,
        asset.cell_id,
        index,
        entry.created_at if entry else None,
        entry.duration_s if entry else None,
        entry.nbytes if entry else None,
        asset.cell.facts.reads,
        asset.cell.facts.writes,
        note,
    )
