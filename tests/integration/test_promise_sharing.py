"""A hit is indistinguishable from a run: sharing."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_promise import A, Case, check_case, same

NAMED = "def f(x): return x\nclass C: pass\nf.__name__ = C.__module__ = '{}'"
DECORATED = """import functools, numpy as np
def f(x):
    '''{}'''
    return x
def deco(f):
    @functools.wraps(f)
    def g(*args): return f(*args)
    return g"""
COPIED = A + "g = deco(f)", A + "v = np.vectorize(f)", A + "y = f(1)", "print(g.__doc__, v.__doc__)"
DISPATCHED = """from functools import singledispatchmethod
class C:
    @singledispatchmethod
    def f(self, x): return 'any'
"""
TYPED = """from typing import *
T = TypeVar('T', bound={0})
N = NewType('N', {0})
class G(Generic[T]): pass
class D(G[{0}]): pass"""
REMEMBERS = """from functools import lru_cache
@lru_cache(typed={})
def f(x): return x
f.k = {}"""

FRAME = "import pandas as pd"
MADE = A + "df = pd.DataFrame({'g': ['a', 'b', 'c'], 'v': [1.0, 2, 3], 'k': [1, 2, 3]})"


def taken(name: str, text: str, shown: str, *more: str) -> Case:
    """Return a case in which something is taken out of a frame, and one of the two is changed afterwards."""
    return same(name, FRAME, MADE, A + text, shown, *more, restored=("df", text.split(" ")[0].rstrip(",")))


CASES = [
    taken("a column of a frame, written to", "c = df['v']", "c.iloc[0] = 9\nprint(df, c)"),
    taken("a column of a frame that is written to", "c = df['v']", "df.loc[0, 'v'] = 9\nprint(df, c)"),
    taken("the columns of a frame", "c = dict(df)", "c['v'].iloc[0] = c['k'].iloc[0] = 9\nprint(df, c)"),
    taken(
        "halves of a frame", "a, b = df[:1], df[1:]", "a.loc[0, 'v'] = df.loc[1, 'v'] = 9\nprint(df, a, b)"
    ),
    taken(
        "a frame by one column", "x = df.set_index('k')", "df.loc[0, 'k'] = x.loc[2, 'v'] = 9\nprint(df, x)"
    ),
    taken(
        "a frame under other names", "x = df.rename(columns={'v': 'w'})", "x.loc[0, 'w'] = 9\nprint(df, x)"
    ),
    taken("the memory and a column", "a, c = df['v'].values, df['v']", "df.loc[0, 'v'] = 9\nprint(df, a, c)"),
    taken("the memory of a column", "a = df['v'].to_numpy()", "df.loc[0, 'v'] = 9\nprint(df, a)"),
    taken("columns from a plain cell on", "c = df[['v']]", "d = c['v']\nd.iloc[0] = 9\nprint(df, c, d)"),
    same(
        "one list twice in a tuple, or two",
        "a = [1]\nb = [1]\np = (a, b)",
        A + "p[0].append(2)\nr = list(p[1])",
        "print(p, r)",
    ),
    Case(
        "two lists in a tuple, then one twice",
        ("a = [1]\nb = [1]\np = (a, b)", A + "p[0].append(2)\nr = list(p[1])", "print(p, r)"),
        ("a = [1]\nb = [1]\np = (a, a)", A + "p[0].append(2)\nr = list(p[1])", "print(p, r)"),
        ran=("r",),
    ),
    same(
        "views between arrays of other classes",
        "import numpy as np\nclass S(np.ndarray): pass",
        A + "a = np.ma.array([1, 2, 3], mask=[0, 0, 1])\nb, d, m = a[1:], a.data, a.mask",
        A + "x = np.matrix([[1, 2], [3, 4]])\nrow = x[0]",
        A + "r = np.rec.array([(1, 2.0), (3, 4.0)], dtype=[('x', int), ('y', float)])\nf, g = r.x, r[:1]",
        A + "p = np.arange(4)\ns = p.view(S)\nt = s[1:]",
        "a[1] = 9\na[0] = np.ma.masked\nx[0, 0] = r.x[0] = p[1] = 9\nprint(a, b, d, m, row, f, g, s, t)\n"
        "print([type(e).__name__ for e in (a, b, d, m, row, f, g, s, t)])",
        restored=("a", "x", "r", "p"),
    ),
    same(
        "a view of another class of an input",
        "import numpy as np\nclass S(np.ndarray): pass\na = np.arange(4)",
        A + "b = a.view(S)",
        "b[1] = 9\nprint(a, type(b).__name__)",
    ),
    same(
        "a memory map that writes to its file",
        "import numpy as np\nnp.zeros(4).tofile('f.bin')",
        A + "m = np.memmap('f.bin', dtype='f8', mode='r+')",
        "m[0] = 5\nm.flush()\nprint(np.fromfile('f.bin'))",
        ran=("m",),
    ),
    same(
        "an array that looks into a bytearray",
        "import numpy as np",
        A + "x = bytearray(b'abcd')\ny = np.frombuffer(x, dtype='u1')",
        "x[0] = 65\nprint(y)",
        ran=("x",),
    ),
    Case(
        "a method for another type is another one",
        (DISPATCHED + "C.__dict__['f'].register(int, lambda self, x: 1)", A + "y = C().f(3)"),
        (DISPATCHED + "C.__dict__['f'].register(int, lambda self, x: 2)", A + "y = C().f(3)"),
        ran=("y",),
    ),
    Case(
        "what a function and a class are called from outside",
        (NAMED.format("a"), A + "y = f.__name__", A + "z = str(C)"),
        (NAMED.format("b"), A + "y = f.__name__", A + "z = str(C)"),
        ran=("y", "z"),
    ),
    Case(
        "annotations given from outside",
        ("def f(x): return x\nf.__annotations__['x'] = int", A + "y = [*f.__annotations__.values()]"),
        ("def f(x): return x\nf.__annotations__['x'] = str", A + "y = [*f.__annotations__.values()]"),
        ran=("y",),
    ),
    Case(
        "what type variables and new types stand for",
        (TYPED.format("int"), A + "y = T.__bound__, N.__supertype__, D.__orig_bases__[0].__args__"),
        (TYPED.format("str"), A + "y = T.__bound__, N.__supertype__, D.__orig_bases__[0].__args__"),
        ran=("y",),
    ),
    Case(
        "how a function remembers, and what hangs on it",
        (REMEMBERS.format(True, 1), A + "y = f.k", A + "z = f.cache_parameters()['typed']"),
        (REMEMBERS.format(False, 2), A + "y = f.k", A + "z = f.cache_parameters()['typed']"),
        ran=("y", "z"),
    ),
    same(
        "the name that was not found",
        "",
        A + "e, f = NameError('a', name='x'), AttributeError('q', name='n', obj=[1])",
        A + "y = e.name",
        "print(e.name, f.name, f.obj)",
        restored=("e", "y"),
    ),
    Case(
        "a docstring that a decorator copies",
        (DECORATED.format("one"), *COPIED),
        (DECORATED.format("two"), *COPIED),
        ran=("g", "v"),
        restored=("y",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_indistinguishable_from_a_run(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)
