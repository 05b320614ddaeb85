"""Statements that only define, and the names that these alone bind."""

from __future__ import annotations

import pytest

from vibe_magic.cell import analyse, bound_names, definitions, is_definition, parse

ONLY_DEFINE = [
    "import a.b as c", "from a import b, c as d", "def f(): return g()",
    "async def f(a, /, b: int = 1, *c, d='x', **e) -> list[int]: pass", "def f(a=(1, -2, None)): pass",
    "class C: pass",
    "class C(a.B, D[int]):\n    'doc'\n    x = 1\n    y: int\n    z: int | D = (1, 2)\n    def f(s): pass",
]  # fmt: skip


@pytest.mark.parametrize("source", ONLY_DEFINE)
def test_a_definition_does_nothing_else(source: str) -> None:
    assert is_definition(parse(source).body[0])


DO_MORE = [
    "x = 1", "from a import *", "@d\ndef f(): pass", "def f(a=[]): pass", "def f(a: g()): pass",
    "class C(f()): pass", "class C(metaclass=M): pass", "class C:\n    x = []",
    "class C:\n    @property\n    def f(self): pass", "if c:\n    def f(): pass",
]  # fmt: skip


@pytest.mark.parametrize("source", DO_MORE)
def test_what_may_do_more_is_no_definition(source: str) -> None:
    assert not is_definition(parse(source).body[0])


BOUND = [
    ("import a.b, c.d as e", ["a", "e"]), ("def f(a): b = 1", ["f"]), ("class C: x = 1", ["C"]),
    ("a = b = c", ["a", "b"]), ("x = (y := 1)", ["x", "y"]), ("del x, y.z", ["x"]), ("a.b = c[0] = d", []),
]  # fmt: skip


@pytest.mark.parametrize(("source", "names"), BOUND)
def test_names_that_a_statement_binds(source: str, names: list[str]) -> None:
    assert bound_names(parse(source).body[0]) == names


ALONE = [
    ("import a\ndef f(): pass\nclass C: pass\nx = 1", "a f C"), ("def f(): pass\nf = d(f)", ""),
    ("def f(): pass\nf.a = 1", ""), ("class C: pass\nsetattr(C, 'a', 1)\nimport b", "b"),
    ("import a, b\nb = 1", ""),
]  # fmt: skip


@pytest.mark.parametrize(("source", "names"), ALONE)
def test_names_that_definitions_alone_bind(source: str, names: str) -> None:
    cell = analyse(source)
    assert cell.defines == frozenset(names.split())
    assert {name for statement in cell.definitions for name in bound_names(statement)} == cell.defines


def test_definitions_leave_out_what_is_changed_after() -> None:
    tree = parse("import a\ndef f(): pass")
    assert definitions(tree, frozenset()) == (tuple(tree.body), frozenset({"a", "f"}))
    assert definitions(tree, frozenset({"f.x"})) == ((tree.body[0],), frozenset({"a"}))


def test_definitions_run_again_as_a_module_at_their_lines() -> None:
    cell = analyse("x = 1 / 0\ndef f():\n    return 2\n")
    namespace: dict = {}
    exec(compile(cell.definition_module(), "cell", "exec"), namespace)
    assert (namespace["f"](), namespace["f"].__code__.co_firstlineno) == (2, 2)
    assert "x" not in namespace
