"""What is handed to a run and what is kept of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from vibe_magic.cell import Cell
from vibe_magic.execute import Job, Outcome, summaries
from vibe_magic.identity import combine, fingerprint, text_digest
from vibe_magic.store import Draft, Entry
from vibe_magic.trace import Trace

from .asset import Asset
from .live import PYTHON, Live, env_digest

__all__ = [
    "draft_of",
    "first_line",
    "is_control",
    "is_forced",
    "job_of",
    "plain_name",
    "present_trace",
    "trace_of",
    "without_commands",
]


def job_of(asset: Asset, live: Live, seeded: frozenset[str], *, stored: bool) -> Job:
    """Return the run of an asset as it stands; `seeded` are the generators that follow from a seed."""
    spec = asset.spec
    around = live.around
    return Job(
        name=asset.name,
        cell=asset.cell,
        fingerprint=live.fingerprint,
        reach=live.reach,
        namespace=around.namespace,
        base=Path(around.folder),
        params=live.params,
        out=None if spec.out is None else frozenset(spec.out),
        stored=stored,
        seeded=seeded,
        files=spec.files,
        env={name: env_digest(name, around.environ) for name in live.env_names()},
        ignore=frozenset(spec.ignore),
        python=PYTHON,
        summaries=summaries(live.reach, around.namespace),
        memo=around.memo,
    )


def draft_of(asset: Asset, key: str, outcome: Outcome, ttl_s: float | None, now_s: float) -> Draft:
    """Return what is stored of a run whose result can be kept."""
    return Draft(
        asset=asset.name,
        key=key,
        observed=combine("observed", repr(sorted(_observed(outcome.trace)))),
        groups=outcome.groups,
        outputs=outcome.outputs,
        trace=outcome.trace.to_json(),
        created_at=now_s,
        duration_s=outcome.duration_s,
        kind="asset",
        ttl_s=ttl_s,
    )


def trace_of(trace: Trace, duration_s: float, now_s: float) -> Draft:
    """Return what is stored of a run of which only the trace can be kept, as of every plain cell."""
    return Draft(
        asset=trace.name,
        key=text_digest(trace.fingerprint),
        groups={},
        observed=combine("observed", repr(sorted(_observed(trace)))),
        trace=trace.to_json(),
        created_at=now_s,
        duration_s=duration_s,
        kind="cell",
    )


def plain_name(cell: Cell) -> str:
    """Return the name under which a cell without a name of its own is known."""
    return f"cell_{fingerprint(cell)[:8]}"


def present_trace(asset: Asset, live: Live, entry: Entry) -> Trace:
    """Return an entry's trace as if it had been computed from what is there at present."""
    trace = Trace.from_json(entry.trace)
    known = summaries(live.reach, live.around.namespace)
    files = live.around.files
    return replace(
        trace,
        fingerprint=live.fingerprint,
        source=asset.cell.source,
        inputs={ref: replace(live.look(ref), summary=known.get(ref, {})) for ref in live.refs()},
        files={path: files.state(path).to_json() for path in trace.files},
        written={path: files.state(path).to_json() for path in trace.written},
        env={name: env_digest(name, live.around.environ) for name in live.env_names() | trace.env.keys()},
        packages=dict(live.reach.packages),
        python=PYTHON,
        params=dict(live.params),
    )


def is_forced(name: str) -> bool:
    """Tell whether the command that started this process asked for the asset to run."""
    names = os.environ.get("VIBE_MAGIC_FORCE", "").split(",")
    return name in names or "*" in names


def first_line(asset: Asset) -> str:
    """Return what a person recognises a cell by."""
    lines = [line.strip() for line in asset.cell.source.splitlines() if line.strip()]
    return repr(lines[0] if lines else "")


def is_control(cell: Cell) -> bool:
    """Tell whether a cell only acts on assets, so that it is no part of the notebook's work."""
    return _COMMAND in cell.python


_COMMAND = "run_line_magic('asset'"


def without_commands(python: str) -> str:
    """Return what a cell does besides acting on assets, which reads no value of the notebook."""
    return "\n".join(line for line in python.splitlines() if _COMMAND not in line)


def _observed(trace: Trace) -> list[tuple[str, str]]:
    """Return what a run found out beyond its key, so that each finding gets an entry of its own."""
    found = [(ref, fact.digest or fact.static) for ref, fact in trace.inputs.items()]
    found += [(path, str(state.get("digest"))) for path, state in trace.files.items()]
    return found + list(trace.env.items()) + list(trace.packages.items())
