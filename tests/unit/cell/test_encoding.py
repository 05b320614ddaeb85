"""Code by meaning: what changes its encoding and what does not."""

from __future__ import annotations

import ast

import pytest

from vibe_magic.cell import encode, parse

SAME = [
    ("x=1", "x  =  1  # note"), ("x = 'a'", 'x = """a"""'), ("x = 'a' 'b'", "x = 'ab'"),
    ("x = 10_0", "x = 0x64"), ("x = 1; y = 2", "x = 1\n\n\ny = 2\n"), ("x = 1  # type: int", "x = 1"),
    ("def f():\n    'one'\n    return 1", "def f():\n    return 1"),
    ("class C:\n    'one'\n    async def f(s):\n        'two'\n        s", "class C:\n    async def f(s): s"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_form_does_not_count(one: str, other: str) -> None:
    assert encode(parse(one)) == encode(parse(other))


DIFFERENT = [
    ("x = 1", "x = True"), ("x = 1", "x = 1.0"), ("x = 0.0", "x = -0.0"), ("x = y", "x = z"),
    ("x = 'y'", "x = y"), ("x = a + b", "x = a - b"), ("x = a + b + c", "x = a + (b + c)"), ("f(a)", "f(*a)"),
    ("x[1:]", "x[:1]"), ("def f(a, /): pass", "def f(a): pass"), ("def f(): pass", "async def f(): pass"),
    ("if a:\n    b\nelse:\n    c", "if a:\n    b\nc"), ("{**a}", "{None: a}"), ("x = 1\n'y'", "x = 1\n'z'"),
    ("def f():\n    1\n    'one'", "def f():\n    1\n    'two'"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_meaning_counts(one: str, other: str) -> None:
    assert encode(parse(one)) != encode(parse(other))


def test_docstrings_count_where_they_are_asked_for() -> None:
    one, other = (parse(f"def f():\n    '{doc}'\n    return 1") for doc in ("one", "two"))
    assert encode(one) == encode(other)
    assert encode(one, docs=True) != encode(other, docs=True)


def test_deep_code_needs_no_recursion() -> None:
    one, other = ast.Name("x", ast.Load()), ast.Name("y", ast.Load())
    for _ in range(20_000):
        one, other = (ast.UnaryOp(ast.Not(), operand) for operand in (one, other))
    assert encode(one) != encode(other)
    while isinstance(one, ast.UnaryOp):  # Python may not free such a chain at once either
        one, other = one.operand, other.operand
