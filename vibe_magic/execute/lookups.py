"""What a run has read by names that stand in no code: in a text or in a pickle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vibe_magic.cell import Facts
from vibe_magic.identity import Reach, explore
from vibe_magic.modules import loaded
from vibe_magic.observe import Lookup

from .evidence import summaries
from .job import Blocker, Job
from .namespace import NameChanges, user_names

__all__ = ["looked_up"]

_NOTEBOOK = "__main__"


def looked_up(job: Job, lookups: Iterable[Lookup], changes: NameChanges) -> tuple[Job, tuple[Blocker, ...]]:
    """Add to what a run depends on all that its texts and pickles name, where a library has looked for names.

    Parameters
    ----------
    job : Job
        The run.
    lookups : iterable of Lookup
        What it may have looked up.
    changes : NameChanges
        What it did to names; those that it has bound itself are no inputs.

    Returns
    -------
    Job
        Reaching further.
    tuple of Blocker
        What cannot be followed.
    """
    lookups = tuple(lookups)
    if not lookups:
        return job, ()
    own = changes.bound | changes.deleted
    names = frozenset(_of_notebook(lookups)).difference(job.reach.inputs, own, job.ignore)
    further = explore(
        Facts(reads=names, modules=frozenset(_of_modules(lookups))),
        job.namespace,
        ignore=job.ignore,
        memo=job.memo,
        search_path=(str(job.base),),
    )
    known = {**summaries(further, job.namespace), **job.summaries}
    reach = _united(job.reach, further, own)
    return replace(job, reach=reach, summaries=known), tuple(_against(job, lookups, further, own))


def _of_notebook(lookups: Iterable[Lookup]) -> Iterator[str]:
    for found in lookups:
        yield from user_names(found.values)


def _of_modules(lookups: Iterable[Lookup]) -> Iterator[tuple[str, str]]:
    for found in lookups:
        for module in found.scopes - {_NOTEBOOK}:
            there = loaded(module)
            if there is not None:
                yield from ((module, word) for word in found.words & vars(there).keys())


def _united(reach: Reach, further: Reach, own: frozenset[str]) -> Reach:
    added = {ref: identity for ref, identity in further.inputs.items() if ref not in own}
    values = {ref: value for ref, value in further.values.items() if ref not in own}
    return replace(
        reach,
        inputs={**added, **reach.inputs},
        values={**values, **reach.values},
        packages={**further.packages, **reach.packages},
        code=(*reach.code, *further.code),
    )


def _against(job: Job, lookups: Iterable[Lookup], further: Reach, own: frozenset[str]) -> Iterator[Blocker]:
    for problem in further.problems:
        fix = f"--ignore {problem.name} makes the cell cacheable all the same"
        yield Blocker(problem.part, f"is of type {problem.type_name}, whose content cannot be compared", fix)
    for name in sorted(own & {*_rebound(job, lookups), *further.inputs}):
        yield Blocker(name, "is read by its name in a text or a pickle, and bound anew by this cell")
    if any(found.hidden and not user_names(found.values) for found in lookups):
        yield Blocker("", "compiled code looks up names of the notebook that cannot be followed")


def _rebound(job: Job, lookups: Iterable[Lookup]) -> Iterator[str]:
    """Yield the names that were looked up when they stood for something else than they do at the end."""
    gone = object()
    for found in lookups:
        yield from (
            name for name, value in found.values.items() if job.namespace.get(name, gone) is not value
        )
