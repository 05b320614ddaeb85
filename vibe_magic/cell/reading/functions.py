"""Functions, classes and comprehensions: code with names of its own, and code that runs later."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Self, cast

from ..scope import Scope, bindings, parameters
from .statements import Statements

__all__ = ["FUNCTIONS", "Functions"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
"""Nodes with a body that runs when it is called."""


class Functions(Statements):
    """Rules for code with a scope of its own."""

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._signature(node.args)
        if not self.lazy_notes:
            self.visit(node.returns)
        self.define(node.name, node)
        self.bind(node.name)
        if node.decorator_list:
            self._wake(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._signature(node.args)
        reader = type(self)(self.scope, later=True)
        reader.body_of(node)
        self._absorb(reader)

    def _signature(self, args: ast.arguments) -> None:
        for default in (*args.defaults, *args.kw_defaults):
            self.visit(default)
        every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
        for argument in every:
            if argument is not None and not self.lazy_notes:
                self.visit(argument.annotation)

    def define(self, name: str, node: ast.AST) -> None:
        """Keep a function's body until its name is used, where that can be told."""
        if isinstance(node, ast.Lambda):
            self._signature(node.args)
        reader = type(self)(self.scope, later=True)
        reader.body_of(node)
        if self.scope.kind == "module" and not self.later:
            self.waiting.setdefault(name, []).append(cast(Self, reader))
        else:
            self._absorb(reader)

    def body_of(self, node: ast.AST) -> None:
        """Walk the body of a function as code that is called."""
        assert isinstance(node, FUNCTIONS)
        body: list[ast.stmt | ast.expr] = []
        body += [node.body] if isinstance(node, ast.Lambda) else node.body
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
        reader = type(self)(Scope("class", self.scope, bindings(node.body), node.name), self.later)
        reader.own = set(self.own)
        reader.lazy_notes = self.lazy_notes
        methods = [p for p in node.body if isinstance(p, ast.FunctionDef | ast.AsyncFunctionDef)]
        rest = [part for part in _undocumented(node.body) if part not in methods]
        reader.block(cast("list[ast.stmt]", rest))
        self._absorb(reader)
        for method in methods:
            called = method.name in reader.mentions or not all(map(_is_inert, method.decorator_list))
            self._method(node, reader.scope, method, called)
        self.bind(node.name)
        if node.decorator_list or node.keywords or node.bases:
            self._wake(node.name)

    def _method(
        self, node: ast.ClassDef, scope: Scope, method: ast.FunctionDef | ast.AsyncFunctionDef, called: bool
    ) -> None:
        for decorator in method.decorator_list:
            self.visit(decorator)
        self._signature(method.args)
        reader = type(self)(scope, later=True)
        reader.body_of(method)
        if self.scope.kind == "module" and not self.later and not called:
            self.waiting.setdefault(node.name, []).append(cast(Self, reader))
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


_INERT = frozenset(
    [
        "abstractmethod",
        "cached_property",
        "classmethod",
        "deleter",
        "getter",
        "overload",
        "override",
        "property",
        "setter",
        "staticmethod",
    ]
)
"""Decorators that do not call what they decorate."""


def _is_inert(decorator: ast.expr) -> bool:
    last = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return last in _INERT


def _undocumented(body: Sequence[ast.stmt | ast.expr]) -> list[ast.stmt | ast.expr]:
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    documented = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return list(body[1:] if documented else body)
