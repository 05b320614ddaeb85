"""What the notebook puts into installed packages: what it sets in them and registers with them.

Packages count by version, so what a notebook puts into them must count by itself, for every cell that runs
afterwards: ``pd.DataFrame.total = total`` changes what any method call may do, and so does
``matplotlib.colormaps.register(own)`` or ``sklearn.set_config(...)``. Where a package keeps what it is given
cannot be known; that it is given something, the name of what is called says.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vibe_magic.cell import Facts, facts_of_module, parse
from vibe_magic.execute import Blocker, Job, Outcome, fact_of
from vibe_magic.identity import Reach, Statics, effects_of, explore
from vibe_magic.modules import is_local, module_of
from vibe_magic.observe import facets

if TYPE_CHECKING:
    from .kernel import Session

__all__ = [
    "Addition",
    "Patch",
    "Registration",
    "add",
    "note_imported",
    "patched",
    "patches_of",
    "put_into",
    "registered",
]


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
    """A call such as ``csv.register_dialect(...)`` or ``sklearn.set_config(...)``.

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


class Addition(Registration):
    """Printers or log handlers that the notebook has added; its value is what they are, see `Additions`."""


def add(session: Session, mentions: Collection[str] = ()) -> list[Addition]:
    """Let what the notebook has added count from now on; return what is new after code with these words."""
    present = session.additions.found(mentions)
    known = {ref: patch for ref, patch in session.patches.items() if isinstance(patch, Addition)}
    new = [
        Addition(*item) for item in present.items() if item[0] not in known or known[item[0]].value != item[1]
    ]
    for ref in known.keys() - present.keys():
        del session.patches[ref]
    session.patches |= {one.ref: one for one in new}
    return new


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


def put_into(puts: Iterable[str], namespace: Mapping[str, Any]) -> list[Patch]:
    """Return the lists, dicts and sets of packages into which code puts items, ``sys.argv[1:] = ["x"]``.

    Parameters
    ----------
    puts : iterable of str
        Dotted names, such as ``sys.argv``.
    namespace : dict
        What the first names stand for.
    """
    found = [patch for patch in patches_of(puts, namespace) if patch.is_set and patch.ref not in _FOLLOWED]
    return [patch for patch in found if type(patch.value) in (list, dict, set)]


_FOLLOWED = frozenset({"sys:meta_path", "sys:modules", "sys:path", "sys:path_hooks", "warnings:filters"})
"""What counts in other ways: as process state, or by what is imported."""


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
    reach, namespace = job.reach, session.namespace
    found: list[Patch | Registration] = [*patches_of(reach.facts.stores, namespace)]
    found += put_into(reach.facts.puts, namespace)
    found += [_registration(session, job, name) for name in registered(reach, namespace)]
    found += add(session, reach.facts.mentions)
    imported = note_imported(session)
    if imported and not any(is_local(name) for name, _ in job.cell.facts.modules):
        late = tuple(Blocker(patch.ref, _LATE) for patch in imported)
        outcome = outcome._replace(blockers=(*outcome.blockers, *late))
    found += imported
    if not found:
        return outcome
    session.patches |= {patch.ref: patch for patch in found}
    values = {patch.ref: patch.value for patch in found if patch.is_set}
    known = explore(Facts(), session.namespace, also=values).inputs
    made = {ref: fact_of(known[ref]) for ref in values if ref in known}
    return outcome._replace(trace=replace(outcome.trace, outputs={**outcome.trace.outputs, **made}))


_LATE = "is set by a module that a function imports, which only a run does"


def note_imported(session: Session) -> list[Patch | Registration]:
    """Note and return what local modules set in packages that have been loaded since this was done last."""
    found = [each for module in session.imported.news() for each in _made_by(module, session.folder)]
    session.patches |= {patch.ref: patch for patch in found}
    return found


def _made_by(module: ModuleType, folder: str) -> list[Patch | Registration]:
    """Return what the top-level statements of a local module set in packages.

    Most do not, as the names in them and in what they call say; then no value of the module is looked at.
    """
    facts, namespace = Statics((folder,)).facts(module.__name__, "__init__"), vars(module)
    if not facts.stores and not _telling(facts):
        return []
    patches: dict[str, Patch] = {}
    made: dict[str, list[tuple[bytes, list[tuple[str, str]]]]] = {}
    for code, each in effects_of(module):
        reach = explore(each, namespace)
        patches |= {patch.ref: patch for patch in patches_of(reach.facts.stores, namespace)}
        inputs = sorted((ref, found.digest) for ref, found in reach.inputs.items())
        for name in registered(reach, namespace):
            made.setdefault(f"{name}() in {module.__name__}", []).append((code, inputs))
    return [*patches.values(), *(Registration(ref, tuple(value)) for ref, value in made.items())]


def registered(reach: Reach, namespace: Mapping[str, Any]) -> list[str]:
    """Return the dotted names, in packages, of what sets or registers something by its name, and is used.

    Parameters
    ----------
    reach : Reach
        Of the cell, with the functions that it calls.
    namespace : dict
        What the names in the cell stand for.
    """
    called = zip(reach.code, reach.callables, strict=False)
    scopes = [(facts, getattr(code, "__globals__", namespace)) for facts, code in called]
    found = {
        _registering(name, path, scope)
        for facts, scope in ((reach.facts, namespace), *scopes)
        for name, path in _telling(facts)
    }
    return sorted(found - {""})


_known: dict[int, tuple[Facts, tuple[tuple[str, str], ...]]] = {}


def _telling(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Return the names that say that something is set; those of the same facts as before are known."""
    known = _known.get(id(facts))
    if known is None:
        if len(_known) > 20_000:
            _known.clear()
        bare = {(name, "") for name in facts.reads - facts.attributes.keys()}
        paths = {(name, path) for name, found in facts.attributes.items() for path in found}
        uses = sorted(bare | paths | facts.modules)
        found = tuple((name, path) for name, path in uses if _says_so(path or name))
        known = _known[id(facts)] = facts, found  # holding them, so that no other gets their id
    return known[1]


def _registering(name: str, path: str, namespace: Mapping[str, Any]) -> str:
    owner = namespace.get(name, sys.modules.get(name))
    home = owner.__name__ if isinstance(owner, ModuleType) else module_of(owner)
    fits = isinstance(owner, ModuleType | type) if path else callable(owner)
    known = f"{home.partition('.')[0]}.{(path or name).rpartition('.')[2]}"
    if not fits or is_local(home) or any(fnmatchcase(known, pattern) for pattern in facets.SETTERS):
        return ""
    return f"{home}.{path or name}" if _keeps(owner, path or name) else ""


def _keeps(owner: Any, path: str) -> bool:
    """Tell of what adds something whether it adds it to a class or a package, not to what it is given."""
    last = path.rpartition(".")[2]
    if not last.startswith("add_") or re.fullmatch(_ADDED, last, re.VERBOSE):
        return True
    for part in path.split(".") if isinstance(owner, ModuleType | type) else ():
        owner = getattr(owner, part, None)
    return isinstance(getattr(owner, "__self__", None), type)


_WORDS = r"""
    (?: register | set_ | enable | disable | use_ | configure | install | patch_ | init_ ) \w*
    | use | initjs | add_\w+ | pandas
    | set (?: affinity | context | defaulttimeout | err | errcall | itimer | locale | priority | profile )
    | set (?: recursionlimit | rlimit | switchinterval | trace | [A-Z]\w* )
    | sched_setaffinity | field_size_limit | stack_size | tzset | umask | nice
"""
"""Names of functions that change something which is kept elsewhere than in what they are given or return."""
_ADDED = r"add_ (?: type | \w* (?: constructor | representer | resolver | handler | adapter | converter ) )"
"""Of those that add something: what they add that nobody adds to what he gives as an argument."""
_OPTIONS = ("config", "options", "settings")


def _registration(session: Session, job: Job, name: str) -> Registration:
    """Return a registration by a cell, after those that the kernel has seen before."""
    tree = parse(job.cell.python)
    chosen = [statement for statement in tree.body if _sets(statement)] or tree.body
    inputs = explore(facts_of_module(*chosen), session.namespace).inputs
    made = ast.dump(ast.Module(chosen, [])), sorted((ref, found.digest) for ref, found in inputs.items())
    known = session.patches.get(f"{name}()")
    before = known.value if isinstance(known, Registration) else ()
    return Registration(f"{name}()", (*(one for one in before if one[0] != made[0]), made))


def _sets(statement: ast.stmt) -> bool:
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Attribute | ast.Name))
    return any(_says_so(ast.unparse(node)) for node in names)


@lru_cache(maxsize=4096)
def _says_so(path: str) -> bool:
    """Tell whether a dotted name says that what it stands for sets or registers something."""
    *_, before, last = ("", *path.split("."))
    return bool(re.fullmatch(_WORDS, last, re.VERBOSE)) or (last in ("set", "update") and before in _OPTIONS)
