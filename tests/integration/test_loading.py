"""Local modules that a cell is the first to load: what they hold then, and what has changed it since."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vibe_magic

from .shell import Notebook
from .test_promise import Case, check_case, same

A = "%%asset y\n"
COUNTING = """N = 0
def bump():
    global N
    N += 1
    return N
def counted(seen=[]):
    seen.append(1)
    return len(seen)
class Made:
    made = []
    def __init__(self): self.made.append(1)
    def count(self): return len(self.made)
"""
CONFIG = "rate = 1\nnames = []\nlimits = {'low': 1}\n"
MODEL = "import config\ndef fit(x): return x * config.rate, len(config.names), config.limits['low']\n"
PLUGIN = "import config\nconfig.names.append('plugin')\n"


def counts(name: str, call: str) -> Case:
    """Return a case in which two cells call what counts, and both load its module."""
    one, two = (f"%%asset {n}\nimport counting\n{n} = counting.{call}" for n in ("one", "two"))
    return same(name, one, two, "print(one, two)", files={"counting.py": COUNTING})


def configured(name: str, before: str, after: str, loads: str = "import model\n") -> Case:
    """Return a case in which a cell sets something in a module that another module reads."""
    cell = A + f"{loads}y = model.fit(2)"
    hit = ("y",) if before == after else ()
    files = {"config.py": CONFIG, "model.py": MODEL}
    return Case(name, (before, cell, "print(y)"), (after, cell, "print(y)"), restored=hit, files=files)


CASES = [
    counts("a counter", "bump()"),
    counts("a list that is a default", "counted()"),
    counts("a list that is of a class", "Made().count()"),
    configured(
        "a setting of a module that the cell's module reads",
        "import config",
        "import config\nconfig.rate = 3",
    ),
    configured("another setting", "import config\nconfig.rate = 2", "import config\nconfig.rate = 3"),
    configured("the same setting", "import config\nconfig.rate = 2", "import config\nconfig.rate = 2"),
    configured("a setting taken back", "import config\nconfig.rate = 2", "1"),
    configured("an item", "import config\nconfig.limits['low'] = 2", "import config"),
    configured("an import that changes another module", "import plugin, config\nconfig.names.clear()", "1"),
    Case(
        "a value set for a cell that imports the module itself",
        ("import config", "config.rate = 5", A + "import config\ny = config.rate", "print(y)"),
        (A + "import config\ny = config.rate", "print(y)"),
        files={"config.py": CONFIG},
    ),
    same(
        "an import in a cell that changes another module",
        "%%asset x\nimport plugin\nx = 1",
        A + "import config\ny = len(config.names)",
        "print(y)",
        files={"config.py": CONFIG, "plugin.py": PLUGIN},
    ),
    Case(
        "such an import that is gone",
        ("%%asset x\nimport plugin\nx = 1", A + "import config\ny = len(config.names)", "print(y)"),
        (A + "import config\ny = len(config.names)", "print(y)"),
        files={"config.py": CONFIG, "plugin.py": PLUGIN},
    ),
    Case(
        "a file that is loaded for what it does",
        (A + "import plots\ny = plots.width", "print(y)"),
        (A + "import plots\ny = plots.width", "print(y)"),
        files={
            "plots.py": "import style\nwidth = 3",
            "style.py": "import numpy\nnumpy.set_printoptions(precision=3)",
        },
        edits={"style.py": "import numpy\nnumpy.set_printoptions(precision=5)"},
    ),
    Case(
        "a file that a module reads as it is loaded by another cell",
        ("import shop", A + "import shop\ny = shop.text", "print(y)"),
        (A + "import shop\ny = shop.text", "print(y)"),
        files={"shop.py": "text = open('k.txt').read()", "k.txt": "1"},
        edits={"k.txt": "2"},
    ),
    Case(
        "a variable that a module reads as it is loaded by another cell",
        ("import os\nos.environ['VM_K'] = '1'", "import shop", A + "import shop\ny = shop.mode", "print(y)"),
        ("import os\nos.environ['VM_K'] = '2'", A + "import shop\ny = shop.mode", "print(y)"),
        files={"shop.py": "import os\nmode = os.environ.get('VM_K')"},
    ),
    same(
        "a constant of a package that is not loaded",
        A + "import hue\ny = hue.third()",
        "print(y)",
        restored=("y",),
        files={"hue.py": "import colorsys\ndef third(): return colorsys.ONE_THIRD"},
    ),
    same(
        "modules that only define",
        A + "import model\ny = model.fit(2)",
        "%%asset z\nfrom model import fit\nz = fit(y[0])",
        "print(y, z)",
        restored=("y", "z"),
        files={"config.py": CONFIG, "model.py": MODEL},
    ),
    Case(
        "another function of a module that is imported as a whole",
        (A + "import model\ny = model.fit(2)", "print(y)"),
        (A + "import model\ny = model.fit(2)", "print(y)"),
        restored=("y",),
        files={"config.py": CONFIG, "model.py": MODEL},
        edits={"config.py": CONFIG + "def unused(): return 1\n"},
    ),
]
CASES = [
    Case(c.name, c.before, c.after, c.restored, c.ran, {"plugin.py": PLUGIN, **c.files}, c.edits)
    for c in CASES
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_what_loading_the_modules_would_give(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that writes modules; afterwards none of them is loaded."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(**texts: str) -> None:
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def actions(notebook: Notebook, *texts: str) -> list[Any]:
    """Run cells and return what became of each."""
    found = []
    for text in texts:
        notebook.run(text, text.split()[1])
        found.append(notebook.last.action)
    return found


QUIET = """import math
K = 2
ROOTS = {'two': math.sqrt(2)}
def area(r): return circle(r) * K
def circle(r): return r * math.pi
"""


@pytest.mark.parametrize(
    "body",
    [
        "import own_quiet\ny = own_quiet.area(2)",
        "from own_quiet import area\ny = area(2)",
        "import own_quiet as q\ny = q.K",
    ],
)
def test_a_cell_that_loads_a_module_is_fresh_when_it_is_loaded(
    notebook: Notebook, put: Any, body: str
) -> None:
    """Functions, constants and what they reach are as they were when the cell's own run had loaded them."""
    put(own_quiet=QUIET)
    assert actions(notebook, f"%%asset y\n{body}") == ["ran"]
    assert [(status.state, status.causes) for status in vibe_magic.status()] == [("fresh", ())]
    assert actions(notebook, f"%%asset y\n{body}") == ["restored"]


@pytest.mark.parametrize(
    "body",
    [
        "from own_counting import counted\ny = counted()",
        "import own_counting\ny = own_counting.counted()",
        "from own_counting import bump\ny = bump()",
        "from own_counting import Made\ny = Made().count()",
        "import own_counting as c\ny = c.Made().count()",
    ],
)
def test_what_a_module_holds_counts_from_the_moment_it_is_loaded(
    notebook: Notebook, put: Any, body: str
) -> None:
    put(own_counting=COUNTING)
    counted = []
    for _ in range(3):
        notebook.run(f"%%asset y\n{body}", "y")
        counted.append(notebook["y"])
    assert counted == [1, 2, 3]


@pytest.mark.parametrize("body", ["from own_named import count as n, C", "from own_named import C"])
def test_a_name_that_a_cell_imports_itself_is_no_input_of_it(notebook: Notebook, put: Any, body: str) -> None:
    put(own_named="def count():\n    return 1\n\n\nclass C:\n    step = 1\n")
    notebook.run("import own_named", "s")
    assert actions(notebook, f"%%asset y\n{body}\ny = C().step") == ["ran"]
    assert [(status.state, status.causes) for status in vibe_magic.status()] == [("fresh", ())]
    assert actions(notebook, f"%%asset y\n{body}\ny = C().step") == ["restored"]


def test_what_a_module_says_while_it_is_loaded_is_said_once(notebook: Notebook, put: Any) -> None:
    put(own_loud="print('loading')\nK = 1")
    cell = "%%asset y\nimport own_loud\ny = own_loud.K"
    said, told = [], []
    for _ in range(3):
        notebook.run(cell, "y")
        said.append(("loading" in notebook.text, notebook.last.action))
        told.append("import it in a cell of its own" in notebook.text)
    assert said == [(True, "ran"), (False, "ran"), (False, "restored")]
    assert told == [True, False, False]


def test_a_seed_that_a_module_sets_while_it_is_loaded_is_set_once(notebook: Notebook, put: Any) -> None:
    put(own_seed="import random\nrandom.seed(3)\nK = 1")
    cell = "%%asset y\nimport random, own_seed\ny = random.random() + own_seed.K"
    assert actions(notebook, cell, cell) == ["ran", "ran"]


def test_a_cell_that_changes_what_it_has_loaded_is_not_cached_and_says_why(
    notebook: Notebook, put: Any
) -> None:
    put(own_count=COUNTING)
    notebook.run("%%asset y\nimport own_count\ny = own_count.bump()", "y")
    assert "own_count.N is changed in place by this cell" in notebook.text


def test_a_cell_that_loads_code_and_keeps_its_lines_is_not_cached_and_says_why(
    notebook: Notebook, put: Any
) -> None:
    put(own_fails="def fail(): raise ValueError\n")
    load = "import own_fails"
    keep = "import traceback\ntry: own_fails.fail()\nexcept ValueError: y = traceback.format_exc()"
    notebook.run(f"%%asset y\n{load}\n{keep}", "y")
    assert "code that this cell loads counts line by line" in notebook.text
    assert "import it in a cell of its own" in notebook.text
    notebook.run(load, "load")
    assert actions(notebook, f"%%asset y\n{keep}", f"%%asset y\n{keep}") == ["ran", "restored"]


def test_a_module_that_another_cell_has_changed_since_makes_a_cell_stale(
    notebook: Notebook, put: Any
) -> None:
    put(own_set=QUIET)
    cell = "%%asset y\nimport own_set\ny = own_set.area(2)"
    notebook.run(cell, "y")
    notebook.run("own_set.K = 3", "s")
    (cause,) = vibe_magic.why("y").causes
    assert (cause.subject, cause.detail) == ("own_set.K", "has changed since it was loaded")
    assert actions(notebook, cell) == ["ran"]


def test_why_shows_the_changed_lines_of_what_a_module_uses(notebook: Notebook, put: Any) -> None:
    put(own_lines=QUIET)
    notebook.run("%%asset y\nimport own_lines\ny = own_lines.area(2)", "y")
    del sys.modules["own_lines"]
    put(own_lines=QUIET.replace("r * math.pi", "r * r * math.pi"))
    diffs = {cause.subject: cause.diff for cause in vibe_magic.why("y").causes}
    assert diffs.keys() == {"own_lines.area", "own_lines.circle"}
    lines = diffs["own_lines.circle"].splitlines()
    changed = [line for line in lines if line.startswith(("-def", "+def"))]
    assert changed == ["-def circle(r): return r * math.pi", "+def circle(r): return r * r * math.pi"]
    assert diffs["own_lines.area"] == ""


def test_an_error_in_a_module_shows_no_frame_of_ours(notebook: Notebook, put: Any) -> None:
    put(own_error="def f():\n    raise RuntimeError('here')\nf()")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        notebook.shell.run_cell("%%asset y\nimport own_error", cell_id="y")
    assert "here" in out.getvalue()
    assert "imports.py" not in out.getvalue()
    assert "importlib" not in out.getvalue()
