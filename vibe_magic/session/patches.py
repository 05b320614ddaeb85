"""What the notebook puts into installed packages: attributes that it sets, and things that it registers.

Packages count by version, so what a notebook puts into them must count by itself, for every cell that runs
afterwards: ``pd.DataFrame.total = total`` changes what any method call may do, and so does
``matplotlib.colormaps.register(own)``. Where a package keeps what it is given cannot be known; that it is
given something, its name says.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vibe_magic.cell import Facts, facts_of_module, parse
from vibe_magic.execute import Job, Outcome, fact_of
from vibe_magic.identity import explore
from vibe_magic.modules import is_local, module_of

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["Patch", "Registration", "patched", "patches_of", "registered"]


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


@dataclass(frozen=True, eq=False)
class Registration:
    """A call such as ``csv.register_dialect(...)``.

    Parameters
    ----------
    ref : str
        The reference under which traces know it.
    value : tuple
        The statements that have made it in this kernel, and digests of what they read.
    """

    ref: str
    value: tuple[Any, ...]
    is_set: bool = True


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
    facts, namespace = job.reach.facts, session.namespace
    found: list[Patch | Registration] = [*patches_of(facts.stores, namespace)]
    found += [_registration(session, job, name) for name in registered(facts, namespace)]
    if not found:
        return outcome
    session.patches |= {patch.ref: patch for patch in found}
    values = {patch.ref: patch.value for patch in found if patch.is_set}
    known = explore(Facts(), session.namespace, also=values).inputs
    made = {ref: fact_of(known[ref]) for ref in values if ref in known}
    return replace(outcome, trace=replace(outcome.trace, outputs={**outcome.trace.outputs, **made}))


def registered(facts: Facts, namespace: Mapping[str, Any]) -> list[str]:
    """Return the dotted names, in packages, of what registers something, by its name, that code uses."""
    bare = {(name, "") for name in facts.reads - facts.attributes.keys()}
    paths = {(name, path) for name, found in facts.attributes.items() for path in found}
    uses = bare | paths | facts.modules
    return sorted({found for name, path in uses if (found := _registering(name, path, namespace))})


def _registering(name: str, path: str, namespace: Mapping[str, Any]) -> str:
    says_so = (path or name).rpartition(".")[2].startswith("register")
    owner = namespace.get(name, sys.modules.get(name)) if says_so else None
    if owner is None:
        return ""
    home = owner.__name__ if isinstance(owner, ModuleType) else module_of(owner)
    fits = isinstance(owner, ModuleType | type) if path else callable(owner)
    return f"{home}.{path or name}" if fits and not is_local(home) else ""


def _registration(session: Session, job: Job, name: str) -> Registration:
    """Return a registration by a cell, after those that the kernel has seen before."""
    tree = parse(job.cell.python)
    chosen = [statement for statement in tree.body if _says_so(statement)] or tree.body
    inputs = explore(facts_of_module(*chosen), session.namespace).inputs
    made = ast.dump(ast.Module(chosen, [])), sorted((ref, found.digest) for ref, found in inputs.items())
    known = session.patches.get(f"{name}()")
    before = known.value if isinstance(known, Registration) else ()
    return Registration(f"{name}()", (*(one for one in before if one[0] != made[0]), made))


def _says_so(statement: ast.stmt) -> bool:
    words = (getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(statement))
    return any(str(word).startswith("register") for word in words)
