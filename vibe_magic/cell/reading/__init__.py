"""The order in which code binds and reads names: from a syntax tree to `Facts`."""

from __future__ import annotations

import ast

from ..facts import Facts
from .functions import FUNCTIONS
from .reader import Reader

__all__ = ["Reader", "facts_of", "facts_of_module"]


def facts_of_module(*statements: ast.stmt, called: bool = False) -> Facts:
    """Return the facts of statements at the top level of a cell or a module.

    Parameters
    ----------
    *statements : ast.stmt
        In order.
    called : bool
        Take every function made there as called.
    """
    reader = Reader()
    reader.block(statements)
    if called:
        reader.call_everything()
    return reader.facts()


def facts_of(node: ast.AST) -> Facts:
    """Return what a function, lambda or class needs when it is called or made.

    Parameters
    ----------
    node : ast.AST
        A FunctionDef, AsyncFunctionDef, Lambda or ClassDef.
    """
    reader = Reader()
    if isinstance(node, FUNCTIONS):
        reader.body_of(node)
    else:
        reader.visit(node)
    reader.call_everything()
    return reader.facts()
