"""What a cell reads, binds and unbinds, and what waits in functions that are not called."""

from __future__ import annotations

import ast

import pytest

from vibe_magic.cell import Facts, analyse, facts_of, facts_of_module, parse


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = [
    ("x + y.z", "x y"), ("x\nx = 1", "x"), ("x[i] = v", "x i v"), ("x.a = v", "x v"), ("a, b = b, a", "a b"),
    ("i, a[i] = 1, 2", "a"), ("x: int = y", "int y"), ("x: int\nx", "int x"),
    ("from __future__ import annotations\nx: T = 1", ""), ("f'{x!r:>{w}}'", "x w"), ("(y := x) + y", "x"),
    ("[x for x in x]", "x"), ("[b for a in c for b in a if p(b)]", "c p"),
    ("[(y := x) for x in xs]\ny", "xs y"), ("sum(x * k for x in xs)", "sum k xs"),
    ("a and (b := c)\nb", "a b c"), ("x = a if p else b", "a b p"), ("if c:\n    x = 1\nx", "c x"),
    ("if c:\n    x = 1\nelse:\n    raise E\nx", "c E"), ("for i in r:\n    x = i\nx, i", "i r x"),
    ("while c:\n    c = x = 0\nx", "c x"), ("while (x := g()):\n    pass\nx", "g"),
    ("with a as x, b(x):\n    y = x\ny", "a b"), ("with suppress(E):\n    y = f()\ny", "E f suppress y"),
    ("try:\n    x = f()\nexcept E:\n    pass\nx", "E f x"),
    ("try:\n    x = f()\nexcept E:\n    raise\nx", "E f"),
    ("try:\n    f()\nexcept E as e:\n    e\ne", "E e f"),
    ("match s:\n    case P(a=x) | [x, *_]:\n        x", "P s"),
    ("match s:\n    case {'k': v, **rest}:\n        v, rest\nv", "s v"), ("global x\nx = 1\nx", ""),
    ("f = lambda: k", ""), ("f = lambda a=k: a", "k"), ("f = lambda: k\nk = 1\nf()", ""),
    ("(lambda a: a + k)(1)", "k"), ("def f(a=p, *, b=q):\n    return k", "p q"),
    ("def f(a: p) -> q:\n    return k", "p q"), ("@d(p)\ndef f():\n    return k", "d k p"),
    ("def f():\n    return k\ndef g():\n    return f()\ng()", "k"),
    ("def f():\n    k = 1\n    return k\nf()", ""), ("def f():\n    global k\n    k += 1\nf()", "k"),
    ("def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += k\n    g()\nf()", "k"),
    ("class C:\n    a = k\n    b = a", "k"), ("class C:\n    a = 1\n    b = [a for _ in a]", "a"),
    ("class C(B, metaclass=M):\n    def f(self):\n        return k", "B M k"),
    ("class C:\n    def f(self):\n        return k\nC()", "k"),
    ("class C:\n    def f(self, a=k):\n        return a", "k"),
    ("class C:\n    a = 1\n    def f(self):\n        return a\nC", "a"),
    ("def f(k):\n    class C:\n        k = k\n    return C\nf(1)", "k"),
    ("class C:\n    def f(self):\n        return __k\nC", "_C__k"), ("from a import b as c\nc, b", "b"),
    ("from a import *\nb", "b"), ("exec('y = x')\ny", "exec x"), ("%time y = f(x)\ny", "f x"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "reads"), READS)
def test_reads(source: str, reads: str) -> None:
    assert analyse(source).facts.reads == words(reads)


BINDS = [
    ("x = y = 1", "x y", "x y", ""), ("(a, [b, *c]), d.e, f[0] = v", "a b c", "a b c", ""),
    ("p and (x := 1)", "x", "", ""), ("for i in r:\n    x = 1\nelse:\n    y = 1", "i x y", "", ""),
    ("if c:\n    x = y = 1\nelse:\n    x = 2", "x y", "x", ""),
    ("with pytest.raises(E) as x:\n    y = f()", "x y", "x", ""),
    ("try:\n    x = 1\nexcept E as e:\n    y = 1\nelse:\n    z = 1", "e x y z", "", "e"),
    ("try:\n    x = 1\nfinally:\n    y = 1", "x y", "x y", ""),
    ("match s:\n    case [a, *b]:\n        c = 1\n    case {**d}:\n        pass", "a b c d", "", ""),
    ("x = 1\ndel x.a, x[0]", "x", "x", ""),
    ("import a.b, c.d as e\nfrom f import g as h", "a e h", "a e h", ""), ("from a import *", "", "", ""),
    ("def f():\n    x = 1", "f", "f", ""), ("def f():\n    global x\n    x = 1\nf()", "f x", "f", ""),
    ("def f():\n    global x\n    del x\nx = 1\nf()", "f x", "f", "x"),
    ("class C:\n    global x\n    x = y = 1", "C x", "C", ""), ("%%capture out\nx = 1", "out x", "out x", ""),
]  # fmt: skip


@pytest.mark.parametrize(("source", "writes", "definite", "deletes"), BINDS)
def test_bindings(source: str, writes: str, definite: str, deletes: str) -> None:
    facts = analyse(source).facts
    assert (facts.writes, facts.definite, facts.deletes) == (words(writes), words(definite), words(deletes))


DEFERRED = [
    ("def f():\n    return k", "k"), ("def f():\n    return k\nf()", ""),
    ("class C:\n    def f(self):\n        return k + len(self)", "k len"),
    ("def f():\n    return k\ndef g():\n    return f() + h", "f h k"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "deferred"), DEFERRED)
def test_what_is_only_read_in_idle_functions_is_deferred(source: str, deferred: str) -> None:
    assert analyse(source).facts.deferred == words(deferred)


ATTRIBUTES = [
    ("np.random.rand() + np.pi", {"np": "random.rand pi"}), ("np.pi\nf(np)", {}), ("x.a = 1", {}),
    ("x.a().b", {"x": "a"}), ("def f():\n    return m.a\nf(), m.b", {"m": "a b"}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "paths"), ATTRIBUTES)
def test_attributes_of_names_that_are_used_no_other_way(source: str, paths: dict[str, str]) -> None:
    assert analyse(source).facts.attributes == {name: words(found) for name, found in paths.items()}


MODULES = [
    ("import a\na.f(a.g.h)", {("a", "f"), ("a", "g.h")}), ("import a.b", {("a", ""), ("a.b", "__init__")}),
    ("import a.b as c\nc.d", {("a.b", "d")}), ("from a import b as c\nc.d()", {("a", "b.d")}),
    ("from . import a\nfrom ..b import c", {(".", "a"), ("..b", "c")}), ("from a import *", {("a", "*")}),
    ("import a\ndef f():\n    return a.b", set()),
    ("def f():\n    import a\n    return a.b\nf()", {("a", "b")}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "modules"), MODULES)
def test_modules_are_what_is_imported_and_used(source: str, modules: set[tuple[str, str]]) -> None:
    assert analyse(source).facts.modules == modules


CALLED = [
    ("def f(a, b=d):\n    return a + k", "k"),
    ("async def f():\n    def g():\n        return k\n    return h", "h k"),
    ("class C(B):\n    def f(self):\n        return k", "B k"), ("def f():\n    nonlocal n\n    n += 1", ""),
]  # fmt: skip


@pytest.mark.parametrize(("source", "reads"), CALLED)
def test_facts_of_one_function_are_those_of_its_call(source: str, reads: str) -> None:
    node = ast.parse(source).body[0]
    assert facts_of(node.value if isinstance(node, ast.Expr) else node).reads == words(reads)


def test_facts_of_a_module_count_its_functions_where_they_are_called() -> None:
    body = parse("def f():\n    return k\nx = 1").body
    assert facts_of_module(*body).reads == words("")
    assert facts_of_module(*body, called=True).reads == words("k")


def test_facts_of_code_that_may_run_are_merged() -> None:
    one = analyse("m.a\nx = y = 1\ndef g():\n    return k").facts
    other = analyse("m.b, k\ndel y\nz = 1").facts
    both = one.merged(other)
    assert (both.reads, both.deferred) == (words("m k y"), words(""))
    assert both.attributes == {"m": words("a b")}
    assert (both.writes, both.definite, both.deletes) == (words("g x y z"), words("g x"), words("y"))
    assert one.merged(analyse("m").facts).attributes == {}
    assert one.merged(Facts()) == one
