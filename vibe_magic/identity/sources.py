"""The source of code objects, where it can be proved to be theirs."""

from __future__ import annotations
import __future__

import ast
import linecache
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from vibe_magic.cell import Facts, encode, facts_of, parse, unwarned
from vibe_magic.modules import is_local_file

__all__ = ["Meaning", "facts_of_bytecode", "meaning_of"]

_TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = sum(
    getattr(__future__, name).compiler_flag
    for name in __future__.all_feature_names
    if getattr(__future__, name).compiler_flag >= 0x10000
)


class Meaning(NamedTuple):
    """What a code object means.

    Attributes
    ----------
    encoded : bytes
        The code by meaning, without docstrings.
    source : str
        Its text; empty if there is none that is proved to be its own.
    facts : Facts or None
        What it needs; None if only the byte code is known.
    """

    encoded: bytes
    source: str
    facts: Facts | None


_known: dict[int, tuple[CodeType, Meaning]] = {}


def meaning_of(code: CodeType) -> Meaning:
    """Return what a function's code means, from its source if that compiles to this very code."""
    known = _known.get(id(code))
    if known is None or known[0] is not code:
        if len(_known) > 20_000:
            _known.clear()
        linecache.checkcache(code.co_filename)
        known = _known[id(code)] = (code, _found(code))
    return known[1]


def _found(code: CodeType) -> Meaning:
    lines = linecache.getlines(code.co_filename)
    text = "".join(lines)
    flags = code.co_flags & _FUTURES
    for node, compiled in _functions(text, code.co_filename, flags) if text else ():
        if compiled == code:
            whole = lines[code.co_firstlineno - 1 : getattr(node, "end_lineno", None)]  # as inspect shows it
            return Meaning(encode(node), _dedented("".join(whole)).rstrip("\n"), _facts(node, code))
    return Meaning(_bytecode(code), "", None)


def _facts(node: ast.AST, code: CodeType) -> Facts:
    facts = facts_of(node)
    return facts if is_local_file(code.co_filename) else facts.in_package()


def _dedented(source: str) -> str:
    import textwrap

    return textwrap.dedent(source)


@lru_cache(maxsize=256)
def _functions(text: str, filename: str, flags: int) -> tuple[tuple[ast.AST, CodeType], ...]:
    """Return every function of a source with the code that it compiles to.

    The compiler looks at what else is compiled with a function (3.11 calls the attributes of an imported
    module differently): modules are compiled whole, cells statement by statement.
    """
    flags |= _TOP_LEVEL_AWAIT
    try:
        tree = parse(text)
        units = [tree, *(ast.Module([statement], []) for statement in tree.body if len(tree.body) > 1)]
        with unwarned():
            codes = [compile(unit, filename, "exec", flags, dont_inherit=True) for unit in units]
    except (SyntaxError, ValueError, RecursionError):
        return ()
    nodes: dict[tuple[int, str], list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            nodes.setdefault((_line(node), getattr(node, "name", "<lambda>")), []).append(node)
    return tuple(pair for code in codes for pair in _matched(code, nodes))


def _line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([int(node.lineno), *(int(d.lineno) for d in decorators)])


def _matched(
    root: CodeType, nodes: dict[tuple[int, str], list[ast.AST]]
) -> Iterator[tuple[ast.AST, CodeType]]:
    """Pair functions with nodes; several lambdas on one line stand in the order of their code."""
    counts: dict[tuple[int, str], int] = {}
    for code in _nested(root):
        place = (code.co_firstlineno, code.co_name)
        candidates = nodes.get(place, [])
        number = counts.get(place, 0)
        counts[place] = number + 1
        if len(candidates) == 1:
            yield candidates[0], code
        elif number < len(candidates):
            by_column = [n for n in candidates if _starts_at(n, code)]
            if len(by_column) == 1:
                yield by_column[0], code


def _starts_at(node: ast.AST, code: CodeType) -> bool:
    """Tell by the position of the body which of several lambdas on a line a code belongs to."""
    columns = [c for _, _, c, _ in code.co_positions() if c]
    body = getattr(node, "body", None)
    return isinstance(body, ast.expr) and bool(columns) and min(columns) == body.col_offset


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _bytecode(code: CodeType) -> bytes:
    """Encode what the interpreter runs, for functions without a source."""
    constants = [_constant(c) for c in code.co_consts]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    head = repr((sys.version_info[:2], code.co_flags, code.co_argcount, names))
    counts = repr((code.co_kwonlyargcount, code.co_posonlyargcount, [len(c) for c in constants]))
    return b"bytecode" + head.encode() + counts.encode() + code.co_code + b"".join(constants)


def _constant(value: Any) -> bytes:
    """Encode a constant; the members of a set are in the order of their hashes, which is no part of it."""
    if isinstance(value, CodeType):
        return _bytecode(value)
    if isinstance(value, tuple | frozenset):
        parts = [_constant(part) for part in value]
        parts = sorted(parts) if isinstance(value, frozenset) else parts
        return f"{type(value).__name__} {[len(part) for part in parts]}".encode() + b"".join(parts)
    return f"{type(value).__name__} {value!r}".encode()


def facts_of_bytecode(function: FunctionType) -> Facts:
    """Return the names that a function without a source may read: all that its code mentions."""
    names: set[str] = set()
    waiting = [function.__code__]
    while waiting:
        code = waiting.pop()
        names |= set(code.co_names)
        waiting += [c for c in code.co_consts if isinstance(c, type(code))]
    known = {name for name in names if name in function.__globals__}
    return Facts(reads=frozenset(known), mentions=frozenset(names))
