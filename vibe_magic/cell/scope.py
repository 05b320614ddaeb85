"""Which scope a name belongs to, by the rules of the language reference, section 4.2.2."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from itertools import count
from typing import Literal

__all__ = ["Scope", "bindings", "parameters", "targets"]

Kind = Literal["module", "class", "function", "comprehension", "types"]
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_numbers = count(1)


class Bindings:
    """The names that one block binds or declares."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()


class Scope:
    """One block of code and the names that are local to it.

    Parameters
    ----------
    kind : str
        ``module``, ``class``, ``function`` (lambdas too), ``comprehension``, or ``types``, the
        block of type parameters, from which a class around it can be seen.
    parent : Scope, optional
        The block around it; none for a module.
    bound : Bindings, optional
        What the block binds.
    private : str, optional
        Name of the class by which ``__names`` are mangled; the parent's where not given.
    """

    __slots__ = ("globals", "kind", "locals", "nonlocals", "number", "parent", "private")

    def __init__(
        self,
        kind: Kind,
        parent: Scope | None = None,
        bound: Bindings | None = None,
        private: str | None = None,
    ) -> None:
        self.kind = kind
        self.parent = parent
        self.number = next(_numbers)
        self.private: str | None = private or (parent.private if parent else None)
        bound = bound or Bindings()
        self.globals = {self.mangle(name) for name in bound.globals}
        self.nonlocals = {self.mangle(name) for name in bound.nonlocals}
        names = {self.mangle(name) for name in bound.names}
        self.locals = names - self.globals - self.nonlocals

    def mangle(self, name: str) -> str:
        """Spell a private name as the compiler does inside a class."""
        if self.private is None or not name.startswith("__") or name.endswith("__"):
            return name
        owner = self.private.lstrip("_")
        return f"_{owner}{name}" if owner and "." not in name else name

    def owner(self, name: str) -> Scope | None:
        """Find the scope that a (mangled) name belongs to; None is the module's."""
        return _find(self, name, sees_class=True)

    def owner_beyond(self, name: str) -> Scope | None:
        """Find where a class body looks up what it has not bound yet."""
        return _find(self.parent, name, sees_class=False)

    def borrows(self, name: str) -> bool:
        """Whether the name is declared nonlocal on the way out, so that no global is meant."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.nonlocals:
                return True
            if name in scope.globals:
                return False
            scope = scope.parent
        return False

    def runs_later(self) -> bool:
        """Whether code of this scope runs when a function is called."""
        scope: Scope | None = self
        while scope is not None:
            if scope.kind == "function":
                return True
            scope = scope.parent
        return False


def _find(scope: Scope | None, name: str, sees_class: bool) -> Scope | None:
    while scope is not None and scope.parent is not None:
        if scope.kind != "class" or sees_class:
            if name in scope.globals:
                return None
            if name in scope.locals:
                return scope
        sees_class = sees_class and scope.kind == "types"
        scope = scope.parent
    return None


def bindings(nodes: Iterable[ast.AST]) -> Bindings:
    """Collect what a block binds, nested functions and classes left out."""
    found = Bindings()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        _collect(node, found)
        pending.extend(_same_block(node))
    return found


def _collect(node: ast.AST, found: Bindings) -> None:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            found.names.add(name)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            found.names.add(node.name)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            found.names.update(a.asname or a.name.partition(".")[0] for a in aliases)
        case ast.Global(names=names):
            found.globals.update(names)
        case ast.Nonlocal(names=names):
            found.nonlocals.update(names)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            found.names.add(name)
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            found.names.add(name)


def _same_block(node: ast.AST) -> list[ast.AST]:
    """Children whose bindings land in the block of `node`."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.decorator_list, *_outside(node.args)]
        case ast.Lambda():
            return _outside(node.args)
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]
        case ast.comprehension():
            return [node.iter, *node.ifs]
        case _:
            return list(ast.iter_child_nodes(node))


def _outside(args: ast.arguments) -> list[ast.AST]:
    """Parts of a parameter list that are evaluated around the function, not in it."""
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    every += [a for a in (args.vararg, args.kwarg) if a]
    notes = [a.annotation for a in every if a.annotation]
    return [*args.defaults, *(d for d in args.kw_defaults if d), *notes]


def parameters(args: ast.arguments) -> list[str]:
    """Names of all parameters."""
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    every += [a for a in (args.vararg, args.kwarg) if a]
    return [a.arg for a in every]


def targets(node: ast.AST) -> list[str]:
    """Plain names that an assignment target binds."""
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
