"""The command line on real notebooks with real kernels."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

HELPERS = "def double(x):\n    return 2 * x\n\n\ndef unused():\n    return 0\n"
CELLS = (
    "import pandas as pd",
    "%%asset raw\nraw = pd.read_csv('data.csv')\nraw",
    "%%asset total\nfrom helpers import double\ntotal = double(int(raw.a.sum()))\nprint('total', total)",
    "print('plain', total)",
)


class Project:
    """A folder with a notebook, and the command run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "helpers.py").write_text(HELPERS)
        (folder / "data.csv").write_text("a\n1\n2\n")
        self.write(*CELLS)

    def write(self, *cells: str, name: str = "n.ipynb", **metadata: Any) -> None:
        made = [nbformat.v4.new_code_cell(text, id=f"cell-{i}") for i, text in enumerate(cells)]
        book = nbformat.v4.new_notebook(cells=made, metadata=metadata)
        (self.folder / name).write_text(nbformat.writes(book))

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vibe_magic", *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120)

    def run(self, *words: str) -> dict[str, Any]:
        done = self.call("run", "n.ipynb", "--json", "r.json", *words)
        report: dict[str, Any] = json.loads((self.folder / "r.json").read_text())
        report["code"] = done.returncode
        return report

    def actions(self, *words: str) -> dict[str, str]:
        return {row["name"]: row["action"] for row in self.run(*words)["assets"]}

    def outputs(self, name: str) -> list[Any]:
        book = nbformat.read(self.folder / name, as_version=4)
        return [cell.outputs for cell in book.cells]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_second_run_restores_everything(project: Project) -> None:
    first = project.run("-o", "one.ipynb")
    assert (first["code"], first["status"], first["kernel_started"]) == (0, "ok", True)
    assert [row["causes"] for row in first["assets"]] == [["never_run"], ["never_run"]]
    assert project.actions("-o", "two.ipynb") == {"raw": "restored", "total": "restored"}
    assert project.outputs("one.ipynb") == project.outputs("two.ipynb")
    assert project.outputs("two.ipynb")[3][0].text == "plain 6\n"
    assert (project.folder / "one.ipynb").read_text() == (project.folder / "two.ipynb").read_text()


def test_an_edited_helper_runs_its_users_only(project: Project) -> None:
    project.run()
    (project.folder / "helpers.py").write_text(HELPERS.replace("2 * x", "3 * x"))
    why = project.call("why", "n.ipynb", "total").stdout
    assert "-    return 2 * x" in why
    assert "+    return 3 * x" in why
    assert project.actions() == {"raw": "restored", "total": "ran"}
    (project.folder / "helpers.py").write_text(
        HELPERS.replace("2 * x", "3 * x").replace("return 0", "return 1")
    )
    assert project.actions() == {"raw": "restored", "total": "restored"}


def test_status_needs_no_kernel(project: Project) -> None:
    def states() -> dict[str, tuple[str, tuple[str, ...]]]:
        data = json.loads(project.call("status", "n.ipynb", "--json", "-").stdout)
        return {row["name"]: (row["state"], tuple(row["causes"])) for row in data["assets"]}

    assert states() == {"raw": ("missing", ("never_run",)), "total": ("missing", ("never_run",))}
    project.run()
    assert states() == {"raw": ("fresh", ()), "total": ("fresh", ())}
    (project.folder / "data.csv").write_text("a\n5\n")
    assert states() == {"raw": ("stale", ("file",)), "total": ("stale", ("upstream",))}
    assert "raw" in project.call("graph", "n.ipynb").stdout


def test_status_knows_constants_of_packages_and_helpers_of_the_notebook(project: Project) -> None:
    helper = "import math\nK = 2\ndef clean(x, n=3):\n    return x * K"
    cells = ("%%asset y\ny = clean(4) + math.pi", "%%asset z\nz = round(y)")
    project.write(helper, *cells)
    project.run()
    assert states(project) == {"y": "fresh", "z": "fresh"}
    project.write("# a comment\n" + helper, *cells)
    assert states(project) == {"y": "fresh", "z": "fresh"}
    project.write(helper.replace("x * K", "K * x"), *cells)
    assert states(project) == {"y": "stale", "z": "stale"}
    why = project.call("why", "n.ipynb", "y").stdout
    assert "-    return x * K\n" in why
    assert "+    return K * x\n" in why
    project.write(helper.replace("2", "5"), *cells)
    assert "2 → 5" in project.call("why", "n.ipynb", "y").stdout


def test_status_knows_classes_that_only_a_pickle_names(project: Project) -> None:
    own, local = "class C:\n    def go(self): return 1\n", "class D:\n    def go(self): return 1\n"
    made = "import os, pickle, mm\nif not os.path.exists('m'):\n"
    made += "    open('m', 'wb').write(pickle.dumps([C(), mm.D()]))"
    cells = (made, "%%asset y\ny = [each.go() for each in pickle.load(open('m', 'rb'))]")
    (project.folder / "mm.py").write_text(local)
    project.write(own, *cells)
    project.run()
    assert states(project) == {"y": "fresh"}
    project.write(own.replace("1", "2"), *cells)
    assert "C changed" in project.call("why", "n.ipynb", "y").stdout
    project.write(own, *cells)
    (project.folder / "mm.py").write_text(local.replace("1", "2"))
    assert states(project) == {"y": "stale"}
    assert "+    def go(self): return 2" in project.call("why", "n.ipynb", "y").stdout


def states(project: Project) -> dict[str, str]:
    answer = json.loads(project.call("status", "n.ipynb", "--json", "-").stdout)
    return {row["name"]: row["state"] for row in answer["assets"]}


def test_force_runs_what_is_named(project: Project) -> None:
    project.run()
    assert project.actions("--force", "total") == {"raw": "restored", "total": "ran"}


def test_a_failing_cell_keeps_what_came_before(project: Project) -> None:
    project.write(CELLS[0], CELLS[1], "1 / 0", "%%asset late\nlate = 1")
    report = project.run("-o", "out.ipynb")
    assert (report["code"], report["status"]) == (1, "failed")
    assert "ZeroDivisionError" in report["error"]
    assert {row["name"]: row["action"] for row in report["assets"]} == {"raw": "ran", "late": "skipped"}
    assert project.outputs("out.ipynb")[1]


def test_a_dead_kernel_has_its_own_code(project: Project) -> None:
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    project.write("%%asset a\na = 1", kill, "%%asset late\nlate = 1")
    report = project.run("-o", "out.ipynb")
    assert (report["code"], report["status"]) == (4, "died")
    assert {row["name"]: row["action"] for row in report["assets"]} == {"a": "ran", "late": "skipped"}
    assert project.outputs("out.ipynb")[2] == []
    project.write("%%asset a\na = 1", f"%%asset deadly\ndeadly = 1\n{kill}", "%%asset late\nlate = 1")
    assert project.actions() == {"a": "restored", "deadly": "failed", "late": "skipped"}


def test_a_notebook_that_is_a_little_incomplete_runs(project: Project) -> None:
    book = json.loads((project.folder / "n.ipynb").read_text())
    book["metadata"]["kernelspec"] = {"name": "python3"}
    for cell in book["cells"]:
        del cell["outputs"], cell["metadata"]
    (project.folder / "n.ipynb").write_text(json.dumps(book))
    assert project.actions() == {"raw": "ran", "total": "ran"}


def test_an_interrupt_stops_the_cell_and_keeps_what_came_before(project: Project) -> None:
    wait = "from pathlib import Path\nimport time\nPath('started').touch()\ntime.sleep(60)"
    project.write(CELLS[0], CELLS[1], f"%%asset slow\n{wait}", "%%asset late\nlate = 1")
    command = [sys.executable, "-m", "vibe_magic", "run", "n.ipynb", "-o", "out.ipynb"]
    command += ["--json", "r.json"]
    with subprocess.Popen(command, cwd=project.folder, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (project.folder / "started").exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    report = json.loads((project.folder / "r.json").read_text())
    assert report["status"] == "interrupted"
    actions = {row["name"]: row["action"] for row in report["assets"]}
    assert (actions["raw"], actions["late"]) == ("ran", "skipped")
    assert project.outputs("out.ipynb")[1]
    assert "KeyboardInterrupt" in str(project.outputs("out.ipynb")[2])
    project.write(*CELLS)
    assert project.actions()["raw"] == "restored"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("missing.ipynb", None, "does not exist"),
        ("text.ipynb", "hello", "not JSON"),
        ("list.ipynb", "[]", "not a notebook"),
        ("old.ipynb", '{"worksheets": []}', "format 4"),
        ("r.ipynb", '{"cells": [], "metadata": {"language_info": {"name": "R"}}}', "for r"),
    ],
)
def test_bad_input_is_one_clear_line(project: Project, name: str, text: str | None, says: str) -> None:
    if text is not None:
        (project.folder / name).write_text(text)
    for command in ("run", "status", "graph"):
        done = project.call(command, name)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert says in done.stderr


@pytest.mark.parametrize(
    "words", [["nope"], ["run"], ["run", "n.ipynb", "--timeout", "x"], ["why", "n.ipynb", "nothing"],
              ["run", "n.ipynb", "-o", "x", "--inplace"], ["cache", "show", "nothing"]]
)  # fmt: skip
def test_bad_usage_is_one_clear_line(project: Project, words: list[str]) -> None:
    done = project.call(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_cache_can_be_looked_at_and_tidied(project: Project) -> None:
    project.run("--inplace")
    assert project.outputs("n.ipynb")[1]
    assert "total" in project.call("cache", "list").stdout
    shown = project.call("cache", "show", "total").stdout
    assert "helpers:double" in shown
    assert "total = double" in shown
    assert project.call("cache", "verify").returncode == 0
    assert "results of" in project.call("cache", "stats").stdout
    assert "freed" in project.call("cache", "prune", "1GB").stdout
    assert "removed 1 stored result" in project.call("cache", "clear", "total").stdout
    assert project.actions() == {"raw": "restored", "total": "ran"}


def test_a_copied_cache_and_a_renamed_notebook_still_hit(project: Project, tmp_path: Path) -> None:
    project.run()
    (project.folder / "n.ipynb").rename(project.folder / "m.ipynb")
    (project.folder / ".vibe_magic").rename(project.folder / "elsewhere")
    project.write(CELLS[0], "pass", CELLS[1], "1 + 1", CELLS[2])
    assert project.actions("--cache-dir", "elsewhere") == {"raw": "restored", "total": "restored"}


WORK = (
    "%load_ext vibe_magic\nimport time\npace = 0",
    "%%asset a\ntime.sleep(pace)\nprint('a', pace)\na = 1",
    "%%asset b\ntime.sleep(pace)\nprint('b', pace)\nb = 2\nb",
    "pace = 0.1",
)


@pytest.mark.parametrize("command", ["%asset run", "%asset run -j 2 --engine threading"])
def test_a_command_in_a_saved_notebook_shows_each_asset_in_its_own_cell(
    project: Project, command: str
) -> None:
    project.write(*WORK, command)
    assert project.run("-o", "out.ipynb")["code"] == 0
    found = project.outputs("out.ipynb")
    assert [output.text for output in found[1] if "text" in output] == ["a 0.1\n"]
    assert [output.text for output in found[2] if "text" in output] == ["b 0.1\n"]
    assert [output.data["text/plain"] for output in found[2] if "data" in output] == ["2"]
    assert not [output for output in found[4] if not output.metadata.get("vibe_magic")]


def test_workers_give_the_same_notebook(project: Project) -> None:
    project.run("-o", "one.ipynb")
    project.call("cache", "clear", "--all")
    parallel = project.run("-j", "2", "-o", "two.ipynb", "--force", "*")
    assert [(row["action"], row["stayed"]) for row in parallel["assets"]] == [("ran", "")] * 2
    assert (project.folder / "one.ipynb").read_text() == (project.folder / "two.ipynb").read_text()
    assert project.actions("-o", "two.ipynb") == {"raw": "restored", "total": "restored"}
