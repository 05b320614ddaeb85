"""One run of a cell body, watched from its start to its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from vibe_magic.capture import Output, Recorder
from vibe_magic.identity import labels
from vibe_magic.observe import Observed, Watch, effects, facets, irreversible, named_files
from vibe_magic.payload import Packed

from .effects import Effects, blockers_of, pack_groups
from .evidence import make_trace
from .job import RESULT, Blocker, Job, Outcome
from .lookups import looked_up
from .namespace import Bindings

__all__ = ["Run", "in_force", "shown"]

_ASKS = frozenset({"access", "exists", "getmtime", "getsize", "lexists", "stat"})
_ASKS |= {"is_dir", "is_file", "isdir", "isfile", "islink", "is_symlink"}
"""What asks for files without opening them, which no audit event tells of."""


class Run:
    """Watches one body run.

    Parameters
    ----------
    job : Job
        What runs.
    shell : InteractiveShell
        The shell that shows its outputs.
    watch : Watch
        Sees the files it touches.
    """

    def __init__(self, job: Job, shell: Any, watch: Watch) -> None:
        self.job = job
        self._watch = watch
        self._recorder = Recorder(shell)
        self._bindings = Bindings({}, frozenset())
        self._state: Mapping[str, Any] = {}
        self._shell = shell
        self._in_force: Mapping[str, Any] = {}
        self._labels: Mapping[str, tuple[Any, Any]] = {}
        self._modules = 0
        self._started_s = 0.0

    def start(self) -> None:
        """Begin; the body runs next."""
        job = self.job
        facts = job.cell.facts
        self._bindings = Bindings.of(job.namespace, facts.definite - facts.reads)
        self._state = facets.snapshot(str(job.base))
        self._in_force = in_force(self._shell)
        self._modules = len(sys.modules)
        self._labels = {path: (index, list(index.names)) for path, index in labels(job.reach.values).items()}
        asks = not _ASKS.isdisjoint(job.reach.facts.mentions)
        named = named_files(job.reach.facts.strings, str(job.base), asks=asks) | dict.fromkeys(job.files, "")
        if job.stored:
            self._recorder.start()
        self._watch.start(named)
        self._started_s = time.perf_counter()

    def finish(self, failed: bool, results: tuple[object, ...] = ()) -> Outcome:
        """End; look at what the body did.

        Parameters
        ----------
        failed : bool
            Whether it raised or was interrupted.
        results : tuple of object, optional
            Values that were displayed as results without entering ``Out``.
        """
        duration_s = time.perf_counter() - self._started_s
        observed = self._watch.stop()
        outputs = self._recorder.stop()
        if results:
            outputs = _with_result(outputs)
        changes = self._bindings.changes(self.job.namespace, self._writes())
        self.job, hidden = looked_up(self.job, observed.lookups, changes)
        effects = Effects.of(
            self.job,
            changes,
            self._bindings.held,
            before=self._state,
            after=facets.snapshot(str(self.job.base), self.job.reach.facts.mentions),
            labels=self._labels,
            results=results or self._recorder.results,
        )
        failed = failed or self._recorder.error
        groups, blockers = self._judged(effects, observed, hidden, failed)
        return Outcome(
            trace=make_trace(self.job, effects, observed),
            groups=groups,
            outputs=outputs,
            blockers=blockers,
            duration_s=duration_s,
            failed=failed,
            changed=effects.changed,
            drawn=effects.drawn,
        )

    def _writes(self) -> frozenset[str]:
        """Return the names that the body may bind, itself or through the functions it calls."""
        return self.job.cell.facts.writes.union(*(code.writes for code in self.job.reach.code))

    def abandon(self) -> None:
        """End without looking; for a run that never began or was overtaken."""
        self._watch.stop()
        self._recorder.stop()

    def _judged(
        self, effects: Effects, observed: Observed, hidden: tuple[Blocker, ...], failed: bool
    ) -> tuple[Mapping[str, Packed], tuple[Blocker, ...]]:
        if failed or not self.job.stored:
            return {}, ()
        recorder = self._recorder
        found = hidden + blockers_of(effects, observed, recorder.widgets, recorder.gaps)
        found += tuple(Blocker(what, "is changed by this cell") for what in self._changed())
        if not all(blocker.once for blocker in found):
            return {}, found
        groups, against = pack_groups(self.job, effects)
        return groups, (*found, *against)

    def _changed(self) -> tuple[str, ...]:
        return irreversible(
            self._in_force,
            in_force(self._shell),
            mentions=self.job.reach.facts.mentions,
            imported=len(sys.modules) != self._modules,
        )


def in_force(shell: Any) -> Mapping[str, Any]:
    """Note what is in force, always within the shell's traps: a run starts inside them and ends outside."""
    with shell.builtin_trap, shell.display_trap:
        return effects(shell)


def _with_result(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Turn the display of a result into the result that it would have been in the asset's own cell."""
    return tuple(_result(item) if RESULT in item.get("transient", ()) else item for item in outputs)


def _result(item: Output) -> Output:
    return {"output_type": "execute_result", "data": item["data"], "metadata": item["metadata"]}


def shown(outputs: tuple[Output, ...]) -> bool:
    """Tell whether anything was displayed whose formats depend on the front end."""
    return any(output["output_type"] != "stream" for output in outputs)
