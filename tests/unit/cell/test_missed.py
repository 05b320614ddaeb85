"""Reads and hazards that are easy to miss: never too few, however the code winds."""

from __future__ import annotations

import ast

import pytest

from vibe_magic.cell import analyse, bound_names, encode, parse, python_source


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("def f():\n    return k\nif c:\n    k = 1\n    f()\nf()", "k"),
        ("def f():\n    return k\nfor k in []:\n    f()\nf()", "k"),
        ("def f():\n    return k\ndef g():\n    return f()\nif c:\n    k = 1\n    g()\ng()", "k"),
        ("x = eval('test')", "eval"),
        (
            "try:\n    try:\n        x = f()\n    finally:\n        print(x)\nexcept ValueError:\n    pass",
            "x",
        ),
        ("while False:\n    x = 1\nelse:\n    print(x)", "x"),
        ("class C:\n    if False:\n        x = 1\n    y = x", "x"),
        ("class C:\n    x = 1\n    del x\n    y = x", "x"),
        ("class C:\n    def f():\n        return k\n    x = f()", "k"),
        ("class C:\n    @run\n    def m():\n        return k", "k"),
        ("from contextlib import suppress\nwith suppress(OSError), open('no') as fh:\n    pass\nfh", "fh"),
        ("from contextlib import suppress as s\nwith s(ValueError):\n    x = int('a')\nx", "x"),
        ("0 > 1 > (y := 3)\ny", "y"),
        ("assert True, (y := 3)\ny", "y"),
        ("{'a': x, (x := 1): 2}", "x"),
        ("d[y] += (y := 0)", "y"),
        ("x: (y := int) = y", "y"),
        ("max = 1\ndel max\nmax([1])", "max"),
        ("%timeit x = 5\nx", "x"),
    ],
)
def test_a_read_is_seen(source: str, read: str) -> None:
    assert read in analyse(source).facts.reads


@pytest.mark.parametrize("source", ["0 > 1 > (y := 3)", "assert True, (y := 3)", "%timeit y = 5"])
def test_what_may_not_be_bound_is_not_definite(source: str) -> None:
    assert "y" not in analyse(source).facts.definite


def test_a_method_that_nobody_calls_is_not_called_yet() -> None:
    facts = analyse("class C:\n    @property\n    def m(self):\n        return k").facts
    assert ("k" in facts.reads, "k" in facts.deferred) == (False, True)


def test_a_global_below_a_nonlocal_is_one() -> None:
    source = "def a():\n    x = 1\n    def b():\n        nonlocal x\n        def c():\n            global x\n"
    source += "            return x\n        return c()\n    return b()\na()"
    assert "x" in analyse(source).facts.reads


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("f = lambda: input()\ny = input()", "stdin"),
        ("import subprocess\ndef f():\n    subprocess.run(['a'])\nsubprocess.run(['b'])", "process"),
        (
            "def f():\n    import subprocess as sp\n    def g():\n        sp.run(['ls'])\n    g()\nf()",
            "process",
        ),
        ("get_ipython().run_line_magic('time', code)", "dynamic"),
        ("get_ipython().run_line_magic(m, a)", "dynamic"),
    ],
)
def test_a_hazard_is_seen(source: str, kind: str) -> None:
    assert kind in {hazard.kind for hazard in analyse(source).facts.hazards}


@pytest.mark.parametrize("source", ["x = !./run.sh", "x = !$cmd", "    x = 1"])
def test_what_only_ipython_understands_is_handed_to_it(source: str) -> None:
    assert ast.parse(python_source(source))


@pytest.mark.parametrize(
    "source",
    [
        "import json\ntry:\n    import ujson as json\nexcept ImportError:\n    pass",
        "def json(x):\n    return x\nif c:\n    def json(y):\n        return y",
        "def json(x):\n    return x\ndef g():\n    global json\n    json = 1\ng()",
    ],
)
def test_what_is_bound_twice_is_no_definition(source: str) -> None:
    assert "json" not in analyse(source).defines


def test_names_bound_inside_a_statement_are_its_own() -> None:
    (statement,) = parse("if c:\n    import a.b\n    def f(): pass\n    x = 1").body
    assert set(bound_names(statement)) == {"a", "f", "x"}


def test_long_integers_have_an_encoding() -> None:
    one, other = (encode(parse(f"x = 0x{digits}")) for digits in ("f" * 5000, "e" * 5000))
    assert one != other
