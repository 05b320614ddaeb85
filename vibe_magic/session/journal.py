"""What ran in this kernel: the last run of each cell, and which cell bound each name last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from vibe_magic.observe import facets
from vibe_magic.store import Entry
from vibe_magic.trace import ABSENT, UNKNOWN, Cause, Fact, Trace

__all__ = ["Journal", "Ran"]


@dataclass(frozen=True, slots=True)
class Ran:
    """The last run of one cell.

    Parameters
    ----------
    number : int
        Runs of this kernel, counted from 1.
    direct : int
        The number of the last run that the person asked for, rather than a reader of the cell.
    at_s : float
        Seconds since the epoch.
    trace : Trace
        What it depended on and produced; of a failed run, what is known.
    producers : dict of str to str
        The cells that had bound its inputs; names only, since process state is everybody's.
    drew_after : dict of str to str
        The cells that had left the random generators as it found them, by generator.
    failed : bool
        Whether it raised.
    entry : Entry or None
        Its stored result, without the trace; None if it is not stored.
    """

    number: int
    direct: int
    at_s: float
    trace: Trace
    producers: Mapping[str, str] = field(default_factory=dict)
    drew_after: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False
    entry: Entry | None = None


@dataclass
class Journal:
    """The runs of one kernel."""

    runs: dict[str, Ran] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)
    changers: dict[str, str] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    count: int = 0
    repeated: bool = False

    def pass_by(self, label: str) -> None:
        """Take note that the person has gone past a cell that is to run later."""
        self.count += 1
        self.passed[label] = self.count

    def note(
        self,
        label: str,
        trace: Trace,
        at_s: float,
        *,
        direct: bool = True,
        failed: bool = False,
        entry: Entry | None = None,
        changed: frozenset[str] | None = None,
    ) -> None:
        """Add a run: from now on the cell is the writer of all that it changed."""
        self.count += 1
        before = self.runs.get(label)
        self.repeated = self.repeated or before is not None
        producers = {
            ref: self.writers[ref] for ref in trace.inputs if ref.isidentifier() and ref in self.writers
        }
        state = trace.outputs.keys() & facets.ALL.keys()
        drawn = trace.inputs.keys() & self.changers.keys() & set(facets.RANDOM)
        drew_after = {ref: self.changers[ref] for ref in drawn}
        self.changers |= dict.fromkeys(state, label)
        kept = replace(entry, trace={}) if entry is not None and entry.trace else entry
        last_direct = self.count
        if not direct and before is not None:
            last_direct = max(before.direct, self.passed.get(label, 0))
        self.runs[label] = Ran(self.count, last_direct, at_s, trace, producers, drew_after, failed, kept)
        written = (trace.outputs.keys() - state) | set(trace.deleted) if changed is None else changed
        self.writers |= dict.fromkeys(written, label)

    def own(self, label: str) -> Mapping[str, Fact]:
        """Return what a cell's inputs were before it changed them itself, where no other has since.

        Every draw moves a random generator on. So that is as the cell that came before this one has left it.
        """
        ran = self.runs.get(label)
        if ran is None:
            return {}
        state = {ref for ref in ran.trace.outputs if self.changers.get(ref) == label}
        own = {ref: ran.trace.inputs.get(ref, ABSENT) for ref in state | self.consumed(label)}
        return own | {ref: self._left(ref, before, ran) for ref, before in ran.drew_after.items()}

    def _left(self, ref: str, label: str, reader: Ran) -> Fact:
        before = self.runs[label]
        found = reader.trace.inputs[ref] if before is reader else before.trace.outputs.get(ref)
        return UNKNOWN if found is None else found

    def consumed(self, label: str) -> frozenset[str]:
        """Return the inputs that a cell used up: running it again would apply it to its own result."""
        ran = self.runs.get(label)
        changed = ran.trace.outputs.keys() & ran.trace.inputs.keys() if ran else ()
        return frozenset(ref for ref in changed if self.writers.get(ref) == label)

    def is_first(self, label: str) -> bool:
        """Tell whether a cell runs for the first time and none has run twice: then nothing is behind."""
        return not self.repeated and label not in self.runs

    def needs(self, label: str) -> Iterator[str]:
        """Yield the cells that a cell's inputs came from, directly or not, nearest first."""
        seen = {label}
        waiting = [label]
        while waiting:
            ran = self.runs.get(waiting.pop(0))
            for producer in dict.fromkeys(ran.producers.values()) if ran else ():
                if producer not in seen:
                    seen.add(producer)
                    waiting.append(producer)
                    yield producer

    def outdated(self, label: str) -> bool:
        """Tell whether a cell's inputs were made anew, differently, by the cells they came from."""
        ran = self.runs[label]
        return any(self._made_anew(ran, ref, producer) for ref, producer in ran.producers.items())

    def _made_anew(self, ran: Ran, ref: str, producer: str) -> bool:
        source = self.runs.get(producer)
        if source is None or source.number <= ran.number or self.writers.get(ref) != producer:
            return False
        made = source.trace.outputs.get(ref)
        return made is not None and not made.same(ran.trace.inputs.get(ref))

    def since(self, causes: tuple[Cause, ...], number: int) -> tuple[Cause, ...]:
        """Return the causes that were not there yet when a run with this number ended.

        A name that was bound anew earlier belongs to a cell that the person has already run past. And process
        state is everybody's: that a cell has changed it makes nobody run the cells above again.
        """
        return tuple(
            cause
            for cause in causes
            if cause.kind not in ("input", "function")
            or (self._written(cause.subject) > number and not cause.subject.startswith("<"))
        )

    def _written(self, ref: str) -> int:
        ran = self.runs.get(self.writers.get(ref, ""))
        return ran.number if ran else 0
