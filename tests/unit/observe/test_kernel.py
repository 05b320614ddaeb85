"""What ordinary cells of a real kernel touch: nothing of the machinery may count."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

SETUP = """
import os as _os
from vibe_magic.observe import Files as _Files, Watch as _Watch, effects as _effects
from vibe_magic.observe import irreversible as _irreversible, facets as _facets
_shell, _seen = get_ipython(), {}
_watch = _Watch(_Files(_os.getcwd(), lambda path: str(_os.path.getsize(path))))
_state = _facets.begin(_os.getcwd())
_names = set(_facets.ALL) - set(_facets.RANDOM) - {"<environ>"}
def _before(info):
    _seen.update(effects=_effects(_shell), state=_state.snapshot(_names))
    _watch.start()
def _after(result):
    o = _watch.stop()
    _state.learn(set())
    now = _effects(_shell)
    _seen.update(outcome=dict(
        read=sorted(o.read), written=sorted(o.written), programs=o.programs, network=o.network,
        stdin=o.stdin, threads=o.threads, gaps=o.gaps,
        irreversible=_irreversible(_seen["effects"], now, imported=True),
        state=sorted(_facets.changed(_seen["state"], _state.snapshot(_names))),
    ))
_shell.events.register("pre_run_cell", _before)
_shell.events.register("post_run_cell", _after)
"""

NOTHING = {
    "read": [],
    "written": [],
    "programs": (),
    "network": False,
    "stdin": False,
    "threads": (),
    "gaps": (),
    "irreversible": (),
    "state": [],
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the kernel works."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def outcome(directory: Path) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Return a function that runs a cell and tells what was seen."""
    root = Path(__file__).parents[3]
    env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    env |= {"PYTHONPATH": str(root), "MPLCONFIGDIR": str(directory.parent / "mpl")}
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(directory), env=env)

    def run(code: str) -> dict[str, Any]:
        options = {"timeout": 60, "output_hook": lambda _: None}
        reply = client.execute_interactive(code, **options)["content"]
        assert reply["status"] == "ok", reply
        expressions = {"v": "_seen['outcome']"}
        message = client.execute("", silent=True, user_expressions=expressions, reply=True)
        text = message["content"]["user_expressions"]["v"]["data"]["text/plain"]
        found: dict[str, Any] = ast.literal_eval(text)
        return found

    assert client.execute_interactive(SETUP, timeout=60)["content"]["status"] == "ok"
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "print('text'); display('shown')",
        "import asyncio\nawait asyncio.sleep(0.01)",
        "import numpy, pandas\npandas.DataFrame({'a': [1]})",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
        "from tqdm import tqdm\nfor i in tqdm(range(3), mininterval=0): pass",
        "import polars, pyarrow, json, sqlite3",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool: list(pool.map(abs, range(4)))",
        "import warnings\nwarnings.warn('careful')",
        "import logging\nlogging.getLogger('x').warning('logged')",
        "try:\n    1/0\nexcept ZeroDivisionError:\n    import traceback; traceback.print_exc()",
        "import inspect\ndef f(): return 1\ninspect.getsource(f)",
        "%time 1 + 1",
    ],
)
def test_ordinary_cells_touch_nothing(outcome: Callable[[str], Any], code: str) -> None:
    assert outcome(code) == NOTHING


def test_files_of_a_cell(outcome: Callable[[str], Any], directory: Path) -> None:
    (directory / "in.csv").write_text("a\n1\n")
    code = "import pandas\npandas.read_csv('in.csv').to_parquet('out.parquet')"
    assert outcome(code) == {**NOTHING, "read": ["in.csv"], "written": ["out.parquet"]}


def test_process_state_of_a_cell(outcome: Callable[[str], Any], directory: Path) -> None:
    (directory / "sub").mkdir()
    code = (
        "import os, numpy, pandas\nos.chdir('sub')\nnumpy.set_printoptions(precision=3)\n"
        "numpy.seterr(all='ignore'); pandas.options.display.max_rows = 5"
    )
    changed = ["<cwd>", "<numpy.errstate>", "<numpy.printoptions>", "<pandas.options>"]
    assert outcome(code) == {**NOTHING, "state": changed}
    assert outcome("os.chdir('..')") == {**NOTHING, "state": ["<cwd>"]}
    assert outcome("numpy.geterr()") == NOTHING


def test_a_task_that_goes_on(outcome: Callable[[str], Any]) -> None:
    code = "import asyncio\nt = asyncio.create_task(asyncio.sleep(30), name='left')"
    assert outcome(code) == {**NOTHING, "threads": ("left",)}
