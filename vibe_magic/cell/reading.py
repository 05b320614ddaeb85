"""The order in which code binds and reads names: from a syntax tree to `Facts`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .facts import Facts, Hazard
from .hazards import (
    FRAME_ATTRIBUTES,
    INTROSPECTION,
    IPYTHON_TEXT,
    SHELL_MAGICS,
    WRAPPERS,
    hazards_of_name,
    history,
)
from .scope import Scope, bindings, parameters

__all__ = ["Reader", "facts_of", "facts_of_module"]

_SWALLOWS = re.compile("suppress|raises|ignor|catch|exitstack", re.IGNORECASE)
_ENVIRON = re.compile(r"(?:.*\.)?(?:getenv|environ(?:\.(?:get|pop|setdefault))?)")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def facts_of_module(*statements: ast.stmt) -> Facts:
    """Return the facts of statements at the top level of a cell or a module."""
    reader = Reader()
    reader.block(statements)
    return reader.facts()


def facts_of(node: ast.AST) -> Facts:
    """Return what a function, lambda or class needs when it is called or made.

    Parameters
    ----------
    node : ast.AST
        A FunctionDef, AsyncFunctionDef, Lambda or ClassDef.
    """
    reader = Reader()
    if isinstance(node, _FUNCTIONS):
        reader.body_of(node)
    else:
        reader.visit(node)
    reader.call_everything()
    return reader.facts()


class _Later:
    """A function or class body that runs only if its name is used."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader


class Reader:
    """Walks code in the order in which it runs.

    Attributes
    ----------
    own : set of str
        Global names that the code has bound on every way to the present point.
    """

    def __init__(self, scope: Scope | None = None, later: bool = False) -> None:
        self.scope = scope or Scope("module")
        self.later = later
        self.own: set[str] = set()
        self.reads: dict[str, set[str]] = {}
        self.imports: dict[str, set[tuple[str, str]]] = {}
        self.modules: set[tuple[str, str]] = set()
        self.used_imports: set[str] = set()
        self.writes: dict[str, None] = {}
        self.deletes: set[str] = set()
        self.stores: set[str] = set()
        self.strings: set[str] = set()
        self.env: set[str] = set()
        self.hazards: list[Hazard] = []
        self.seeds = False
        self.mentions: set[str] = set()
        self.waiting: dict[str, list[Reader]] = {}
        self.lazy_notes = False

    # Results

    def facts(self) -> Facts:
        """Sum up."""
        idle = [r for readers in self.waiting.values() for r in readers]
        for name, specs in self.imports.items():
            if name not in self.used_imports and not any(name in r.mentions for r in idle):
                self.modules |= specs
        mentions = self.mentions.union(*(r.mentions for r in idle))
        deferred = {name for r in idle for name in r.reads}
        hidden = {h for r in idle for h in r.hazards}
        writes = dict(self.writes)
        return Facts(
            reads=frozenset(self.reads),
            attributes={n: frozenset(p) for n, p in sorted(self.reads.items()) if "" not in p},
            modules=frozenset(self.modules),
            writes=frozenset(writes),
            definite=frozenset(self.own & writes.keys()) - self.deletes,
            deletes=frozenset(self.deletes),
            deferred=frozenset(deferred - self.reads.keys()),
            stores=frozenset(self.stores),
            strings=frozenset(self.strings),
            env=frozenset(self.env),
            hazards=tuple(sorted(set(self.hazards) - hidden, key=_place)),
            introspects=not INTROSPECTION.isdisjoint(self.mentions),
            seeds=self.seeds,
            mentions=frozenset(mentions),
        )

    def call_everything(self) -> None:
        """Take every function made here as called."""
        while self.waiting:
            _, readers = self.waiting.popitem()
            for reader in readers:
                self._absorb(reader)

    def _absorb(self, other: Reader) -> None:
        """Add what a function does that may be called at this point."""
        for name, paths in other.reads.items():
            if name not in self.own:
                self.reads.setdefault(name, set()).update(paths)
        for name, specs in other.imports.items():
            self.imports.setdefault(name, set()).update(specs)
        for name in other.reads:
            self._use(name, other.reads[name])
        self.used_imports |= other.used_imports
        self.writes |= other.writes
        self.hazards += other.hazards
        self.seeds = self.seeds or other.seeds
        for field in ("modules", "deletes", "stores", "strings", "env", "mentions"):
            getattr(self, field).update(getattr(other, field))
        for name, readers in other.waiting.items():
            self.waiting.setdefault(name, []).extend(readers)
        for name in list(other.reads):
            self._wake(name)

    # Names

    def read(self, name: str, path: str, line: int) -> None:
        """Note that a name is read, with the attributes taken from it."""
        name = self.scope.mangle(name)
        self.mentions.add(name)
        self._use(name, {path})
        if not self._is_global(name):
            return
        self._wake(name)
        if name in self.own:
            return
        self.reads.setdefault(name, set()).add(path)
        self.hazards += hazards_of_name(name, path, line, self.later)
        if history(name):
            self.hazards.append(Hazard("history", name, line))

    def _use(self, name: str, paths: Iterable[str]) -> None:
        for module, attribute in self.imports.get(name, ()):
            self.used_imports.add(name)
            for path in paths:
                dotted = ".".join(filter(None, (attribute, path)))
                self.modules.add((module, dotted))
                self.hazards += hazards_of_name(module, dotted, 0, self.later)

    def _wake(self, name: str) -> None:
        """Take the functions of this name as called from now on."""
        for reader in self.waiting.pop(name, ()):
            self._absorb(reader)

    def _is_global(self, name: str) -> bool:
        if self.scope.kind == "class" and name in self.scope.locals:
            return name not in self._class_bound
        return self.scope.owner(name) is None and not self.scope.borrows(name)

    @property
    def _class_bound(self) -> set[str]:
        found: set[str] = self.__dict__.setdefault("_bound_in_class", set())
        return found

    def bind(self, name: str) -> None:
        """Note that a name is bound."""
        name = self.scope.mangle(name)
        self.mentions.add(name)
        if self.scope.kind == "class" and name in self.scope.locals:
            self._class_bound.add(name)
        elif self.scope.owner(name) is None and not self.scope.borrows(name):
            self.writes[name] = None
            if not self.later:
                self.own.add(name)

    # Statements

    def block(self, statements: Iterable[ast.stmt]) -> None:
        """Walk statements in order."""
        for statement in statements:
            self.visit(statement)

    def visit(self, node: ast.AST | None) -> None:
        """Walk anything; nodes without a rule of their own are walked child by child."""
        if node is None:
            return
        rule = getattr(self, f"visit_{type(node).__name__}", None)
        if rule is not None:
            rule(node)
            return
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    @contextmanager
    def _maybe(self) -> Iterator[None]:
        """Walk what may not run: nothing is surely bound by it."""
        own = set(self.own)
        yield
        self.own &= own

    def _branches(self, *branches: list[ast.stmt]) -> None:
        before, after = set(self.own), []
        for branch in branches:
            self.own = set(before)
            self.block(branch)
            if not _leaves(branch):
                after.append(self.own)
        self.own = set.intersection(*after) if after else before

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches(node.body, node.orelse)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        for part in (node.body, node.orelse):
            with self._maybe():
                self.visit(part)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        with self._maybe():
            for value in node.values[1:]:
                self.visit(value)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        with self._maybe():
            self.visit(node.target)
            self.block(node.body)
        with self._maybe():
            self.block(node.orelse)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        with self._maybe():
            self.block(node.body)
            self.block(node.orelse)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        swallows = False
        for item in node.items:
            self.visit(item.context_expr)
            self.visit(item.optional_vars)
            swallows |= bool(_SWALLOWS.search(ast.unparse(item.context_expr)))
        if swallows:
            with self._maybe():
                self.block(node.body)
        else:
            self.block(node.body)

    visit_AsyncWith = visit_With

    def visit_Try(self, node: ast.Try) -> None:
        before = set(self.own)
        self.block(node.body)
        self.block(node.orelse)
        after = [self.own]
        for handler in node.handlers:
            self.own = set(before)
            self.visit(handler)
            if not _leaves(handler.body):
                after.append(self.own)
        self.own = set.intersection(*after)
        self.block(node.finalbody)

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.visit(node.type)
        if node.name:
            self.bind(node.name)
        self.block(node.body)
        if node.name:
            self._delete(node.name)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            with self._maybe():
                self.visit(case.pattern)
                self.visit(case.guard)
                self.block(case.body)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.visit(node.pattern)
        if node.name:
            self.bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        for part in (*node.keys, *node.patterns):
            self.visit(part)
        if node.rest:
            self.bind(node.rest)

    def visit_Assign(self, node: ast.Assign) -> None:
        lone = node.targets[0] if len(node.targets) == 1 else None
        if isinstance(node.value, ast.Lambda) and isinstance(lone, ast.Name):
            self._define(lone.id, node.value)
            self.bind(lone.id)
            return
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id, "", node.lineno)
        self.visit(node.value)
        self.visit(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if not self.lazy_notes and self.scope.kind != "function":
            self.visit(node.annotation)
        self.visit(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.read(target.id, "", node.lineno)
            self.visit(target)

    def _delete(self, name: str) -> None:
        name = self.scope.mangle(name)
        if self.scope.owner(name) is None and self.scope.kind != "class":
            self.deletes.add(name)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            bound = alias.asname or top
            self._import(bound, alias.name if alias.asname else top, "", node.lineno)
            if not alias.asname and top != alias.name:
                self.modules.add((alias.name, "__init__"))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        if module == "__future__":
            self.lazy_notes |= any(alias.name == "annotations" for alias in node.names)
        for alias in node.names:
            if alias.name == "*":
                self.modules.add((module, "*"))
                self.hazards.append(Hazard("dynamic", f"from {module} import *", node.lineno))
            else:
                self._import(alias.asname or alias.name, module, alias.name, node.lineno)

    def _import(self, name: str, module: str, attribute: str, line: int) -> None:
        if module == "__main__":
            self.hazards.append(Hazard("dynamic", "import __main__", line))
        self.imports.setdefault(self.scope.mangle(name), set()).add((module, attribute))
        self.mentions |= {module, attribute} - {""}
        self.bind(name)

    # Functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._signature(node.args)
        if not self.lazy_notes:
            self.visit(node.returns)
        self._define(node.name, node)
        self.bind(node.name)
        if node.decorator_list:
            self._wake(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._signature(node.args)
        reader = Reader(self.scope, later=True)
        reader.body_of(node)
        self._absorb(reader)

    def _signature(self, args: ast.arguments) -> None:
        for default in (*args.defaults, *args.kw_defaults):
            self.visit(default)
        every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
        for argument in every:
            if argument is not None and not self.lazy_notes:
                self.visit(argument.annotation)

    def _define(self, name: str, node: ast.AST) -> None:
        """Keep a function's body until its name is used, where that can be told."""
        if isinstance(node, ast.Lambda):
            self._signature(node.args)
        reader = Reader(self.scope, later=True)
        reader.body_of(node)
        if self.scope.kind == "module" and not self.later:
            self.waiting.setdefault(name, []).append(reader)
        else:
            self._absorb(reader)

    def body_of(self, node: ast.AST) -> None:
        """Walk the body of a function as code that is called."""
        assert isinstance(node, _FUNCTIONS)
        body = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        bound = bindings(body)
        bound.names.update(parameters(node.args))
        self.scope = Scope("function", self.scope, bound)
        self.later = True
        for part in _undocumented(body):
            self.visit(part)
        self.call_everything()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        reader = Reader(Scope("class", self.scope, bindings(node.body), node.name), self.later)
        reader.own = set(self.own)
        reader.lazy_notes = self.lazy_notes
        methods = [part for part in node.body if isinstance(part, _FUNCTIONS)]
        reader.block([part for part in _undocumented(list(node.body)) if part not in methods])
        self._absorb(reader)
        for method in methods:
            self._method(node, reader.scope, method)
        self.bind(node.name)
        if node.decorator_list or node.keywords or node.bases:
            self._wake(node.name)

    def _method(self, node: ast.ClassDef, scope: Scope, method: ast.AST) -> None:
        assert isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in method.decorator_list:
            self.visit(decorator)
        self._signature(method.args)
        reader = Reader(scope, later=True)
        reader.body_of(method)
        if self.scope.kind == "module" and not self.later:
            self.waiting.setdefault(node.name, []).append(reader)
        else:
            self._absorb(reader)

    def _comprehension(self, node: ast.AST) -> None:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        self.visit(generators[0].iter)
        bound = bindings(generator.target for generator in generators)
        outer, self.scope = self.scope, Scope("comprehension", self.scope, bound)
        with self._maybe():
            for place, generator in enumerate(generators):
                self.visit(generator.target)
                if place:
                    self.visit(generator.iter)
                for test in generator.ifs:
                    self.visit(test)
            for part in ("elt", "key", "value"):
                self.visit(getattr(node, part, None))
        self.scope = outer

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        scope = self.scope
        while self.scope.kind == "comprehension" and self.scope.parent is not None:
            self.scope = self.scope.parent
        self.bind(node.target.id)
        self.scope = scope

    # Expressions

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id, "", node.lineno)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self._delete(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        root, path = _chain(node)
        self.mentions |= set(path.split("."))
        if not FRAME_ATTRIBUTES.isdisjoint(path.split(".")):
            self.hazards.append(Hazard("dynamic", path, node.lineno))
        if not isinstance(root, ast.Name):
            self.visit(root)
            return
        stored = not isinstance(node.ctx, ast.Load)
        if stored:
            for module, attribute in self.imports.get(root.id, {(root.id, "")}):
                self.stores.add(".".join(filter(None, (module, attribute, path))))
            self.stores.add(f"{root.id}.{path}")
        self.read(root.id, "" if stored else path, node.lineno)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._environ(node.value, node.slice)
        self.visit(node.value)
        self.visit(node.slice)

    def visit_Compare(self, node: ast.Compare) -> None:
        self._environ(node.comparators[0], node.left)
        for part in (node.left, *node.comparators):
            self.visit(part)

    def _environ(self, target: ast.AST, name: ast.AST) -> None:
        literal = isinstance(name, ast.Constant) and isinstance(name.value, str)
        if literal and _ENVIRON.fullmatch(_dotted(target)):
            self.env.add(name.value)  # type: ignore[attr-defined]

    def visit_Call(self, node: ast.Call) -> None:
        dotted = _dotted(node.func)
        last = dotted.rpartition(".")[2]
        self.seeds |= "seed" in last.lower() or last in ("setstate", "set_state")
        if node.args:
            self._environ(node.func, node.args[0])
        if self._shell_call(node) or self._literal_code(node, dotted):
            return
        if dotted in ("locals", "vars", "dir") and not node.args and not self.later:
            self.hazards.append(Hazard("dynamic", f"{dotted}()", node.lineno))
        self.visit(node.func)
        for part in (*node.args, *node.keywords):
            self.visit(part)

    def _literal_code(self, node: ast.Call, dotted: str) -> bool:
        """Walk the text of ``exec("x = 1")`` as code of the cell."""
        if dotted not in ("exec", "eval") or len(node.args) != 1 or self.later:
            return False
        text = node.args[0]
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
            return False
        return self._code(text.value)

    def _code(self, text: str) -> bool:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            return False
        self.block(tree.body)
        return True

    def _shell_call(self, node: ast.Call) -> bool:
        """Walk what IPython makes of magics and shell lines."""
        func = node.func
        if not (isinstance(func, ast.Attribute) and func.attr in IPYTHON_TEXT):
            return False
        if _dotted(func.value) != "get_ipython()":
            return False
        texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if func.attr in ("system", "getoutput"):
            self.hazards.append(Hazard("process", f"!{''.join(map(str, texts))}", node.lineno))
            return True
        name, *rest = (str(text) for text in texts)
        sign = "%%" if func.attr == "run_cell_magic" else "%"
        kind = "process" if name in SHELL_MAGICS else "magic"
        if name not in WRAPPERS or not self._wrapped(name, sign, rest):
            self.hazards.append(Hazard(kind, sign + name, node.lineno))
        return True

    def _wrapped(self, name: str, sign: str, texts: list[str]) -> bool:
        words = texts[0].split() if texts else []
        if name == "capture":
            for word in words:
                if not word.startswith("-"):
                    self.bind(word)
            words = []
        code = [word for word in words if not word.startswith("-")]
        line = texts[0] if code and len(code) == len(words) else ""
        if len(code) != len(words) and sign == "%":
            return False
        return all(self._code(text) for text in (line, *texts[1:]) if text.strip())

    def visit_Constant(self, node: ast.Constant) -> None:
        text = node.value
        if isinstance(text, str) and 0 < len(text) <= 1024 and "\n" not in text:
            self.strings.add(text)


def _chain(node: ast.Attribute) -> tuple[ast.AST, str]:
    parts = [node.attr]
    root: ast.AST = node.value
    while isinstance(root, ast.Attribute):
        parts.append(root.attr)
        root = root.value
    return root, ".".join(reversed(parts))


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        root, path = _chain(node)
        return f"{_dotted(root)}.{path}"
    if isinstance(node, ast.Call):
        return f"{_dotted(node.func)}()"
    return node.id if isinstance(node, ast.Name) else ""


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise)


def _undocumented(body: list[ast.AST] | list[ast.stmt]) -> list[ast.AST]:
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    documented = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return list(body[1:] if documented else body)


def _place(hazard: Hazard) -> tuple[int, str, str]:
    return hazard.line, hazard.kind, hazard.detail
