"""Attributes that the notebook sets in classes and modules of installed packages.

Packages count by version, so what a notebook puts into them must count by itself, for every cell that runs
afterwards: ``pd.DataFrame.total = total`` changes what any method call may do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vibe_magic.cell import Facts
from vibe_magic.execute import Job, Outcome, fact_of
from vibe_magic.identity import explore, is_local, module_of

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["Patch", "patched", "patches_of"]


@dataclass(frozen=True, eq=False)
class Patch:
    """An attribute of a foreign class or module.

    Parameters
    ----------
    owner : type or module
        What it is set in.
    name : str
        The attribute.
    """

    owner: Any
    name: str

    @property
    def ref(self) -> str:
        """The reference under which traces know it."""
        if isinstance(self.owner, ModuleType):
            return f"{self.owner.__name__}:{self.name}"
        return f"{module_of(self.owner)}:{self.owner.__qualname__}.{self.name}"

    @property
    def is_set(self) -> bool:
        """Whether it is there at present."""
        return self.name in vars(self.owner)

    @property
    def value(self) -> Any:
        """What it stands for at present."""
        return vars(self.owner)[self.name]


def patches_of(stores: Iterable[str], namespace: Mapping[str, Any]) -> list[Patch]:
    """Return the patches that code makes whose attribute stores are given.

    Parameters
    ----------
    stores : iterable of str
        Dotted targets, such as ``pd.DataFrame.total``.
    namespace : dict
        What the first names stand for.
    """
    found = (_resolved(target.split("."), namespace) for target in sorted(stores))
    return [patch for patch in found if patch is not None]


def _resolved(parts: list[str], namespace: Mapping[str, Any]) -> Patch | None:
    root, *path, name = parts if len(parts) > 1 else (*parts, "")
    owner = namespace.get(root, sys.modules.get(root))
    for part in path:
        if not isinstance(owner, ModuleType | type):
            return None
        owner = getattr(owner, part, None)
    if isinstance(owner, ModuleType):
        return None if is_local(owner.__name__) else Patch(owner, name)
    if isinstance(owner, type) and not is_local(module_of(owner)):
        return Patch(owner, name)
    return None


def patched(session: Session, job: Job, outcome: Outcome) -> Outcome:
    """Note what a run set in packages: it is of its outputs, and counts for all cells from now on."""
    found = patches_of(job.reach.facts.stores, session.namespace)
    if not found:
        return outcome
    session.patches |= {patch.ref: patch for patch in found}
    values = {patch.ref: patch.value for patch in found if patch.is_set}
    known = explore(Facts(), session.namespace, also=values).inputs
    made = {ref: fact_of(known[ref]) for ref in values if ref in known}
    return replace(outcome, trace=replace(outcome.trace, outputs={**outcome.trace.outputs, **made}))
