"""The trace of a run: what it depended on and produced, with what a person needs to compare."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from vibe_magic.errors import Undigestible
from vibe_magic.identity import Identity, Reach, describe, describe_source, digest, text_digest
from vibe_magic.observe import Observed, facets
from vibe_magic.trace import UNKNOWN, Fact, Trace

from .effects import Effects, identities
from .job import Job

__all__ = ["fact_of", "fact_of_state", "make_trace", "summaries"]


def fact_of(identity: Identity, summary: Mapping[str, Any] | None = None) -> Fact:
    """Return an identity in the form that traces keep."""
    return Fact(*identity, summary or {})


def fact_of_state(value: Any, seeded: bool = False) -> Fact:
    """Return what traces say of a piece of process state; of a generator, whether it follows from a seed."""
    try:
        return Fact(digest(value).hex, "state", summary={"seeded": True} if seeded else {})
    except Undigestible:
        return UNKNOWN


def summaries(
    reach: Reach, namespace: Mapping[str, Any], known: Collection[str] = ()
) -> Mapping[str, Mapping[str, Any]]:
    """Describe what a run reads, but for what is known already."""
    inputs = {ref: identity for ref, identity in reach.inputs.items() if ref not in known}
    described = {
        ref: describe(reach.values[ref] if ref in reach.values else namespace[ref])
        for ref, identity in inputs.items()
        if ref in reach.values or (ref in namespace and identity.kind in ("function", "class"))
    }
    for ref, identity in inputs.items():
        if identity.static and ref not in reach.values:
            described[ref] = describe_source(*ref.split(":", 1))
    return described


def make_trace(job: Job, effects: Effects, observed: Observed) -> Trace:
    """Put together all that one run depended on and produced."""
    return Trace(
        name=job.name,
        fingerprint=job.fingerprint,
        source=job.cell.source,
        inputs=_inputs(job, effects) | _of_loaded(job, effects),
        outputs=_outputs(job, effects),
        deleted=tuple(sorted(effects.names.deleted)),
        mutated=tuple(sorted(effects.mutated | effects.renamed)),
        files={path: state.to_json() for path, state in observed.read.items()},
        written={path: state.to_json() for path, state in observed.written.items()},
        env={**_asked_for(observed), **job.env},
        packages=dict(job.reach.packages),
        python=job.python,
        params=dict(job.params),
        unknown=_unknown(job, observed),
    )


def _asked_for(observed: Observed) -> dict[str, str]:
    """Return digests of the environment variables that a run asked for, by names that no text tells."""
    return {name: "" if text is None else text_digest(text) for name, text in observed.env.items()}


def _inputs(job: Job, effects: Effects) -> dict[str, Fact]:
    found = {ref: fact_of(identity, job.summaries.get(ref)) for ref, identity in job.reach.inputs.items()}
    kept = effects.names.kept - found.keys()
    found |= {name: fact_of(identity) for name, identity in identities(kept, job).items()}
    counted = effects.before.keys() & {*facets.INPUTS, *(effects.drawn & job.seeded)}
    return found | {ref: fact_of_state(effects.before[ref]) for ref in counted}


def _of_loaded(job: Job, effects: Effects) -> dict[str, Fact]:
    """Return what the run itself was to load of local modules, and what else it reaches through them.

    Such a module was not there when the run began, so its source stands for it. Of modules that were there
    already, what is still as loading has left it has not changed during the run.
    """
    quiet = not job.reach.facts.seeds  # a seed that a module sets is not set again where it is loaded
    before, reached = job.reach.inputs, effects.reached or Reach({}, job.reach.facts)
    described = {**job.summaries, **summaries(reached, job.namespace, before)}
    unloaded = {ref: identity for ref, identity in before.items() if identity.static and not identity.digest}
    first = {ref: fact_of(identity, described.get(ref)) for ref, identity in unloaded.items()}
    after = {ref: i for ref, i in reached.inputs.items() if ref not in before and i.as_loaded}
    further = {ref: fact_of(identity, described.get(ref)) for ref, identity in after.items()}
    new = {ref: fact for ref, fact in further.items() if ref.partition(":")[0] in effects.loaded}
    by_source = {ref: replace(fact, digest="", as_loaded=quiet) for ref, fact in {**first, **new}.items()}
    return further | by_source


def _outputs(job: Job, effects: Effects) -> dict[str, Fact]:
    names = (effects.names.bound | effects.mutated) - effects.names.deleted
    known = identities(names, job)
    facts = {
        name: fact_of(known[name], describe(job.namespace[name])) if name in known else UNKNOWN
        for name in names
    }
    seeded = job.seeded | effects.drawn if job.reach.facts.seeds else job.seeded
    return facts | {
        ref: fact_of_state(value, ref in seeded)
        for ref, value in effects.after.items()
        if ref in effects.state
    }


def _unknown(job: Job, observed: Observed) -> tuple[str, ...]:
    found = [hazard.detail for hazard in job.reach.facts.hazards]
    if observed.network:
        found.append("the network")
    return tuple(dict.fromkeys(found))
