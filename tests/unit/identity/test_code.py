"""What a cell reaches through code: every edit that can change its result changes an input."""

from __future__ import annotations

import linecache

import pytest

from vibe_magic.identity import combine, digest, fingerprint

DECORATOR = """
import functools
def twice(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        return fn(*args) * K
    return wrapper
"""

CHANGES = {
    "helper": ("f()", ["def h(): return 1", "def f(): return h()"], "return 1", "return 22"),
    "closure": (
        "f(1)",
        ["def make(n):\n    def g(x): return x + n\n    return g", "f = make(3)"],
        "make(3)",
        "make(4)",
    ),
    "default": ("f()", ["def f(x=1000): return x"], "1000", "2000"),
    "keyword default": ("f()", ["def f(*, x=1000): return x"], "1000", "2000"),
    "default changed in place": (
        "f()",
        ["def f(a=[]):\n    a.append(1)\n    return len(a)", "f()"],
        "\nf()",
        "\nf(); f()",
    ),
    "global of a lambda": ("f()", ["k = 1", "f = lambda: k"], "k = 1", "k = 2"),
    "global of a nested function": (
        "f()",
        ["k = 1", "def f():\n    def g(): return k\n    return g()"],
        "k = 1",
        "k = 2",
    ),
    "global of a comprehension": (
        "f()",
        ["k = 1", "def f(): return [k for _ in range(2)]"],
        "k = 1",
        "k = 2",
    ),
    "type of a constant": ("f()", ["f = lambda: 1"], "1", "True"),
    "sign of zero": ("f()", ["f = lambda: 0.0"], "0.0", "-0.0"),
    "lambdas on one line": (
        "f(1)",
        ["f, g = (lambda x: x + 1), (lambda x: x + 2)"],
        "(lambda x: x + 1), (lambda x: x + 2)",
        "(lambda x: x + 2), (lambda x: x + 1)",
    ),
    "decorator's global": ("f()", ["K = 1", DECORATOR, "@twice\ndef f(): return 1"], "K = 1", "K = 2"),
    "decorated function": (
        "f()",
        ["K = 1", DECORATOR, "@twice\ndef f(): return 1"],
        "f(): return 1",
        "f(): return 2",
    ),
    "cached function": (
        "f()",
        ["import functools\n@functools.lru_cache\ndef f(): return 1"],
        "return 1",
        "return 2",
    ),
    "partial's function": (
        "f()",
        ["import functools\ndef g(a): return a + 1\nf = functools.partial(g, 1)"],
        "a + 1",
        "a + 2",
    ),
    "function attribute": ("f.k", ["def f(): pass", "f.k = 1"], "f.k = 1", "f.k = 2"),
    "function in a list": ("fs[0]()", ["k = 1", "fs = [lambda: k]"], "k = 1", "k = 2"),
    "method": ("A().m()", ["class A:\n    def m(self): return 1"], "return 1", "return 2"),
    "method of an instance": (
        "a.m()",
        ["class A:\n    def m(self): return 1", "a = A()"],
        "return 1",
        "return 2",
    ),
    "global of a method": (
        "a.m()",
        ["k = 1", "class A:\n    def m(self): return k", "a = A()"],
        "k = 1",
        "k = 2",
    ),
    "property": ("A().m", ["class A:\n    @property\n    def m(self): return 1"], "return 1", "return 2"),
    "cached property": (
        "A().m",
        ["import functools\nclass A:\n    @functools.cached_property\n    def m(self): return 1"],
        "return 1",
        "return 2",
    ),
    "static method": (
        "A.m()",
        ["class A:\n    @staticmethod\n    def m(): return 1"],
        "return 1",
        "return 2",
    ),
    "class method": ("A.m()", ["class A:\n    @classmethod\n    def m(c): return 1"], "return 1", "return 2"),
    "class attribute": ("A.k", ["class A:\n    k = 1"], "k = 1", "k = 2"),
    "class attribute set later": ("A.k", ["class A:\n    k = 1", "A.k = 5"], "A.k = 5", "A.k = 6"),
    "method replaced": (
        "A().m()",
        ["class A:\n    def m(self): return 1", "A.m = lambda self: 5"],
        "self: 5",
        "self: 6",
    ),
    "base": (
        "a.m()",
        ["class B:\n    def m(self): return 1", "class A(B): pass", "a = A()"],
        "return 1",
        "return 2",
    ),
    "metaclass": (
        "A()",
        ["class M(type):\n    def __call__(c): return 1", "class A(metaclass=M): pass"],
        "return 1",
        "return 2",
    ),
    "subclass hook": (
        "A.k",
        ["class B:\n    def __init_subclass__(c): c.k = 1", "class A(B): pass"],
        "c.k = 1",
        "c.k = 2",
    ),
    "dataclass default": (
        "A()",
        ["import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1"],
        "= 1",
        "= 2",
    ),
    "dataclass option": (
        "A()",
        ["import dataclasses\n@dataclasses.dataclass(frozen=False)\nclass A:\n    x: int = 1"],
        "False",
        "True",
    ),
    "enum value": ("C.B", ["import enum\nclass C(enum.Enum):\n    A = 1\n    B = 2"], "B = 2", "B = 3"),
    "slots": ("A()", ["class A:\n    __slots__ = ('a',)"], "('a',)", "('a', 'b')"),
    "named tuple": (
        "P(1, 2)",
        ["from collections import namedtuple\nP = namedtuple('P', 'x y')"],
        "x y",
        "y x",
    ),
    "class made by type()": ("C.k", ["C = type('C', (), {'k': 1})"], "1", "2"),
    "base of a package": (
        "e.fit()",
        [
            "from sklearn.base import BaseEstimator\nclass E(BaseEstimator):\n    def fit(s): return 1",
            "e = E()",
        ],
        "return 1",
        "return 2",
    ),
    "bound method's object": (
        "m()",
        ["class A:\n    def __init__(s, v): s.v = v\n    def m(s): return s.v", "m = A(1).m"],
        "A(1)",
        "A(2)",
    ),
    "vectorised function": (
        "v(1)",
        ["import numpy as np\nv = np.vectorize(lambda a: a + 1)"],
        "a + 1",
        "a + 2",
    ),
    "default factory": (
        "d[1]",
        ["import collections\nd = collections.defaultdict(lambda: 1)"],
        ": 1",
        ": 2",
    ),
    "function without source": ("f()", ["exec('def f(): return 1')"], "return 1", "return 2"),
    "its global": ("f()", ["k = 1", "exec('def f(): return k')"], "k = 1", "k = 2"),
    "mutual recursion": (
        "a(3)",
        ["def a(n): return n and b(n - 1)", "def b(n): return n and a(n - 1)"],
        "a(n - 1)",
        "a(n - 2)",
    ),
    "shadowed builtin": ("len([])", ["len = lambda x: 1"], ": 1", ": 2"),
    "attribute of a package": ("y = math.pi2", ["import math\nmath.pi2 = 1"], "pi2 = 1", "pi2 = 2"),
    "name bound to another module": ("m.pi", ["import numpy as m"], "numpy", "math"),
    "docstring that is shown": ("print(f.__doc__)", ["def f():\n    'a'"], "'a'", "'b'"),
}


def inputs(reach, body, cells):
    found = reach(body, *cells)
    assert not found.problems
    return {ref: identity.digest for ref, identity in found.inputs.items()}


@pytest.fixture(autouse=True)
def clean_math():
    yield
    import math

    vars(math).pop("pi2", None)


@pytest.mark.parametrize("name", CHANGES)
def test_change_is_seen(name: str, reach) -> None:
    body, cells, old, new = CHANGES[name]
    text = "\n#%%\n".join(cells)
    assert old in text
    edited = text.replace(old, new).split("\n#%%\n")
    before = inputs(reach, body, cells)
    assert before == inputs(reach, body, cells)
    assert before != inputs(reach, body, edited)


NO_CHANGES = {
    "comments and docstrings": (
        "f()",
        "def f():\n    return 1",
        "# x\n\ndef f():\n    '''Say.'''\n    # y\n    return (1)",
    ),
    "lambda over lines": ("f(1)", "f = lambda x: x + 1", "z = 0; f = (lambda x:\n    x + 1)"),
    "order of methods": (
        "A()",
        "class A:\n    def m(self): return 1\n    def n(self): return 2",
        "class A:\n    '''Say.'''\n    def n(self): return 2\n    def m(self): return 1",
    ),
    "a helper it does not use": ("f()", "def f(): return 17", "def g(): return 2\ndef f(): return 17"),
}


@pytest.mark.parametrize("name", NO_CHANGES)
def test_what_does_not_matter_is_not_seen(name: str, reach) -> None:
    body, one, other = NO_CHANGES[name]
    assert inputs(reach, body, [one]) == inputs(reach, body, [other])


def test_a_lambda_does_not_contain_the_value_of_its_globals(notebook) -> None:
    one, other = (notebook(f"k = {k}", "f = lambda: k")["f"] for k in (1, 2))
    assert digest(one).hex == digest(other).hex


def test_a_long_chain_of_functions_is_flat(reach) -> None:
    chain = "\n".join(f"def f{i}(): return f{i + 1}()" for i in range(300)) + "\ndef f300(): pass"
    assert len(reach("f0()", chain).inputs) == 301


def test_recursive_closures_and_self_referring_classes_end(reach) -> None:
    closure = "def make():\n    def g(n): return n and g(n - 1)\n    return g\nf = make()"
    assert "f" in reach("f(1)", closure).inputs
    assert "T" in reach("T()", "class T:\n    def me(self): return T\nT.own = T").inputs


def test_a_source_that_is_not_its_own_is_not_believed(notebook) -> None:
    function = notebook("def f():\n    return 1")["f"]
    filename = function.__code__.co_filename
    linecache.cache[filename] = (1, None, ["def f():\n", "    return 2\n"], filename)
    other = notebook("def f():\n    return 2")["f"]
    assert digest(function).hex != digest(other).hex


def test_missing_names_are_inputs_and_builtins_are_not(reach) -> None:
    found = reach("len(nothing)").inputs
    assert {ref: identity.kind for ref, identity in found.items()} == {"nothing": "missing"}


def test_ignored_names_do_not_count(reach) -> None:
    assert set(reach("a + b", "a = b = 1", ignore=frozenset("a")).inputs) == {"b"}


def test_every_problem_is_named(reach) -> None:
    found = reach("a; b; c", "import threading\na = threading.Lock(); b = [a]; c = 1")
    assert [problem.name for problem in found.problems] == ["a", "b"]
    assert set(found.inputs) == {"c"}


def test_packages_are_known_by_version(reach) -> None:
    found = reach("SVC; np.mean; json", "import numpy as np, json\nfrom sklearn.svm import SVC")
    assert set(found.packages) == {"numpy", "scikit-learn"}
    assert all(version[0].isdigit() for version in found.packages.values())


def test_the_package_of_an_input_counts(reach) -> None:
    assert "pandas" in reach("df", "import pandas\ndf = pandas.DataFrame()").packages


def test_memo_spares_the_second_digest(reach, notebook) -> None:
    from vibe_magic.cell import Facts
    from vibe_magic.identity import Memo, explore

    namespace, memo = notebook("a = [1]"), Memo()
    facts = Facts(reads=frozenset("a"))
    before = explore(facts, namespace, memo=memo)
    namespace["a"].append(2)
    assert explore(facts, namespace, memo=memo) == before
    memo.clear()
    assert explore(facts, namespace, memo=memo) != before


def test_facts_of_all_code_reached_are_merged(reach) -> None:
    cell = "import os\ndef g(): return os.environ['HOME_X'], 'data.csv'\ndef f(): return g()"
    facts = reach("f()", cell).facts
    assert "HOME_X" in facts.env
    assert "data.csv" in facts.strings


def test_fingerprints() -> None:
    from vibe_magic.cell import analyse

    def of(text: str, docs: bool = False) -> str:
        return fingerprint(analyse(text), docs=docs)

    assert of("x = 1") == of("x  =  1  # one\n")
    assert len({of("x = 1"), of("x = 1.0"), of("x = True"), of("x = '1'"), of("x")}) == 5
    assert of("x") != of("x;")
    assert of("x = 1", docs=True) != of("x = 1 # one", docs=True)


def test_parts_of_keys_do_not_run_into_each_other() -> None:
    keys = [("ab", "c"), ("a", "bc"), ("abc",), (b"ab", "c"), ("ab", "c", ""), (1,), (True,), ("1",), (None,)]
    assert len({combine(*parts) for parts in keys}) == len(keys)
