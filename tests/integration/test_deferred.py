"""Assets that are put off: nothing shows that they were, but the time that is saved."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

import vibe_magic
from vibe_magic.session import current, report

from .shell import Notebook
from .test_cli import Project, project  # noqa: F401 - a fixture

SHOWN = {"stream", "display_data", "execute_result", "clear_output", "error"}


@pytest.fixture(autouse=True)
def streams(notebook: Notebook) -> None:
    for name in ("sys.stdout", "sys.stderr"):  # replaced by these tests, to see what cells write
        current().at_start.pop(name, None)


def names_run() -> list[str]:
    return [record.name for record in report() if record.action == "ran"]


def test_a_lazy_asset_is_computed_when_a_cell_reads_it(notebook: Notebook) -> None:
    notebook.run("base = 3", "base")
    notebook.run("%%asset a --lazy\nprint('computing')\na = base + 1", "a")
    assert "a · put off until something reads it" in notebook.text
    notebook.run("other = 1\nprint(other)", "other")
    assert "a" not in notebook.shell.user_ns
    result = notebook.run("a + 1", "reader")
    assert "computing" in notebook.text
    assert result.result == 5


def test_a_function_that_reads_it_is_a_reader_too(notebook: Notebook) -> None:
    notebook.run("def f():\n    return g()\ndef g():\n    return a", "f")
    notebook.run("%%asset a --lazy\na = 4", "a")
    assert notebook.run("f()", "reader").result == 4


def test_a_query_that_looks_it_up_is_a_reader_too(notebook: Notebook) -> None:
    notebook.run("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\ntext = 'a > @limit'", "df")
    notebook.run("%%asset limit --lazy\nlimit = 1", "limit")
    assert notebook.run("len(df.query(text))", "reader").result == 2


def test_those_that_it_needs_come_first_and_others_wait_on(notebook: Notebook) -> None:
    notebook.run("%%asset a --lazy\na = 1", "a")
    notebook.run("%%asset b --lazy\nb = a + 1", "b")
    notebook.run("%%asset c --lazy\nc = 5", "c")
    assert notebook.run("b", "reader").result == 2
    assert names_run() == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "base = [9]",
        "base.append(9)",
        "alias.append(9)",
        "del base",
        "globals()['base'] = [9]",
        "def f():\n    base.append(9)\nf()",
        "def helper(x):\n    return [0, *x]",
    ],
)
def test_what_it_reads_is_what_was_there(notebook: Notebook, text: str) -> None:
    notebook.run("base = [1]\nalias = base\ndef helper(x):\n    return [*x, 2]", "base")
    notebook.run("%%asset a --lazy\na = helper(base)", "a")
    notebook.run(text, "change")
    assert notebook.run("a", "reader").result == [1, 2]


HOLDERS = """
def make():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step, lambda: count
step, peek = make()
def grow(x, seen=[]):
    seen.append(x)
    return len(seen)
class C:
    made = []
    def add(self):
        self.made.append(1)
        return len(self.made)
"""


@pytest.mark.parametrize(
    ("deferred", "between"),
    [("step()", "step()"), ("peek()", "step()"), ("grow(1)", "grow(2)"), ("C().add()", "C().add()")],
)
def test_what_functions_hold_is_what_they_held(notebook: Notebook, deferred: str, between: str) -> None:
    notebook.run(HOLDERS, "holders")
    notebook.run(f"%%asset a --lazy\na = {deferred}", "a")
    notebook.run(f"b = {between}", "between")
    plain: dict[str, int] = {}
    exec(f"{HOLDERS}\na = {deferred}\nb = {between}", plain)
    assert (notebook.run("a", "reader").result, notebook["b"]) == (plain["a"], plain["b"])


@pytest.mark.parametrize("option", ["--lazy", "--background"])
@pytest.mark.parametrize("before", ["", "import steps", "from steps import Rules"])
@pytest.mark.parametrize(
    "between",
    [
        "import steps\nsteps.limit = 9",
        "import steps as s\ns.limit = 9",
        "from steps import Rules\nRules.factor = 9",
        "def change():\n    import steps\n    steps.limit = 9\nchange()",
    ],
)
def test_a_module_that_it_imports_itself_is_read_as_it_was(
    notebook: Notebook, tmp_path: Path, option: str, before: str, between: str
) -> None:
    sys.modules.pop("steps", None)
    code = "limit = 1\nclass Rules:\n    factor = 3\ndef total(more):\n    return limit, more, Rules.factor\n"
    tmp_path.joinpath("steps.py").write_text(code)
    notebook.run(before, "before")
    notebook.run("%%asset more --lazy\nmore = 4", "more")
    notebook.run(f"%%asset a {option}\nfrom steps import total\na = total(more)", "a")
    notebook.run(between, "between")
    assert notebook.run("a", "reader").result == (1, 4, 3)


def test_what_it_binds_is_not_hidden(notebook: Notebook) -> None:
    notebook.run("a = 0", "first")
    notebook.run("%%asset a --lazy\na = 1", "a")
    notebook.run("a += 10", "after")
    assert notebook["a"] == 11


def test_a_file_is_read_as_it_was(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("before")
    notebook.run("from pathlib import Path", "s")
    notebook.run("%%asset a --lazy\na = Path('data.txt').read_text()", "a")
    notebook.run("Path('data.txt').write_text('after')", "change")
    assert notebook.run("a", "reader").result == "before"
    assert (tmp_path / "data.txt").read_text() == "after"


def test_a_file_is_read_as_it_was_by_more_than_there_are_cores(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("before")
    notebook.run("from pathlib import Path", "s")
    names = [f"a{number}" for number in range(2 * (os.cpu_count() or 1) + 1)]
    for name in names:
        notebook.run(f"%%asset {name} --lazy\n{name} = Path('data.txt').read_text()", name)
    notebook.run("%%asset w\nw = Path('data.txt').write_text('after')", "w")
    assert "goes on after the cell" not in notebook.last.note
    assert notebook.run(f"{{{', '.join(names)}}}", "reader").result == {"before"}


@pytest.mark.parametrize("option", ["--lazy", "--background", "--lazy --no-cache"])
def test_a_file_is_read_as_it_was_by_what_reads_another_that_waits(
    notebook: Notebook, tmp_path: Path, option: str
) -> None:
    (tmp_path / "data.txt").write_text("before")
    notebook.run("from pathlib import Path\nimport time", "s")
    notebook.run(f"%%asset a {option}\ntime.sleep(0.2)\na = ['a']", "a")
    notebook.run("%%asset b --lazy\nb = [a, 'b']", "b")
    notebook.run("%%asset c --lazy\nc = [a, b, Path('data.txt').read_text()]", "c")
    notebook.run("Path('data.txt').write_text('after')", "change")
    assert notebook.run("c, a is c[0], b is c[1], b[0] is a", "reader").result == (
        [["a"], [["a"], "b"], "before"],
        *(True, True, True),
    )
    assert "run them again" not in notebook.text


def test_a_file_is_read_as_it_was_before_one_in_the_background_changes_it(
    notebook: Notebook, tmp_path: Path
) -> None:
    (tmp_path / "data.txt").write_text("before")
    notebook.run("from pathlib import Path", "s")
    notebook.run("%%asset a --lazy\na = Path('data.txt').read_text()", "a")
    notebook.run("%%asset b --background\nb = Path('data.txt').write_text('after')", "b")
    notebook.run("%%asset c --lazy\nc = Path('data.txt').read_text()", "c")
    assert notebook.run("b, a, c", "reader").result == (5, "before", "after")


def test_options_are_as_they_were_and_stay_as_they_are(notebook: Notebook) -> None:
    notebook.run("import numpy as np\nnp.set_printoptions(precision=2)", "before")
    notebook.run("%%asset a --lazy\na = repr(np.array([1.23456]))", "a")
    notebook.run("np.set_printoptions(precision=4)", "after")
    assert notebook.run("a, repr(np.array([1.23456]))", "reader").result == (
        "array([1.23])",
        "array([1.2346])",
    )
    notebook.run("np.set_printoptions(precision=8)")


@pytest.mark.parametrize(
    "body",
    [
        "import random\na = random.random()",
        "a = 1\nbase.append(a)",
        "a = 1\nplaces['x'] = a",
        "a = globals()",
        "print('shown')",
        "a = 1\ndel base",
        "a = 1\nwith open('out.txt', 'w') as file:\n    print(a, file=file)",
    ],
)
def test_what_others_could_notice_is_not_put_off(notebook: Notebook, body: str) -> None:
    notebook.run("base = [1]\nplaces = {}", "base")
    notebook.run(f"%%asset lone --lazy\n{body}", "a")
    assert "lone · is computed now, not put off" in notebook.text
    assert names_run() == ["lone"]


def test_what_could_not_be_known_is_told(notebook: Notebook) -> None:
    notebook.run(
        "import numpy as np\ndef sets():\n    getattr(np, 'set_' + 'printoptions')(precision=3)\n    return 1"
    )
    notebook.run("%%asset a --lazy\na = sets()", "a")
    notebook.run("repr(np.array([1.23456]))", "between")
    notebook.run("a", "reader")
    assert "it changes <numpy.printoptions>; run them again" in notebook.text
    notebook.run("%%asset a --lazy\na = sets() + 0", "a")
    assert "it changed <numpy.printoptions> when it ran last" in notebook.text
    notebook.run("np.set_printoptions(precision=8)")


def test_a_cell_runs_that_only_comes_after_what_fails(notebook: Notebook) -> None:
    notebook.run("base = 0", "base")
    notebook.run("%%asset a --lazy\na = 1 / base", "a")
    done = notebook.run("base = 2", "after")
    assert "ZeroDivisionError" in notebook.text
    assert done.success
    assert notebook["base"] == 2
    assert notebook.last.action == "failed"


def test_a_reader_of_what_fails_fails(notebook: Notebook) -> None:
    notebook.run("%%asset a --lazy\na = 1 / 0", "a")
    notebook.run("beside = 1", "beside")
    assert not notebook.run("print(a)", "reader").success
    assert "ZeroDivisionError" in notebook.text
    assert "UsageError: a failed, which this cell reads" in notebook.text
    assert "body.py" not in notebook.text


def test_a_fresh_one_comes_back_at_once(notebook: Notebook) -> None:
    notebook.run("%%asset a --lazy\na = 1", "a")
    notebook.run("a", "reader")
    notebook.run("del a", "gone")
    notebook.run("%%asset a --lazy\na = 1", "a")
    assert notebook["a"] == 1
    assert notebook.last.action == "restored"


def test_a_command_computes_what_waits(notebook: Notebook) -> None:
    notebook.run("%%asset a --lazy\na = 1", "a")
    assert vibe_magic.why("a").note == "put off until something reads it"
    assert [record.action for record in vibe_magic.run()] == ["ran"]
    assert notebook["a"] == 1


def test_lazy_assets_run_side_by_side(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBE_MAGIC_N_JOBS", "2")
    notebook.run("import os", "s")
    for name in "ab":
        notebook.run(f"%%asset {name} --lazy\n{name} = os.getppid()", name)
    assert notebook.run("a == b", "reader").result
    assert not any(record.stayed for record in report())
    assert notebook["a"] != notebook.run("os.getppid()").result


def test_the_kernel_goes_on_beside_one_in_the_background(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run("import time\nfrom pathlib import Path", "s")
    body = "while not Path('go').exists():\n    time.sleep(0.01)\na = 1\nprint('at last')"
    notebook.run(f"%%asset a --background\n{body}", "a")
    assert "a · runs in the background" in notebook.text
    assert notebook.run("1 + 1", "between").result == 2
    assert vibe_magic.why("a").note == "runs in the background"
    assert "a" not in notebook.shell.user_ns
    (tmp_path / "go").touch()
    result = notebook.run("a", "reader")
    assert result.result == 1
    assert "at last" in notebook.text
    assert "a · ran in" in notebook.text


def test_a_reader_says_for_whom_it_waits(notebook: Notebook) -> None:
    notebook.run("import time", "s")
    notebook.run("%%asset a --background\ntime.sleep(0.3)\na = 1", "a")
    notebook.run("%%asset b\nb = a + 1", "b")
    assert "b · waits for a" in notebook.text
    assert notebook["b"] == 2


def test_one_in_the_background_can_need_another(notebook: Notebook) -> None:
    notebook.run("import time", "s")
    notebook.run("%%asset a --lazy\na = 1", "a")
    notebook.run("%%asset b --background\ntime.sleep(0.1)\nb = a + 1", "b")
    notebook.run("%%asset c --background\nc = b + 1", "c")
    assert notebook.run("c", "reader").result == 3


def test_a_file_that_changes_meanwhile_is_read_as_it_was(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("before")
    notebook.run("import time\nfrom pathlib import Path", "s")
    notebook.run("%%asset a --background\ntime.sleep(0.3)\na = Path('data.txt').read_text()", "a")
    notebook.run("Path('data.txt').write_text('after')", "change")
    assert notebook.run("a", "reader").result == "before"
    assert not notebook.last.stayed


def test_what_is_done_is_there_without_being_asked_for(notebook: Notebook) -> None:
    notebook.run("%%asset a --background\na = 1", "a")
    end = time.monotonic() + 30
    while "a" not in notebook.shell.user_ns and time.monotonic() < end:
        notebook.run("unrelated = 1", "u")
    assert notebook["a"] == 1


def test_both_at_once_is_one_line(notebook: Notebook) -> None:
    notebook.run("%%asset a --lazy --background\na = 1", "a")
    assert "--lazy and --background exclude each other" in notebook.text
    assert "Traceback" not in notebook.text


def test_a_process_that_dies_fails_its_asset_alone(notebook: Notebook) -> None:
    notebook.run("import os", "s")
    notebook.run("%%asset a --background\na = os._exit(3)", "a")
    notebook.run("%%asset b --background\nb = 2", "b")
    assert not notebook.run("a", "reader").success
    assert "its process exited with status 3" in notebook.text
    assert notebook.run("b", "other").result == 2
    assert "NameError" in str(notebook.run("a", "again").error_in_exec.__class__)


CELLS = [
    "import time",
    "%%asset slow --background\nfor n in range(2):\n    time.sleep(0.1)\n    print('step', n)\nslow = 1",
    "%%asset never --lazy\nnever = 2",
    "%%asset late --lazy\nprint('late')\nlate = 3",
    "late + 1",
    "%%asset last --background\ntime.sleep(0.3)\nprint('last')\nlast = 4",
]


@pytest.mark.parametrize("workers", [[], ["-j", "2"]])
def test_a_saved_notebook_has_everything_in_its_place(project: Project, workers: list[str]) -> None:  # noqa: F811
    project.write(*CELLS)
    assert project.actions("-o", "out.ipynb", *workers) == {
        "slow": "ran",
        "late": "ran",
        "last": "ran",
        "never": "skipped",
    }
    shown = [
        "".join(output.get("text") or output["data"]["text/plain"] for output in outputs)
        for outputs in project.outputs("out.ipynb")
    ]
    assert shown == ["", "step 0\nstep 1\n", "", "late\n", "4", "last\n"]


def test_a_failure_in_the_background_fails_the_run(project: Project) -> None:  # noqa: F811
    project.write("%%asset a --background\na = 1 / 0")
    report = project.run("-o", "out.ipynb")
    assert report["code"] == 1
    assert [row["action"] for row in report["assets"]] == ["failed"]
    ((shown,),) = project.outputs("out.ipynb")
    assert shown.ename == "ZeroDivisionError"


def test_outputs_arrive_in_their_cell_while_the_kernel_is_idle(tmp_path: Path) -> None:
    manager, client = start_new_kernel(cwd=str(tmp_path), extra_arguments=["--log-level=CRITICAL"])
    try:
        client.execute("%load_ext vibe_magic\nimport time", reply=True, timeout=60)
        asked = client.execute("%%asset a --background\ntime.sleep(0.5)\nprint('done')\na = 1\na")
        lines: list[str] = []
        while not lines or not lines[-1].startswith("a · ran"):
            message = client.get_iopub_msg(timeout=60)
            content = message["content"]
            if message["parent_header"].get("msg_id") == asked and message["msg_type"] in SHOWN:
                lines.append(content.get("text") or content.get("data", {}).get("text/plain", ""))
        assert lines[:-1] == ["a · runs in the background", "done\n", "1"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_second_pass_goes_by_the_names_as_they_were_when_the_cell_was_passed(
    notebook: Notebook,
) -> None:
    cells = {
        "level": "level = 2\nimport numpy as np",
        "base": "%%asset --lazy\nbase = 5",
        "v": "%%asset --lazy\nv = base + level",
        "anew": "level = 9",
        "w": "%%asset\nw = v",
    }
    for name, text in cells.items():
        notebook.run(text, name)
    notebook.run("np.set_printoptions(precision=3)", "precision")
    for name, text in cells.items():
        notebook.run(text, name)
    notebook.run("np.set_printoptions(precision=8)", "precision")
    assert (notebook.shell.user_ns["v"], notebook.shell.user_ns["w"]) == (7, 7)


def test_what_must_come_first_does_so_where_only_the_later_one_needs_the_process_as_it_was(
    notebook: Notebook,
) -> None:
    cells = {
        "np": "import numpy as np\nnp.set_printoptions(precision=2)",
        "first": "%%asset first --lazy\nv = {'a': 3}",
        "state": "np.set_printoptions(precision=4)",
        "second": "%%asset second --lazy\nv = 8",
        "back": "np.set_printoptions(precision=2)",
        "all": "globals()['other'] = 5",
    }
    for name, text in cells.items():
        notebook.run(text, name)
    notebook.run("np.set_printoptions(precision=8)", "default")
    assert notebook.shell.user_ns["v"] == 8
