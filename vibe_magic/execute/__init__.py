"""Run one cell body in a namespace and say what it did."""

from __future__ import annotations

from .body import run_body
from .effects import GENERATORS, Effects, identities
from .evidence import fact_of, fact_of_state, summaries
from .groups import grouped, sharing
from .job import RESULT, STATE, Blocker, Job, Outcome
from .namespace import Bindings, user_names
from .run import Run, in_force, shown

__all__ = [
    "GENERATORS",
    "RESULT",
    "STATE",
    "Bindings",
    "Blocker",
    "Effects",
    "Job",
    "Outcome",
    "Run",
    "fact_of",
    "fact_of_state",
    "grouped",
    "identities",
    "in_force",
    "run_body",
    "sharing",
    "shown",
    "summaries",
    "user_names",
]
