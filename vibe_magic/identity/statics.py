"""The names of local modules by their source alone, for modules that are not loaded."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

from vibe_magic.cell import Facts, encode, facts_of_module, is_definition, parse
from vibe_magic.modules import is_local_file

from .keys import combine, file_digest

__all__ = [
    "Statics",
    "describe_source",
    "effects_of",
    "local_source",
]


class _Outline(NamedTuple):
    """The top-level statements of a module: by the names they bind, those that bind none, derived classes."""

    binds: dict[str, tuple[int, ...]]
    effects: tuple[int, ...]
    encoded: tuple[bytes, ...]
    reads: tuple[frozenset[str], ...]
    modules: tuple[frozenset[tuple[str, str]], ...]
    aliases: tuple[dict[str, str], ...]
    imported: frozenset[tuple[str, str]]
    facts: tuple[Facts, ...]
    derived: frozenset[str]


class _Slice(NamedTuple):
    """Of a module, what a name needs: a digest of the statements, names of other modules, and facts."""

    digest: str = ""
    needs: frozenset[tuple[str, str]] = frozenset()
    facts: tuple[Facts, ...] = ()


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


class Statics:
    """The sources of local modules as they are at one moment; each file is looked for and read once.

    Parameters
    ----------
    search_path : sequence of str
        Where to look before ``sys.path``.
    """

    def __init__(self, search_path: Sequence[str] = ()) -> None:
        self._search_path = search_path
        self._sources: dict[str, tuple[str, str]] = {}
        self._closures: dict[tuple[str, str], dict[tuple[str, str], _Slice]] = {}
        self._brought: dict[str, str] = {}

    def digest(self, module: str, attribute: str) -> str:
        """Digest the source that defines a name of a local module, with all of it that the name needs.

        Parameters
        ----------
        module, attribute : str
            Dotted names; an empty attribute or ``*`` is the whole module.

        Returns
        -------
        str
            A digest; empty if the module is not a local one that can be found.
        """
        found = {key: each.digest for key, each in self._closure(module, attribute).items()}
        if not found[module, attribute.partition(".")[0]]:
            return ""
        brought = [self._loading(name) for name in sorted({name for name, _ in found})]
        return combine("static", repr(sorted(found.items())), *brought)

    def facts(self, module: str, attribute: str) -> Facts:
        """Return what the source of a name does beyond names: environment, files, hazards."""
        merged = Facts()
        for each in self._closure(module, attribute).values():
            for fact in each.facts:
                merged = merged.merged(fact)
        return merged

    def needs(self, module: str, attribute: str) -> list[tuple[str, str]]:
        """Return the names in other modules that a name needs and that their source says too little about.

        These are what is loaded already, where calls may have changed something, and what is installed.
        """
        return sorted(
            (name, wanted)
            for (name, wanted), each in self._closure(module, attribute).items()
            if wanted != "__init__" and (not each.digest or name in sys.modules)
        )

    def _source(self, name: str) -> tuple[str, str]:
        """Return the file of a local module and its digest; both empty if it is none."""
        if name not in self._sources:
            path = local_source(name, self._search_path)
            self._sources[name] = (path, file_digest(path) if path else "")
        return self._sources[name]

    def _closure(self, module: str, attribute: str) -> dict[tuple[str, str], _Slice]:
        """Return what the modules have of all that a name needs; of those that are not local, nothing."""
        start = module, attribute.partition(".")[0]
        if start in self._closures:
            return self._closures[start]
        found: dict[tuple[str, str], _Slice] = {}
        waiting = [start]
        while waiting:
            name, wanted = waiting.pop()
            if (name, wanted) in found:
                continue
            path, digest = self._source(name)
            found[name, wanted] = each = _slice(path, digest, wanted) if path else _Slice()
            waiting += [(_absolute(name, path, m), a.partition(".")[0]) for m, a in each.needs]
            waiting += self._inside(name, wanted) if path else []
        self._closures[start] = found
        return found

    def _loading(self, start: str) -> str:
        """Digest what local modules do when they are loaded: one, and all that it imports."""
        if start in self._brought:
            return self._brought[start]
        found: dict[tuple[str, str], str] = {}
        waiting, seen = [start], set[str]()
        while waiting:
            name = waiting.pop()
            outline = None if name in seen else _outline(*self._source(name))
            seen.add(name)
            if outline is not None:
                found |= {key: each.digest for key, each in self._closure(name, "__init__").items()}
                waiting += self._imports(name, outline)
        self._brought[start] = combine("loading", repr(sorted(found.items())))
        return self._brought[start]

    def _imports(self, name: str, outline: _Outline) -> Iterator[str]:
        """Yield the modules that a module imports, and what may be submodules of them."""
        for module, path in outline.imported:
            target, first = _absolute(name, self._source(name)[0], module), path.partition(".")[0]
            yield target
            if first not in ("", "*"):
                yield f"{target}.{first}"

    def _inside(self, name: str, wanted: str) -> list[tuple[str, str]]:
        """Return the submodule of a package that an attribute may be, and the packages around."""
        parts = name.split(".")
        around = [(".".join(parts[:i]), "__init__") for i in range(1, len(parts))]
        below = f"{name}.{wanted}" if wanted not in ("", "*", "__init__") else ""
        return around + ([(below, "")] if below and self._source(below)[0] else [])


def _absolute(name: str, path: str, target: str) -> str:
    level = len(target) - len(target.lstrip("."))
    if not level:
        return target
    package = name.split(".")
    keep = len(package) - level + (os.path.basename(path) == "__init__.py")
    return ".".join([*package[: max(keep, 0)], *filter(None, [target[level:]])])


@lru_cache(maxsize=1024)
def _slice(path: str, digest: str, wanted: str) -> _Slice:
    """Return the statements that a name needs."""
    outline = _outline(path, digest)
    if outline is None:
        return _Slice(digest)
    names = set(outline.binds) if wanted in ("", "*") else {wanted}
    names = names.union(*(outline.reads[index] for index in outline.effects))
    chosen = set(outline.effects) | _needed(outline, names)
    if any("__subclasses__" in outline.facts[index].mentions for index in chosen):
        chosen |= _needed(outline, names | outline.derived)
    order = sorted(chosen)
    facts = tuple(outline.facts[index] for index in order)
    needs = frozenset(n for index in order for n in _needs(outline, index, wanted, facts))
    return _Slice(combine("slice", *(outline.encoded[index] for index in order)), needs, facts)


def _needs(outline: _Outline, index: int, wanted: str, facts: tuple[Facts, ...]) -> set[tuple[str, str]]:
    """Return what a statement needs of other modules; of one that it imports as a whole, what is used."""
    found = set(outline.modules[index])
    for name, module in outline.aliases[index].items():
        users = [fact for fact in facts if name in fact.reads | fact.deferred]
        paths = [fact.attributes.get(name) for fact in users]
        if wanted not in ("", "*", name) and paths and None not in paths:
            found.discard((module, ""))
            found |= {(module, path) for used in paths for path in used or ()}
    return found


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
def _outline(path: str, _digest: str) -> _Outline | None:
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
        tuple(_aliases(statement) for statement in tree.body),
        frozenset(each for fact, s in zip(facts, tree.body, strict=True) for each in _imported(s, fact)),
        tuple(facts),
        derived,
    )


def _aliases(statement: ast.stmt) -> dict[str, str]:
    """Return the names that a statement gives to modules as a whole."""
    if not isinstance(statement, ast.Import):
        return {}
    tops = {alias: alias.name.partition(".")[0] for alias in statement.names}
    return {alias.asname or top: alias.name if alias.asname else top for alias, top in tops.items()}


def _imported(statement: ast.stmt, facts: Facts) -> frozenset[tuple[str, str]]:
    """Return what running a statement imports; the body of a function does not run."""
    runs = not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    return facts.modules if runs else frozenset()


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


def describe_source(module: str, attribute: str, search_path: Sequence[str] = ()) -> dict[str, str]:
    """Describe a name of a local module by the text that defines it."""
    path = local_source(module, search_path)
    outline = _outline(path, file_digest(path)) if path else None
    if outline is None:
        return {}
    with open(path, encoding="utf-8") as file:
        text = file.read()
    body = parse(text).body
    chosen = outline.binds.get(attribute.partition(".")[0], ())
    parts = [ast.get_source_segment(text, body[index]) or "" for index in chosen]
    return {"source": "\n".join(parts)}
