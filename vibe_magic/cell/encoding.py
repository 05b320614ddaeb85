"""Code by meaning: an encoding of syntax trees that formatting, comments and docstrings do not change."""

from __future__ import annotations

import ast

__all__ = ["encode"]

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def encode(node: ast.AST, docs: bool = False) -> bytes:
    """Encode a tree so that equal meaning gives equal bytes on every version of Python.

    Parameters
    ----------
    node : ast.AST
        A module, statement or expression.
    docs : bool
        Whether docstrings count.

    Notes
    -----
    Every field carries its name and every constant its type and length, so that nothing can run into its
    neighbour. The walk keeps its own stack: long chains of operators nest deeper than Python may recurse.
    """
    out: list[bytes] = []
    waiting: list[object] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, bytes):
            out.append(item)
        elif isinstance(item, list):
            out.append(b"[%d" % len(item))
            waiting.extend(reversed(item))
        elif isinstance(item, ast.AST):
            out.append(b"(" + type(item).__name__.encode())
            waiting.append(b")")
            waiting.extend(reversed(_fields(item, docs)))
        else:
            out.append(_constant(item))
    return b"".join(out)


def _fields(node: ast.AST, docs: bool) -> list[object]:
    found: list[object] = []
    for name, value in ast.iter_fields(node):
        constant = isinstance(node, ast.Constant) and name == "value"
        if name in _SKIPPED or (not constant and (value is None or value == [])):
            continue
        if name == "body" and not docs and isinstance(node, _DOCUMENTED):
            value = _undocumented(value)
        found += [b"." + name.encode(), value]
    return found


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    documented = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if documented else body


def _constant(value: object) -> bytes:
    large = isinstance(value, int) and value.bit_length() > 1024  # decimal digits are limited
    text = (hex(value) if large else repr(value)).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    return b"<%s %d:%s>" % (type(value).__name__.encode(), len(text), text)
