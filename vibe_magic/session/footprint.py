"""What a cell may touch, and whether two cells leave each other alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from vibe_magic.cell import outward, words_in
from vibe_magic.execute import sharing
from vibe_magic.identity import Parts, parts
from vibe_magic.observe import facets
from vibe_magic.trace import Trace

from .holdings import held, variables
from .live import Live

__all__ = ["Footprint", "lasting", "reason_against", "words_of"]

_QUIET = frozenset(sys.stdlib_module_names) - {facet.module for facet in facets.ALL.values()}
"""Modules that hold no process state."""

_SHARED = frozenset(
    [
        "basicConfig",
        "chdir",
        "environ",
        "filterwarnings",
        "getcontext",
        "putenv",
        "random",
        "rcParams",
        "seed",
        "set_option",
        "set_printoptions",
        "set_theme",
        "setcontext",
        "setdefaulttimeout",
        "seterr",
        "setLevel",
        "setlocale",
        "setrecursionlimit",
        "simplefilter",
    ]
)
"""Words of code that draws from, or changes, what all cells share; other words are found out late."""


_PLACED = frozenset({"os.environ", "sys.path", "warnings.filters"})
"""What an asset finds as it was at its place, whatever has changed it since."""


@dataclass(frozen=True)
class Footprint:
    """The names and values that a cell may read, bind or change.

    Parameters
    ----------
    reads, writes : frozenset of str
        Names, also those that only its functions use, and variables around these.
    values : dict of str to object
        What it reads, by reference, and what the code holds that it may call.
    unbounded : bool
        Whether it reaches for names in ways that cannot be followed.
    """

    reads: frozenset[str]
    writes: frozenset[str]
    values: Mapping[str, Any] = field(repr=False)
    unbounded: bool = False

    @classmethod
    def of(cls, live: Live) -> Footprint:
        """Return that of a cell as it stands."""
        facts, reached = live.reach.facts, live.reach.code
        around, rebound = variables(live.reach.callables)
        reads = facts.reads.union(facts.deferred, *(code.reads | code.deferred for code in reached))
        reads |= words_of(live)  # a library may look them up for it
        writes = facts.writes.union(facts.deletes, *(code.writes | code.deletes for code in reached))
        return cls(
            reads | around,
            writes | rebound,
            {**live.reach.values, **held(live.reach.callables)},
            any(hazard.kind not in ("address", "exit") for hazard in facts.hazards)
            or bool(live.reach.problems)
            or _sets_code(live),
        )

    def meets(self, other: Footprint) -> bool:
        """Tell whether it may matter which of two cells runs first."""
        if self.unbounded or other.unbounded or self.writes & (other.reads | other.writes):
            return True
        return bool(other.writes & self.reads) or self._shares(other)

    def _shares(self, other: Footprint) -> bool:
        mine: dict[str, Parts] = {f"one {ref}": parts(value) for ref, value in self.values.items()}
        if not any(found.ids or found.spans or found.guarded for found in mine.values()):
            return False
        both = mine | {f"two {ref}": parts(value) for ref, value in other.values.items()}
        return any(one[:3] != two[:3] for one, two in sharing(both))


def words_of(live: Live) -> frozenset[str]:
    """Return all that may be a name in the texts that a cell holds, or reads."""
    texts = (value for value in live.reach.values.values() if type(value) is str)
    return live.reach.facts.words.union(*map(words_in, texts))


def _quiet_names(live: Live) -> frozenset[str]:
    """Return the names that stand for such modules, and for functions of them."""
    namespace = live.around.namespace
    values = {name: namespace.get(name) for name in live.asset.cell.facts.reads}
    return frozenset(name for name, value in values.items() if _home(value) in _QUIET)


def _home(value: object) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    return str(value.__module__) if isinstance(value, FunctionType | BuiltinFunctionType) else ""


def _sets_code(live: Live) -> bool:
    """Tell whether a cell sets attributes of what is neither its own nor a plain value, or changes a module.

    Others may read that of a module which they import themselves, so that nothing shows it yet.
    """
    facts, namespace = live.reach.facts, live.around.namespace
    roots = {target.partition(".")[0] for target in facts.stores}
    if not roots <= live.reach.values.keys() | facts.writes:
        return True
    imported = tuple(f"{module}." for module, _ in facts.modules)
    changed = (facts.stores | facts.puts) - _PLACED
    named = (target for target in changed if isinstance(namespace.get(target.partition(".")[0]), ModuleType))
    return any(named) or any(target.startswith(imported) for target in changed)


def lasting(trace: Trace) -> tuple[str, ...]:
    """Return what a run changed that cells can see without naming it: files and process state."""
    return (*trace.written, *sorted(ref for ref in trace.outputs if ref in facets.ALL))


def reason_against(live: Live, before: Trace | None) -> str:
    """Say why a cell cannot be put off, as far as its text and its last run tell; empty if it can.

    Parameters
    ----------
    live : Live
        The cell as it stands.
    before : Trace or None
        Of a run of the same asset.
    """
    blockers = live.blockers(but="exit" if live.asset.spec.background else "")  # a worker may end itself
    if blockers:
        return str(blockers[0])
    if not live.asset.cell.facts.writes:
        return "it binds no name that could be read"
    facts = live.reach.facts
    if facts.deletes:
        return f"it unbinds {', '.join(sorted(facts.deletes))}"
    shared = facts.mentions & _SHARED
    if facts.seeds or shared:
        return f"it may use what all cells share ({', '.join(sorted(shared)) or 'a random generator'})"
    act = outward(live.asset.cell.python, _QUIET, _quiet_names(live))
    if act:
        return f"{act} acts on what the cell has not made"
    done = () if before is None else lasting(before)
    return f"it changed {', '.join(done)} when it ran last" if done else ""
