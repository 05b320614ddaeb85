"""What cells ask of the world without opening it: files that may be there, variables of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_promise import A, Case, check_case, same

START = "from pathlib import Path\nimport os\nD = Path('data')\nname = 'k'"
SETTER = """import os
_k = None
def put(v):
    global _k
    _k = v
def get(): return _k
def made(v):
    global _n
    _n = v
def lazy():
    global json
    import json
    return 1
class C:
    def __init__(self):
        global current
        current = self
        self.v = 1
current = None
def env(k): return os.environ.get(k)
"""
K = {"data/k.txt": "1"}


def asking(name: str, text: str, *edits: str, restored: bool = False) -> Case:
    """Return a case about a folder with one file, and what an edit brings."""
    changed = (
        {"data/k.txt": "changed"} if "change" in edits else {"data/x.csv": "2"} if "add" in edits else {}
    )
    hit = ("y",) if restored else ()
    return same(name, START, A + text, "print(y)", restored=hit, files=K, edits=changed)


def variable(name: str, text: str, after: str = "b") -> Case:
    """Return a case in which an environment variable that no text names is set otherwise."""
    before, then = (f"import os, w\nos.environ['MODE'] = '{value}'" for value in ("a", after))
    cell = A + f"y = {text}"
    hit = ("y",) if after == "a" else ()
    return Case(
        name, (before, cell, "print(y)"), (then, cell, "print(y)"), restored=hit, files={"w.py": SETTER}
    )


def module(name: str, text: str, shown: str, *, restored: bool = False) -> Case:
    """Return a case with a module whose functions set its globals."""
    hit = ("y",) if restored else ()
    return same(name, "import w", A + text, f"print({shown})", restored=hit, files={"w.py": SETTER})


def formatter(name: str, option: str, after: str = "[{v:.1f}]") -> Case:
    """Return a case in which an option calls a function of the notebook, which may change."""
    cells = (f"import numpy as np, pandas as pd\n{option}", A + "y = pd.Series([1.25])\nprint(y, np.ones(1))")
    before, then = (f"def fmt(v): return f'{text}'" for text in ("<{v:.1f}>", after))
    return Case(name, (before, *cells), (then, *cells), restored=("y",) if after[0] == "<" else ())


def figures(name: str, text: str, *, restored: bool) -> Case:
    """Return a case in which a figure that stays open gets another number."""
    setup = "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt"
    before, then = (f"plt.close('all'); plt.figure({number});" for number in (7, 8))
    cells = (A + f"y = {text}\nprint(y)", A + "z = 1")
    hits = ("y", "z") if restored else ("z",)
    return Case(name, (setup, before, *cells), (setup, then, *cells), restored=hits)


CASES = [
    figures("which figures are open", "plt.get_fignums()", restored=False),
    figures("the present figure", "plt.gcf().number", restored=False),
    figures("no look at a figure that is open", "len('figure')", restored=True),
    formatter("a formatter", "pd.options.display.float_format = fmt"),
    formatter("a formatter that calls another", "pd.options.display.float_format = lambda v: fmt(v)"),
    formatter("a formatter of arrays", "np.set_printoptions(formatter={'float': lambda v: fmt(v)})"),
    formatter("a formatter as before", "pd.options.display.float_format = lambda v: fmt(v)", "<{v:.1f}>"),
    asking("a file that appears", "y = (D / 'x.csv').exists()", "add"),
    asking("no file that appears", "y = (D / 'x.csv').exists()", restored=True),
    asking("a joined path", "y = os.path.isfile(os.path.join('data', 'x' + '.csv'))", "add"),
    asking("a size", "y = (D / 'k.txt').stat().st_size", "change"),
    asking("the same size", "y = (D / 'k.txt').stat().st_size", restored=True),
    asking("sizes in a folder", "y = [p.stat().st_size for p in D.iterdir()]", "change"),
    asking(
        "sizes in a tree",
        "y = sum(os.path.getsize(os.path.join(r, f)) for r, _, fs in os.walk(D) for f in fs)",
        "change",
    ),
    asking("sizes in a scan", "y = [e.stat().st_size for e in os.scandir(D)]", "change"),
    asking("stat itself", "y = os.stat(str(D) + '/k.txt').st_size", "change"),
    asking("a time", "y = os.path.getmtime(D / 'k.txt')", "change"),
    asking("a pattern", "y = sorted(map(str, D.glob('*.csv')))", "add"),
    asking("a name as a pattern", "y = sorted(map(str, Path().glob('data/x.csv')))", "add"),
    asking("a name below a pattern", "y = sorted(map(str, Path().glob('*/x.csv')))", "add"),
    asking("no match that appears", "y = sorted(map(str, D.glob('x.*')))", restored=True),
    asking(
        "a cache of one's own",
        "y, c = 'new', D / 'c.txt'\nif c.exists():\n    y = c.read_text()\nelse:\n    c.write_text('old')",
    ),
    asking(
        "a folder made if missing", "y, o = 1, D / 'out'\nif not o.exists():\n    o.mkdir()", restored=True
    ),
    asking("a folder made in any case", "y = os.makedirs(D / 'out', exist_ok=True)", restored=True),
    variable("a variable through a module", "w.env('MODE')"),
    variable("a variable as before", "w.env('MODE')", "a"),
    variable("a variable by a computed name", "os.environ['MO' + 'DE']"),
    variable("a variable asked for", "('MO' + 'DE') in os.environ"),
    variable("a variable among all", "dict(os.environ)['MODE']"),
    variable("a variable in a path", "os.path.expandvars('$MODE/x')"),
    variable("a variable as bytes", "os.environb[b'MO' + b'DE']"),
    Case(
        "a time zone",
        (
            "import os, time\nos.environ['TZ'] = 'UTC-1'\ntime.tzset()",
            A + "y = time.localtime(0).tm_hour",
            "print(y)",
        ),
        (
            "import os, time\nos.environ['TZ'] = 'UTC-9'\ntime.tzset()",
            A + "y = time.localtime(0).tm_hour",
            "print(y)",
        ),
    ),
    same(
        "a time zone that an asset sets",
        "import os, time",
        A + "os.environ['TZ'] = 'UTC-5'\ntime.tzset()\ny = 1",
        "print(time.localtime(0).tm_hour)",
        restored=("y",),
    ),
    module("a setter", "w.put(5)\ny = 1", "w.get()"),
    module("a setter of what is set", "w.put(None)\ny = 1", "w.get()", restored=True),
    module("a global that was not there", "w.made(5)\ny = 1", "w._n"),
    module("an import when needed", "y = w.lazy()", "hasattr(w, 'json')"),
    module("an instance that signs on", "y = w.C()", "w.current is y"),
    same("a traceback", "import os", A + "y = os.path.getsize('nowhere')", "1"),
    same("another traceback", "import os", A + "y = os.environ['NO' + 'WHERE']", "1"),
    same(
        "a module that looks as ever",
        "import os",
        A + "y = repr(os)",
        "print(y, os, os.stat, os.environ.get('NO'))",
        restored=("y",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_what_the_world_would_give(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)
