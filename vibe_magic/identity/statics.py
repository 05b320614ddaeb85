"""The names of local modules by their source alone, for modules that are not loaded."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

from vibe_magic.cell import Facts, encode, facts_of_module, is_definition, parse
from vibe_magic.modules import is_local_file

from .keys import combine, file_digest

__all__ = [
    "describe_source",
    "effects_of",
    "loaded_static",
    "local_source",
    "module_static",
    "note_loaded",
    "static_facts",
]

_loaded_from: dict[str, tuple[object, str]] = {}


class _Outline(NamedTuple):
    """The top-level statements of a module: by the names they bind, those that bind none, derived classes."""

    binds: dict[str, tuple[int, ...]]
    effects: tuple[int, ...]
    encoded: tuple[bytes, ...]
    reads: tuple[frozenset[str], ...]
    modules: tuple[frozenset[tuple[str, str]], ...]
    facts: tuple[Facts, ...]
    derived: frozenset[str]


def local_source(name: str, search_path: Sequence[str] = ()) -> str:
    """Return the file of a local module; empty if it is installed, compiled or not to be found."""
    path: Sequence[str] | None = [*search_path, *sys.path]
    origin = ""
    for depth in range(name.count(".") + 1):
        part = ".".join(name.split(".")[: depth + 1])
        spec = importlib.machinery.PathFinder.find_spec(part, path)
        if spec is None:
            return ""
        path = spec.submodule_search_locations
        origin = spec.origin or ""
        if path is None and depth < name.count("."):
            return ""
    return origin if origin and os.path.isfile(origin) and is_local_file(origin) else ""


def module_static(module: str, attribute: str, search_path: Sequence[str] = ()) -> str:
    """Digest the source that defines a name of a local module, with all of it that the name needs.

    Parameters
    ----------
    module, attribute : str
        Dotted names; an empty attribute or ``*`` is the whole module.
    search_path : sequence of str
        Where to look before ``sys.path``.

    Returns
    -------
    str
        A digest; empty if the module is not a local one that can be found.
    """
    found = {key: digest for key, (digest, _) in _closure(module, attribute, search_path).items()}
    if not found[module, attribute.partition(".")[0]]:
        return ""
    return combine("static", repr(sorted(found.items())))


def static_facts(module: str, attribute: str, search_path: Sequence[str] = ()) -> Facts:
    """Return what the source of a module's name does beyond names: environment, files, hazards."""
    merged = Facts()
    for _, facts in _closure(module, attribute, search_path).values():
        for fact in facts:
            merged = merged.merged(fact)
    return merged


def _closure(
    module: str, attribute: str, search_path: Sequence[str]
) -> dict[tuple[str, str], tuple[str, tuple[Facts, ...]]]:
    """Return digest and facts of everything in local modules that a name needs."""
    found: dict[tuple[str, str], tuple[str, tuple[Facts, ...]]] = {}
    waiting = [(module, attribute.partition(".")[0])]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in found:
            continue
        path = local_source(name, search_path)
        found[name, wanted] = ("", ())
        if not path:
            continue
        digest, needs, facts = _slice(path, _stamp(path), wanted)
        found[name, wanted] = (digest, facts)
        waiting += [(_absolute(name, path, m), a.partition(".")[0]) for m, a in needs]
        waiting += _inside(name, wanted, search_path)
    return found


def _inside(name: str, wanted: str, search_path: Sequence[str]) -> list[tuple[str, str]]:
    """Return the submodule of a package that an attribute may be, and the packages around."""
    parts = name.split(".")
    around = [(".".join(parts[:i]), "__init__") for i in range(1, len(parts))]
    below = f"{name}.{wanted}" if wanted not in ("", "*", "__init__") else ""
    return around + ([(below, "")] if below and local_source(below, search_path) else [])


def _absolute(name: str, path: str, target: str) -> str:
    level = len(target) - len(target.lstrip("."))
    if not level:
        return target
    package = name.split(".")
    keep = len(package) - level + (os.path.basename(path) == "__init__.py")
    return ".".join([*package[: max(keep, 0)], *filter(None, [target[level:]])])


def _stamp(path: str) -> str:
    return file_digest(path)


@lru_cache(maxsize=1024)
def _slice(path: str, stamp: str, wanted: str) -> tuple[str, frozenset[tuple[str, str]], tuple[Facts, ...]]:
    """Return the digest of the statements that a name needs, and what they need of other modules."""
    outline = _outline(path, stamp)
    if outline is None:
        return stamp, frozenset(), ()
    chosen = set(outline.effects)
    names = set(outline.binds) if wanted in ("", "*") else {wanted}
    names = names.union(*(outline.reads[index] for index in outline.effects))
    chosen |= _needed(outline, names)
    if any("__subclasses__" in outline.facts[index].mentions for index in chosen):
        chosen |= _needed(outline, names | outline.derived)
    parts = [outline.encoded[index] for index in sorted(chosen)]
    needs = frozenset(n for index in chosen for n in outline.modules[index])
    return combine("slice", *parts), needs, tuple(outline.facts[index] for index in sorted(chosen))


def _needed(outline: _Outline, names: set[str] | frozenset[str]) -> set[int]:
    """Return the statements that bind names, and those that bind what these read."""
    chosen: set[int] = set()
    waiting, seen = set(names), set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for index in outline.binds.get(name, ()):
            chosen.add(index)
            waiting |= outline.reads[index] - seen
    return chosen


@lru_cache(maxsize=256)
def _outline(path: str, _stamp_of_content: str) -> _Outline | None:
    try:
        with open(path, "rb") as file:
            tree = parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None
    binds: dict[str, list[int]] = {}
    effects: list[int] = []
    facts = [facts_of_module(statement, called=True).in_module() for statement in tree.body]
    derived = frozenset(s.name for s in tree.body if isinstance(s, ast.ClassDef) and s.bases)
    told = derived if any(map(_is_told, tree.body)) else frozenset[str]()
    for index, (statement, fact) in enumerate(zip(tree.body, facts, strict=True)):
        for name in fact.writes:
            binds.setdefault(name, []).append(index)
        if not _is_text(statement) and not (_only_binds(statement) and told.isdisjoint(fact.writes)):
            effects.append(index)
    return _Outline(
        {name: tuple(where) for name, where in binds.items()},
        tuple(effects),
        tuple(encode(statement) for statement in tree.body),
        tuple(fact.reads | fact.deferred for fact in facts),
        tuple(fact.modules for fact in facts),
        tuple(facts),
        derived,
    )


def effects_of(module: ModuleType) -> list[tuple[bytes, Facts]]:
    """Return the top-level statements of a loaded module that do more than to bind: their code and facts."""
    try:
        with open(module.__file__ or "", "rb") as file:
            tree = parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return []
    found = [s for s in tree.body if not (_is_text(s) or _only_binds(s) or _is_for_scripts(s))]
    return [(encode(statement), facts_of_module(statement)) for statement in found]


def _is_for_scripts(statement: ast.stmt) -> bool:
    """Tell ``if __name__ == "__main__":``, which an import passes by."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"


def _is_told(statement: ast.stmt) -> bool:
    """Tell whether a statement makes a class that does something when others derive from it."""
    return isinstance(statement, ast.ClassDef) and (
        bool(statement.keywords) or any(getattr(s, "name", "") == "__init_subclass__" for s in statement.body)
    )


def _only_binds(statement: ast.stmt) -> bool:
    """Tell whether running a statement does nothing but bind: then only users of its names need it."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        calls = (ast.Call, ast.Await, ast.Attribute, ast.Subscript)
        return not any(isinstance(node, calls) for node in ast.walk(statement))
    return is_definition(statement)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def loaded_static(module: ModuleType, attribute: str, search_path: Sequence[str]) -> str:
    """Digest the source of a loaded module's name, as long as the file is as it was when loaded.

    The file is taken to be what was loaded when it is first asked for; a reload replaces the spec.
    """
    path = getattr(module, "__file__", None) or ""
    spec = getattr(module, "__spec__", None)
    if not path.endswith(".py") or not os.path.isfile(path):
        return ""
    present = file_digest(path)
    known = _loaded_from.get(module.__name__)
    if known is None or known[0] is not spec:
        _loaded_from[module.__name__] = (spec, present)
    elif known[1] != present:
        return ""
    return module_static(module.__name__, attribute, search_path)


def describe_source(module: str, attribute: str, search_path: Sequence[str] = ()) -> dict[str, str]:
    """Describe a name of a local module by the text that defines it."""
    path = local_source(module, search_path)
    outline = _outline(path, _stamp(path)) if path else None
    if outline is None:
        return {}
    with open(path, encoding="utf-8") as file:
        text = file.read()
    body = parse(text).body
    chosen = outline.binds.get(attribute.partition(".")[0], ())
    parts = [ast.get_source_segment(text, body[index]) or "" for index in chosen]
    return {"source": "\n".join(parts)}


def note_loaded(names: Iterable[str]) -> None:
    """Remember the files of modules that have just been loaded."""
    for name in names:
        module = sys.modules.get(name)
        path = getattr(module, "__file__", None)
        if isinstance(module, ModuleType) and path and is_local_file(str(path)):
            loaded_static(module, "__init__", ())
