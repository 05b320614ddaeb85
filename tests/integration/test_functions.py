"""Functions as assets: calls are restored, in cells and for each other."""

from __future__ import annotations

from pathlib import Path

import pytest

import vibe_magic
from vibe_magic.errors import UsageError
from vibe_magic.session import report

from .shell import Notebook

DEFINE = (
    "import vibe_magic as vm\n"
    "def helper(x):\n    return x * 2\n"
    "calls = []\n"
    "@vm.asset(ttl='1h')\n"
    "def features(raw, k=1):\n    print('computing')\n    return [helper(x) + k for x in raw]"
)


def actions(name: str) -> list[str]:
    return [record.action for record in report() if record.name == name]


def test_a_call_is_restored_for_equal_arguments(notebook: Notebook) -> None:
    notebook.run(DEFINE, "c1")
    notebook.run("a = features([1, 2])\nb = features([1, 2])\nc = features([1, 3])", "c2")
    assert notebook["a"] == notebook["b"] == [3, 5]
    assert notebook["c"] == [3, 7]
    assert actions("features") == ["ran", "restored", "ran"]
    assert notebook.text.count("computing") == 3  # replayed on the hit


def test_a_parameter_left_out_comes_from_the_notebook(notebook: Notebook) -> None:
    notebook.run(DEFINE, "c1")
    notebook.run("raw = [1]\nx = features()", "c2")
    notebook.run("raw = [2]\ny = features()", "c3")
    assert (notebook["x"], notebook["y"]) == ([3], [5])
    result = notebook.run("del raw\nfeatures()", "c4")
    assert "missing a required argument: 'raw'" in str(result.error_in_exec)


def test_a_parameter_left_out_comes_from_the_function_of_that_name(notebook: Notebook) -> None:
    notebook.run(DEFINE, "c1")
    notebook.run("@vm.asset\ndef raw():\n    return [5]", "c2")
    notebook.run("@vm.asset\ndef total(features):\n    return sum(features)\nt = total()", "c3")
    assert notebook["t"] == 11
    assert [vibe_magic.status(n)[0].state for n in ("raw", "features", "total")] == ["fresh"] * 3
    notebook.run("@vm.asset\ndef raw():\n    return [6]", "c2")
    notebook.run("t = total()", "c4")
    assert notebook["t"] == 13
    assert vibe_magic.status("total")[0].state == "fresh"


def test_a_changed_helper_makes_calls_stale(notebook: Notebook) -> None:
    notebook.run(DEFINE, "c1")
    notebook.run("a = features([1])", "c2")
    notebook.run("def helper(x):\n    return x * 3", "c3")
    notebook.run("a = features([1])", "c2")
    assert notebook["a"] == [4]
    assert actions("features") == ["ran", "ran"]
    assert {cause.kind for cause in report()[-1].causes} == {"function"}


def test_an_asset_cell_depends_on_what_its_calls_depend_on(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1")
    notebook.run(
        "import vibe_magic as vm\nfrom pathlib import Path\n"
        "@vm.asset\ndef load(path):\n    return Path(path).read_text()",
        "c1",
    )
    notebook.run("%%asset first\nfirst = load('data.' + 'txt')", "c2")
    notebook.run("%%asset second\nsecond = load('data.' + 'txt') + '!'", "c3")  # the call is a hit
    (tmp_path / "data.txt").write_text("22")
    notebook.run("%%asset second\nsecond = load('data.' + 'txt') + '!'", "c3")
    assert notebook["second"] == "22!"


def test_a_cell_reads_what_its_calls_take_from_the_notebook(notebook: Notebook) -> None:
    notebook.run(DEFINE, "c1")
    notebook.run("raw = [1]", "c2")
    notebook.run("%%asset s\ns = sum(features())", "c3")
    notebook.run("raw = [2]", "c2")
    notebook.run("%%asset s\ns = sum(features())", "c3")
    assert notebook["s"] == 5


def test_effects_on_arguments_and_names_are_never_cached(notebook: Notebook) -> None:
    notebook.run("import vibe_magic as vm\n@vm.asset\ndef push(items):\n    items.append(1)", "c1")
    notebook.run("l = []\npush(l)\nl.clear()\npush(l)", "c2")
    assert notebook["l"] == [1]
    notebook.run("@vm.asset\ndef bump(n):\n    global count\n    count = n", "c3")
    notebook.run("bump(1)\ncount = 0\nbump(1)", "c4")
    assert notebook["count"] == 1
    assert set(actions("push") + actions("bump")) == {"ran"}


def test_errors_are_the_functions_own(notebook: Notebook) -> None:
    notebook.run("import vibe_magic as vm\n@vm.asset\ndef bad(x):\n    raise ValueError(x)", "c1")
    result = notebook.run("bad(3)", "c2")
    assert isinstance(result.error_in_exec, ValueError)
    assert actions("bad") == ["failed"]


def test_the_same_words_run_functions(notebook: Notebook) -> None:
    notebook.run(DEFINE + "\nraw = [1]", "c1")
    notebook.run("%asset run features", "c2")
    assert actions("features") == ["ran"]
    notebook.run("%asset run features", "c3")
    assert actions("features") == ["ran"]


def test_a_function_inside_an_asset_cell_comes_back_as_one(notebook: Notebook) -> None:
    text = "%%asset tools\nimport vibe_magic as vm\n@vm.asset\ndef twice(x):\n    return 2 * x"
    notebook.run(text, "c1")
    notebook.run(text, "c1")
    assert report()[-1].action == "restored"
    notebook.run("a = twice(2)\nb = twice(2)", "c2")
    assert notebook["b"] == 4
    assert actions("twice") == ["ran", "restored"]


def test_without_the_extension_a_function_is_just_called() -> None:
    @vibe_magic.asset(ttl=5)
    def plain(x: int) -> int:
        return x + 1

    assert plain(1) == 2
    assert plain.__name__ == "plain"


def test_bad_options_are_one_line() -> None:
    with pytest.raises(UsageError, match="duration"):
        vibe_magic.asset(ttl="soon")
    with pytest.raises(TypeError, match="unexpected keyword"):
        vibe_magic.asset(tll=1)  # type: ignore[call-overload]
