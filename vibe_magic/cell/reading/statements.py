"""Statements in the order in which they run, and what may not run at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from ..facts import Hazard
from .names import Names

__all__ = ["Statements"]

_SWALLOWS = "(?i)suppress|raises|ignor|catch|exitstack"


class Statements(Names):
    """Rules for statements."""

    def define(self, name: str, node: ast.Lambda) -> None:
        """Keep a function's body until its name is used."""
        raise NotImplementedError

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
        for branch in (node.body, node.orelse):
            with self._maybe():
                self.block(branch)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        with ExitStack() as swallowed:
            for item in node.items:
                self.visit(item.context_expr)
                self.visit(item.optional_vars)
                if self._swallows(item.context_expr):
                    swallowed.enter_context(self._maybe())
            self.block(node.body)

    visit_AsyncWith = visit_With

    def _swallows(self, manager: ast.expr) -> bool:
        """Tell whether a context manager may let the rest of its block be left out, as far as names tell."""
        names = {node.id for node in ast.walk(manager) if isinstance(node, ast.Name)}
        imported = (attribute for name in names for _, attribute in self.imports.get(name, ()))
        return bool(re.search(_SWALLOWS, " ".join((ast.unparse(manager), *imported))))

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
        ended, self.own = set.intersection(*after), set(before)
        self.block(node.finalbody)
        self.own = ended | (self.own - before)

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
            self.define(lone.id, node.value)
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
        else:
            self.visit(node.target)
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)
        if not self.lazy_notes and self.scope.kind != "function":
            self.visit(node.annotation)

    def visit_Assert(self, node: ast.Assert) -> None:
        self.visit(node.test)
        with self._maybe():
            self.visit(node.msg)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            self.visit(key)
            self.visit(value)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.read(target.id, "", node.lineno)
            self.visit(target)

    def _delete(self, name: str) -> None:
        name = self.scope.mangle(name)
        if self.scope.kind == "class" and name in self.scope.locals:
            self.own.discard(f".{name}")
        elif self.scope.owner(name) is None:
            self.own.discard(name)
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


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise)
