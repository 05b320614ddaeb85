"""What a run changed, whether that can come back, and its bytes if so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from vibe_magic.cell import Facts
from vibe_magic.errors import Undigestible, Unpicklable
from vibe_magic.identity import (
    SOURCE_TEXT,
    Identity,
    Reach,
    altered,
    anchors,
    digest,
    explore,
    found_by,
    parts,
    same_names,
)
from vibe_magic.observe import Observed, facets
from vibe_magic.payload import Context, Owners, Packed, pack

from .groups import grouped, sharing
from .job import RESULT, STATE, Blocker, Job
from .namespace import NameChanges
from .pristine import pristine

__all__ = ["GENERATORS", "Effects", "blockers_of", "identities", "pack_groups"]

GENERATORS = frozenset(facets.RANDOM)
"""Process state that counts as an input only where a cell drew from it."""


@dataclass(frozen=True)
class Effects:
    """All that a run did to names, values and process state.

    Parameters
    ----------
    values : dict of str to object
        What must come back, by name.
    names : NameChanges
        Bindings.
    mutated : frozenset of str
        Names whose value the run changed in place.
    foreign : tuple of str
        Further things that it changed in place: functions, classes, modules.
    state : dict of str to object
        Process state that it changed.
    drawn : frozenset of str
        Random generators it drew from.
    before, after : dict of str to object
        Process state when it began, and when it was done.
    labels : dict of str to object
        The index objects of frames among its inputs, by path, as far as the run left them as they were.
    renamed : frozenset of str
        Paths of those that it gave other names in place.
    reached : Reach, optional
        What the cell reaches now, with the modules that it has loaded.
    loaded : frozenset of str
        The local modules that it has loaded.
    """

    values: Mapping[str, Any]
    names: NameChanges
    mutated: frozenset[str] = frozenset()
    foreign: tuple[str, ...] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    drawn: frozenset[str] = frozenset()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    renamed: frozenset[str] = frozenset()
    reached: Reach | None = None
    loaded: frozenset[str] = frozenset()

    @property
    def changed(self) -> frozenset[str]:
        """Every name whose binding or content is no longer what it was."""
        return self.names.bound | self.names.deleted | self.mutated

    @classmethod
    def of(
        cls,
        job: Job,
        names: NameChanges,
        *,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        labels: Mapping[str, tuple[Any, Any]],
        results: tuple[object, ...],
        loaded: Sequence[ModuleType],
    ) -> Effects:
        """Compare the moment before a run with the moment after it."""
        reached = _reached(job, names)
        mutated, foreign = _changed_in_place(job, names, reached)
        if job.stored:
            foreign += tuple(f"{m.__name__}:{name}" for m in loaded for name in altered(m, job.memo))
        state = facets.difference(before, after)
        kept = names.bound | (mutated - names.deleted)
        if job.out is not None:
            kept &= job.out | mutated
        again = job.cell.defines & pristine(job.cell, job.namespace)
        values = {name: job.namespace[name] for name in sorted(kept - again)}
        if results:
            values[RESULT] = results[-1] if len(results) == 1 else list(results)
        if state:
            values[STATE] = state
        drawn = frozenset(state) & GENERATORS
        alike = {path: index for path, (index, names) in labels.items() if same_names(index, names)}
        renamed = frozenset(labels.keys() - alike.keys())
        found = frozenset(module.__name__ for module in loaded)
        return cls(
            values, names, mutated, foreign, state, drawn, before, after, alike, renamed, reached, found
        )


def identities(names: frozenset[str], job: Job) -> Mapping[str, Identity]:
    """Return the identities of names as a reader of them would see them; unknown ones are left out."""
    reach = explore(Facts(reads=names), job.namespace, memo=job.memo)
    return {name: reach.inputs[name] for name in names if name in reach.inputs}


def blockers_of(
    effects: Effects, observed: Observed, widgets: bool, gaps: tuple[str, ...]
) -> tuple[Blocker, ...]:
    """Return every reason why a run that succeeded cannot be brought back."""
    found = [_changed(ref) for ref in effects.foreign]
    found += [
        Blocker(name, "is updated in place, so running twice differs from running once", once=True)
        for name in sorted(observed.updated)
    ]
    found += [Blocker(name, "goes on after the cell is done") for name in observed.threads]
    found += [Blocker(question, "cannot be followed") for question in observed.unseen]
    found += [
        Blocker(f"a log record for {name}", "goes where a restored result would not send it")
        for name in observed.handlers
    ]
    found += [Blocker(gap, "leaves its outputs incomplete") for gap in gaps]
    if observed.stdin:
        found.append(Blocker("input", "is asked for"))
    if widgets:
        found.append(Blocker("a live widget", "cannot be shown again without its cell"))
    return tuple(found)


def pack_groups(job: Job, effects: Effects) -> tuple[Mapping[str, Packed], tuple[Blocker, ...]]:
    """Turn a run's values into bytes, those that share structure together.

    Returns
    -------
    tuple
        The groups by label, and what stands against storing them; one of the two is empty.
    """
    inputs = _inputs_of(job, effects)
    code = _code_of(job, effects)
    present = {**anchors({**inputs, **code}), **inputs, **code, **effects.labels}
    known = frozenset(id(value) for value in present.values())
    owners = Owners(present.values())
    extents = {name: parts(value, known, owners.of) for name, value in effects.values.items()}
    shared = _shared_with_inputs(extents, [*inputs.items(), *_reached_code(job, effects)])
    if shared:
        return {}, shared
    context = Context(job.namespace, present)
    packed: dict[str, Packed] = {}
    try:
        for label, names in enumerate(grouped(extents)):
            packed[str(label)] = pack({name: effects.values[name] for name in names}, context)
    except Unpicklable as error:
        return {}, (_unstorable(error),)
    return packed, ()


def _inputs_of(job: Job, effects: Effects) -> dict[str, Any]:
    """Return the values that the cell did not make: those of names, and of names of local modules."""
    named = {ref: value for ref, value in job.reach.values.items() if ref.isidentifier()}
    return {
        ref: value for ref, value in {**named, **_of_modules(effects)}.items() if ref not in effects.mutated
    }


def _of_modules(effects: Effects, code: bool = False) -> dict[str, Any]:
    """Return what the local modules have that the cell, as it is after the run, reaches."""
    found: dict[str, Any] = {}
    for ref in sorted(effects.reached.inputs) if effects.reached else ():
        found |= found_by(ref, {})
    return {ref: value for ref, value in found.items() if isinstance(value, type | FunctionType) is code}


def _code_of(job: Job, effects: Effects) -> dict[str, Any]:
    """Return functions and classes by name that will be there before the values come back."""
    read = {ref for ref, identity in job.reach.inputs.items() if identity.kind in ("function", "class")}
    read -= effects.names.bound | effects.names.deleted
    there = sorted(read | (job.cell.defines - effects.values.keys()))
    own = {name: job.namespace[name] for name in there if name in job.namespace}
    return own | _of_modules(effects, code=True)


def _reached_code(job: Job, effects: Effects) -> list[tuple[str, Any]]:
    """Return all code that the cell can call, also what no name leads to: any of it may hand out a value."""
    every = (*job.reach.callables, *(effects.reached.callables if effects.reached else ()))
    made = {id(effects.values[name]) for name in effects.values}
    return [(code.__qualname__, code) for code in {id(c): c for c in every}.values() if id(code) not in made]


def _reached(job: Job, names: NameChanges) -> Reach:
    job.memo.clear()
    return explore(
        job.cell.facts,
        job.namespace,
        ignore=job.ignore | names.bound | names.deleted,
        memo=job.memo,
        search_path=(str(job.base),),
    )


def _changed_in_place(job: Job, names: NameChanges, after: Reach) -> tuple[frozenset[str], tuple[str, ...]]:
    gone = names.bound | names.deleted
    changed = {
        ref
        for ref, identity in after.inputs.items()
        if ref in job.reach.inputs and _differs(job.reach.inputs[ref], identity)
    }
    changed |= {problem.name for problem in after.problems}
    changed |= {ref for ref in gone & job.reach.values.keys() if _differs_from(job, ref)}
    plain = {ref for ref in changed if ref in job.reach.values and ref.isidentifier()}
    return frozenset(plain), tuple(sorted(changed - plain))


def _differs(before: Identity, after: Identity) -> bool:
    return bool(before.digest and after.digest) and before.digest != after.digest


def _differs_from(job: Job, name: str) -> bool:
    try:
        return digest(job.reach.values[name]).hex != job.reach.inputs[name].digest
    except Undigestible:
        return True


def _shared_with_inputs(extents: Mapping[str, Any], inputs: Sequence[tuple[str, Any]]) -> tuple[Blocker, ...]:
    if not any(extent.ids or extent.spans or extent.guarded for extent in extents.values()):
        return ()
    named = {f"out {name}": extent for name, extent in extents.items()}
    called = {f"in {place}": name.replace(":", ".") for place, (name, _) in enumerate(inputs)}
    named |= {side: parts(value) for side, (_, value) in zip(called, inputs, strict=True)}
    found = {tuple(sorted(pair)) for pair in sharing(named) if pair[0].split()[0] != pair[1].split()[0]}
    return tuple(
        Blocker(
            _called(out.split(" ", 1)[1]),
            f"shares data with {called[inp]}, which this cell did not create",
            "copy it",
        )
        for inp, out in sorted(found)
    )


def _changed(ref: str) -> Blocker:
    if ref == SOURCE_TEXT:
        return Blocker(
            "code that this cell loads",
            "counts line by line, as the cell asks for places in it",
            "import it in a cell of its own",
        )
    return Blocker(ref.replace(":", "."), "is changed in place by this cell")


def _unstorable(error: Unpicklable) -> Blocker:
    fix = "end the line with ;" if error.name == RESULT else "keep others with --out"
    return Blocker(_called(error.name), f"cannot be stored: {error.type_name} ({error.reason})", fix)


def _called(name: str) -> str:
    return "the value shown last" if name == RESULT else name
