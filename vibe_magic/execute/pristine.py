"""Functions and classes that are still as their statements made them, so that these bring them back."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Mapping
from typing import Any

from vibe_magic.cell import Cell, bound_names
from vibe_magic.identity import own_members, registered

__all__ = ["pristine"]


def pristine(cell: Cell, namespace: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that a cell's definitions bind and that nothing has changed since.

    A call such as ``register(C)`` may have set attributes of a class or function: then it is a result.
    """
    names: set[str] = set()
    for statement in cell.definitions:
        found = {name for name in bound_names(statement) if name in namespace}
        names |= {name for name in found if _is_as_made(statement, namespace[name])}
    return frozenset(names)


def _is_as_made(statement: ast.stmt, value: Any) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _is_function(statement, value)
        case ast.ClassDef():
            return isinstance(value, type) and _is_class(statement, value)
    return True


def _is_function(node: ast.FunctionDef | ast.AsyncFunctionDef, value: Any) -> bool:
    return (
        isinstance(value, types.FunctionType)
        and not value.__dict__
        and (value.__code__.co_name, value.__code__.co_firstlineno) == (node.name, node.lineno)
        and len(value.__defaults__ or ()) == len(node.args.defaults)
    )


def _is_class(node: ast.ClassDef, value: type) -> bool:
    made = dict(_members(node))
    present = own_members(value)
    return (
        present.keys() <= made.keys()
        and not registered(value)
        and all(
            statement is None or _is_member(statement, present[name])
            for name, statement in made.items()
            if name in present
        )
    )


def _members(node: ast.ClassDef) -> Iterator[tuple[str, ast.stmt | None]]:
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=None):
                yield name, None
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, statement
            case _:
                for name in bound_names(statement):
                    yield name, statement


def _is_member(statement: ast.stmt, value: Any) -> bool:
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        literal = ast.literal_eval(statement.value)
        return type(literal) is type(value) and repr(literal) == repr(value)
    if isinstance(value, classmethod | staticmethod):  # __init_subclass__ and __class_getitem__ are made so
        value = value.__func__
    return _is_as_made(statement, value)
