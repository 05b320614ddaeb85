"""A hit is indistinguishable from a run: handles."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_promise import A, Case, check_case, same

GREETING = """from gettext import gettext as _
_i, Out = None, {}
def greet(): return _("hello"), _i, Out"""

SAID = """class M:
    def __init__(self, n): self.n = n
    def __del__(self): print('gone', self.n)
"""
WRITER = A + "def write(name, text):\n    with open(f'{name}.py', 'w') as file: file.write(text)"

CASES = [
    Case(
        "an object that says that it goes, bound anew",
        (SAID + "m = M(1)", A + "m = 5", "print(m)"),
        (SAID + "m = M(2)", A + "m = 5", "print(m)"),
        ran=("m",),
    ),
    same("one that goes out of a list", SAID + "m = [M(1)]", A + "m.clear()", "print(m)", ran=("cell",)),
    same("one that goes where it came", SAID, A + "m = M(1)\ndel m\nq = 1", "print(q)", restored=("m",)),
    same(
        "the source of a module, written under a computed name",
        WRITER,
        A + "write('made', 'x = 1')",
        "import made",
        "%%asset c\nwrite('made', 'x = 1; y = 2')",
        "with open('made.py') as file: print(file.read())",
    ),
    same(
        "the source of a loaded module, read under a computed name",
        "import own\nname = 'own'",
        A + "text = open(name + '.py').read()",
        "print(text)",
        ran=("text",),
        files={"own.py": "K = 1"},
        edits={"own.py": "K = 2"},
    ),
    same(
        "where an object lies",
        "p = [1]\ndef ident(a): return id(a)",
        A + "seen = ident(p)\nsame = seen == id(p)",
        "print(seen == id(p), same)\ndel seen",
        ran=("seen",),
    ),
    same(
        "what a class has after its instances were stored",
        "class P: x = [1]",
        A + "p = P()\np.y = 1",
        A + "q = p.x",
        "print(list(vars(P)), [name for name in dir(p) if 'slot' in name])",
        restored=("p", "q"),
    ),
    same(
        "calls that joblib spreads over processes",
        "import joblib\ndef f(i): return i * 2",
        A + "y = joblib.Parallel(2)(joblib.delayed(f)(i) for i in range(3))",
        "print(y)",
        restored=("y",),
    ),
    same(
        "names of a module that are those of the history in a notebook",
        "import w",
        A + "y = w.greet()",
        A + "import v\nz = v.greet()",
        "print(y, z)",
        restored=("y", "v"),
        files=dict.fromkeys(("w.py", "v.py"), GREETING),
    ),
    Case(
        "a name of a module that is one of the history, bound to something else",
        ("import w", A + "y = w.greet()", "print(y)"),
        ("import w", A + "y = w.greet()", "print(y)"),
        ran=("y",),
        files={"w.py": GREETING},
        edits={"w.py": GREETING.replace("as _", "as __\n_ = str.upper")},
    ),
    same(
        "the history in a function of the notebook",
        "7",
        "def last(): return _",
        A + "y = last()",
        "print(y)",
        ran=("y",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_indistinguishable_from_a_run(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)
