"""What the text of a cell does to things that it has not made itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeGuard

from .parsing import parse

__all__ = ["outward"]

_HARMLESS = frozenset({"print", "display"})
"""What they show is shown wherever the cell runs."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@lru_cache(maxsize=4096)
def outward(python: str, quiet: frozenset[str], names: frozenset[str]) -> str:
    """Return the first part of a cell that acts on what the cell has not made itself; empty if there is none.

    Such are calls whose value is not used (``plt.style.use("ggplot")``), and stores into what the cell has
    not bound. A call passes that names nothing in words and is about what the cell has bound
    (``model.fit(x, y)``) or about a module in which nothing lasts (``time.sleep(1)``).

    Parameters
    ----------
    python : str
        A cell body.
    quiet : frozenset of str
        Modules in which nothing lasts.
    names : frozenset of str
        Names that stand for such modules when the cell begins.

    Notes
    -----
    The text does not tell all: a call whose value is used may have effects as well. This finds those that
    people write for their effects.
    """
    bound = set(names)
    for statement in parse(python).body:
        for node in _nodes(statement):
            if _acts(node, bound):
                return ast.unparse(node).partition("\n")[0]
        bound |= {found.id for found in _nodes(statement) if _is_binding(found)}
        bound |= set(_imported(statement, quiet))
    return ""


def _imported(statement: ast.stmt, quiet: frozenset[str]) -> Iterator[str]:
    match statement:
        case ast.Import(names=aliases):
            for alias in aliases:
                whole = alias.name.partition(".")[0]
                if whole in quiet:
                    yield alias.asname or whole
        case ast.ImportFrom(module=str(module), names=aliases) if module in quiet:
            yield from (alias.asname or alias.name for alias in aliases)


def _nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield what runs with a statement, functions that it makes left out."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _SCOPES):
            yield node
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _acts(node: ast.AST, bound: set[str]) -> bool:
    match node:
        case ast.Expr(value=ast.Call() as call) | ast.Expr(value=ast.Await(value=ast.Call() as call)):
            root = _root(call)
            return not (root in _HARMLESS or (root in bound and not _names_in_words(call)))
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            return _root(node) not in bound
        case ast.Call(func=ast.Name(id="open"), args=args, keywords=keywords):
            return bool(keywords or args[1:])  # perhaps for writing
    return False


def _root(node: ast.AST) -> str:
    """Return the name that an expression starts from: ``a`` of ``a.b(1).c[2]``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _names_in_words(call: ast.Call) -> bool:
    return any(
        isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        for node in ast.walk(call)
    )


def _is_binding(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
