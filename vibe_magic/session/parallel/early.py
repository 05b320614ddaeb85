"""Results that may be taken over before their turn, since nothing before them can tell."""

from __future__ import annotations

from dataclasses import dataclass
from types import FunctionType, ModuleType

from vibe_magic.cell import Facts
from vibe_magic.identity import explore
from vibe_magic.observe import facets
from vibe_magic.trace import Trace

from ..holdings import held, variables
from ..kernel import Session
from .turns import Turn, Turns

__all__ = ["Early"]

_FIXED = (bool, int, float, complex, str, bytes, type(None))
"""What nobody can change in place."""


@dataclass(frozen=True)
class _Code:
    """What the functions and classes of the notebook mention and bind: a cell to come may call them."""

    names: frozenset[str]
    writes: frozenset[str]


class Early:
    """Picks the results of one run that need not wait.

    These follow from names alone, and what they read cannot change. The cells before them that are still to
    come bind none of it, and mention nothing that these bind, nor does any code that they may call. Should
    one of those turn out to change the state of the process, such as an option, these come once more in turn.

    Parameters
    ----------
    session : Session
        The kernel's.
    turns : Turns
        The cells.
    """

    def __init__(self, session: Session, turns: Turns) -> None:
        self._session = session
        self._turns = turns
        self._traces: dict[str, Trace | None] = {}
        self._known: tuple[int, _Code] = (-1, _Code(frozenset(), frozenset()))
        self._taken: list[Turn] = []
        self._state: tuple[object, ...] = ()

    def next(self) -> Turn | None:
        """Return a turn that is settled and need not wait, but for the one whose turn it is."""
        to_come: list[Facts] = []
        for turn in self._turns:
            if to_come and self._is_free(turn, to_come):
                self._state = self._state if self._taken else self._present()
                self._taken.append(turn)
                return turn
            to_come.append(turn.asset.cell.facts)
        return None

    def keep(self, turn: Turn) -> None:
        """Let a turn wait after all."""
        self._taken.remove(turn)
        self._traces[turn.asset.name] = None

    def revise(self, past: Turn) -> None:
        """Let early results come once more, if the turn before them has changed what they had found."""
        if self._taken and self._state != self._present():
            for turn in self._taken:
                turn.stays, turn.reply = f"{past.asset.name} has changed options that it found", None
                self._turns.put_back(turn)
            self._taken = []
        self._taken = [turn for turn in self._taken if self._turns.is_behind(turn.asset.name)]

    def _present(self) -> tuple[object, ...]:
        session = self._session
        return facets.snapshot(session.folder, names=facets.INPUTS), dict(session.patches)

    def _is_free(self, turn: Turn, to_come: list[Facts]) -> bool:
        if turn.reply is None or turn.reply.action not in ("ran", "restored") or turn.stays or turn.lost:
            return False
        trace = self._trace(turn)
        if trace is None:
            return False
        code = self._code()
        writes = turn.asset.cell.facts.writes | trace.outputs.keys()
        reads = frozenset(trace.inputs) - facets.ALL.keys()
        unread = reads & frozenset(self._session.unread.names)  # nobody has them under another name
        names = writes | unread
        return (
            all(map(self._is_fixed, reads - unread))
            and names.isdisjoint(code.names)
            and code.writes.isdisjoint(reads)
            and not any(_meets(facts, reads, names) for facts in to_come)
        )

    def _trace(self, turn: Turn) -> Trace | None:
        """Return the trace of a result that follows from names alone and only binds names; None of others."""
        name = turn.asset.name
        if name not in self._traces:
            assert turn.reply is not None
            entry = self._session.store.at(turn.reply.path)
            trace = None if entry is None else Trace.from_json(entry.trace)
            is_plain = trace is not None and _is_plain(trace) and not self._holds(turn)
            self._traces[name] = trace if is_plain else None
        return self._traces[name]

    def _holds(self, turn: Turn) -> bool:
        """Tell whether code that an asset calls holds something between calls."""
        callables = self._session.look(turn.asset).reach.callables
        data = (value for values in held(callables).values() for value in values)
        return bool(variables(callables)[1]) or not all(type(value) in _FIXED for value in data)

    def _is_fixed(self, ref: str) -> bool:
        """Tell whether nobody can change a value in place."""
        value = self._session.namespace.get(ref, self)
        return isinstance(value, FunctionType | type | ModuleType) or type(value) in _FIXED or ":" in ref

    def _code(self) -> _Code:
        session = self._session
        if self._known[0] != session.journal.count:
            names = {n for n, value in session.namespace.items() if isinstance(value, FunctionType | type)}
            reach = explore(Facts(reads=frozenset(names)), session.namespace, memo=session.memo)
            mentioned = frozenset[str]().union(*(facts.mentions | facts.words for facts in reach.code))
            writes = frozenset[str]().union(*(facts.writes | facts.deletes for facts in reach.code))
            self._known = session.journal.count, _Code(mentioned, writes)
        return self._known[1]


def _meets(facts: Facts, reads: frozenset[str], names: frozenset[str]) -> bool:
    """Tell whether a cell to come may bind what was read, or may use what was bound."""
    named = facts.mentions | facts.words | facts.reads | facts.writes | facts.deletes
    return bool(facts.hazards) or bool(named & names) or bool((facts.writes | facts.deletes) & reads)


def _is_plain(trace: Trace) -> bool:
    """Tell whether a run has read nothing but names, and changed nothing but what they stand for."""
    state = trace.outputs.keys() & facets.ALL.keys() or trace.inputs.keys() & set(facets.RANDOM)
    values = any(":" in ref and fact.kind == "value" for ref, fact in trace.inputs.items())
    done = trace.mutated or trace.deleted or trace.written
    return not (state or values or done or trace.files or trace.env)
