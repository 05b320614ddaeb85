"""One run of a cell body, watched from its start to its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vibe_magic.capture import Output, Recorder
from vibe_magic.identity import labels, loaded_since, loads, note_loaded, note_more, said_since
from vibe_magic.observe import Observed, Watch, effects, facets, follow_imports, irreversible, named_files
from vibe_magic.payload import Packed

from .effects import Effects, blockers_of, pack_groups
from .evidence import make_trace
from .finalizers import finalized
from .holding import Held
from .job import RESULT, Blocker, Job, Outcome
from .lookups import looked_up
from .namespace import Bindings

__all__ = ["Run", "in_force", "shown"]

_ASKS = frozenset({"access", "exists", "getmtime", "getsize", "lexists", "stat"})
_ASKS |= {"is_dir", "is_file", "isdir", "isfile", "islink", "is_symlink"}
"""What asks for files without opening them, which no audit event tells of."""
_STAMPS = frozenset({"access", "getatime", "getctime", "getmtime", "group", "owner", "readlink", "samefile"})
_STAMPS |= {"st_atime", "st_atime_ns", "st_ctime", "st_ctime_ns", "st_mtime", "st_mtime_ns", "st_birthtime"}
_STAMPS |= {"st_gid", "st_ino", "st_mode", "st_nlink", "st_uid"}
"""What files have besides their content, which is all that counts of them."""
_SAYS = "writes something when it is loaded", "import it in a cell of its own"


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
        self._bindings = Bindings.of({})
        self._inputs = Held({}, loosely=False)
        self._state: Mapping[str, Any] = {}
        self._shell = shell
        self._in_force: Mapping[str, Any] = {}
        self._labels: Mapping[str, Any] = {}
        self._axes = Held({}, loosely=False)
        self._finalized: Mapping[str, str] = {}
        self._modules = self._loads = 0
        self._started_s = 0.0

    def start(self) -> None:
        """Begin; the body runs next."""
        job = self.job
        self._hold()
        self._state = facets.snapshot(str(job.base))
        self._in_force = in_force(self._shell)
        self._modules, self._loads = len(sys.modules), loads()
        follow_imports(note_loaded, note_more)
        asks = not _ASKS.isdisjoint(job.reach.facts.mentions)
        named = named_files(job.reach.facts.strings, str(job.base), asks=asks) | dict.fromkeys(job.files, "")
        if job.stored:
            self._recorder.start()
        self._watch.start(named)
        self._started_s = time.perf_counter()

    def _hold(self) -> None:
        """Hold what the end is compared with; loosely where no result can share anything with it.

        From here on the code decides how long objects live, so nothing else may keep them.
        """
        job, facts, loosely = self.job, self.job.cell.facts, not self.job.stored
        found, self._finalized = labels(job.reach.values), {} if loosely else self._going()
        gone = job.cell.unbinds if loosely else job.cell.unbinds & self._finalized.keys()
        self._labels = {path: list(index.names) for path, index in found.items()}
        self._axes = Held(found, loosely=loosely)
        self._inputs = Held(job.reach.values, loosely=loosely, dropped=gone)
        self._bindings = Bindings.of(job.namespace, (facts.definite - facts.reads) | gone, loosely=loosely)
        self.job = replace(job, reach=replace(job.reach, values={}))
        job.memo.clear()

    def _going(self) -> Mapping[str, str]:
        """Return those of the names that the body may change whose values have finalizers."""
        job = self.job
        names = self._writes() | job.cell.unbinds | job.reach.values.keys()
        return finalized({name: job.namespace[name] for name in names & job.namespace.keys()})

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
        self.job = replace(self.job, reach=replace(self.job.reach, values=self._inputs.values()))
        self.job, hidden = looked_up(self.job, observed.lookups, changes)
        effects = Effects.of(
            self.job,
            changes,
            before=self._state,
            after=facets.snapshot(str(self.job.base), self.job.reach.facts.mentions),
            labels={path: (index, self._labels[path]) for path, index in self._axes.values().items()},
            results=results or self._recorder.results,
            loaded=loaded_since(self._loads),
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
        found += tuple(Blocker(name, *_SAYS) for name in said_since(self._loads))
        gone = sorted(effects.changed & self._finalized.keys())
        found += tuple(
            Blocker(name, f"held a {self._finalized[name]}, which has a finalizer") for name in gone
        )
        found += tuple(
            Blocker(what, "of a file is no part of its content") for what in self._stamps(observed)
        )
        if not all(blocker.once for blocker in found):
            return {}, found
        groups, against = pack_groups(self.job, effects)
        return groups, (*found, *against)

    def _stamps(self, observed: Observed) -> list[str]:
        mentions = self.job.reach.facts.mentions
        scans = "scandir" in mentions  # its entries answer without asking again
        return sorted(mentions & (_STAMPS | {"st_size"} if scans else _STAMPS if observed.asked else set()))

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
