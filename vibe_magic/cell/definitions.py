"""Statements that only define: imports, functions and classes that can be made again at no cost."""

from __future__ import annotations

import ast

from .scope import bindings

__all__ = ["bound_names", "definitions", "is_definition"]

_QUIET = (
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.Subscript,
    ast.Tuple,
    ast.BinOp,
    ast.BitOr,
    ast.List,
    ast.Load,
    ast.expr_context,
)


def is_definition(statement: ast.stmt) -> bool:
    """Tell whether a statement only defines: running it again gives the same and does nothing else."""
    match statement:
        case ast.Import():
            return True
        case ast.ImportFrom(names=names):
            return all(alias.name != "*" for alias in names)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return not statement.decorator_list and _plain_signature(statement)
        case ast.ClassDef():
            return (
                not statement.decorator_list
                and not statement.keywords
                and all(_is_quiet(base) for base in statement.bases)
                and all(_is_member(member) for member in statement.body)
            )
    return False


def definitions(tree: ast.Module, stores: frozenset[str]) -> tuple[tuple[ast.stmt, ...], frozenset[str]]:
    """Return the statements that only define, and the names that they alone bind.

    Parameters
    ----------
    tree : ast.Module
        A cell.
    stores : frozenset of str
        Attributes that the cell sets; what it changes after the definition must be stored.
    """
    touched = {target.partition(".")[0] for target in stores}
    touched |= {n for node in ast.walk(tree) if isinstance(node, ast.Global) for n in node.names}
    names: dict[str, bool] = {}
    for statement in tree.body:
        pure = is_definition(statement)
        for name in bound_names(statement):
            names[name] = names.get(name, True) and pure
    alone = {name for name, pure in names.items() if pure and name not in touched}
    while True:
        chosen = tuple(s for s in tree.body if is_definition(s) and set(bound_names(s)) <= alone)
        results = names.keys() - alone
        late = {name for s in chosen if not results.isdisjoint(_evaluated(s)) for name in bound_names(s)}
        if not late:
            return chosen, frozenset(name for s in chosen for name in bound_names(s))
        alone -= late  # what needs a result of the cell cannot be made before the results are there


def bound_names(statement: ast.stmt) -> list[str]:
    """Return the names that a statement binds, outermost first."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [a.asname or a.name.partition(".")[0] for a in statement.names]
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    stored = (ast.Store, ast.Del)
    found = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, stored)]
    inside = bindings([statement]).names  # imports and definitions in branches, too
    return [*found, *sorted(inside - set(found))]


def _evaluated(statement: ast.stmt) -> set[str]:
    """Return the names that a definition reads when it is made, not when it is called."""
    match statement:
        case ast.FunctionDef(args=args, returns=returns) | ast.AsyncFunctionDef(args=args, returns=returns):
            parts: list[ast.AST] = [args, returns] if returns else [args]
        case ast.ClassDef(bases=bases, body=body):
            inside = set().union(*map(_evaluated, body))
            return inside | {n.id for base in bases for n in ast.walk(base) if isinstance(n, ast.Name)}
        case ast.AnnAssign(annotation=annotation):
            parts = [annotation]
        case _:
            return set()
    return {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}


def _plain_signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    args = node.args
    defaults = [*args.defaults, *(d for d in args.kw_defaults if d)]
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    notes = [a.annotation for a in every if a and a.annotation]
    notes += [node.returns] if node.returns else []
    return all(_is_literal(d) for d in defaults) and all(_is_quiet(n) for n in notes)


def _is_literal(node: ast.expr) -> bool:
    """Tell whether an expression is a constant that cannot change."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Tuple):
        return all(_is_literal(part) for part in node.elts)
    return isinstance(node, ast.Constant)


def _is_quiet(node: ast.expr) -> bool:
    return all(isinstance(part, _QUIET) for part in ast.walk(node))


def _is_member(node: ast.stmt) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name()], value=value):
            return _is_literal(value)
        case ast.AnnAssign(target=ast.Name(), annotation=note, value=value):
            return _is_quiet(note) and (value is None or _is_literal(value))
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
    return is_definition(node) and not isinstance(node, ast.Import | ast.ImportFrom)
