"""A hit is indistinguishable from a run: arrays."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_promise import A, Case, check_case, same

ZEROS = "np.zeros(2).view(np.memmap)"
METADATA = "str(a.dtype.metadata)"
AXES = "np.arange(12).reshape(2, 3, 2).transpose(1, 0, 2)"
CACHED = """from functools import cache
CONF = {'a': [1]}
def conf(): return CONF
@cache
def f(x): return [x]
class C:
    items = []
    def more(self): return C()
REGISTRY, ONE = {'c': C}, C()
def made(x): return [REGISTRY['c'](), ONE, x]
"""

CASES = [
    same(
        "what a cached function of a local module keeps",
        "import w",
        A + "y = w.f(1)",
        "z = w.f(1)\nz.append(2)\nprint(y)",
        files={"w.py": CACHED},
        ran=("y",),
    ),
    same(
        "what a cached function of a module keeps that the cell itself loads",
        A + "from w import f\ny = f(1)",
        "z = f(1)\nz.append(2)\nprint(y)",
        files={"w.py": CACHED},
        ran=("f",),
    ),
    same(
        "a value of a local module",
        "import w",
        A + "y = w.conf()\na = y['a']",
        "w.CONF['a'].append(2)\nprint(y is w.CONF, a)",
        files={"w.py": CACHED},
        restored=("y",),
    ),
    same(
        "instances of classes that a module's tables hold, too",
        "import w\nx = w.C()",
        A + "y = [x.more(), *w.made(1)]",
        "print(type(y[0]) is w.C, y[2] is w.ONE)",
        files={"w.py": CACHED},
        restored=("y",),
    ),
    Case(
        "items put into a list of a package",
        ("import sys, w\nsys.argv[1:] = ['1']", A + "y = w.f()"),
        ("import sys, w\nsys.argv[1:] = ['2']", A + "y = w.f()"),
        files={"w.py": "import sys\ndef f(): return int(sys.argv[1])\n"},
        ran=("y",),
    ),
    same(
        "items put into a list of a package, as before",
        "import sys, w\nfrom sys import argv\ndel argv[1:]\nargv.append('1')",
        A + "y = w.f()",
        files={"w.py": "import sys\ndef f(): return int(sys.argv[1])\n"},
        restored=("y",),
    ),
    same(
        "items put into a list of a package by an asset",
        "import sys",
        A + "sys.argv[1:] = ['1']\nk = 1",
        A + "import os\nos.environ['XY'] = '1'\nn = 1",
        "print(sys.argv[1:], os.environ['XY'])",
        ran=("k",),
        restored=("os",),
    ),
    *(
        Case(
            f"arrays that differ in {what}",
            ("import numpy as np\na = " + one, A + "y = " + shown),
            ("import numpy as np\na = " + two, A + "y = " + shown),
            ran=("y",),
        )
        for what, one, two, shown in (
            ("what holds them", ZEROS, f"np.asarray({ZEROS})", "type(a).__name__"),
            ("their notes", "np.zeros(2, np.dtype('i4', metadata={'k': 1}))", "np.zeros(2, 'i4')", METADATA),
            ("the order of axes", f"{AXES}.copy()", AXES, "a.ravel('K').tolist()"),
        )
    ),
    same(
        "arrays of all kinds, as before",
        "import numpy as np",
        A + f"a, m, t = np.arange(9)[::2], np.ma.array([1, 2]), {AXES}",
        A + "y = a.sum(), m.mask is np.ma.nomask, t.ravel('K').tolist()",
        "print(m.mask is np.ma.nomask, t.ravel('K').tolist(), y)",
        restored=("a", "y"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_indistinguishable_from_a_run(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)
