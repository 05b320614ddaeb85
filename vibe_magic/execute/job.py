"""What is to be run, and what came of it: the values that pass into and out of this layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vibe_magic.cell import Cell
from vibe_magic.identity import Memo, Reach
from vibe_magic.payload import Packed
from vibe_magic.trace import Trace

__all__ = ["RESULT", "STATE", "Blocker", "Job", "Outcome"]

RESULT = "<result>"
"""Stands for the value of the last expression among a run's values."""

STATE = "<state>"
"""Stands for the process state that a run changed among a run's values."""


class Blocker(NamedTuple):
    """One reason why a result cannot be stored, and so cannot come back.

    Parameters
    ----------
    subject : str
        The name or effect.
    reason : str
        Why it prevents caching.
    fix : str
        What would make the cell cacheable, if anything.
    once : bool
        Whether the result is good all the same for the run that has made it, wherever that was.
    """

    subject: str
    reason: str
    fix: str = ""
    once: bool = False

    def __str__(self) -> str:
        """Put the reason and the advice into one line."""
        text = f"{self.subject} {self.reason}".strip()
        return f"{text}; {self.fix}" if self.fix else text


@dataclass(frozen=True)
class Job:
    """One cell body about to run.

    Parameters
    ----------
    name : str
        The asset, or the label of a plain cell.
    cell : Cell
        Its body, analysed.
    fingerprint : str
        Its code by meaning.
    reach : Reach
        What it needs from the namespace, with digests.
    namespace : dict
        Where it runs.
    base : Path
        The directory that file names are relative to.
    params : dict of str to str
        Options that shape the result.
    out : frozenset of str or None
        Only these of the names it binds are kept.
    stored : bool
        Whether values are to be stored; otherwise only the trace is made.
    seeded : frozenset of str
        The random generators whose state follows from a seed in the notebook.
    files : tuple of str
        Paths that are declared to count.
    env : dict of str to str
        Digests of the environment variables that count.
    ignore : frozenset of str
        Inputs that do not count.
    python : str
        The interpreter.
    summaries : dict of str to dict
        What the inputs were like before the run.
    memo : Memo
        Digests that hold until code of the notebook runs.
    """

    name: str
    cell: Cell
    fingerprint: str
    reach: Reach
    namespace: dict[str, Any]
    base: Path
    params: Mapping[str, str] = field(default_factory=dict)
    out: frozenset[str] | None = None
    stored: bool = True
    seeded: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    python: str = ""
    summaries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    memo: Memo = field(default_factory=Memo)


class Outcome(NamedTuple):
    """What one run did.

    Parameters
    ----------
    trace : Trace
        What it depended on and produced.
    groups : dict of str to Packed
        Results as bytes, by group; empty if blocked for good.
    outputs : tuple of dict
        What it showed.
    blockers : tuple of Blocker
        Why it cannot be stored; empty if it can.
    duration_s : float
        Wall time.
    failed : bool
        Whether it raised.
    changed : frozenset of str
        Names it bound, unbound or whose values it changed in place.
    drawn : frozenset of str
        Random generators it drew from.
    """

    trace: Trace
    groups: Mapping[str, Packed]
    outputs: tuple[dict[str, Any], ...]
    blockers: tuple[Blocker, ...]
    duration_s: float
    failed: bool
    changed: frozenset[str]
    drawn: frozenset[str] = frozenset()
