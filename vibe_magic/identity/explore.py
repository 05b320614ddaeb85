"""From what a cell's text reads to the flat map of everything that it depends on."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

from vibe_magic.cell import Facts, copies_docstrings, unwarned
from vibe_magic.errors import Undigestible
from vibe_magic.modules import is_local, loaded, package_of, package_version

from .describe import describe
from .keys import combine
from .loading import is_as_loaded, loaded_static
from .memo import Memo
from .merging import merged_facts
from .reach import PACKAGED, SOURCE_TEXT, Identity, Problem, Reach
from .relations import by_name, descendants
from .sources import facts_of_bytecode, meaning_of
from .statics import Statics

__all__ = ["explore"]

_SHELL = frozenset(
    "In Out get_ipython exit quit _ __ ___ _i _ii _iii _ih _oh _dh display open".split()  # noqa: SIM905
)


_DERIVED = "__subclasses__"
_OFFERED = frozenset({"open", "display", "exit", "quit"})


@unwarned()
def explore(
    facts: Facts,
    namespace: dict[str, Any],
    *,
    ignore: frozenset[str] = frozenset(),
    memo: Memo | None = None,
    search_path: Sequence[str] = (),
    also: Mapping[str, Any] | None = None,
    apart: Mapping[str, Identity] | None = None,
) -> Reach:
    """Resolve what a cell reads, and what the code it reaches reads in turn.

    Parameters
    ----------
    facts : Facts
        Of the cell.
    namespace : dict
        The notebook's names.
    ignore : frozenset of str
        Names that do not count.
    memo : Memo, optional
        Digests that hold for as long as its owner does not clear it.
    search_path : sequence of str
        Where local modules lie, besides ``sys.path``.
    also : dict of str to object, optional
        What counts although no name leads to it, by reference.
    apart : dict of str to Identity, optional
        Names of the notebook whose values are known, but not in the namespace.
    """
    walk = _Exploration(namespace, ignore, Memo() if memo is None else memo, tuple(search_path), apart or {})
    for ref, value in (also or {}).items():
        walk.count(ref, value)
    walk.follow(facts, "")
    walk.run()
    return walk.reach(facts)


class _Exploration:
    """The work list of one exploration."""

    def __init__(
        self,
        namespace: dict[str, Any],
        ignore: frozenset[str],
        memo: Memo,
        search_path: tuple[str, ...],
        apart: Mapping[str, Identity],
    ) -> None:
        self.namespace = namespace
        self.ignore = ignore
        self.memo = memo
        self.statics = Statics(search_path)
        self.apart = apart
        self.inputs: dict[str, Identity] = {}
        self.values: dict[str, Any] = {}
        self.problems: dict[str, Problem] = {}
        self.packages: set[str] = set()
        self.code: dict[int, Facts] = {}
        self.reached: list[Any] = []
        self.unseen: list[Facts] = []
        self.classes: list[type] = []
        self.waiting: list[tuple[str, str, frozenset[str] | None]] = []
        self.done: set[tuple[str, str, frozenset[str] | None]] = set()

    def follow(self, facts: Facts, scope: str) -> None:
        """Put what code in a scope (a module's name, empty for the notebook) needs on the list."""
        self.waiting += [(scope, name, facts.attributes.get(name)) for name in facts.reads]
        for module, path in facts.modules:
            self._module(module, path)

    def count(self, ref: str, value: Any) -> None:
        """Make a value an input."""
        self._value(ref, value, None)

    def run(self) -> None:
        """Work the list off."""
        while self.waiting:
            item = self.waiting.pop()
            if item not in self.done:
                self.done.add(item)
                scope, name, paths = item
                if scope:
                    self._attribute(scope, name, paths)
                else:
                    self._name(name, paths)

    def reach(self, facts: Facts) -> Reach:
        """Sum up."""
        versions = {name: package_version(name) for name in sorted(self.packages)}
        packages = {name: version for name, version in versions.items() if version}
        problems = tuple(self.problems[name] for name in sorted(self.problems))
        code = (*self.code.values(), *self.unseen)
        merged = merged_facts((facts, *code))
        if _DERIVED in merged.mentions and self._derives():
            return self.reach(facts)
        if merged.introspects:
            texts = sorted(f"{_line(c)}\0{describe(c).get('source', '')}\0{c.__doc__}" for c in self.reached)
            self.inputs[SOURCE_TEXT] = Identity(combine("source", *texts), "function")
        elif copies_docstrings(merged):
            texts = sorted(str(c.__doc__) for c in self.reached)
            self.inputs[SOURCE_TEXT] = Identity(combine("docstrings", *texts), "function")
        return Reach(self.inputs, merged, packages, problems, self.values, code, tuple(self.reached))

    def _name(self, name: str, paths: frozenset[str] | None) -> None:
        if name in self.ignore or (name in _SHELL and self._is_shells(name)):
            return
        if name in self.namespace:
            self._value(name, self.namespace[name], paths)
        elif name in self.apart:
            self.inputs[name] = self.apart[name]
        elif not hasattr(builtins, name):
            self.inputs[name] = Identity("missing", "missing")
        elif _DERIVED in (paths or ()):
            self.classes.append(getattr(builtins, name))

    def _derives(self) -> bool:
        """Count the classes that derive from those at hand, once: code asks for them without their names."""
        known, ref = {c for c in (*self.classes, *self.reached) if isinstance(c, type)}, f"{_DERIVED}()"
        if not known or ref in self.inputs or ref in self.problems:
            return False
        self._value(ref, [[cls, *descendants([cls])] for cls in by_name(known)], None)
        self.run()
        return True

    def _is_shells(self, name: str) -> bool:
        """Tell what IPython put there from what the person bound under the same name."""
        home = str(getattr(self.namespace.get(name), "__module__", ""))
        return name not in _OFFERED or home.partition(".")[0] in ("", "IPython", "io", "_io", "None")

    def _value(self, ref: str, value: Any, paths: frozenset[str] | None, static: str = "") -> None:
        if isinstance(value, ModuleType):
            self.inputs[ref] = Identity(combine("module", value.__name__), "module", static)
            for path in paths or ("",):
                self._held(ref, value, path)
            return
        try:
            found = self.memo.digest(value)
        except Undigestible as error:
            name = ref.replace(":", ".") + error.path
            self.problems[ref] = Problem(ref.replace(":", "."), name, error.type_name, error.reason)
            return
        kind = _kind(value)
        if kind == "class" and (paths is None or _DERIVED in paths):
            self.classes.append(value)
        self.inputs[ref] = Identity(found.hex, kind, static)
        if kind == "value":
            self.values[ref] = value
        if found.modules:
            self.packages |= {package_of(top) for top in found.modules} - {""}
        if isinstance(own := getattr(type(value), "__facts__", None), property):
            self.follow(own.fget(value), "")  # type: ignore[misc]
        for code in found.code:
            self._code(code)

    def _code(self, code: Any) -> None:
        if isinstance(code, ModuleType):  # a value holds it, so anything in it may be used
            self._held(code.__name__, code, "")
            return
        if id(code) in self.code:
            return
        self.code[id(code)] = Facts()
        self.reached.append(code)
        name = str(code.__qualname__)
        if self.namespace.get(name) is code and not _is_in_module(code, name, self.namespace):
            self._name(name, None)
        if isinstance(code, FunctionType):
            written = meaning_of(code.__code__).facts
            facts = written or facts_of_bytecode(code)
            if code.__code__.co_freevars:
                facts = replace(facts, reads=facts.reads - set(code.__code__.co_freevars))
            scope = code.__globals__
            home = loaded(str(scope.get("__name__", "")))
            self.code[id(code)] = facts if scope is self.namespace else facts.in_module()
            if scope is self.namespace:
                self.follow(facts, "")
            elif home is not None and vars(home) is scope:
                self.follow(facts, str(scope["__name__"]))
                self._written(facts, str(scope["__name__"]))
            else:  # with a source, a library has generated it, as attrs does methods
                self.code[id(code)] = facts.in_module().in_package() if written else facts.in_module()
                self._in_dict(name, self.code[id(code)], scope)

    def _written(self, facts: Facts, module: str) -> None:
        """Count the globals of a module that its function may bind: a change to them is seen by that."""
        found = loaded(module) if module and is_local(module) else None
        for name in (facts.writes | facts.deletes) if found is not None else ():
            value = vars(found).get(name, self)
            if isinstance(value, ModuleType):
                self.inputs[f"{module}:{name}"] = Identity(combine("module", value.__name__), "module")
            elif value is self:
                self.inputs[f"{module}:{name}"] = Identity("missing", "missing")
            else:
                self.waiting.append((module, name, None))

    def _in_dict(self, ref: str, facts: Facts, scope: Mapping[str, Any]) -> None:
        """Follow code whose global names are of no loaded module, as after ``exec(text, scope)``."""
        self.follow(replace(facts, reads=frozenset()), "")
        for name in facts.reads & scope.keys():
            self._apart(f"{ref}.{name}", scope[name], facts.attributes.get(name))

    def _held(self, ref: str, module: ModuleType, path: str) -> None:
        """Follow a module that a name or value stands for; it need not be the one loaded under its name."""
        if loaded(module.__name__) is module:
            self._module(module.__name__, path)
        elif id(module) not in self.code:
            first = path.partition(".")[0]
            names = {first} & vars(module).keys() or vars(module).keys()
            if names != {first}:
                self.code[id(module)] = Facts()
            for name in names:
                if not name.startswith("__"):
                    self._apart(f"{ref}.{name}", vars(module)[name], None)

    def _apart(self, ref: str, value: Any, paths: frozenset[str] | None) -> None:
        """Count what no name of a module leads to; of two such values under one name, both."""
        known = self.inputs.pop(ref, None)
        self._value(ref, value, paths)
        if known is not None and ref in self.inputs and self.inputs[ref] != known:
            self.inputs[f"{ref} ({self.inputs[ref].digest})"] = self.inputs[ref]
            self.inputs[ref] = known

    def _attribute(self, module: str, name: str, paths: frozenset[str] | None) -> None:
        found = loaded(module)
        if found is None or name not in vars(found):
            if found is None or not hasattr(builtins, name):
                self._static(module, name)
            if found is not None and "__getattr__" in vars(found):  # the module answers by itself
                self.waiting.append((module, "__getattr__", None))
            return
        value = vars(found)[name]
        if isinstance(value, ModuleType):
            for path in paths or ("",):
                self._module(value.__name__, path)
            return
        ref, static = f"{module}:{name}", loaded_static(found, name, self.statics)
        self._value(ref, value, paths, static)
        if ref in self.inputs and is_as_loaded(found, name, self.inputs[ref].digest):
            self.inputs[ref] = self.inputs[ref]._replace(as_loaded=True)

    def _module(self, name: str, path: str) -> None:
        """Follow ``name.path``, where `name` is a module and some of the path may be, too."""
        if f":{name}.{path}" in self.inputs:
            return
        module = loaded(name)
        if module is None:
            self._unloaded(name, path)
            return
        first, _, rest = path.partition(".")
        value = vars(module).get(first) if first else None
        if isinstance(value, ModuleType) and value is not module:
            self._module(value.__name__, rest)
        elif is_local(name):
            self._local(module, first)
        else:
            self.packages |= {package_of(name.partition(".")[0])} - {""}
            self._patched(name, first, value)
            if rest == _DERIVED and isinstance(value, type):
                self.classes.append(value)

    def _local(self, module: ModuleType, first: str) -> None:
        name = module.__name__
        if first in vars(module) or (first != "*" and not first.startswith("__") and first):
            self.waiting.append((name, first, None))
            return
        self.waiting += [(name, each, None) for each in vars(module) if not each.startswith("__")]

    def _patched(self, module: str, first: str, value: Any) -> None:
        """Count an attribute of a package that the package itself did not put there."""
        ref = f"{module}:{first}"
        if value is None or ref in self.inputs:
            return
        plain = type(value) in (int, float, str, bool, bytes, complex)
        home = getattr(value, "__module__", None)
        if plain or (
            isinstance(home, str)
            and isinstance(value, FunctionType | type)
            and is_local(home)
            and home != module
        ):
            self._value(ref, value, None)
            if plain and ref in self.inputs:
                self.inputs[ref] = self.inputs[ref]._replace(static=PACKAGED, as_loaded=True)

    def _unloaded(self, name: str, path: str) -> None:
        if self._static(name, path):
            return
        self.packages |= {package_of(name.partition(".")[0])} - {""}

    def _static(self, name: str, path: str) -> bool:
        static = self.statics.digest(name, path)
        if static:
            first = path.partition(".")[0]
            self.unseen.append(self.statics.facts(name, path))
            self.inputs[f"{name}:{first}"] = Identity("", "module", static, as_loaded=True)
            for module, wanted in self.statics.needs(name, path):
                self._module(module, wanted)
        return bool(static)


def _is_in_module(code: Any, name: str, namespace: Mapping[str, Any]) -> bool:
    """Tell whether a module has a function or class, so that whoever binds its name has imported it."""
    home = loaded(str(code.__module__))
    return home is not None and vars(home) is not namespace and vars(home).get(name) is code


def _line(code: Any) -> int:
    """Return where a function starts: tracebacks and frames tell it. Of a class, its methods tell it."""
    return code.__code__.co_firstlineno if isinstance(code, FunctionType) else 0


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return "class"
    return "function" if isinstance(value, FunctionType) else "value"
