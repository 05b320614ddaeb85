"""A hit is indistinguishable from a run: handles."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_promise import A, Case, check_case, same

GREETING = """from gettext import gettext as _
_i, Out = None, {}
def greet(): return _("hello"), _i, Out"""

CASES = [
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
