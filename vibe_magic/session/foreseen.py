"""What a cell that only defines would bind, told from its text alone."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from vibe_magic.cell import Cell, is_definition, parse
from vibe_magic.execute import fact_of
from vibe_magic.identity import Identity, combine, describe, digest
from vibe_magic.trace import Fact

__all__ = ["foreseen"]


def foreseen(cell: Cell) -> Mapping[str, Fact] | None:
    """Return what each name would stand for, or None if the cell does more than define plain things.

    Functions with constant defaults, constants, and modules imported whole; nothing of the notebook runs and
    nothing is imported for it.
    """
    found: dict[str, Fact] = {}
    for statement in parse(cell.python).body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        bound = dict(_bound(statement, cell))
        if not bound:
            return None
        found |= bound
    return found


def _bound(statement: ast.stmt, cell: Cell) -> Iterator[tuple[str, Fact]]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if is_definition(statement):
            yield name, _fact(_made(statement, cell), "function")
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            try:
                yield name, _fact(ast.literal_eval(value), "value")
            except ValueError:  # not a constant
                return
        case ast.Import(names=names):
            for alias in names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                name = alias.asname or whole
                yield name, fact_of(Identity(combine("module", whole), "module"))


def _fact(value: Any, kind: str) -> Fact:
    return fact_of(Identity(digest(value).hex, kind), describe(value))


def _made(statement: ast.stmt, cell: Cell) -> FunctionType:
    """Make a function without a namespace to run in: only to be looked at."""
    filename = f"<foreseen {combine(cell.python)}>"
    linecache.cache[filename] = len(cell.python), None, cell.python.splitlines(keepends=True), filename
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(ast.Module([statement], []), filename, "exec", dont_inherit=True), namespace)
    function: FunctionType = namespace[statement.name]  # type: ignore[attr-defined]
    return function
